"""Consoles of servers in two cells, from the request to what a proxy would be told."""

from __future__ import annotations

from groundwork.columns import now
from nova.db.cell import console_auth_tokens
from nova.db.cell import models as cell_models
from tests.functional.embedded.moving import moved, nowhere
from tests.functional.embedded.plane import ADMIN, READER, Cloud

VNC = {"remote_console": {"protocol": "vnc", "type": "novnc"}}


def is_good_in(cloud: Cloud, cell: str, token: str) -> bool:
    """What a proxy of that cell is told."""
    with cloud.database(cell).read() as tx:
        return console_auth_tokens.find(tx, token, now=now()) is not None


def test_tokens_are_checked_in_the_cell_of_the_server(cloud: Cloud) -> None:
    """Console tokens are checked in the cell of the instance.

    Get console in each cell, validate token; token of cell1 rejected in cell2.
    """
    hosts = {host.partition("-")[0]: host for host in sorted(cloud.drivers())}
    built = {
        cell: cloud.create(cell, availability_zone=f"nova:{host}", token=ADMIN)
        for cell, host in hosts.items()
    }
    tokens = {}
    for cell, uuid in built.items():
        cloud.wait_until(uuid, "ACTIVE")
        path = f"/servers/{uuid}/remote-consoles"
        cloud.compute("POST", path, VNC, token=READER, status=403)
        opened = cloud.compute("POST", path, VNC, status=200).json()["remote_console"]
        assert opened["url"].startswith("http://127.0.0.1:6080/vnc_auto.html?path=%3Ftoken%3D")
        tokens[cell] = opened["url"].rpartition("%3D")[2]
        serial = {"remote_console": {"protocol": "serial", "type": "serial"}}
        told = cloud.compute.refused(400, "badRequest", "POST", path, serial)
        assert told == "Unavailable console type serial."

    for cell, other in (("cell1", "cell2"), ("cell2", "cell1")):
        assert is_good_in(cloud, cell, tokens[cell])
        assert not is_good_in(cloud, other, tokens[cell])
        with moved(cloud, nowhere(cloud, other, "cell0")):
            path = f"/os-console-auth-tokens/{tokens[cell]}"
            shown = cloud.compute.get(path, token=ADMIN)["console"]
        assert shown["instance_uuid"] == built[cell]
        assert (shown["host"], shown["port"]) == ("127.0.0.1", 6969)

    # A row that somehow got into the other cell opens nothing there either: the server is not in it.
    [row] = cloud.rows("cell1", cell_models.console_auth_tokens)
    values = {name: value for name, value in row._mapping.items() if name != "id"}
    with cloud.database("cell2").write() as tx:
        tx.execute(cell_models.console_auth_tokens.insert().values(**values))
    assert not is_good_in(cloud, "cell2", tokens["cell1"])
    with cloud.database("cell2").write() as tx:
        console_auth_tokens.forget(tx, built["cell1"])

    for cell, uuid in built.items():
        cloud.delete(uuid)
        cloud.wait_gone(uuid)
        path = f"/os-console-auth-tokens/{tokens[cell]}"
        cloud.compute.refused(404, "itemNotFound", "GET", path, token=ADMIN)
