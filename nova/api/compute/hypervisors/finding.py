"""Nodes of all cells in one order, page by page."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from groundwork.database import Database, Transaction
from groundwork.errors import Invalid, NotFound
from nova.api.compute.services.locating import ask, only
from nova.api.paging import Page
from nova.cells.registry import Cell, Registry
from nova.cells.scatter import Line, Scatter
from nova.db.api import host_mappings
from nova.db.cell import compute_nodes
from nova.db.cell.compute_nodes import NodeServer, NodeUsage, ServedNode


@dataclass(frozen=True, slots=True)
class Found:
    """A node, the service that drives it, and its cell."""

    cell: Cell
    served: ServedNode

    @property
    def place(self) -> tuple[int, int]:
        """Where it stands in lists: numbers first, which occur once per cell."""
        return self.served.node.id, self.cell.id


@dataclass(frozen=True, slots=True)
class Use:
    """What runs on the nodes of a cell."""

    usage: Mapping[tuple[str, str], NodeUsage]
    servers: Mapping[tuple[str, str | None], Sequence[NodeServer]]


class Nodes:
    """The compute nodes of every cell that answers, once their host is mapped to a cell: before that, no server can
    be put on them.
    """

    def __init__(self, *, api_database: Database, registry: Registry, scatter: Scatter) -> None:
        self._api_database = api_database
        self._registry = registry
        self._scatter = scatter

    def all(self, *, name_contains: str | None = None) -> list[Found]:
        """Every node, or those whose name holds a text."""
        return self._page(
            lambda tx: compute_nodes.page_served(
                tx, name_contains=name_contains, not_on=self._unmapped_hosts(tx)
            ),
            after=None,
        )

    def page_by_uuid(self, page: Page) -> list[Found]:
        """A page whose marker is a uuid. :raises Invalid: no node has it."""
        after = None
        if page.marker is not None:
            after = self._marked(page.marker, uuid=page.marker).place
        return self._limited(page.limit, after)[: page.limit]

    def page_by_number(self, page: Page) -> list[Found]:
        """A page whose marker is a number.

        Nodes with the same number (one per cell) are never parted, so that the last number names the place where the
        next page begins; the page may be longer than asked by the number of cells less one.

        :raises Invalid: no node has the number of the marker.
        """
        after = None
        if page.marker is not None:
            number = _number(page.marker)
            self._marked(page.marker, number=number)
            after = (number, _LAST)
        found = self._limited(page.limit, after)
        kept = found[: page.limit]
        return kept + [
            other
            for other in found[page.limit :]
            if kept and other.served.node.id == kept[-1].served.node.id
        ]

    def by_uuid(self, uuid: str) -> Found:
        """:raises NotFound: there is none. :raises Unavailable: a silent cell may have it."""
        return self._one(uuid, lambda tx: self._find(tx, uuid=uuid), unique=True)

    def by_number(self, text: str) -> Found:
        """As :meth:`by_uuid`. :raises Invalid: several cells have that number."""
        if not (text.isascii() and text.isdigit()) or len(text) > _DIGITS:
            raise NotFound(f"Hypervisor with ID '{text}' could not be found.")
        number = int(text)
        return self._one(text, lambda tx: self._find(tx, node_id=number), unique=False)

    def use_of(self, found: Iterable[Found], *, with_servers: bool) -> Mapping[Cell, Use]:
        """What runs on these nodes; cells that fell silent since are left out."""
        cells = {one.cell: None for one in found}
        hosts = sorted({one.served.node.host for one in found})
        query = lambda tx: _use(tx, hosts, with_servers)
        return ask(self._scatter, cells, query, line=Line.LISTS).told

    def _one(
        self, name: str, query: Callable[[Transaction], ServedNode | None], *, unique: bool
    ) -> Found:
        answers = ask(self._scatter, self._registry.real(), query)
        return Found(*only(answers, name=f"Hypervisor with ID '{name}'", unique=unique))

    def _marked(self, marker: str, *, uuid: str | None = None, number: int | None = None) -> Found:
        """A node that the marker names."""
        answers = ask(
            self._scatter,
            self._registry.real(),
            lambda tx: self._find(tx, uuid=uuid, node_id=number),
        )
        for cell, served in answers.told.items():
            if served is not None:
                return Found(cell, served)
        raise Invalid(f"marker [{marker}] not found")

    def _limited(self, limit: int, after: tuple[int, int] | None) -> list[Found]:
        # The node of the marker, or its namesake in another cell, comes with each answer and is dropped; one more
        # tells whether the last number goes on in the next cell.
        from_id = after[0] if after else 0
        return self._page(
            lambda tx: compute_nodes.page_served(
                tx, from_id=from_id, limit=limit + 2, not_on=self._unmapped_hosts(tx)
            ),
            after=after,
        )

    def _page(
        self,
        query: Callable[[Transaction], Sequence[ServedNode]],
        *,
        after: tuple[int, int] | None,
    ) -> list[Found]:
        answers = ask(self._scatter, self._registry.real(), query, line=Line.LISTS)
        found = [Found(cell, served) for cell, rows in answers.told.items() for served in rows]
        found.sort(key=lambda one: one.place)
        return [one for one in found if after is None or one.place > after]

    def _find(
        self, tx: Transaction, *, uuid: str | None = None, node_id: int | None = None
    ) -> ServedNode | None:
        served = compute_nodes.find_served(tx, uuid=uuid, node_id=node_id)
        if served is None or served.node.mapped:
            return served
        return None if served.node.host in self._unmapped_hosts(tx) else served

    def _unmapped_hosts(self, tx: Transaction) -> Collection[str]:
        """The hosts of a cell that are in no cell yet.

        A node is marked as mapped by the discovery after its first report; until then its host decides, which may be
        in the cell for long (bare metal).
        """
        hosts = {node.host for node in compute_nodes.list_unmapped(tx)}
        if not hosts:
            return hosts
        with self._api_database.read() as api_tx:
            return hosts - host_mappings.mapped_among(api_tx, hosts)


# Behind every cell.
_LAST = 2**63
# More would not fit a number of the databases.
_DIGITS = 18


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > _DIGITS:
        raise Invalid(f"marker [{text}] not found")
    return int(text)


def _use(tx: Transaction, hosts: Collection[str], with_servers: bool) -> Use:
    servers: dict[tuple[str, str | None], list[NodeServer]] = {}
    if with_servers:
        for server in compute_nodes.servers_on_hosts(tx, hosts):
            servers.setdefault((server.host, server.node), []).append(server)
    return Use(usage=compute_nodes.usage_of_nodes(tx, hosts), servers=servers)
