"""cell0's database becomes another one while all services run, and stays so."""

from __future__ import annotations

import time
from typing import Any

import pytest

from groundwork.database import Database
from nova.db.cell import models as cell_models
from nova.db.cell import schema
from tests.functional.embedded.moving import Mover
from tests.functional.embedded.plane import ADMIN, Cloud, wait_for

ABOVE = {"nova-scheduler", "nova-conductor"}


def above(cloud: Cloud) -> dict[str, Any]:
    """The services above the cells as the API lists them, by binary."""
    found = cloud.compute.get("/os-services?host=plane", token=ADMIN)["services"]
    return {service["binary"]: service for service in found if service["state"] == "up"}


@pytest.mark.parametrize("what", ["an empty database", "a copy", "one that was there before"])
def test_services_above_the_cells_follow(cloud: Cloud, what: str) -> None:
    """They report there, are listed as up, and builds go on; those without a host are buried there."""
    name = what.replace(" ", "-")
    url = f"sqlite:///{cloud.folder}/{name}.db"
    database = Database(url)
    schema.sync(database)
    rows = cloud.rows("cell0", cell_models.services)
    assert {row.binary for row in rows} == ABOVE
    if what != "an empty database":
        more = {} if what == "a copy" else {"incarnation": "from-before", "last_seen_up": None}
        with database.write() as tx:
            for row in rows:
                tx.execute(cell_models.services.insert().values(**{**row._mapping, **more}))
    Mover(cloud).move("cell0", url)
    moved_at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    wait_for(
        "reports",
        lambda: (
            {
                binary
                for binary, service in above(cloud).items()
                if str(service["updated_at"]) > moved_at
            }
            == ABOVE
        ),
    )
    found = cloud.rows("cell0", cell_models.services)
    assert {row.incarnation for row in found} == {row.incarnation for row in rows}
    server = cloud.create()
    assert cloud.wait_until(server, "ACTIVE")
    buried = cloud.create("buried", flavorRef="huge")
    cloud.wait_until_error(buried)
    with database.read() as tx:
        assert (
            buried
            in tx.execute(
                cell_models.instances.select().with_only_columns(cell_models.instances.c.uuid)
            )
            .scalars()
            .all()
        )
    database.dispose()
