"""What users ask of servers that move, in the plane that is run by hand."""

from __future__ import annotations

from nova.domain.flavor import Flavor
from nova.domain.server import Server
from tests.harness import readings
from tests.harness.world import World

#: ``World.create`` makes servers of 1 VCPU and 64 MiB.
LARGE = Flavor(flavorid="2", name="large", vcpus=4, memory_mb=512, root_gb=1, id=2)


def made(world: World) -> Server:
    """A server that is ACTIVE on host1, the other host of whose cell is host2."""
    [server] = world.create()
    world.settle()
    return server


def resize(world: World, server: Server, flavor: Flavor = LARGE) -> None:
    world.moves.resize(
        world.context, world.servers.find(server.uuid), flavor, auto_disk_config=None
    )


def migrate(world: World, server: Server, host: str | None = None) -> None:
    world.moves.migrate(world.context, world.servers.find(server.uuid), host)


def confirm(world: World, server: Server) -> None:
    world.moves.confirm(world.context, world.servers.find(server.uuid))


def revert(world: World, server: Server) -> None:
    world.moves.revert(world.context, world.servers.find(server.uuid))


def where(world: World, server: Server) -> tuple[str, str | None, str]:
    """vm_state, host and flavor of a server that rests."""
    found = world.servers.find(server.uuid).server
    assert found.task_state is None
    return found.vm_state, found.host, found.flavor.flavorid


def holds(world: World, server: Server) -> dict[str, dict[str, int]]:
    """What is held in Placement for a server: by itself, and by its move."""
    names = {server.uuid: "server"}
    names |= {move.uuid: "migration" for move in readings.waiting_moves(world)}
    return {
        names.get(uuid, uuid): {host: on["VCPU"] for host, on in held.resources.items()}
        for uuid, held in world.claims.held.items()
    }
