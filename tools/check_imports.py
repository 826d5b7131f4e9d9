"""Checks that imports point one way: ``api -> lifecycle -> saga -> db, rpc``, and so on for every room.

Reads the source, imports nothing of it. An import inside a function or under TYPE_CHECKING counts like any other:
whoever needs a name knows the room that it comes from.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("groundwork", "nova", "placement")

SQL = ("sqlalchemy", "alembic", "oslo_db", "sqlite3", "pymysql", "psycopg2")
HTTP = (
    "webob",
    "routes",
    "paste",
    "cheroot",
    "http",
    "requests",
    "keystoneauth1",
    "openstack",
    "oslo_limit",
)
MESSAGES = ("oslo_messaging", "kombu", "amqp")

# What every room of nova may know.
_PLAIN = (
    "groundwork",
    "nova.availability_zones",
    "nova.context",
    "nova.domain",
    "nova.errors",
    "nova.liveness",
)

# What every daemon is made of. Messages are a contract: whoever sends them may know them, and nothing else of the room.
_DAEMON = (
    "nova.lifecycle",
    "nova.saga",
    "nova.clients",
    "nova.rpc",
    "nova.service",
    "nova.periodic",
)
_MESSAGES = ("nova.conductor.messages", "nova.scheduler.messages", "nova.compute.messages")


@dataclass(frozen=True, slots=True)
class Room:
    """A folder of the project: which rooms it may import, which libraries it may not, and why."""

    name: str
    may: tuple[str, ...]
    never: tuple[str, ...]
    because: str


def _room(
    name: str, *, may: tuple[str, ...] = (), never: tuple[str, ...] = (), because: str
) -> Room:
    plain = ("groundwork",) if name.startswith(("groundwork", "placement")) else _PLAIN
    return Room(name, (name, *plain, *may), never, because)


def _nova(*rooms: str) -> tuple[str, ...]:
    return tuple(f"nova.{room}" for room in rooms)


# The longest name that fits a module is its room.
ROOMS = (
    _room(
        "groundwork",
        because="groundwork carries both services and knows neither",
    ),
    _room(
        "placement",
        may=("placement",),
        never=MESSAGES,
        because="placement is a service of its own: it knows nothing of nova and has no message bus",
    ),
    _room(
        "placement.api",
        may=("placement",),
        never=(*SQL, *MESSAGES),
        because="the API knows no SQL; queries are functions in placement/db",
    ),
    _room(
        "placement.db",
        may=("placement",),
        never=(*HTTP, *MESSAGES, "placement.api", "placement.cmd", "placement.wsgi"),
        because="the database rooms know no HTTP and nobody above them",
    ),
    _room(
        "nova.api",
        may=_nova("lifecycle", "cells", "db", "quota", "policies", "clients", "saga"),
        never=(*SQL, *MESSAGES),
        because="the API knows no SQL and no messages; changes go through lifecycle, reads are functions in nova/db",
    ),
    _room(
        "nova.lifecycle",
        # What a flavor needs is said once, by the scheduler's demand.
        may=(
            *_MESSAGES,
            *_nova("saga", "cells", "db", "rpc", "quota", "clients", "virt"),
            "nova.scheduler.demand",
        ),
        never=HTTP,
        because="what can be done to a server does not depend on how it was asked for or who runs it",
    ),
    _room(
        "nova.saga",
        may=_nova("db", "rpc", "cells"),
        never=HTTP,
        because="the engine runs operations without knowing any; it stands on db and rpc only",
    ),
    _room(
        "nova.cells",
        may=_nova("db", "rpc"),
        never=HTTP,
        because="the mapping layer stands on db and rpc only",
    ),
    _room(
        "nova.quota",
        may=_nova("db", "cells", "clients"),
        never=(*HTTP, *MESSAGES),
        because="the ledger is a query over the API database",
    ),
    _room(
        "nova.life_signs",
        may=_nova("db", "service"),
        never=(*HTTP, *MESSAGES),
        because="services that may open their level's database report there themselves",
    ),
    _room(
        "nova.audit",
        may=(
            *_nova("lifecycle", "saga", "cells", "db", "clients", "periodic"),
            "nova.scheduler.demand",
        ),
        never=(*HTTP, "sqlalchemy", *MESSAGES),
        because="the audit judges rows; its queries are functions in nova/db, and it reaches Placement as a client",
    ),
    _room(
        "nova.scheduler",
        may=(*_DAEMON, *_MESSAGES, *_nova("cells", "db", "life_signs")),
        never=HTTP,
        because="daemons stand on lifecycle, saga and clients, not on each other or on the API",
    ),
    _room(
        "nova.conductor",
        # virt.driver: what computes report is in the driver's words.
        may=(*_DAEMON, *_MESSAGES, *_nova("cells", "db", "life_signs", "quota", "virt.driver")),
        never=HTTP,
        because="daemons stand on lifecycle, saga and clients, not on the API or a compute host",
    ),
    _room(
        "nova.compute",
        may=(*_DAEMON, *_MESSAGES, "nova.virt"),
        never=(*HTTP, *SQL),
        because="a compute host opens no database and knows no cell but its own; it asks its conductor",
    ),
    _room(
        "nova.virt",
        may=_nova("conf"),
        never=(*SQL, *MESSAGES, "groundwork.database"),
        because="a driver has neither database nor RPC: it reports what is and does what it is told",
    ),
    _room(
        "nova.clients",
        never=(*SQL, *MESSAGES),
        because="a client is a thin module on keystoneauth",
    ),
    _room(
        "nova.db",
        never=(*HTTP, *MESSAGES),
        because="the database rooms know no HTTP, no messages and nobody above them",
    ),
    _room(
        "nova.rpc",
        never=(*HTTP, *SQL),
        because="buses carry messages of any meaning, so they know none of the rooms that use them",
    ),
    _room(
        "nova.domain",
        never=(*HTTP, *SQL, *MESSAGES),
        because="values that all rooms share depend on none of them",
    ),
    _room("nova.conf", because="options are declared, not used, here"),
    _room("nova.policies", because="rules are declared, not asked, here"),
    _room("nova.service", may=("nova.db",), because="being alive is a row and nothing else"),
    # Modules beside the rooms.
    Room("nova", may=_PLAIN, never=(), because="what all rooms may import imports none of them"),
    # Objects meet here and nowhere else.
    _room("nova.cmd", may=("nova",), because="the programs of nova know nothing of placement's"),
    _room("nova.wsgi", may=("nova",), because="the programs of nova know nothing of placement's"),
    # One process that is the whole plane serves Placement too, as a WSGI application that it loads.
    _room("nova.cmd.all", may=("nova", "placement.wsgi"), because="placement is met at its door"),
)


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name, as far as the source tells: ``a.b.c`` for ``from a.b import c``."""

    name: str
    line: int


