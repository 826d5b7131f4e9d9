"""The WSGI application that a set of declared operations becomes.

One request travels: route -> version -> operation -> body and query schema -> subject -> policy -> method -> answer.
What differs between the services (version header, error body, when the policy is asked) is their :class:`Dialect`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import routes
import webob

from groundwork import context as contexts
from groundwork.errors import BadMediaType, Invalid, NotFound, Problem, WrongMethod
from groundwork.operations import (
    Answer,
    Call,
    Operation,
    Origin,
    Query,
    Schema,
    declared_by,
)
from groundwork.policy import Policy
from groundwork.validation import Complaint, Validators
from groundwork.versions import Version

LOG = logging.getLogger(__name__)


class Dialect:
    """What one service's wire format decides. The defaults suit both; services override the rest."""

    #: Whether the declared policy is asked before the body and query are looked at.
    policy_first = False
    #: Whether a method that a known path lacks is told as such (405) or as an unknown path (404).
    tells_wrong_method = False
    min_version: Version
    max_version: Version

    def negotiate(self, request: webob.Request) -> Version:
        """The version that the request asks for. :raises Problem: malformed, or not offered."""
        raise NotImplementedError

    def split_prefix(self, path: str) -> tuple[str, str]:
        """``(project prefix, rest)`` of a path; services without project prefixes keep this."""
        return "", path

    def finish(self, response: webob.Response, version: Version) -> None:
        """Add the headers that every negotiated answer carries."""
        raise NotImplementedError

    def problem(
        self, problem: Problem, request: webob.Request, version: Version | None
    ) -> webob.Response:
        """The answer that tells a problem; ``version`` is None when it was not negotiated yet."""
        raise NotImplementedError

    def unknown_path(self, request: webob.Request) -> webob.Response:
        """The answer to a path that no operation has."""
        return self.problem(NotFound("The resource could not be found."), request, None)

    def crash(self, request: webob.Request, version: Version | None) -> webob.Response:
        """The answer to our own bug; the log has the rest."""
        raise NotImplementedError

    def bad_query(self, complaint: Complaint) -> Problem:
        """What a query that breaks its schema is told."""
        return Invalid(f"Invalid query parameters: {complaint.message}")

    def bad_body(self, complaint: Complaint) -> Problem:
        """What a body that breaks its schema is told."""
        return Invalid(f"Invalid body at {complaint.place}: {complaint.message}")

    def prepare_body(self, body: Any, schema: Schema) -> Any:
        """The body as it is to be checked; services that put bodies right do it here."""
        return body

    def read_json(self, request: webob.Request) -> Any:
        """The JSON value of the body; None for an empty one.

        :raises BadMediaType: the body is declared as something else.
        :raises Invalid: it is not JSON.
        """
        raw = request.body
        if not raw:
            return None
        if request.content_type and request.content_type != "application/json":
            raise BadMediaType(f"Unsupported Content-Type {request.content_type}")
        return parse_json(raw)


