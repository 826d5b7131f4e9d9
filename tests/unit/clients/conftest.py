"""The Placement client before a mocked web, and before a faithful fake."""

from __future__ import annotations

import pytest
import requests_mock

from nova.clients.placement import Placement
from nova.clients.providers import Inventory
from tests.fakes.placement import FakePlacement
from tests.unit.clients.placement_facts import P1
from tests.unit.clients.services import make_service


@pytest.fixture
def web():
    with requests_mock.Mocker() as mocker:
        yield mocker


@pytest.fixture
def mocked(web):
    return Placement(make_service(), sleep=lambda delay_s: None)


@pytest.fixture
def fake():
    return FakePlacement()


@pytest.fixture
def placement(fake):
    return Placement(make_service(application=fake), sleep=lambda delay_s: None)


@pytest.fixture
def host(placement):
    placement.create_provider(P1, "host")
    placement.put_inventories(
        P1, {"VCPU": Inventory(8), "MEMORY_MB": Inventory(1024)}, generation=0
    )
    return P1
