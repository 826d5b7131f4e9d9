"""The set of all operations: what each must have, and what all together must be."""

from __future__ import annotations

import itertools

import pytest
from oslo_config import cfg

from groundwork.database import Database
from groundwork.operations import Operation
from groundwork.versions import Version
from placement import conf as options
from placement import policies
from placement.api.app import make_operations
from placement.api.microversion import NEWEST, OLDEST

# Method and path of each route, with the minor version that brought it.
ROUTES = {
    ("GET", "/"): 0,
    ("GET", "/resource_classes"): 2,
    ("POST", "/resource_classes"): 2,
    ("GET", "/resource_classes/{name}"): 2,
    ("PUT", "/resource_classes/{name}"): 2,
    ("DELETE", "/resource_classes/{name}"): 2,
    ("GET", "/resource_providers"): 0,
    ("POST", "/resource_providers"): 0,
    ("GET", "/resource_providers/{uuid}"): 0,
    ("PUT", "/resource_providers/{uuid}"): 0,
    ("DELETE", "/resource_providers/{uuid}"): 0,
    ("GET", "/resource_providers/{uuid}/inventories"): 0,
    ("POST", "/resource_providers/{uuid}/inventories"): 0,
    ("PUT", "/resource_providers/{uuid}/inventories"): 0,
    ("DELETE", "/resource_providers/{uuid}/inventories"): 5,
    ("GET", "/resource_providers/{uuid}/inventories/{resource_class}"): 0,
    ("PUT", "/resource_providers/{uuid}/inventories/{resource_class}"): 0,
    ("DELETE", "/resource_providers/{uuid}/inventories/{resource_class}"): 0,
    ("GET", "/resource_providers/{uuid}/usages"): 0,
    ("GET", "/resource_providers/{uuid}/aggregates"): 1,
    ("PUT", "/resource_providers/{uuid}/aggregates"): 1,
    ("GET", "/resource_providers/{uuid}/traits"): 6,
    ("PUT", "/resource_providers/{uuid}/traits"): 6,
    ("DELETE", "/resource_providers/{uuid}/traits"): 6,
    ("GET", "/resource_providers/{uuid}/allocations"): 0,
    ("POST", "/allocations"): 13,
    ("GET", "/allocations/{consumer_uuid}"): 0,
    ("PUT", "/allocations/{consumer_uuid}"): 0,
    ("DELETE", "/allocations/{consumer_uuid}"): 0,
    ("GET", "/allocation_candidates"): 10,
    ("GET", "/allocation_candidates/explain"): 39,
    ("GET", "/traits"): 6,
    ("GET", "/traits/{name}"): 6,
    ("PUT", "/traits/{name}"): 6,
    ("DELETE", "/traits/{name}"): 6,
    ("GET", "/usages"): 9,
    ("POST", "/reshaper"): 30,
}
OPEN = {"/", "/openapi.json"}


@pytest.fixture(scope="module")
def operations() -> tuple[Operation, ...]:
    conf: cfg.ConfigOpts = options.new()
    conf.set_override("connection", "sqlite://", group="placement_database")
    conf([], project="placement", default_config_files=[], default_config_dirs=[])
    return make_operations(conf, Database("sqlite://")).operations


def by_route(operations: tuple[Operation, ...]) -> dict[tuple[str, str], list[Operation]]:
    found: dict[tuple[str, str], list[Operation]] = {}
    for one in operations:
        found.setdefault((one.method, one.path), []).append(one)
    return found


def test_every_route_is_there_from_its_version_on(operations: tuple[Operation, ...]) -> None:
    first = {
        route: min(one.versions.first for one in found).minor
        for route, found in by_route(operations).items()
    }
    assert first.pop(("GET", "/openapi.json")) == 0
    assert first == ROUTES


def test_versions_of_a_route_neither_overlap_nor_leave_holes(
    operations: tuple[Operation, ...],
) -> None:
    for route, found in by_route(operations).items():
        for one, other in itertools.combinations(found, 2):
            assert not one.versions.overlaps(other.versions), route
        start = min(one.versions.first.minor for one in found)
        for minor in range(start, NEWEST.minor + 1):
            assert any(Version(1, minor) in one.versions for one in found), (route, minor)
        assert OLDEST <= min(one.versions.first for one in found)


def test_every_operation_has_its_policy(operations: tuple[Operation, ...]) -> None:
    rules = {rule.name: rule for rule in policies.list_rules()}
    for one in operations:
        if one.path in OPEN:
            assert one.policy is None
            continue
        assert one.policy in rules, one.name
        guarded = {(path["method"], path["path"]) for path in rules[one.policy].operations}
        assert (one.method, one.path) in guarded, one.name
    used = {one.policy for one in operations}
    assert {name for name in rules if name.startswith("placement:")} <= used


def test_every_operation_tells_what_it_takes_and_gives(operations: tuple[Operation, ...]) -> None:
    for one in operations:
        assert one.summary, one.name
        if one.path not in OPEN:
            assert one.query is not None, one.name
            assert 403 in one.errors, one.name
        if one.method == "GET" and one.success != 204:
            assert one.response is not None, one.name
        for declared in (one.query, one.body, one.response):
            if declared is not None:
                assert declared.at(one.versions.first) is not None, one.name
        if one.body is not None:
            assert {400, 415} <= set(one.errors), one.name


def test_every_option_has_help() -> None:
    for group, declared in options.for_sample_generator():
        for option in declared:
            assert option.help, (group, option.name)
