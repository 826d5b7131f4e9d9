"""What the API database knows of hosts: their cells and their zones."""

from __future__ import annotations

import sqlalchemy as sa

from groundwork import columns
from groundwork.database import Database, Transaction
from nova.db.api import aggregates, host_mappings
from nova.db.api.host_mappings import HostMapping
from nova.db.api.models import (
    aggregate_hosts,
    aggregate_metadata,
    cell_mappings,
)
from nova.db.api.models import aggregates as aggregates_table


def add_cell(tx: Transaction, name: str) -> int:
    row = tx.execute(
        sa.insert(cell_mappings).values(
            uuid=name, name=name, disabled=False, created_at=columns.now()
        )
    )
    return int(row.inserted_primary_key[0])


def add_aggregate(tx: Transaction, name: str, metadata: dict[str, str], *hosts: str) -> None:
    row = tx.execute(
        sa.insert(aggregates_table).values(uuid=name, name=name, created_at=columns.now())
    )
    aggregate_id = row.inserted_primary_key[0]
    for key, value in metadata.items():
        tx.execute(
            sa.insert(aggregate_metadata).values(aggregate_id=aggregate_id, key=key, value=value)
        )
    for host in hosts:
        tx.execute(sa.insert(aggregate_hosts).values(aggregate_id=aggregate_id, host=host))


def test_host_stays_in_the_cell_where_it_was_found_first(api_database: Database) -> None:
    with api_database.write() as tx:
        one, two = add_cell(tx, "one"), add_cell(tx, "two")
        assert host_mappings.map_host(tx, "h", one) == HostMapping("h", one)
        assert host_mappings.map_host(tx, "h", two) == HostMapping("h", one)
        assert host_mappings.find(tx, "h") == HostMapping("h", one)
        assert host_mappings.find(tx, "other") is None


def test_mappings_are_listed_by_cell_and_forgotten(api_database: Database) -> None:
    with api_database.write() as tx:
        one, two = add_cell(tx, "one"), add_cell(tx, "two")
        for host, cell in (("b", one), ("c", two), ("a", one)):
            host_mappings.map_host(tx, host, cell)
        assert [found.host for found in host_mappings.list_mappings(tx)] == ["a", "b", "c"]
        assert [f.host for f in host_mappings.list_mappings(tx, cell_ids=[two])] == ["c"]
        assert host_mappings.list_mappings(tx, cell_ids=[]) == ()
        assert host_mappings.unmap_host(tx, "a")
        assert not host_mappings.unmap_host(tx, "a")


def test_zones_come_from_aggregate_metadata(api_database: Database) -> None:
    with api_database.write() as tx:
        add_aggregate(tx, "old", {"availability_zone": "east", "ssd": "true"}, "a", "b")
        add_aggregate(tx, "new", {"availability_zone": "west"}, "b", "c")
        add_aggregate(tx, "empty", {"availability_zone": "north"})
        add_aggregate(tx, "plain", {"ssd": "true"}, "d")
        assert aggregates.zones_of_hosts(tx) == {"a": "east", "b": "east", "c": "west"}
        assert aggregates.zone_names(tx) == {"east", "west", "north"}
        assert aggregates.remove_host(tx, "b") == 2
        assert aggregates.remove_host(tx, "b") == 0
        assert aggregates.zones_of_hosts(tx) == {"a": "east", "c": "west"}
