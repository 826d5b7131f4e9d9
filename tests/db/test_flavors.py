"""Queries on flavors, on each database engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from groundwork.database import Database
from groundwork.errors import Conflict, Invalid, NotFound
from nova.db.api import flavors
from nova.db.api.flavor_pages import SORT_KEYS, FlavorQuery, page_flavors
from nova.db.api.flavors import Audience
from nova.domain.flavor import Flavor


def store(database: Database, flavorid: str, **fields: Any) -> Flavor:
    flavor = Flavor(
        **{
            "flavorid": flavorid,
            "name": f"m1.{flavorid}",
            "vcpus": 1,
            "memory_mb": 512,
            "root_gb": 1,
            **fields,
        }
    )
    return database.run(lambda tx: flavors.create_flavor(tx, flavor))


def page(database: Database, **ask: Any) -> list[str]:
    with database.read() as tx:
        found = page_flavors(tx, FlavorQuery(**{"limit": 100, "is_public": None, **ask}))
    return [flavor.flavorid for flavor in found]


def test_flavor_comes_back_as_it_was_stored(api_database: Database) -> None:
    stored = store(
        api_database,
        "x",
        swap_mb=7,
        ephemeral_gb=3,
        rxtx_factor=2.5,
        is_public=False,
        description="Größe \N{SNOWMAN}",
        extra_specs={"hw:numa_nodes": "2", "a": "b"},
    )
    with api_database.read() as tx:
        found = flavors.find_flavor(tx, "x")
    assert found == stored
    assert found.id > 0
    assert found.created_at is not None


def test_pages_of_one_make_up_the_whole_in_every_order(api_database: Database) -> None:
    for number, flavorid in enumerate(("d", "a", "c", "b", "e")):
        store(
            api_database,
            flavorid,
            memory_mb=1 + number % 2,
            swap_mb=number % 3,
            is_public=number % 2 == 0,
            description="x" * number if number % 2 else None,
        )
    api_database.run(lambda tx: flavors.describe_flavor(tx, "c", "later"))

    for sort in ((key, direction) for key in SORT_KEYS for direction in ("asc", "desc")):
        whole = page(api_database, sort=(sort,))
        assert sorted(whole) == ["a", "b", "c", "d", "e"]
        paged: list[str] = []
        for marker in (None, *whole[:-1]):
            paged += page(api_database, sort=(sort,), limit=1, marker=marker)
        assert paged == whole, sort
        assert page(api_database, sort=(sort,), marker=whole[-1]) == []


def test_unknown_marker_is_told_and_empty_pages_are_empty(api_database: Database) -> None:
    store(api_database, "a")
    with pytest.raises(Invalid, match="nowhere"):
        page(api_database, marker="nowhere")
    assert page(api_database, limit=0) == []


def test_huge_minimum_excludes_all(api_database: Database) -> None:
    store(api_database, "a")
    assert page(api_database, min_memory_mb=10**30) == []
    assert page(api_database, min_memory_mb=512, min_root_gb=1) == ["a"]


def test_visibility_follows_publicity_and_shares(api_database: Database) -> None:
    store(api_database, "public")
    private = store(api_database, "private", is_public=False)
    assert page(api_database, is_public=True, project_id="p") == ["public"]
    assert page(api_database, is_public=False, project_id="p") == ["private"]

    api_database.run(lambda tx: flavors.share_flavor(tx, private, "p"))

    assert page(api_database, is_public=True, project_id="p") == ["private", "public"]
    assert page(api_database, is_public=True, project_id="q") == ["public"]
    with api_database.read() as tx:
        assert flavors.find_flavor(tx, "private", audience=Audience("p")) == private
        with pytest.raises(NotFound):
            flavors.find_flavor(tx, "private", audience=Audience("q"))


def test_taken_names_ids_and_shares_are_conflicts(api_database: Database) -> None:
    flavor = store(api_database, "a", is_public=False)
    with pytest.raises(Conflict, match="ID a already"):
        store(api_database, "a", name="other")
    with pytest.raises(Conflict, match=r"name m1\.a already"):
        store(api_database, "b", name="m1.a")
    api_database.run(lambda tx: flavors.share_flavor(tx, flavor, "p"))
    with pytest.raises(Conflict, match="already exists"):
        api_database.run(lambda tx: flavors.share_flavor(tx, flavor, "p"))
    with api_database.read() as tx:
        assert flavors.projects_of(tx, flavor) == ("p",)


def test_extra_specs_are_merged(api_database: Database) -> None:
    flavor = store(api_database, "a", extra_specs={"kept": "1", "changed": "1"})

    def merge(specs: Mapping[str, str]) -> None:
        api_database.run(lambda tx: flavors.merge_extra_specs(tx, flavor, specs))

    merge({"changed": "2", "added": "3"})
    # The same values once more: an update that changes nothing is no miss.
    merge({"changed": "2"})
    merge({})
    with api_database.read() as tx:
        found = flavors.find_flavor(tx, "a").extra_specs
    assert found == {"kept": "1", "changed": "2", "added": "3"}


def test_deleting_takes_what_belongs_to_the_flavor(api_database: Database) -> None:
    flavor = store(api_database, "a", extra_specs={"k": "v"}, is_public=False)
    api_database.run(lambda tx: flavors.share_flavor(tx, flavor, "p"))

    api_database.run(lambda tx: flavors.delete_flavor(tx, "a"))

    with pytest.raises(NotFound):
        api_database.run(lambda tx: flavors.delete_flavor(tx, "a"))
    with api_database.read() as tx:
        assert flavors.projects_of(tx, flavor) == ()
    with pytest.raises(NotFound):
        api_database.run(lambda tx: flavors.unshare_flavor(tx, flavor, "p"))
    with pytest.raises(NotFound):
        api_database.run(lambda tx: flavors.delete_extra_spec(tx, flavor, "k"))
    assert store(api_database, "a").extra_specs == {}
