"""Limits of the identity service: names, what a missing one means, PCPU; the service is played by a dictionary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from nova.db.api import instance_mappings
from nova.db.api.instance_mappings import Usage
from nova.quota.limits import RESOURCES
from nova.quota.tally import Demand, Tally
from nova.quota.unified import NAMES, Rules, Strategy, UnifiedLimits

TX: Any = None


class Fixed:
    """An identity service without limits of projects."""

    def __init__(self, **limits: int) -> None:
        self._limits = {name.replace("__", ":"): limit for name, limit in limits.items()}

    def registered(self) -> Mapping[str, int]:
        return self._limits

    def of_project(self, project_id: str) -> Mapping[str, int]:
        return self._limits


def tallies(
    limits: UnifiedLimits, each: Mapping[str, int], used: Mapping[str, int]
) -> dict[str, Tally]:
    """What servers with these amounts are limited by, while a project has 3 that use so much; by name."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(instance_mappings, "usage", lambda *_who: Usage(3, 3, 3))
        patched.setattr(instance_mappings, "class_usage", lambda *_who: used)
        [found] = limits.of_project("p").tallies(TX, "u", Demand(1, 1, 1, 1, each))
    return {tally.resource: tally for tally in found}


def test_every_resource_of_the_compute_api_has_a_name() -> None:
    assert set(NAMES) == set(RESOURCES)
    assert len(set(NAMES.values())) == len(NAMES)


@pytest.mark.parametrize(
    ("strategy", "listed", "expected"),
    [
        (Strategy.REQUIRE, {"servers"}, {"servers": 0, "class:VCPU": -1, "class:CUSTOM_X": -1}),
        (
            Strategy.REQUIRE,
            {"servers", "class:CUSTOM_X"},
            {"servers": 0, "class:VCPU": -1, "class:CUSTOM_X": 0},
        ),
        (Strategy.REQUIRE, set(), {"servers": -1, "class:VCPU": -1, "class:CUSTOM_X": -1}),
        (Strategy.IGNORE, {"servers"}, {"servers": -1, "class:VCPU": 0, "class:CUSTOM_X": 0}),
        (Strategy.IGNORE, set(), {"servers": 0, "class:VCPU": 0, "class:CUSTOM_X": 0}),
    ],
)
def test_what_a_missing_registered_limit_means(
    strategy: Strategy, listed: set[str], expected: dict[str, int]
) -> None:
    rules = Rules(strategy, listed)
    assert {name: rules.unregistered(name) for name in expected} == expected
    # A limit that is there counts whatever the list says.
    limits = UnifiedLimits(Fixed(**{name.replace(":", "__"): 7 for name in expected}), rules)
    assert {limits.of_project("p").limit(name) for name in expected} == {7}


def test_limits_by_the_names_of_the_compute_api() -> None:
    limits = UnifiedLimits(Fixed(servers=1, class__VCPU=2, server_key_pairs=3), Rules())
    shown = limits.of_project("p").of_project(TX)
    assert set(shown) == set(RESOURCES)
    assert {name: shown[name] for name in ("instances", "cores", "ram", "key_pairs")} == {
        "instances": 1,
        "cores": 2,
        "ram": -1,
        "key_pairs": 3,
    }
    assert limits.of_class("default") == limits.of_class("other") == shown
    assert (limits.key_pairs("p", "u"), limits.metadata_items("p", "u")) == (3, -1)
    assert limits.of_project("p").of_user(TX, "u") == {}


def test_servers_and_each_limited_class_are_tallied() -> None:
    limits = UnifiedLimits(Fixed(servers=9, class__VCPU=8, class__CUSTOM_X=4), Rules())
    found = tallies(limits, {"VCPU": 2, "MEMORY_MB": 64, "CUSTOM_X": 1}, {"VCPU": 6})
    assert found == {
        "servers": Tally("servers", 9, 3, 1),
        "class:VCPU": Tally("class:VCPU", 8, 6, 2),
        "class:CUSTOM_X": Tally("class:CUSTOM_X", 4, 0, 1),
    }


@pytest.mark.parametrize(("together", "vcpus"), [(False, (4, 0)), (True, (6, 2))])
def test_pcpus_count_for_vcpus_where_they_are_to(together: bool, vcpus: tuple[int, int]) -> None:
    source = Fixed(servers=9, class__VCPU=8, class__PCPU=3)
    limits = UnifiedLimits(source, Rules(counts_pcpu_as_vcpu=together))
    found = tallies(limits, {"PCPU": 2}, {"VCPU": 4, "PCPU": 2})
    assert found["class:PCPU"] == Tally("class:PCPU", 3, 2, 2)
    vcpu = found.get("class:VCPU", Tally("class:VCPU", 8, 4, 0))
    assert (vcpu.used, vcpu.each) == vcpus


def test_use_is_told_by_the_classes_that_limits_are_on() -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(instance_mappings, "usage", lambda *_who: Usage(3, 5, 300))
        patched.setattr(instance_mappings, "class_usage", lambda *_who: {"VCPU": 1, "PCPU": 4})
        apart = UnifiedLimits(Fixed(), Rules()).usage(TX, "p")
        together = UnifiedLimits(Fixed(), Rules(counts_pcpu_as_vcpu=True)).usage(TX, "p")
        of_user = UnifiedLimits(Fixed(), Rules()).usage(TX, "p", "u")
    assert (apart, together) == (Usage(3, 1, 0), Usage(3, 5, 0))
    assert of_user == Usage(3, 5, 300)