def parse_json(raw: bytes) -> Any:
    """The JSON value of some bytes. :raises Invalid: they hold none."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise Invalid("Malformed request body: it is not valid JSON.", internal=str(exc)) from exc


@dataclass(frozen=True, slots=True)
class _Entry:
    operation: Operation
    resource: object
    handler: Callable[..., Answer]


class Application:
    """WSGI application over the operations of some resource objects."""

    def __init__(
        self,
        resources: Iterable[object],
        *,
        dialect: Dialect,
        policy: Policy,
        check_answers: str = "ignore",
        version_prefix: str = "",
    ) -> None:
        """``check_answers``: ``error``, ``warn`` or ``ignore``, for answers that break their declared schema."""
        self._dialect = dialect
        self._policy = policy
        self._check_answers = check_answers
        self._version_prefix = version_prefix
        self._validators = Validators()
        self._entries: dict[str, dict[str, list[_Entry]]] = {}
        for resource in resources:
            for declared, handler in declared_by(resource):
                methods = self._entries.setdefault(declared.path, {})
                methods.setdefault(declared.method, []).append(_Entry(declared, resource, handler))
        self._mapper = self._make_mapper()

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Every operation that this application serves, by path, method, action and first version."""
        found = [
            entry.operation
            for methods in self._entries.values()
            for entries in methods.values()
            for entry in entries
        ]
        return tuple(
            sorted(found, key=lambda o: (o.path, o.method, o.action or "", o.versions.first))
        )

    def _make_mapper(self) -> routes.Mapper:
        mapper = routes.Mapper(register=False, explicit=True)
        mapper.minimization = False
        # Literal segments win over parameters: /servers/detail before /servers/{id}.
        for path in sorted(
            self._entries, key=lambda path: [part.startswith("{") for part in path.split("/")]
        ):
            mapper.connect(None, path, declared_path=path)
        mapper.create_regs([])
        return mapper

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        request = webob.Request(environ)
        response = self._respond(request)
        return response(environ, start_response)

    def _respond(self, request: webob.Request) -> webob.Response:
        version: Version | None = None
        try:
            _require_text(request)
            project_prefix, path = self._dialect.split_prefix(request.path_info or "/")
            match = self._mapper.match(path)
            if match is None:
                return self._dialect.unknown_path(request)
            methods = self._entries[match.pop("declared_path")]
            if request.method not in methods and not self._dialect.tells_wrong_method:
                return self._dialect.unknown_path(request)
            version = self._dialect.negotiate(request)
            if request.method not in methods:
                raise WrongMethod(
                    f"The method {request.method} is not allowed for this resource.",
                    allowed=sorted(methods),
                )
            response = self._run(request, methods, match, version, project_prefix, path)
        except Problem as problem:
            LOG.debug("request refused: %s (%s)", problem, problem.internal)
            response = self._dialect.problem(problem, request, version)
        except Exception:
            LOG.exception("unexpected failure in %s %s", request.method, request.path)
            response = self._dialect.crash(request, version)
        if version is not None:
            self._dialect.finish(response, version)
        return response

    def _run(
        self,
        request: webob.Request,
        methods: Mapping[str, list[_Entry]],
        path_values: Mapping[str, str],
        version: Version,
        project_prefix: str,
        path: str,
    ) -> webob.Response:
        entries = methods[request.method]
        body: Any = None
        if entries[0].operation.action is not None:
            body = self._dialect.read_json(request)
            entries = _entries_of_action(entries, body)
        entry = next((e for e in entries if version in e.operation.versions), None)
        if entry is None:
            others = sorted(
                method
                for method, found in methods.items()
                if any(version in other.operation.versions for other in found)
            )
            if others and self._dialect.tells_wrong_method:
                raise WrongMethod("The method is not allowed for this version.", allowed=others)
            raise NotFound("The resource could not be found.")
        declared = entry.operation
        context = request.environ.get("groundwork.context") or contexts.from_environ(
            request.environ
        )
        # Log lines of this thread carry this request's ids from here on.
        context.update_store()
        policy_asked = False
        if self._dialect.policy_first and declared.policy and not declared.subject:
            self._policy.require(context, declared.policy, _own(context))
            policy_asked = True
        if declared.reads_body:
            body = self._checked_body(request, declared, body, version)
        call = Call(
            context=context,
            version=version,
            path=path_values,
            query=self._checked_query(request, declared, version),
            body=body,
            origin=Origin(
                base_url=_base_url(request, self._version_prefix),
                script_name=request.script_name,
                version_prefix=self._version_prefix,
                project_prefix=project_prefix,
                path=path,
            ),
            policy=self._policy,
            headers=request.headers,
        )
        arguments: list[Any] = [call]
        if declared.subject:
            subject = getattr(entry.resource, declared.subject)(call)
            arguments.append(subject)
            if declared.policy:
                self._policy.require(
                    context,
                    declared.policy,
                    {"project_id": subject.project_id, "user_id": subject.user_id},
                )
        elif declared.policy and not policy_asked:
            self._policy.require(context, declared.policy, _own(context))
        return self._render(declared, entry.handler(*arguments), version)

    def _checked_body(
        self, request: webob.Request, declared: Operation, body: Any, version: Version
    ) -> Any:
        if declared.action is None:
            body = self._dialect.read_json(request)
        schema = declared.body.at(version) if declared.body else None
        if schema is not None:
            body = self._dialect.prepare_body(body, schema)
            complaint = self._validators.of(schema).complaint(body)
            if complaint is not None:
                raise self._dialect.bad_body(complaint)
        return body

    def _checked_query(
        self, request: webob.Request, declared: Operation, version: Version
    ) -> Query:
        try:
            values: dict[str, list[str]] = {key: request.GET.getall(key) for key in request.GET}
        except UnicodeDecodeError as exc:
            raise Invalid("The query string is not valid UTF-8.") from exc
        schema = declared.query.at(version) if declared.query else None
        if schema is not None:
            complaint = self._validators.of(schema).complaint(values)
            if complaint is not None:
                raise self._dialect.bad_query(complaint)
        return Query(values)

    def _render(self, declared: Operation, answer: Answer, version: Version) -> webob.Response:
        response = webob.Response(status=answer.status or declared.success)
        if answer.body is None:
            response.body = b""
            response.content_length = 0
            response.headers.pop("Content-Type", None)
            if response.status_int not in (204, 304):
                response.content_type = "application/json"
        else:
            self._check_answer(declared, answer.body, version)
            response.body = (
                answer.body if isinstance(answer.body, bytes) else msgspec.json.encode(answer.body)
            )
            response.content_type = "application/json"
        response.headers.update(answer.headers)
        return response

    def _check_answer(self, declared: Operation, body: Any, version: Version) -> None:
        if self._check_answers == "ignore" or declared.response is None or isinstance(body, bytes):
            return
        schema = declared.response.at(version)
        complaint = (
            self._validators.of(schema).complaint(msgspec.to_builtins(body)) if schema else None
        )
        if complaint is None:
            return
        text = f"answer of {declared.name} at {version} breaks its schema: {complaint.place}: {complaint.message}"
        if self._check_answers == "error":
            raise AssertionError(text)
        LOG.warning("%s", text)


def _require_text(request: webob.Request) -> None:
    """:raises Invalid: the path is not text, which nothing further on could even log."""
    try:
        request.environ.get("PATH_INFO", "").encode("latin-1").decode()
    except UnicodeError as exc:
        raise Invalid("Malformed request URL: it holds bytes that are no text.") from exc


def _entries_of_action(entries: list[_Entry], body: Any) -> list[_Entry]:
    """The entries of the action that the body names; the body must hold exactly one key."""
    if not isinstance(body, dict) or len(body) != 1:
        raise Invalid("Malformed request body")
    action = next(iter(body))
    found = [entry for entry in entries if entry.operation.action == action]
    if not found:
        raise Invalid(f"There is no such action: {action}")
    return found


def _own(context: contexts.RequestContext) -> dict[str, Any]:
    return {"project_id": context.project_id, "user_id": context.user_id}


def _base_url(request: webob.Request, version_prefix: str) -> str:
    url = request.application_url.rstrip("/")
    return url.removesuffix(version_prefix) if version_prefix else url
