"""The order of checks, and what a declaration alone decides, on a service of a few lines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
import webob
from oslo_config import cfg
from oslo_policy import policy as oslo_policy

from groundwork import openapi
from groundwork.application import Application, Dialect
from groundwork.context import RequestContext
from groundwork.errors import Forbidden, Invalid, NotFound, Problem, WrongMethod
from groundwork.operations import Answer, Call, operation
from groundwork.policy import Policy
from groundwork.versions import Version, by_version

STRICT = {
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
    "additionalProperties": False,
}
LOOSE = {"type": "object"}
STATUS = {Invalid: 400, Forbidden: 403, NotFound: 404, WrongMethod: 405}


class Plain(Dialect):
    min_version = Version(1, 0)
    max_version = Version(1, 9)

    def negotiate(self, request: webob.Request) -> Version:
        return Version.parse(request.headers.get("Version", "1.0"))

    def finish(self, response: webob.Response, version: Version) -> None:
        response.headers["Version"] = str(version)

    def problem(
        self, problem: Problem, request: webob.Request, version: Version | None
    ) -> webob.Response:
        return webob.Response(status=STATUS[type(problem)], text=str(problem))

    def crash(self, request: webob.Request, version: Version | None) -> webob.Response:
        return webob.Response(status=500)


class Telling(Plain):
    tells_wrong_method = True


@dataclass(frozen=True)
class Thing:
    project_id: str = "p"
    user_id: str = "u"


class Things:
    def find(self, call: Call) -> Thing:
        if call.path["id"] == "gone":
            raise NotFound("gone")
        return Thing(project_id=call.path["id"])

    @operation(
        "GET", "/things/{id}", versions="1.0-", policy="own", subject="find", errors=(403, 404)
    )
    def show(self, call: Call, thing: Thing) -> Answer:
        """Show a thing."""
        return Answer({"project": thing.project_id})

    @operation("GET", "/things/detail", versions="1.0-", policy=None)
    def detail(self, call: Call) -> Answer:
        """List things."""
        return Answer({"detail": True})

    @operation(
        "POST",
        "/things",
        versions="1.0-1.4",
        policy="own",
        body=by_version({"1.0": LOOSE, "1.2": STRICT}),
    )
    def make(self, call: Call) -> Answer:
        """Make a thing."""
        return Answer({"got": call.body}, status=201)

    @operation("PUT", "/things", versions="1.5-", policy="own", body=STRICT)
    def put(self, call: Call) -> Answer:
        """Put a thing."""
        return Answer(status=204)

    @operation("POST", "/things/{id}/action", versions="1.0-", policy=None, action="go", body=LOOSE)
    def go(self, call: Call) -> Answer:
        """Make it go."""
        return Answer({"went": call.path["id"]}, status=202)

    @operation(
        "POST", "/things/{id}/action", versions="1.3-", policy=None, action="stop", body=LOOSE
    )
    def stop(self, call: Call) -> Answer:
        """Make it stop."""
        raise RuntimeError("our own bug")


@pytest.fixture(scope="module")
def policy() -> Policy:
    conf = cfg.ConfigOpts()
    conf([])
    rules = [
        oslo_policy.DocumentedRuleDefault(
            "own", "project_id:%(project_id)s", "x", [{"path": "/", "method": "GET"}]
        )
    ]
    return Policy(conf, rules)


def ask(
    policy: Policy,
    method: str,
    path: str,
    body: Any = None,
    *,
    version: str = "1.0",
    dialect: type[Plain] = Plain,
) -> webob.Response:
    application = Application([Things()], dialect=dialect(), policy=policy)
    request = webob.Request.blank(path, method=method)
    request.environ["groundwork.context"] = RequestContext(
        user_id="u", project_id="p", overwrite=False
    )
    request.headers["Version"] = version
    if body is not None:
        request.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        request.content_type = "application/json"
    return request.get_response(application)


def test_literal_paths_win_over_parameters(policy: Policy) -> None:
    assert ask(policy, "GET", "/things/detail").json == {"detail": True}
    assert ask(policy, "GET", "/things/p").json == {"project": "p"}


def test_the_subject_is_found_before_the_policy_is_asked(policy: Policy) -> None:
    assert ask(policy, "GET", "/things/gone").status_int == 404
    assert ask(policy, "GET", "/things/q").status_int == 403


def test_the_schema_follows_the_version(policy: Policy) -> None:
    assert ask(policy, "POST", "/things", {"other": 1}).status_int == 201
    refused = ask(policy, "POST", "/things", {"other": 1}, version="1.2")
    assert refused.status_int == 400
    assert refused.headers["Version"] == "1.2"


def test_out_of_its_versions_an_operation_is_not_there(policy: Policy) -> None:
    assert ask(policy, "POST", "/things", {"name": "x"}, version="1.5").status_int == 404
    told = ask(policy, "POST", "/things", {"name": "x"}, version="1.5", dialect=Telling)
    assert told.status_int == 405


def test_a_wrong_method_is_an_unknown_path_or_told_by_dialect(policy: Policy) -> None:
    assert ask(policy, "DELETE", "/things/p").status_int == 404
    assert ask(policy, "DELETE", "/things/p", dialect=Telling).status_int == 405


@pytest.mark.parametrize("body", [{}, {"go": 1, "stop": 1}, {"fly": 1}, [], b"{", b"\xff"])
def test_an_action_body_names_exactly_one_known_action(policy: Policy, body: Any) -> None:
    assert ask(policy, "POST", "/things/1/action", body).status_int == 400


def test_actions_have_versions_of_their_own(policy: Policy) -> None:
    assert ask(policy, "POST", "/things/1/action", {"go": None}).json == {"went": "1"}
    assert ask(policy, "POST", "/things/1/action", {"stop": None}).status_int == 404


def test_our_own_bug_is_a_500(policy: Policy) -> None:
    assert ask(policy, "POST", "/things/1/action", {"stop": 1}, version="1.3").status_int == 500


def test_a_path_that_is_no_text_is_a_400(policy: Policy) -> None:
    application = Application([Things()], dialect=Plain(), policy=policy)
    environ = webob.Request.blank("/").environ
    environ["PATH_INFO"] = "/things/\xff"
    assert webob.Request(environ).get_response(application).status_int == 400


def test_an_empty_answer_has_no_body(policy: Policy) -> None:
    answer = ask(policy, "PUT", "/things", {"name": "x"}, version="1.5")
    assert (answer.status_int, answer.body) == (204, b"")
    assert "Content-Type" not in answer.headers


def test_every_operation_is_in_the_document(policy: Policy) -> None:
    application = Application([Things()], dialect=Plain(), policy=policy)
    document = openapi.document(
        application.operations, title="Things", newest=Version(1, 9), version_header="things X.Y"
    )
    assert set(document["paths"]) == {
        "/things",
        "/things/detail",
        "/things/{id}",
        "/things/{id}/action",
    }
    actions = document["paths"]["/things/{id}/action"]["post"]
    assert actions["x-microversions"] == ["1.0-", "1.3-"]
    assert "anyOf" in actions["requestBody"]["content"]["application/json"]["schema"]
