"""The kinds of failure of the whole plane, free of any transport.

A problem carries a sentence for the user, ``facts`` (ids and numbers that may travel with it) and ``internal``
(what only logs and operators see). Which HTTP status it becomes is decided at the edge of each service. A subclass
exists only when somebody catches it.
"""

from __future__ import annotations

from typing import Any


class Problem(Exception):
    """Something that the caller can be told.

    ``args`` and ``kwargs`` are all that survives a remote call, so everything is kept in these two.
    """

    def __init__(self, text: str, *, internal: str | None = None, **facts: Any) -> None:
        super().__init__(text)
        self.text = text
        self.internal = internal
        self.facts = facts
        self.kwargs: dict[str, Any] = dict(facts, internal=internal) if internal else dict(facts)

    def __str__(self) -> str:
        return self.text


class NotFound(Problem):
    """The thing does not exist, or not for this caller."""


class Conflict(Problem):
    """The thing is in another state than the request needs: look again, then decide."""


class Invalid(Problem):
    """The request makes no sense, whatever the state of the world."""


class Unauthorized(Problem):
    """The caller did not prove who they are."""


class Forbidden(Problem):
    """The caller is known and may not do this."""


class OverQuota(Problem):
    """The request would exceed a limit of the project or user."""


class Gone(Problem):
    """This existed once and was removed from the API for good."""


class NotSupported(Problem):
    """Nothing here can do that: the driver or the deployment lacks the ability."""


class NotAcceptable(Problem):
    """No answer in a form or version that the caller would take."""


class WrongMethod(Problem):
    """The path is known, the method on it is not; ``allowed`` lists those that are."""


class BadMediaType(Problem):
    """The body is of a type that the operation does not read."""


class TooLarge(Problem):
    """The body is larger than the operator allows."""


class Unavailable(Problem):
    """Something that is needed does not answer now; the same request may succeed later."""


class Late(Unavailable):
    """Something did not answer before its deadline."""
