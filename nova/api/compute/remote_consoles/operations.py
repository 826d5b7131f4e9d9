"""``/servers/{server_id}/remote-consoles``, and the actions that it took the place of in 2.6."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from groundwork.errors import Invalid
from groundwork.operations import Answer, Call, Handler, operation
from nova.api.compute.remote_consoles import schemas
from nova.api.compute.servers.lookup import find_server
from nova.cells.servers import Located, Servers
from nova.domain.console import unavailable
from nova.lifecycle.consoles import Consoles

_RULE = "os_compute_api:os-remote-consoles"
_ERRORS = (400, 403, 404, 409, 501, 503)


def _opens(action: str) -> Callable[[Handler], Handler]:
    """Declare the decorated method as an action that opens a console; its types are in ``schemas.BY_ACTION``."""
    return operation(
        "POST",
        "/servers/{id}/action",
        versions="2.1-2.5",
        action=action,
        policy=_RULE,
        subject="find_server",
        body=schemas.BY_ACTION[action],
        response=schemas.OPENED_BY_ACTION,
        errors=_ERRORS,
    )


class RemoteConsoles:
    """Access to the consoles of servers."""

    def __init__(self, *, servers: Servers, consoles: Consoles) -> None:
        self.find_server = partial(find_server, servers)
        self._consoles = consoles

    @operation(
        "POST",
        "/servers/{server_id}/remote-consoles",
        versions="2.6-",
        policy=_RULE,
        subject="find_server",
        body=schemas.OPEN,
        response=schemas.OPENED,
        errors=_ERRORS,
    )
    def create(self, call: Call, located: Located) -> Answer:
        """Get access to a console of a server."""
        asked = call.body["remote_console"]
        protocol, console_type = asked["protocol"], asked["type"]
        if console_type not in schemas.FITTING[protocol]:
            raise Invalid(f"Console type {console_type} does not fit the protocol {protocol}.")
        opened = self._consoles.open(call.context, located.cell, located.server, console_type)
        return Answer(
            {"remote_console": {"protocol": protocol, "type": opened.type, "url": opened.url}}
        )

    @_opens("os-getVNCConsole")
    def get_vnc_console(self, call: Call, located: Located) -> Answer:
        """Get access to the VNC console of a server."""
        return self._open_by_action(call, located)

    @_opens("os-getSPICEConsole")
    def get_spice_console(self, call: Call, located: Located) -> Answer:
        """Get access to the SPICE console of a server."""
        return self._open_by_action(call, located)

    @_opens("os-getSerialConsole")
    def get_serial_console(self, call: Call, located: Located) -> Answer:
        """Get access to the serial console of a server."""
        return self._open_by_action(call, located)

    @operation(
        "POST",
        "/servers/{id}/action",
        versions="2.1-2.5",
        action="os-getRDPConsole",
        policy=None,
        body=schemas.BY_ACTION["os-getRDPConsole"],
        errors=(400, 404, 409, 501),
    )
    def get_rdp_console(self, call: Call) -> Answer:
        """Refused: no hypervisor with RDP consoles is left."""
        raise unavailable(call.body["os-getRDPConsole"]["type"])

    def _open_by_action(self, call: Call, located: Located) -> Answer:
        [asked] = call.body.values()
        opened = self._consoles.open(call.context, located.cell, located.server, asked["type"])
        return Answer({"console": {"type": opened.type, "url": opened.url}})
