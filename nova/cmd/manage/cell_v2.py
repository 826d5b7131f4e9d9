"""``nova-manage cell_v2``: the commands on cells and their hosts, declared."""

from __future__ import annotations

from groundwork.arguments import count
from nova.cmd.manage import cells, hosts, servers
from nova.cmd.manage.commands import Commands


def add_commands(commands: Commands) -> None:
    """First the commands that set up, then those on cells, on hosts and on servers."""
    _add_set_up(commands)
    _add_cells(commands)
    _add_hosts(commands)
    _add_servers(commands)


def _add_set_up(commands: Commands) -> None:
    argument = commands.add(
        "simple_cell_setup", hosts.set_up_one_cell, "make cell0 and one cell, and map all hosts"
    )
    argument("--transport-url", metavar="URL", help="bus of the cell (the configured one)")

    argument = commands.add("map_cell0", cells.map_cell0, "map cell0, where failed builds are kept")
    argument(
        "--database_connection", metavar="URL", help="the main database's with _cell0 appended"
    )

    argument = commands.add(
        "map_cell_and_hosts", hosts.map_cell_and_hosts, "make the configured cell and map its hosts"
    )
    argument("--name", help="name of the cell")
    argument("--transport-url", metavar="URL", help="bus of the cell (the configured one)")
    argument("--verbose", action="store_true", help="print the uuid of the cell")


def _add_cells(commands: Commands) -> None:
    argument = commands.add("create_cell", cells.create_cell, "map a new cell")
    argument("--name", help="name of the cell")
    argument("--database_connection", metavar="URL", help="its database (the configured one)")
    argument("--transport-url", metavar="URL", help="its bus (the configured one)")
    argument("--verbose", action="store_true", help="print the uuid of the cell")
    argument("--disabled", action="store_true", help="give it no new servers yet")

    argument = commands.add("update_cell", cells.update_cell, "change a cell")
    argument("--cell_uuid", required=True, metavar="UUID", help="the cell")
    argument("--name", help="its new name")
    argument("--transport-url", metavar="URL", help="its new bus (the configured one)")
    argument("--database_connection", metavar="URL", help="its new database (the configured one)")
    argument("--disable", action="store_true", help="give it no new servers")
    argument("--enable", action="store_true", help="give it new servers again")

    argument = commands.add("delete_cell", cells.delete_cell, "forget an empty cell")
    argument("--cell_uuid", required=True, metavar="UUID", help="the cell")
    argument(
        "--force", action="store_true", help="also with hosts and deleted servers mapped to it"
    )

    argument = commands.add("list_cells", cells.list_cells, "list all cells by name")
    argument("--verbose", action="store_true", help="show passwords")


def _add_hosts(commands: Commands) -> None:
    argument = commands.add(
        "discover_hosts", hosts.discover_hosts, "map hosts that are in no cell yet"
    )
    argument("--cell_uuid", metavar="UUID", help="look in this cell only")
    argument("--verbose", action="store_true", help="tell what is looked at and found")
    argument("--strict", action="store_true", help="fail when nothing new is found")
    argument(
        "--by-service", action="store_true", help="also hosts that report no node yet (Ironic)"
    )

    argument = commands.add("list_hosts", hosts.list_hosts, "list the hosts of one or all cells")
    argument("--cell_uuid", metavar="UUID", help="of this cell only")

    argument = commands.add("delete_host", hosts.delete_host, "take a host out of its cell")
    argument("--cell_uuid", required=True, metavar="UUID", help="the cell it is in")
    argument("--host", required=True, metavar="NAME", help="the host")


def _add_servers(commands: Commands) -> None:
    argument = commands.add(
        "map_instances", servers.map_instances, "map the servers that a cell has already"
    )
    argument("--cell_uuid", required=True, metavar="UUID", help="the cell")
    argument(
        "--max-count", type=count, metavar="N", help="look at so many at most; go on next time"
    )
    argument("--reset", action="store_true", help="begin again at the first server")

    argument = commands.add(
        "verify_instance", servers.verify_instance, "tell whether a server is mapped to a cell"
    )
    argument("--uuid", required=True, metavar="UUID", help="the server")
    argument("--quiet", action="store_true", help="tell by the exit status only")
