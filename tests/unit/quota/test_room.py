"""How many servers fit, and what a refusal says; the databases are played by constants."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groundwork.errors import OverQuota
from nova.db.api.instance_mappings import Usage
from nova.quota.limits import DefaultLimits
from nova.quota.stored import server_tallies
from nova.quota.tally import UNLIMITED, Demand, admit, is_over

RESOURCES = ("instances", "cores", "ram")
limit_sets = st.fixed_dictionaries(dict.fromkeys(RESOURCES, st.integers(-1, 40)))
usages = st.builds(Usage, st.integers(0, 20), st.integers(0, 40), st.integers(0, 40))
demands = st.builds(
    lambda low, more, vcpus, ram: Demand(low, low + more, vcpus, ram),
    st.integers(1, 5),
    st.integers(0, 10),
    st.integers(1, 4),
    st.integers(0, 4),
)


def allowed(
    demand: Demand,
    *,
    project: Mapping[str, int],
    used: Usage,
    user: Mapping[str, int] | None = None,
    used_by_user: Usage | None = None,
) -> int:
    """What the limits of a project, and of a user in it, let in."""
    holders = [server_tallies(project, used, demand)]
    if user:
        holders.append(server_tallies(user, used_by_user or used, demand))
    return admit(demand, holders)


def fits(count: int, demand: Demand, limits: Mapping[str, int], used: Usage) -> bool:
    """The slow plain way."""
    asked = {
        "instances": (used.instances, count),
        "cores": (used.cores, count * demand.vcpus_each),
        "ram": (used.ram_mb, count * demand.memory_mb_each),
    }
    return all(
        more == 0 or limits[name] == UNLIMITED or has + more <= limits[name]
        for name, (has, more) in asked.items()
        if name in limits
    )


@settings(deadline=None)
@given(
    demand=demands,
    project=limit_sets,
    used=usages,
    user=st.just({}) | st.fixed_dictionaries({"cores": st.integers(-1, 20)}),
    used_by_user=usages,
)
def test_as_many_as_fit_and_not_one_more(
    demand: Demand,
    project: dict[str, int],
    used: Usage,
    user: dict[str, int],
    used_by_user: Usage,
) -> None:
    counts = [
        count
        for count in range(demand.min_count, demand.max_count + 1)
        if fits(count, demand, project, used) and fits(count, demand, user, used_by_user)
    ]
    try:
        found = allowed(demand, project=project, used=used, user=user, used_by_user=used_by_user)
    except OverQuota:
        assert counts == []
    else:
        assert found == counts[-1]


def test_absurd_count_is_decided_at_once() -> None:
    """While it is decided, every other request of the project waits."""
    started = time.monotonic()
    found = allowed(
        Demand(1, 10**15, 1, 1),
        project={"instances": 10, "cores": -1, "ram": -1},
        used=Usage(3, 3, 3),
    )
    assert found == 7
    assert time.monotonic() - started < 5


def test_refusal_names_every_resource_that_is_over() -> None:
    with pytest.raises(OverQuota) as refusal:
        allowed(
            Demand(2, 4, 3, 100),
            project={"instances": 10, "cores": 20, "ram": 100},
            used=Usage(9, 10, 50),
        )
    assert refusal.value.text == (
        "Quota exceeded for instances, ram: Requested 2, 200, but already used 9, 50 "
        "of 10, 100 instances, ram"
    )


def test_usage_above_a_lowered_limit_refuses() -> None:
    with pytest.raises(OverQuota):
        allowed(Demand(1, 1, 1, 1), project={"instances": 2}, used=Usage(5, 5, 5))


@pytest.mark.parametrize(
    ("limit", "used", "asked", "expected"),
    [
        (-1, 10**9, 10**9, False),
        (0, 0, 0, False),
        (0, 0, 1, True),
        (10, 9, 1, False),
        (10, 10, 1, True),
    ],
)
def test_is_over(limit: int, used: int, asked: int, expected: bool) -> None:
    assert is_over(limit, used, asked) is expected


def test_defaults_are_known_by_resource_name() -> None:
    found = DefaultLimits(instances=3).by_resource()
    assert found["instances"] == 3
    assert found["ram"] == 51200
