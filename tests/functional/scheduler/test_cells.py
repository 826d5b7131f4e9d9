"""Which cells the scheduler asks, which it uses, and how hosts become hosts, over two cells and a real Placement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from nova.cells.mappings import Changes, Urls, update_cell
from nova.db.api import models as api_models
from nova.db.cell import models as cell_models
from nova.scheduler.cell_readings import Freshness
from tests.functional.embedded.joining import one_more_host
from tests.functional.embedded.plane import ADMIN, Cloud, wait_for


@contextmanager
def traced_queries(cloud: Cloud) -> Iterator[dict[str, list[str]]]:
    """The statements that reach each cell from above (API, super-conductor, scheduler)."""
    statements: dict[str, list[str]] = {cell.name: [] for cell in cloud.cells}
    engines: list[tuple[sa.Engine, Any]] = []
    for name in statements:
        database = cloud.database(name)
        with database.read():
            assert database._reader is not None
        for engine in {database.engine, database._reader}:

            def note(
                _connection: Any, _cursor: Any, statement: str, *_: Any, to: str = name
            ) -> None:
                statements[to].append(statement)

            engines.append((engine, note))
    for engine, note in engines:
        sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        for engine, note in engines:
            sa.event.remove(engine, "before_cursor_execute", note)


def fill_cell(cloud: Cloud, name: str) -> None:
    for host in cloud.drivers():
        if host.startswith(name):
            cloud.build(flavorRef="whole", availability_zone=f"nova:{host}", token=ADMIN)


def test_only_cells_with_candidates_are_asked(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scheduler reads host state only from cells that own candidate hosts: cells with no candidate get none."""
    # Which cell a node is in has to be learned once, by asking all of them.
    cloud.build(flavorRef="one")
    fill_cell(cloud, "cell2")
    # Every request reads anew, so that each has to decide whom to ask.
    readings = cloud.scheduler._selector._hosts._readings
    monkeypatch.setattr(readings, "_fresh", Freshness(rows_s=0, full_s=600))
    with traced_queries(cloud) as statements:
        uuid = cloud.create(flavorRef="one")
        wait_for(
            "the server", lambda: any(row.launched_at for row in cloud.living() if row.uuid == uuid)
        )
    assert any("compute_nodes" in statement for statement in statements["cell1"])
    # The test's own look at living servers is all there is, beside discovery, which looks for new hosts everywhere.
    asked = [s for s in statements["cell2"] if "compute_nodes" in s or "services" in s]
    assert [s for s in asked if "compute_nodes.mapped = " not in s] == []
    assert cloud.cell_of(uuid) == "cell1"


def set_disabled(cloud: Cloud, name: str, disabled: bool) -> None:
    """What ``nova-manage cell_v2 update_cell --disable`` does; services notice by themselves."""
    [cell] = [cell for cell in cloud.cells if cell.name == name]
    update_cell(
        cloud.embedded.plane.api_database,
        cell.uuid,
        Changes(disabled=disabled),
        local=Urls("local:///api", ""),
    )
    wait_for(
        "the registry",
        lambda: any(c.name == name and c.disabled == disabled for c in cloud.cells),
    )


def test_disabled_cell_takes_no_new_servers_and_serves_the_old_ones(cloud: Cloud) -> None:
    """A disabled cell gets no new builds; the servers that it has are shown, listed and deleted as ever."""
    old = cloud.build(flavorRef="one", availability_zone="nova:cell1-host1", token=ADMIN)["id"]
    set_disabled(cloud, "cell1", True)
    try:
        for number in range(4):
            shown = cloud.build(f"s{number}", flavorRef="five")
            assert shown["OS-EXT-SRV-ATTR:host"].startswith("cell2")
        fill = [cloud.create(flavorRef="whole") for _ in range(2)]
        faults = [cloud.wait_until_error(uuid)["fault"]["message"] for uuid in fill]
        assert all("enabled cells removed" in fault for fault in faults), faults
        assert cloud.show(old)["status"] == "ACTIVE"
        assert old in cloud.listed()
        cloud.delete(old)
        cloud.wait_gone(old)
    finally:
        set_disabled(cloud, "cell1", False)
    fill_cell(cloud, "cell1")


