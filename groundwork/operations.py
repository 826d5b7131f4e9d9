"""API operations, declared once.

``@operation`` on a method of a resource class states everything that the outside can see of it: method, path,
versions, policy, request and answer schemas, success status and errors. Routing, validation, policy enforcement,
404/405/406 behaviour and the OpenAPI document follow from the declaration; the method body keeps the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from groundwork.context import RequestContext
from groundwork.errors import Forbidden
from groundwork.policy import Policy
from groundwork.versions import ByVersion, Version, VersionRange

Schema = Mapping[str, Any]
Handler = TypeVar("Handler", bound=Callable[..., Any])
_MARK = "__operations__"


@dataclass(frozen=True, slots=True)
class Operation:
    """One declared operation. ``action`` is the single body key of ``POST .../action`` operations."""

    method: str
    path: str
    versions: VersionRange
    policy: str | None
    summary: str
    handler_name: str
    resource: str
    action: str | None = None
    soft_policies: tuple[str, ...] = ()
    query: ByVersion[Schema] | None = None
    body: ByVersion[Schema] | None = None
    response: ByVersion[Schema] | None = None
    success: int = 200
    also: tuple[int, ...] = ()
    errors: tuple[int, ...] = ()
    subject: str | None = None
    reads_body: bool = False

    @property
    def name(self) -> str:
        """Unique in the service, stable over releases: the OpenAPI operation id."""
        return f"{self.resource}.{self.handler_name}"


def _by_version(schema: ByVersion[Schema] | Schema | None) -> ByVersion[Schema] | None:
    if schema is None or isinstance(schema, ByVersion):
        return schema
    return ByVersion({"1.0": schema})


def operation(
    method: str,
    path: str,
    *,
    versions: str,
    policy: str | None,
    action: str | None = None,
    soft_policies: Sequence[str] = (),
    query: ByVersion[Schema] | Schema | None = None,
    body: ByVersion[Schema] | Schema | None = None,
    response: ByVersion[Schema] | Schema | None = None,
    success: int = 200,
    also: Sequence[int] = (),
    errors: Sequence[int] = (),
    subject: str | None = None,
) -> Callable[[Handler], Handler]:
    """Declare the decorated method as an API operation.

    :param path: with ``{name}`` for path parameters, below the version prefix.
    :param policy: rule that must pass before the method runs; None when anybody may, or when the method asks itself.
    :param soft_policies: rules that only change what is shown; for the documents.
    :param query: schema of the query; every key holds an array of strings.
    :param body: schema of the JSON body per version; None means that no body is read.
    :param also: other statuses of success, without a body, which the method chooses.
    :param subject: name of a method ``(call) -> object`` with ``project_id`` and ``user_id`` that finds what the
        request is about; the policy is asked about it and the handler gets it as second argument.
    """

    def declare(handler: Handler) -> Handler:
        declared = Operation(
            method=method,
            path=path,
            versions=VersionRange.parse(versions),
            policy=policy,
            summary=(handler.__doc__ or "").strip().partition("\n")[0],
            handler_name=handler.__name__,
            resource=handler.__qualname__.partition(".")[0],
            action=action,
            soft_policies=tuple(soft_policies),
            query=_by_version(query),
            body=_by_version(body),
            response=_by_version(response),
            success=success,
            also=tuple(also),
            errors=tuple(errors),
            subject=subject,
            reads_body=body is not None,
        )
        handler.__dict__.setdefault(_MARK, []).append(declared)
        return handler

    return declare


def declared_by(resource: object) -> Iterator[tuple[Operation, Callable[..., Any]]]:
    """The operations of a resource (class or object) with their handlers, in no particular order."""
    for name in dir(resource):
        handler = getattr(resource, name)
        for declared in getattr(handler, _MARK, ()):
            yield declared, handler


class Query(Mapping[str, str]):
    """The query of a request after validation: a mapping to the last value of each key."""

    def __init__(self, values: Mapping[str, Sequence[str]]) -> None:
        self._values = {key: tuple(found) for key, found in values.items()}

    def all(self, key: str) -> tuple[str, ...]:
        """Every value given for the key, in the order of the URL."""
        return self._values.get(key, ())

    def __getitem__(self, key: str) -> str:
        return self._values[key][-1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the request came in, for links. ``base_url`` ends before the version prefix, without a slash."""

    base_url: str
    script_name: str
    version_prefix: str
    project_prefix: str
    path: str


@dataclass(frozen=True, slots=True)
class Call:
    """One request to one operation: parsed, validated, not yet authorized on anything but its declared policy."""

    context: RequestContext
    version: Version
    path: Mapping[str, str]
    query: Query
    body: Any
    origin: Origin
    policy: Policy
    headers: Mapping[str, str] = field(default_factory=dict)

    def can(self, rule: str, target: Mapping[str, Any] | None = None) -> bool:
        """Whether the caller passes ``rule``, on their own project when no target is given."""
        return self.policy.allows(self.context, rule, self.own if target is None else target)

    def authorize(self, rule: str, target: Mapping[str, Any] | None = None) -> None:
        """Like :meth:`can`, but :raises Forbidden: when it does not pass."""
        if not self.can(rule, target):
            raise Forbidden(f"Policy doesn't allow {rule} to be performed.", rule=rule)

    @property
    def own(self) -> Mapping[str, Any]:
        """The caller's own project and user as a policy target."""
        return {"project_id": self.context.project_id, "user_id": self.context.user_id}


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: ``body`` is anything JSON can hold, or None for an empty one."""

    body: Any = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
