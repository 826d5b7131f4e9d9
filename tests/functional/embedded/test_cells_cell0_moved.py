"""cell0's database becomes another one while all services run, and stays so."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from groundwork.columns import now
from groundwork.database import Database
from nova.db.cell import models as cell_models
from nova.db.cell import schema
from tests.functional.embedded.moving import Mover
from tests.functional.embedded.plane import ADMIN, Cloud, wait_for

ABOVE = {"nova-scheduler", "nova-conductor"}


def listed_as_up(cloud: Cloud) -> set[str]:
    """The services above the cells by their binaries, as the API lists them."""
    found = cloud.compute.get("/os-services?host=plane", token=ADMIN)["services"]
    return {service["binary"] for service in found if service["state"] == "up"}


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
                tx.execute(sa.insert(cell_models.services).values(**{**row._mapping, **more}))
    Mover(cloud).move("cell0", url)
    wait_for("the change", lambda: url in {cell.database_url for cell in cloud.cells})
    changed_at = now()
    wait_for(
        "reports",
        lambda: (
            {
                row.binary
                for row in cloud.rows("cell0", cell_models.services)
                if row.last_seen_up and row.last_seen_up > changed_at
            }
            == ABOVE
        ),
    )
    assert listed_as_up(cloud) == ABOVE
    found = cloud.rows("cell0", cell_models.services)
    assert {row.incarnation for row in found} == {row.incarnation for row in rows}
    server = cloud.create()
    assert cloud.wait_until(server, "ACTIVE")
    buried = cloud.create("buried", flavorRef="huge")
    cloud.wait_until_error(buried)
    with database.read() as tx:
        assert buried in tx.execute(sa.select(cell_models.instances.c.uuid)).scalars().all()
    database.dispose()
