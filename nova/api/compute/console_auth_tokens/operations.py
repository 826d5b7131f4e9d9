"""``/os-console-auth-tokens/{id}``: for proxies and programs that speak to consoles themselves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from groundwork.errors import Invalid, NotFound, Unavailable
from groundwork.operations import Answer, Call, operation
from nova.api.compute.console_auth_tokens import schemas
from nova.cells.console_tokens import cells_of
from nova.cells.registry import Registry
from nova.cells.scatter import Down, Late, Scatter
from nova.db.cell import console_auth_tokens
from nova.domain.console import ConsoleGrant, ConsoleType

_RULE = "os_compute_api:os-console-auth-tokens"


class ConsoleAuthTokens:
    """Tokens, each checked in the cell that gave it."""

    def __init__(
        self, *, registry: Registry, scatter: Scatter, clock: Callable[[], datetime]
    ) -> None:
        self._registry = registry
        self._scatter = scatter
        self._clock = clock

    @operation(
        "GET",
        "/os-console-auth-tokens/{id}",
        versions="2.1-2.30",
        policy=_RULE,
        query=schemas.QUERY,
        errors=(400, 401, 403),
    )
    def show_rdp(self, call: Call) -> Answer:
        """Refused: only tokens of RDP consoles could be shown, and there are none any more."""
        raise Invalid("The only consoles of this version were RDP consoles, which are gone.")

    @operation(
        "GET",
        "/os-console-auth-tokens/{id}",
        versions="2.31-",
        policy=_RULE,
        query=schemas.QUERY,
        response=schemas.SHOWN,
        errors=(400, 401, 403, 404, 503),
    )
    def show(self, call: Call) -> Answer:
        """Show where the console is that a token opens."""
        found = self._find(call.path["id"])
        access = found.access
        body: dict[str, Any] = {
            "instance_uuid": found.server_uuid,
            "host": access.host,
            "port": access.port,
            "internal_access_path": access.internal_access_path,
        }
        if call.version >= (2, 99) and found.console_type == ConsoleType.SPICE_DIRECT:
            body["tls_port"] = access.tls_port
        return Answer({"console": body})

    def _find(self, token: str) -> ConsoleGrant:
        """What the token permits.

        :raises NotFound: nothing (any more), or no cell gave it.
        :raises Unavailable: the cell that seems to have given it does not answer.
        """
        cells = cells_of(token, self._registry.real())
        now = self._clock()
        answers = self._scatter.ask(
            cells, lambda tx: console_auth_tokens.find(tx, token, now=now)
        ).values()
        for answer in answers:
            if isinstance(answer, ConsoleGrant):
                return answer
        if any(isinstance(answer, Late | Down) for answer in answers):
            raise Unavailable("The cell of this console does not answer now.")
        raise NotFound("Token not found")
