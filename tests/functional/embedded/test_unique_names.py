"""Names that are taken once in a project, over a whole plane."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.embedded.plane import Cloud


@pytest.fixture(scope="module")
def _cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    cloud = Cloud(
        tmp_path_factory.mktemp("plane"),
        default={"osapi_compute_unique_server_name_scope": "project"},
    )
    try:
        cloud.make_flavor("tiny")
        yield cloud
    finally:
        cloud.stop()


def test_a_name_is_taken_from_the_promise_to_the_end(cloud: Cloud) -> None:
    uuid = cloud.create("Web")
    refuse = (409, "conflictingRequest", "POST", "/servers", cloud.body("web"))
    cloud.compute.refused(*refuse)
    cloud.wait_until(uuid, "ACTIVE")
    cloud.compute.refused(*refuse)
    cloud.delete(uuid)
    cloud.wait_gone(uuid)
    cloud.build("web")
