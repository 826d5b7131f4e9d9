"""Standard and custom classes and traits."""

from __future__ import annotations

from collections import Counter

import os_resource_classes
import os_traits
import pytest
import sqlalchemy as sa

from groundwork.database import Database
from groundwork.errors import Conflict, Invalid
from placement.db import models
from placement.inventory import standard
from placement.inventory.resource_classes import ResourceClasses
from placement.inventory.traits import Traits
from placement.records import Inventory, TraitQuery
from tests.db.placement.conftest import Rooms
from tests.db.placement.test_claims import race


def test_processes_that_start_at_once_sync_the_standard_names_once(
    placement_database: Database,
) -> None:
    assert race(4, lambda _: standard.sync(placement_database)) == {"done": 4}
    classes = ResourceClasses(database=placement_database).all()
    assert [one.name for one in classes] == os_resource_classes.STANDARDS
    assert [one.id for one in classes] == list(standard.STANDARD_CLASS_IDS.values())
    traits = Traits(database=placement_database).search(TraitQuery())
    assert {one.name for one in traits} == set(os_traits.get_traits())


def test_new_standard_names_come_with_the_next_start(rooms: Rooms) -> None:
    with rooms.database.write() as tx:
        gone = ("HW_CPU_X86_VMX", "COMPUTE_NODE")
        tx.execute(sa.delete(models.traits).where(models.traits.c.name.in_(gone)))
        tx.execute(
            sa.delete(models.resource_classes).where(models.resource_classes.c.name == "FPGA")
        )
    standard.sync(rooms.database)
    assert Traits(database=rooms.database).show("COMPUTE_NODE").name == "COMPUTE_NODE"
    assert (
        ResourceClasses(database=rooms.database).show("FPGA").id
        == standard.STANDARD_CLASS_IDS["FPGA"]
    )


def test_custom_ids_are_never_given_out_twice(rooms: Rooms) -> None:
    classes = ResourceClasses(database=rooms.database)
    ids = []
    for _ in range(3):
        assert classes.ensure("CUSTOM_GOLD")
        ids.append(classes.show("CUSTOM_GOLD").id)
        classes.delete("CUSTOM_GOLD")
    assert len(set(ids)) == 3
    assert min(ids) >= models.FIRST_CUSTOM_CLASS_ID


def test_one_of_many_makes_a_name_and_the_others_find_it(rooms: Rooms) -> None:
    classes, traits = ResourceClasses(database=rooms.database), Traits(database=rooms.database)
    made: Counter[object] = Counter()
    ends = race(
        6, lambda _: made.update([classes.ensure("CUSTOM_GOLD"), str(traits.ensure("CUSTOM_T")[1])])
    )
    assert ends == {"done": 6}
    assert made == {True: 1, False: 5, "True": 1, "False": 5}


def test_class_in_use_stays(rooms: Rooms) -> None:
    classes = ResourceClasses(database=rooms.database)
    classes.create("CUSTOM_GOLD")
    host = rooms.provider("host", CUSTOM_GOLD=Inventory("CUSTOM_GOLD", 5))
    with pytest.raises(Conflict):
        classes.delete("CUSTOM_GOLD")
    with pytest.raises(Conflict):
        classes.create("CUSTOM_GOLD")
    classes.rename("CUSTOM_GOLD", "CUSTOM_SILVER")
    assert list(rooms.inventories.show(host).inventories) == ["CUSTOM_SILVER"]
    rooms.inventories.delete_all(host)
    classes.delete("CUSTOM_SILVER")
    for change in (classes.delete, lambda name: classes.rename(name, "CUSTOM_X")):
        with pytest.raises(Invalid):
            change("VCPU")


def test_trait_prefixes_are_taken_literally(rooms: Rooms) -> None:
    traits = Traits(database=rooms.database)
    traits.ensure("CUSTOM_A_B")
    traits.ensure("CUSTOM_AXB")
    found = traits.search(TraitQuery(prefix="CUSTOM_A_"))
    assert [one.name for one in found] == ["CUSTOM_A_B"]


def test_class_removed_while_it_is_offered_is_a_conflict_or_gone(rooms: Rooms) -> None:
    classes = ResourceClasses(database=rooms.database)
    classes.create("CUSTOM_GOLD")
    host = rooms.provider("host")

    def work(number: int) -> None:
        if number:
            classes.delete("CUSTOM_GOLD")
        else:
            rooms.inventories.add(host, Inventory("CUSTOM_GOLD", 5))

    ends = race(2, work)
    assert ends in ({"done": 1, "Conflict": 1}, {"done": 1, "UnknownClasses": 1})
    assert bool(rooms.inventories.show(host).inventories) is any(
        one.name == "CUSTOM_GOLD" for one in classes.all()
    )
