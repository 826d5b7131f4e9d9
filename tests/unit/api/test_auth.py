"""Who asks, by what keystonemiddleware found out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import webob
from oslo_config import cfg
from oslo_context import context as oslo_context

import nova.conf
from groundwork.context import RequestContext
from groundwork.policy import Policy
from nova import policies
from nova.api import app
from nova.api.assembly import Assembly
from nova.api.auth import KeystoneContext, auth_token_factory
from nova.api.links import Links
from tests.api.client import read_conf


class Recorder:
    """The application behind a filter."""

    def __init__(self) -> None:
        self.contexts: list[RequestContext] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.contexts.append(environ["groundwork.context"])
        start_response("200 OK", [])
        return [b""]


@pytest.fixture
def conf() -> cfg.ConfigOpts:
    return read_conf()


@pytest.fixture
def policy(conf: cfg.ConfigOpts) -> Policy:
    return Policy(conf, policies.rules())


def ask(application: Any, **headers: str) -> webob.Response:
    request = webob.Request.blank("/servers")
    request.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    request.environ["openstack.request_id"] = "req-own"
    request.environ["openstack.global_request_id"] = "req-global"
    return request.get_response(application)


CONFIRMED = {"X_Identity_Status": "Confirmed", "X_User_Id": "u", "X_Project_Id": "p"}


def test_confirmed_token_becomes_a_context(policy: Policy) -> None:
    recorder = Recorder()
    answer = ask(KeystoneContext(recorder, policy=policy), **CONFIRMED, X_Roles="member,reader")
    assert answer.status_int == 200
    context = recorder.contexts[0]
    assert (context.user_id, context.project_id) == ("u", "p")
    assert context.roles == ["member", "reader"]
    assert not context.is_admin
    assert (context.request_id, context.global_request_id) == ("req-own", "req-global")


def test_admins_are_whom_the_rule_says(
    conf: cfg.ConfigOpts, policy: Policy, tmp_path: Path
) -> None:
    recorder = Recorder()
    ask(KeystoneContext(recorder, policy=policy), **CONFIRMED, X_Roles="admin")
    assert recorder.contexts[0].is_admin

    (tmp_path / "policy.yaml").write_text('"context_is_admin": "role:boss"\n')
    conf.set_override("policy_file", str(tmp_path / "policy.yaml"), group="oslo_policy")
    own = Policy(conf, policies.rules())
    for roles in ("admin", "boss"):
        ask(KeystoneContext(recorder, policy=own), **CONFIRMED, X_Roles=roles)
    assert [context.is_admin for context in recorder.contexts] == [True, False, True]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X_User_Id": "u", "X_Roles": "admin"},
        {"X_Identity_Status": "Invalid", "X_User_Id": "u", "X_Roles": "admin"},
        {"X_Identity_Status": "Confirmed"},
    ],
)
def test_unconfirmed_callers_stay_outside(policy: Policy, headers: dict[str, str]) -> None:
    recorder = Recorder()
    answer = ask(KeystoneContext(recorder, policy=policy), **headers)
    assert answer.status_int == 401
    assert answer.json["unauthorized"]["code"] == 401
    assert recorder.contexts == []


def test_token_check_removes_forged_headers_and_asks_for_a_token(
    conf: cfg.ConfigOpts, policy: Policy
) -> None:
    assembly = Assembly(conf=conf, policy=policy, resources=(), links=Links())
    recorder = Recorder()
    wrap = auth_token_factory(
        assembly.global_conf(), www_authenticate_uri="http://identity.example.com/v3"
    )
    checked = wrap(KeystoneContext(recorder, policy=policy))
    answer = ask(checked, **CONFIRMED, X_Roles="admin")
    assert answer.status_int == 401
    assert "http://identity.example.com" in answer.headers["WWW-Authenticate"]
    assert recorder.contexts == []


def test_whole_keystone_pipeline_refuses_without_a_token(tmp_path: Path) -> None:
    (tmp_path / "nova.conf").write_text(
        "[keystone_authtoken]\nwww_authenticate_uri = http://identity.example.com/v3\n"
    )
    conf = nova.conf.new()
    conf([], project="nova", default_config_files=[str(tmp_path / "nova.conf")])
    application = app.make(conf, [])
    answer = webob.Request.blank("/v2.1/versions/v2.1").get_response(application)
    assert answer.status_int == 401
    assert "http://identity.example.com" in answer.headers["WWW-Authenticate"]
    assert "x-compute-request-id" in answer.headers
    assert webob.Request.blank("/v2.1").get_response(application).status_int == 200


def test_factories_outside_of_make_say_what_is_wrong() -> None:
    with pytest.raises(LookupError, match=r"nova\.api\.app\.make"):
        auth_token_factory({})


def test_log_lines_name_the_request_of_their_thread(policy: Policy) -> None:
    recorder = Recorder()
    wrapped = KeystoneContext(recorder, policy=policy)
    for _ in range(2):
        ask(wrapped, **CONFIRMED)
        assert oslo_context.get_current() is recorder.contexts[-1]
