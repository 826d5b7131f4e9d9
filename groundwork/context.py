"""Who asks, and under which request id; travels with every call, remote ones included."""

from __future__ import annotations

from typing import Any

from oslo_context import context as oslo_context


class RequestContext(oslo_context.RequestContext):  # type: ignore[misc]
    """oslo.context's context: its fields feed the log format and the policy rules.

    ``global_request_id`` is the caller's own id (Compute API 2.46); ``request_id`` is made here, once per request.
    """

    @property
    def project(self) -> str:
        """The project of a request that was let through; nobody without one gets past the door."""
        assert self.project_id is not None
        return str(self.project_id)

    @property
    def user(self) -> str:
        """The user of such a request."""
        assert self.user_id is not None
        return str(self.user_id)

    @classmethod
    def admin(cls, *, request_id: str | None = None) -> RequestContext:
        """The context of work that no user asked for (sweepers, reporters)."""
        return cls(is_admin=True, roles=["admin"], overwrite=False, request_id=request_id)

    def to_policy_values(self) -> dict[str, Any]:
        """What policy rules see as credentials (``is_admin`` is what old rules compare)."""
        values = dict(super().to_policy_values())
        values["is_admin"] = self.is_admin
        return values


def from_environ(environ: dict[str, Any]) -> RequestContext:
    """The context of a request that passed keystonemiddleware (or a stand-in that sets the same headers)."""
    context = RequestContext.from_environ(environ, overwrite=False)
    context.is_admin = "admin" in context.roles
    return context
