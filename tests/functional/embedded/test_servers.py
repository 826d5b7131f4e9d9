"""The life of servers, over HTTP and both cells."""

from __future__ import annotations

from tests.functional.embedded.plane import Cloud, USER


def test_server_is_created_shown_listed_and_deleted(cloud: Cloud) -> None:
    shown = cloud.build("one")
    uuid = shown["id"]
    assert shown["OS-EXT-STS:power_state"] == 1
    assert cloud.listed() == [uuid]
    assert cloud.listed("/servers/detail") == [uuid]
    assert cloud.allocations().keys() == {uuid}
    assert cloud.guests() == {uuid: shown["OS-EXT-SRV-ATTR:host"]}
    cloud.delete(uuid, token=USER)
    cloud.wait_gone(uuid)
    assert cloud.listed() == []
