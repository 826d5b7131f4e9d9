"""While a cloud is upgraded: nothing is asked of computes that they could not do yet, over the whole plane."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nova.cells import service_versions
from nova.db.cell import services
from nova.db.cell.services import ServiceRow
from nova.domain.service_versions import SERVICE_VERSION
from tests.functional.embedded.plane import ADMIN, Cloud


@pytest.fixture
def asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cells tell of their services is not believed for longer than a moment."""
    monkeypatch.setattr(service_versions.ServiceVersions, "_is_fresh", lambda _self: False)


@pytest.fixture
def old_compute(cloud: Cloud) -> Iterator[str]:
    """A host of cell2 whose compute is of the first release, and is down while it is upgraded."""
    host = "not-upgraded"
    register(cloud, host, version=1)
    yield host
    database(cloud).run(lambda tx: services.delete(tx, find(cloud, host).uuid))


def database(cloud: Cloud) -> Any:
    return cloud.database("cell2")


def register(cloud: Cloud, host: str, *, version: int) -> None:
    database(cloud).run(
        lambda tx: services.register(tx, host, services.COMPUTE, "1", version=version)
    )


def find(cloud: Cloud, host: str) -> ServiceRow:
    with database(cloud).read() as tx:
        found = services.find(tx, host, services.COMPUTE)
    assert found is not None
    return found


@pytest.mark.usefixtures("asked_anew")
def test_old_compute_in_one_cell_keeps_new_code_off(cloud: Cloud, old_compute: str) -> None:
    """Minimum service version is computed over all cells.

    Register an old compute in cell2; new code paths stay off.
    """
    cloud.make_flavor("pinned")
    cloud.compute(
        "POST",
        "/flavors/pinned/os-extra_specs",
        {"extra_specs": {"hw:numa_nodes": "1"}},
        token=ADMIN,
        status=200,
    )
    kept = cloud.cinder.add_volume()
    device = {"source_type": "volume", "destination_type": "volume", "uuid": kept}
    new = {
        "volumes": cloud.body(block_device_mapping_v2=[device]),
        "NUMA nodes": cloud.body(flavorRef="pinned"),
        "files": cloud.body(personality=[{"path": "/etc/motd", "contents": "aGVsbG8="}]),
    }
    asked = {"version": "2.56"}
    for what, body in new.items():
        refusal = cloud.compute.refused(
            409, "conflictingRequest", "POST", "/servers", body, **asked
        )
        assert what in refusal
        assert "have to be upgraded first" in refusal
        assert refusal == cloud.compute.refused(
            409, "conflictingRequest", "POST", "/os-scheduler-dry-run", body, token=ADMIN, **asked
        )
    assert cloud.cinder.volumes[kept]["status"] == "available"
    # What computes always could goes on.
    cloud.delete(cloud.build()["id"])

    register(cloud, old_compute, version=SERVICE_VERSION)
    for body in new.values():
        made = cloud.compute("POST", "/servers", body, status=202, **asked).json()["server"]
        cloud.delete(made["id"])