def test_hosts_of_a_sick_service_are_left_within_seconds(cloud: Cloud) -> None:
    """Changes of a service's state are seen within seconds, without any restart."""
    table = cloud.scheduler._selector._hosts
    cloud.build(flavorRef="one")
    first = cloud.build(flavorRef="one")["OS-EXT-SRV-ATTR:host"]

    def set_down(down: bool) -> None:
        with cloud.database(first.partition("-")[0]).write() as tx:
            services = cell_models.services
            change = sa.update(services).where(services.c.host == first)
            tx.execute(change.values(forced_down=down))

    def view() -> Any:
        return next(iter(table.nodes_of(first, None)))

    set_down(True)
    try:
        wait_for("the change", lambda: view().forced_down)
        chosen = {cloud.build(flavorRef="five")["OS-EXT-SRV-ATTR:host"] for _ in range(4)}
        assert first not in chosen
    finally:
        set_down(False)
    wait_for("the change", lambda: not view().forced_down)


def test_new_host_is_used_without_any_command(cloud: Cloud) -> None:
    """Periodic host discovery at a configured interval: set the interval to 1 s, start a compute, boot without any
    command."""
    assert cloud.conf.scheduler.discover_hosts_in_cells_interval == 1
    with one_more_host(cloud, "cell1", "cell1-new"):
        body = cloud.body(flavorRef="one", availability_zone="nova:cell1-new")
        accepted = wait_for("the mapping", lambda: _accepted(cloud, body))
        assert cloud.wait_until(accepted, "ACTIVE")["OS-EXT-SRV-ATTR:host"] == "cell1-new"
        cloud.delete(accepted)
        cloud.wait_gone(accepted)
        cloud.assert_nothing_is_left()


def _accepted(cloud: Cloud, body: dict[str, Any]) -> str | None:
    """The uuid once the API knows the host."""
    answer = cloud.compute("POST", "/servers", body, token=ADMIN)
    assert answer.status_code in (202, 400), answer.text
    return answer.json()["server"]["id"] if answer.status_code == 202 else None


def test_unmapped_host_is_no_host(cloud: Cloud) -> None:
    """Hosts that are mapped to no cell are not schedulable, and are as soon as they are mapped again."""

    table = api_models.host_mappings
    host = "cell2-host2"
    with cloud.database("api").write() as tx:
        row = tx.execute(sa.select(table).where(table.c.host == host)).one()
        tx.execute(sa.delete(table).where(table.c.host == host))
    try:
        table_of_hosts = cloud.scheduler._selector._hosts
        wait_for("the change", lambda: table_of_hosts.count() == 3)
        cloud.compute.refused(
            400,
            "badRequest",
            "POST",
            "/servers",
            cloud.body(availability_zone=f"nova:{host}"),
            token=ADMIN,
        )
        body = cloud.body(flavorRef="whole", min_count=4, max_count=4)
        cloud.compute("POST", "/servers", body, status=202)
        path = "/servers?status=ERROR"
        wait_for("four failures", lambda: len(cloud.listed(path)) == 4)
        fault = cloud.show(cloud.listed(path)[0])["fault"]["message"]
        assert "There is room for 3 of 4 servers" in fault
        assert "hosts mapped to a cell removed 1" in fault
    finally:
        with cloud.database("api").write() as tx:
            tx.execute(sa.insert(table), dict(row._mapping))
    cloud.clear()
    cloud.assert_nothing_is_left()
    wait_for("the change", lambda: table_of_hosts.count() == 4)
    cloud.compute("POST", "/servers", body, status=202)
    wait_for("four servers", lambda: len(cloud.listed("/servers?status=ACTIVE")) == 4)
