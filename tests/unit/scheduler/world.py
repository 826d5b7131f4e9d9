"""Cells, hosts and servers in real databases, and the host table that reads them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import sqlalchemy as sa

from groundwork.database import Database
from nova.cells.registry import CELL0_UUID, Cell, Registry
from nova.cells.scatter import Scatter
from nova.cells.target import Targets
from nova.db.api import models as api
from nova.db.cell import compute_nodes, services
from nova.db.cell import models as cell
from nova.scheduler.hosts import HostTable
from nova.virt.driver import NodeFacts
from tests.unit.scheduler.harness import CELL1, CELL2, NOW, uuid_of


class RecordingScatter(Scatter):
    """Remembers which cells were asked."""

    asked: list[list[str]]

    def ask(self, cells: Iterable[Cell], query, **options):
        cells = list(cells)
        self.asked.append([c.name for c in cells])
        return super().ask(cells, query, **options)


class World:
    """Three databases, a table, and what an operator or a compute host does to them."""

    def __init__(self, path) -> None:
        self.elapsed_s = 0.0
        self.api = self._database(path / "api.sqlite", api.METADATA)
        self.cells = {
            "cell1": self._database(path / "cell1.sqlite", cell.METADATA),
            "cell2": self._database(path / "cell2.sqlite", cell.METADATA),
        }
        uuids = {"cell0": CELL0_UUID, "cell1": CELL1, "cell2": CELL2}
        with self.api.write() as tx:
            tx.execute(
                sa.insert(api.cell_mappings),
                [
                    {
                        "uuid": uuid,
                        "name": name,
                        "transport_url": "none:///",
                        "database_connection": f"sqlite:///{path}/{name}.sqlite",
                        "disabled": False,
                        "created_at": NOW,
                    }
                    for name, uuid in uuids.items()
                ],
            )
        self.targets = Targets(open_database=Database, open_bus=None)
        self.scatter = RecordingScatter(self.targets, threads=4, deadline_s=10)
        self.scatter.asked = []
        self.registry = Registry(self.api, clock=lambda: self.elapsed_s)
        self.table = self.new_table()

    def _database(self, path, metadata) -> Database:
        database = Database(f"sqlite:///{path}")
        metadata.create_all(database.engine)
        return database

    def close(self) -> None:
        """Close every connection."""
        self.scatter.close()
        self.targets.close()
        for database in (self.api, *self.cells.values()):
            database.dispose()

    def now(self):
        return NOW + timedelta(seconds=self.elapsed_s)

    def new_table(self, **options) -> HostTable:
        return HostTable(
            api_database=self.api,
            registry=self.registry,
            scatter=self.scatter,
            clock=lambda: self.elapsed_s,
            now=self.now,
            **options,
        )

    def start_compute(self, cell_name: str, host: str, *nodes: str, mapped: bool = True) -> None:
        with self.cells[cell_name].write() as tx:
            services.register(tx, host, "nova-compute", f"{host}-1", version=1, now=self.now())
            services.heartbeat(tx, host, "nova-compute", f"{host}-1", now=self.now())
        for node in nodes or (host,):
            self.report(cell_name, host, node)
        if mapped:
            self.map(cell_name, host)

    def report(
        self, cell_name: str, host: str, node: str, version: int = 1, **metrics: float
    ) -> None:
        facts = NodeFacts(
            "fake",
            version,
            node,
            "127.0.0.1",
            {"arch": "x86_64"},
            8,
            1024,
            10,
            metrics=metrics,
        )
        with self.cells[cell_name].write() as tx:
            compute_nodes.report(tx, host, facts, uuid=uuid_of(node), now=self.now())

    def map(self, cell_name: str, host: str) -> None:
        with self.api.write() as tx:
            ids = tx.execute(
                sa.select(api.cell_mappings.c.id).where(api.cell_mappings.c.name == cell_name)
            )
            tx.execute(
                sa.insert(api.host_mappings),
                {"host": host, "cell_id": ids.scalar_one(), "created_at": NOW},
            )

    def map_server(self, cell_name: str | None, number: int) -> None:
        cells = api.cell_mappings
        with self.api.write() as tx:
            found = tx.execute(sa.select(cells.c.id).where(cells.c.name == cell_name)).scalar()
            row = {"instance_uuid": uuid_of(f"s{number}"), "cell_id": found, "created_at": NOW}
            row |= {"project_id": "p", "user_id": "u", "queued_for_delete": False}
            tx.execute(sa.insert(api.instance_mappings), row | {"vcpus": 1, "memory_mb": 1})

    def set_metadata(self, name: str, key: str, value: str | None) -> None:
        """Make this the only metadata of the aggregate, which is made when it is not there; None: it has none."""
        aggregates, metadata = api.aggregates, api.aggregate_metadata
        with self.api.write() as tx:
            aggregate_id = tx.execute(
                sa.select(aggregates.c.id).where(aggregates.c.name == name)
            ).scalar()
            if aggregate_id is None:
                row = {"uuid": uuid_of(name), "name": name, "created_at": NOW}
                made = tx.execute(sa.insert(aggregates), row)
                aggregate_id = made.inserted_primary_key[0]
            tx.execute(sa.delete(metadata).where(metadata.c.aggregate_id == aggregate_id))
            if value is not None:
                row = {"aggregate_id": aggregate_id, "key": key, "value": value}
                tx.execute(sa.insert(metadata), row)

    def put_in_zone(self, host: str, zone: str) -> None:
        with self.api.write() as tx:
            made = tx.execute(
                sa.insert(api.aggregates),
                {"uuid": uuid_of(zone), "name": zone, "created_at": NOW},
            )
            aggregate_id = made.inserted_primary_key[0]
            tx.execute(sa.insert(api.aggregate_hosts), {"aggregate_id": aggregate_id, "host": host})
            tx.execute(
                sa.insert(api.aggregate_metadata),
                {"aggregate_id": aggregate_id, "key": "availability_zone", "value": zone},
            )

    def disable_cell(self, name: str, disabled: bool = True) -> None:
        with self.api.write() as tx:
            tx.execute(
                sa.update(api.cell_mappings)
                .where(api.cell_mappings.c.name == name)
                .values(disabled=disabled)
            )
        self.registry.forget()

    def add_server(self, cell_name: str, host: str, number: int, **values) -> None:
        row = {
            "uuid": uuid_of(f"s{number}"),
            "created_at": NOW,
            "deleted": 0,
            "project_id": "p",
            "user_id": "u",
            "vm_state": "active",
            "host": host,
            "node": host,
            "flavorid": "1",
            "vcpus": 1,
            "memory_mb": 1,
            "root_gb": 1,
            "ephemeral_gb": 0,
            "flavor": {},
            "metadata": {},
            "security_groups": [],
        }
        with self.cells[cell_name].write() as tx:
            tx.execute(sa.insert(cell.instances), row | values)

    def find(self, *nodes: str, **options):
        # Sets are what the scheduler asks for; answers to them are kept.
        return self.table.find(frozenset(uuid_of(node) for node in nodes), **options)
