"""Trees stay trees, also when several clients move providers at once."""

from __future__ import annotations

import pytest

from groundwork.errors import Conflict, Invalid, NotFound
from placement import codes
from placement.inventory.providers import ProviderChange
from placement.records import ProviderQuery
from tests.db.placement.conftest import Rooms
from tests.db.placement.test_claims import race


def move(rooms: Rooms, uuid: str, parent: str | None, *, may_move: bool = True) -> None:
    name = rooms.providers.show(uuid).name
    rooms.providers.update(uuid, ProviderChange(name, True, parent, may_move))


def root(rooms: Rooms, uuid: str) -> str:
    return rooms.providers.show(uuid).root_uuid


def test_a_subtree_moves_as_one(rooms: Rooms) -> None:
    one, two = rooms.provider("one"), rooms.provider("two")
    child = rooms.provider("child", parent=one)
    grandchild = rooms.provider("grandchild", parent=child)
    assert root(rooms, grandchild) == one
    move(rooms, child, two)
    assert (root(rooms, child), root(rooms, grandchild)) == (two, two)
    assert rooms.providers.show(grandchild).parent_uuid == child
    in_tree = rooms.providers.search(ProviderQuery(in_tree=grandchild))
    assert [found.uuid for found in in_tree] == [two, child, grandchild]
    move(rooms, child, None)
    assert (root(rooms, child), root(rooms, grandchild)) == (child, child)
    assert rooms.generation(child) == 0


def test_loops_are_refused(rooms: Rooms) -> None:
    one = rooms.provider("one")
    child = rooms.provider("child", parent=one)
    for parent in (one, child):
        with pytest.raises(Invalid, match="loop"):
            move(rooms, one, parent)
    with pytest.raises(Invalid, match="does not exist"):
        move(rooms, one, "11111111-1111-1111-1111-111111111111")


def test_a_parent_is_left_only_where_that_is_allowed(rooms: Rooms) -> None:
    one, two = rooms.provider("one"), rooms.provider("two")
    child = rooms.provider("child")
    move(rooms, child, one, may_move=False)
    move(rooms, child, one, may_move=False)
    for parent, verb in ((two, "re-parenting"), (None, "un-parenting")):
        with pytest.raises(Invalid, match=verb):
            move(rooms, child, parent, may_move=False)


def test_moves_under_each_other_close_no_loop(rooms: Rooms) -> None:
    tops = [rooms.provider(f"top-{number}") for number in range(4)]
    leaves = [rooms.provider(f"leaf-{number}", parent=tops[number]) for number in range(4)]
    ends = race(4, lambda n: move(rooms, tops[n], leaves[(n + 1) % 4]))
    assert ends == {"done": 3, "Invalid": 1}
    assert len({root(rooms, uuid) for uuid in (*tops, *leaves)}) == 1
    parents = {uuid: rooms.providers.show(uuid).parent_uuid for uuid in (*tops, *leaves)}
    for uuid in parents:
        seen = set()
        step: str | None = uuid
        while step is not None:
            assert step not in seen
            seen.add(step)
            step = parents[step]


def test_children_born_while_the_tree_moves_have_the_right_root(rooms: Rooms) -> None:
    old, new = rooms.provider("old"), rooms.provider("new")
    middle = rooms.provider("middle", parent=old)
    born: list[str] = []

    def work(number: int) -> None:
        if number:
            born.append(rooms.provider(f"born-{number}", parent=middle))
        else:
            move(rooms, middle, new)

    assert race(6, work) == {"done": 6}
    assert {root(rooms, uuid) for uuid in (*born, middle)} == {new}


def test_removal_is_refused_while_there_are_children(rooms: Rooms) -> None:
    one = rooms.provider("one", VCPU=1)
    child = rooms.provider("child", parent=one)
    with pytest.raises(Conflict) as refused:
        rooms.providers.delete(one)
    assert refused.value.facts["code"] == codes.CANNOT_DELETE_PARENT
    rooms.providers.delete(child)
    rooms.providers.delete(one)
    with pytest.raises(NotFound):
        rooms.providers.show(one)


def test_names_differ_by_case_on_every_engine(rooms: Rooms) -> None:
    lower, upper = rooms.provider("host"), rooms.provider("HOST")
    assert [p.uuid for p in rooms.providers.search(ProviderQuery(name="host"))] == [lower]
    assert [p.uuid for p in rooms.providers.search(ProviderQuery(name="HOST"))] == [upper]
    with pytest.raises(Conflict, match="name: host already exists"):
        rooms.providers.create(
            uuid="11111111-1111-1111-1111-111111111111", name="host", parent_uuid=None
        )
    with pytest.raises(Conflict, match=f"uuid: {lower} already exists"):
        rooms.providers.create(uuid=lower, name="another", parent_uuid=None)
