"""Host aggregates as operators make them, for as long as a test needs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.functional.embedded.plane import ADMIN, Cloud, wait_for


@contextmanager
def aggregate(cloud: Cloud, name: str, *hosts: str, **metadata: str) -> Iterator[str]:
    """An aggregate of these hosts that the scheduler knows of; its uuid. ``availability_zone`` makes it a zone."""
    made = cloud.compute("POST", "/os-aggregates", {"aggregate": {"name": name}}, token=ADMIN)
    path = f"/os-aggregates/{made.json()['aggregate']['id']}"

    def act(action: str, value: object) -> None:
        cloud.compute("POST", f"{path}/action", {action: value}, token=ADMIN, status=200)

    # What the scheduler knows may be two seconds old, and an old view may still find a host.
    def known() -> dict[str, str] | None:
        found = cloud.scheduler._selector._hosts.aggregates()
        return next((dict(each.metadata) for each in found if each.name == name), None)

    if metadata:
        act("set_metadata", {"metadata": metadata})
    for host in hosts:
        act("add_host", {"host": host})
    try:
        wait_for(f"the aggregate {name}", lambda: known() == metadata)
        yield str(made.json()["aggregate"]["uuid"])
    finally:
        # No host leaves its zone with servers on it.
        cloud.clear()
        for host in hosts:
            act("remove_host", {"host": host})
        cloud.compute("DELETE", path, token=ADMIN, status=200)
        wait_for(f"the end of aggregate {name}", lambda: known() is None)
