"""Images as users see them."""

from __future__ import annotations

import pytest
import requests
import requests_mock
from oslo_config import cfg

from groundwork.context import RequestContext
from groundwork.errors import Forbidden, NotFound, Unauthorized, Unavailable
from nova.clients.glance import Image, load_images
from nova.conf import clients as clients_conf

URL = "http://glance.test"
KEYSTONE = "http://keystone.test/v3"
ID = "70a599e0-31e7-49b7-b260-868f441e862b"
BODY = {
    "id": ID,
    "name": "cirros",
    "status": "active",
    "size": 21233664,
    "virtual_size": 117440512,
    "min_disk": 1,
    "min_ram": 64,
    "disk_format": "qcow2",
    "container_format": "bare",
    "visibility": "public",
    "owner": "p0",
    "protected": False,
    "os_hidden": False,
    "tags": [],
    "checksum": "c",
    "os_hash_algo": "sha512",
    "os_hash_value": "v",
    "created_at": "2020-01-01T00:00:00Z",
    "updated_at": "2020-01-01T00:00:00Z",
    "self": f"/v2/images/{ID}",
    "file": f"/v2/images/{ID}/file",
    "schema": "/v2/schemas/image",
    "hw_disk_bus": "virtio",
    "os_distro": "cirros",
    "ramdisk_id": None,
}
TOKEN = {
    "token": {
        "methods": ["password"],
        "expires_at": "2099-01-01T00:00:00.000000Z",
        "issued_at": "2020-01-01T00:00:00.000000Z",
        "user": {"id": "u", "name": "nova", "domain": {"id": "default", "name": "Default"}},
        "catalog": [
            {
                "type": "image",
                "name": "glance",
                "endpoints": [
                    {"interface": "internal", "region": "R", "region_id": "R", "url": f"{URL}/"}
                ],
            }
        ],
    }
}
SERVICE_USER = (
    f"[service_user]\nauth_type = v3password\nauth_url = {KEYSTONE}\nusername = nova\n"
    "password = p\nuser_domain_name = Default\nsend_service_user_token = {send}\n"
)
WITHOUT_CATALOG = f"[glance]\nendpoint_override = {URL}\nnum_retries = 0\n"


@pytest.fixture
def web():
    with requests_mock.Mocker() as mocker:
        mocker.post(f"{KEYSTONE}/auth/tokens", json=TOKEN, headers={"X-Subject-Token": "ST"})
        yield mocker


@pytest.fixture
def images(tmp_path):
    def load(text: str = WITHOUT_CATALOG):
        conf = cfg.ConfigOpts()
        for group, options in clients_conf.GROUPS.items():
            conf.register_opts(options, group=group)
        (tmp_path / "nova.conf").write_text(text)
        conf(["--config-file", str(tmp_path / "nova.conf")])
        return load_images(conf)

    return load


@pytest.fixture
def user():
    return RequestContext(auth_token="UT", overwrite=False)


def test_image_is_read_as_documented(web, images, user):
    web.get(f"{URL}/v2/images/{ID}", json=BODY)
    assert images().get(user, ID) == Image(
        id=ID,
        name="cirros",
        status="active",
        size_bytes=21233664,
        min_disk_gb=1,
        min_ram_mb=64,
        disk_format="qcow2",
        container_format="bare",
        visibility="public",
        owner="p0",
        properties={"hw_disk_bus": "virtio", "os_distro": "cirros"},
    )
    sent = web.last_request.headers
    assert sent["X-Auth-Token"] == "UT"
    assert sent["X-OpenStack-Request-ID"] == user.request_id
    assert "X-Service-Token" not in sent


def test_service_token_goes_along_when_wanted(web, images, user):
    web.get(f"{URL}/v2/images/{ID}", json=BODY)
    images(WITHOUT_CATALOG + SERVICE_USER.format(send="true")).get(user, ID)
    sent = web.last_request.headers
    assert (sent["X-Auth-Token"], sent["X-Service-Token"]) == ("UT", "ST")


def test_endpoint_comes_from_our_catalogue_and_the_token_from_the_user(web, images, user):
    web.get(f"{URL}/v2/images/{ID}", json=BODY)
    images(SERVICE_USER.format(send="false")).get(user, ID)
    sent = web.last_request.headers
    assert sent["X-Auth-Token"] == "UT"
    assert "X-Service-Token" not in sent


def test_caller_without_token_never_gets_our_rights(web, images):
    web.get(f"{URL}/v2/images/{ID}", json=BODY)
    images(WITHOUT_CATALOG + SERVICE_USER.format(send="true")).get(RequestContext.admin(), ID)
    sent = web.last_request.headers
    assert sent["X-Auth-Token"] != "ST"
    assert "X-Service-Token" not in sent


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, NotFound),
        (400, NotFound),
        (403, Forbidden),
        (401, Unauthorized),
        (500, Unavailable),
        (503, Unavailable),
    ],
)
def test_refusal_becomes_a_kind(web, images, user, status, kind):
    web.get(f"{URL}/v2/images/{ID}", status_code=status, text="why")
    with pytest.raises(kind) as caught:
        images().get(user, ID)
    assert type(caught.value) is kind
    assert web.call_count == 1, "a token that is not ours cannot be renewed"


def test_missing_image_is_told_in_the_words_of_the_api(web, images, user):
    web.get(f"{URL}/v2/images/{ID}", status_code=404)
    with pytest.raises(NotFound, match=f"^Image {ID} could not be found\\.$"):
        images().get(user, ID)


def test_id_cannot_leave_its_place_in_the_path(web, images, user):
    web.get(requests_mock.ANY, status_code=404)
    with pytest.raises(NotFound):
        images().get(user, "../../v2/images?x=")
    assert "/v2/images/..%2F..%2Fv2%2Fimages%3Fx%3D".lower() in web.last_request.url.lower()


def test_glance_that_is_down_is_unavailable(web, images, user):
    web.get(f"{URL}/v2/images/{ID}", exc=requests.ConnectionError)
    with pytest.raises(Unavailable):
        images().get(user, ID)


def test_unknown_endpoint_is_unavailable(web, images, user):
    with pytest.raises(Unavailable):
        images("").get(user, ID)
