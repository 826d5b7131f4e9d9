"""What the scheduler counts of the servers of a cell."""

from __future__ import annotations

from groundwork.database import Database
from nova.scheduler.host_rows import Counts, read_counts, read_images
from nova.scheduler.host_view import ImageOnHost
from tests.db.test_compute_nodes import add_server


def test_servers_and_their_images_are_counted_by_node(cell_database: Database) -> None:
    debian, other = {"os_distro": "debian"}, {"os_distro": "other"}
    with cell_database.write() as tx:
        for host, node, image, properties in (
            ("a", "a1", "i1", debian),
            ("a", "a1", "i1", debian),
            ("a", "a1", "i2", other),
            ("a", "a2", "i1", debian),
            ("b", "b", None, other),
            (None, None, "i1", debian),
        ):
            add_server(tx, host=host, node=node, image_ref=image, image_properties=properties)
        add_server(tx, host="b", node="b", image_ref="i3", vm_state="building")
    with cell_database.read() as tx:
        assert read_counts(tx) == {
            ("a", "a1"): Counts(3, 0),
            ("a", "a2"): Counts(1, 0),
            ("b", "b"): Counts(2, 1),
        }
        assert read_images(tx) == {
            ("a", "a1"): (ImageOnHost(debian, 2), ImageOnHost(other, 1)),
            ("a", "a2"): (ImageOnHost(debian, 1),),
            ("b", "b"): (ImageOnHost({}, 1),),
        }
