"""Where calls about volumes go, in whose name, and what their answers mean."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests_mock
from oslo_config import cfg

import nova.conf
from groundwork.context import RequestContext
from groundwork.errors import Conflict, Forbidden, Invalid, NotFound, Unauthorized, Unavailable
from nova.clients.volumes import Attachments, load_attachments, load_user_volumes
from tests.fakes.cinder import FakeCinder
from tests.unit.clients.services import make_service

ROOT = "http://cinder.test/volume/v3"
OWN = {"auth_type": "admin_token", "token": "ours", "endpoint": f"{ROOT}/0a1b2c"}
VOLUME = "a07f71dc-8151-4e7d-a0cc-cd24a3f11113"
SERVER = "4b293d31-ebd5-4a7f-be03-874b90021e54"


@pytest.fixture
def configured(tmp_path: Path) -> Callable[..., cfg.ConfigOpts]:
    """Makes configurations with these options in ``[cinder]``; nothing is repeated."""

    def read(**options: str) -> cfg.ConfigOpts:
        path = tmp_path / "nova.conf"
        given = {"http_retries": "0", **options}
        path.write_text("[cinder]\n" + "".join(f"{key} = {given[key]}\n" for key in given))
        conf: cfg.ConfigOpts = nova.conf.new()
        conf(["--config-file", str(path)], project="nova")
        return conf

    return read


@pytest.fixture
def user() -> RequestContext:
    return RequestContext(user_id="u", project_id="p7", auth_token="theirs", overwrite=False)


def shown(**more: Any) -> dict[str, Any]:
    return {"volume": {"id": VOLUME, "status": "available", "size": 3, **more}}


@pytest.mark.parametrize(
    "options",
    [
        OWN,
        {**OWN, "endpoint": ROOT},
        {
            **OWN,
            "endpoint": "http://elsewhere.test/",
            "endpoint_template": f"{ROOT}/%(project_id)s",
        },
    ],
    ids=["with project", "without", "template"],
)
def test_users_ask_in_their_own_name_and_project(
    configured: Callable[..., cfg.ConfigOpts],
    options: dict[str, str],
    user: RequestContext,
    requests_mock: requests_mock.Mocker,
) -> None:
    body = shown(
        bootable="true", multiattach=True, volume_image_metadata={"min_ram": 64, "hw_x": "1"}
    )
    requests_mock.get(f"{ROOT}/p7/volumes/{VOLUME}", json=body)
    volumes = load_user_volumes(configured(**options))
    assert volumes is not None
    found = volumes.get(user, "p7", VOLUME)
    assert (found.status, found.size_gb) == ("available", 3)
    assert found.is_bootable
    assert found.is_multiattach
    assert found.image == {"min_ram": "64", "hw_x": "1"}
    sent = requests_mock.last_request
    assert sent is not None
    assert sent.headers["X-Auth-Token"] == "theirs"
    assert sent.headers["OpenStack-API-Version"] == "volume 3.44"


@pytest.mark.parametrize(
    ("status", "problem"),
    [(400, NotFound), (404, NotFound), (401, Unauthorized), (403, Forbidden), (500, Unavailable)],
)
def test_what_users_are_told(
    configured: Callable[..., cfg.ConfigOpts],
    user: RequestContext,
    requests_mock: requests_mock.Mocker,
    status: int,
    problem: type[Exception],
) -> None:
    requests_mock.get(f"{ROOT}/p7/volumes/{VOLUME}", status_code=status)
    volumes = load_user_volumes(configured(**OWN))
    assert volumes is not None
    with pytest.raises(problem):
        volumes.get(user, "p7", VOLUME)


def test_service_asks_in_its_own_name_and_vouches_for_itself(
    configured: Callable[..., cfg.ConfigOpts], requests_mock: requests_mock.Mocker
) -> None:
    requests_mock.delete(f"{ROOT}/0a1b2c/attachments/{SERVER}", json={})
    attachments = load_attachments(configured(**OWN))
    assert attachments is not None
    attachments.delete(SERVER)
    sent = requests_mock.last_request
    assert sent is not None
    assert sent.headers["X-Auth-Token"] == sent.headers["X-Service-Token"] == "ours"


def test_no_credentials_are_no_volumes(configured: Callable[..., cfg.ConfigOpts]) -> None:
    assert load_user_volumes(configured()) is None
    assert load_attachments(configured()) is None


# Against a Cinder


@pytest.fixture
def cinder() -> FakeCinder:
    return FakeCinder()


@pytest.fixture
def attachments(cinder: FakeCinder) -> Attachments:
    return Attachments(make_service(application=cinder, service_type="volumev3"))


def test_volume_is_reserved_once(cinder: FakeCinder, attachments: Attachments) -> None:
    volume = cinder.add_volume()
    made = attachments.reserve(SERVER, volume)
    assert attachments.reserve(SERVER, volume) == made
    assert list(cinder.attachments) == [made]
    other = attachments.reserve(SERVER, volume, instead_of=made)
    assert other != made
    # A repetition whose first run came that far.
    assert attachments.reserve(SERVER, volume, instead_of=made) == other
    assert list(cinder.attachments) == [other]
    with pytest.raises(Invalid, match=volume):
        attachments.reserve(str(uuid.uuid4()), volume)
    with pytest.raises(Invalid, match=VOLUME):
        attachments.reserve(SERVER, VOLUME)


def test_volume_on_its_way_to_a_guest_and_back(
    cinder: FakeCinder, attachments: Attachments
) -> None:
    volume = cinder.add_volume()
    made = attachments.reserve(SERVER, volume)
    for _ in range(2):
        info = attachments.connect(made, {"host": "h1"})
        assert info == {"driver_volume_type": "fake", "data": {"host": "h1"}}
    assert cinder.volumes[volume]["status"] == "attaching"
    for _ in range(2):
        attachments.complete(made)
    assert cinder.volumes[volume]["status"] == "in-use"
    with pytest.raises(Conflict):
        attachments.delete_volume(volume)
    for _ in range(2):
        attachments.delete(made)
    assert cinder.volumes[volume]["status"] == "available"
    for _ in range(2):
        attachments.delete_volume(volume)
    assert cinder.volumes == {}


def test_cinder_that_is_broken_may_work_later(cinder: FakeCinder, attachments: Attachments) -> None:
    volume = cinder.add_volume()
    cinder.refusals.append(("POST", "/attachments", 500))
    with pytest.raises(Unavailable):
        attachments.reserve(SERVER, volume)


def test_volume_goes_from_host_to_host_without_being_free(
    cinder: FakeCinder, attachments: Attachments
) -> None:
    """Cinder makes no second attachment while a host is on its way in, and lets no two hosts in at a time."""
    volume = cinder.add_volume()
    first = attachments.reserve(SERVER, volume)
    attachments.connect(first, {"host": "h1"})
    seen: list[str] = []
    settle = cinder._settle

    def note(volume_id: str) -> None:
        settle(volume_id)
        seen.append(cinder.volumes[volume_id]["status"])

    cinder._settle = note  # type: ignore[method-assign]
    second = attachments.reserve(SERVER, volume, instead_of=first)
    assert seen == ["in-use", "in-use", "reserved"]
    assert list(cinder.attachments) == [second]
    attachments.connect(second, {"host": "h2"})