def main(root: Path) -> int:
    """Print a line for each import that points the wrong way; how many there were."""
    lines = [line for package in PACKAGES for line in check_package(root, package)]
    for line in lines:
        print(line)
    print(f"check_imports: {len(lines)} imports point the wrong way" if lines else "imports: ok")
    return 1 if lines else 0


def check_package(root: Path, package: str) -> Iterator[str]:
    """A line for each wrong import below ``root/package``, by file and line."""
    for path in sorted((root / package).rglob("*.py")):
        relative = path.relative_to(root)
        module = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
        is_package = path.name == "__init__.py"
        for imported in imports_of(path.read_text(), module=module, is_package=is_package):
            if why := complaint(module, imported.name):
                yield f"{relative}:{imported.line}: {why}"


def imports_of(source: str, *, module: str, is_package: bool = False) -> Iterator[Import]:
    """Every import of a module's source, relative ones resolved."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import():
                yield from (Import(alias.name, node.lineno) for alias in node.names)
            case ast.ImportFrom():
                origin = _origin(node, module, is_package)
                yield from (Import(f"{origin}.{alias.name}", node.lineno) for alias in node.names)


def _origin(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    above = parts[: len(parts) - node.level + is_package]
    return ".".join([*above, *([node.module] if node.module else [])])


def complaint(module: str, imported: str) -> str | None:
    """Why ``module`` may not import this name, or None when it may."""
    room = room_of(module)
    if room is None:
        return None
    is_own = _is_below(imported, PACKAGES)
    if _is_below(imported, room.never) or (is_own and not _is_allowed(imported, room)):
        return f"{room.name} must not import {imported}: {room.because}"
    return None


def _is_allowed(imported: str, room: Room) -> bool:
    # Any room of nova may look at the version: `import nova`, `from nova import __version__`.
    is_version = imported in ("nova", "nova.__version__") and room.name.startswith("nova")
    return is_version or _is_below(imported, room.may)


def room_of(module: str) -> Room | None:
    """The room with the longest name that the module is in."""
    fitting = [room for room in ROOMS if _is_below(module, (room.name,))]
    return max(fitting, key=lambda room: len(room.name), default=None)


def _is_below(name: str, prefixes: Sequence[str]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent))
