"""What ``online_data_migrations`` cures, and how ``placement-status`` notices."""

from __future__ import annotations

import sqlalchemy as sa

from placement.db.models import resource_providers
from placement.db.queries import providers
from tests.db.placement.conftest import Rooms


def test_missing_roots_are_filled_level_by_level(rooms: Rooms) -> None:
    top = rooms.provider("top")
    child = rooms.provider("child", parent=top)
    grandchild = rooms.provider("grandchild", parent=child)
    with rooms.database.write() as tx:
        tx.execute(sa.update(resource_providers).values(root_provider_id=None))
    with rooms.database.read() as tx:
        assert providers.count_without_root(tx) == 3
    assert rooms.database.run(lambda tx: providers.fill_roots(tx, 2)) == (3, 2)
    assert rooms.database.run(lambda tx: providers.fill_roots(tx, 50)) == (1, 1)
    assert rooms.database.run(lambda tx: providers.fill_roots(tx, 50)) == (0, 0)
    assert {rooms.providers.show(one).root_uuid for one in (top, child, grandchild)} == {top}
