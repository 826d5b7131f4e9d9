"""``/os-keypairs``."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.api.client import ADMIN, PROJECT, READER, STRANGER, USER, Api
from tests.api.deployment import sample

PUBLIC_KEY = sample("os-keypairs/v2.2/keypairs-import-post-req.json")["keypair"]["public_key"]
FINGERPRINT = "1e:2c:9b:56:79:4b:45:77:f9:ca:7a:98:2c:b0:d5:3c"


def bring(api: Api, name: str, *, token: str = USER, version: str = "2.1", **more: Any) -> Any:
    body = {"keypair": {"name": name, "public_key": PUBLIC_KEY, **more}}
    status = 200 if version == "2.1" else 201
    return api("POST", "/os-keypairs", body, token=token, version=version, status=status).json


def names(api: Api, query: str = "", **how: Any) -> list[str]:
    how = {"token": USER, **how}
    found = api.get(f"/os-keypairs{query}", **how)["keypairs"]
    return [item["keypair"]["name"] for item in found]


def test_imported_key_is_shown_as_it_came(api: Api) -> None:
    made = bring(api, "mine")
    assert made == {
        "keypair": {
            "name": "mine",
            "public_key": PUBLIC_KEY,
            "fingerprint": FINGERPRINT,
            "user_id": "fake",
        }
    }
    shown = api.get("/os-keypairs/mine", token=USER, version="2.2")["keypair"]
    assert shown.pop("created_at")[19] == "."
    assert shown == {
        **made["keypair"],
        "type": "ssh",
        "id": 1,
        "updated_at": None,
        "deleted": False,
        "deleted_at": None,
    }


@pytest.mark.parametrize(
    ("version", "created", "deleted", "has_type"),
    [("2.1", 200, 202, False), ("2.2", 201, 204, True)],
)
def test_statuses_and_type_by_version(
    api: Api, version: str, created: int, deleted: int, has_type: bool
) -> None:
    body = {"keypair": {"name": "k", "public_key": PUBLIC_KEY}}
    how = {"version": version, "token": USER}
    made = api("POST", "/os-keypairs", body, status=created, **how).json["keypair"]
    listed = api.get("/os-keypairs", **how)["keypairs"][0]["keypair"]
    assert ("type" in made) is ("type" in listed) is has_type
    assert api("DELETE", "/os-keypairs/k", status=deleted, **how).body == b""
    api.refused(404, "itemNotFound", "DELETE", "/os-keypairs/k", **how)
    api.refused(404, "itemNotFound", "GET", "/os-keypairs/k", **how)


def test_generated_ssh_key_is_a_pair(api: Api) -> None:
    body = {"keypair": {"name": "new"}}
    made = api("POST", "/os-keypairs", body, token=USER, version="2.91", status=201).json["keypair"]
    private = serialization.load_pem_private_key(made["private_key"].encode(), password=None)
    public = private.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    assert made["public_key"].startswith(public.decode())
    assert made["type"] == "ssh"
    assert made["fingerprint"].count(":") == 15
    assert "private_key" not in api.get("/os-keypairs/new", token=USER)["keypair"]


def test_generated_x509_key_comes_with_a_client_certificate(api: Api) -> None:
    body = {"keypair": {"name": "win", "type": "x509"}}
    made = api("POST", "/os-keypairs", body, token=USER, version="2.2", status=201).json["keypair"]
    certificate = x509.load_pem_x509_certificate(made["public_key"].encode())
    private = serialization.load_pem_private_key(made["private_key"].encode(), password=None)
    assert certificate.public_key() == private.public_key()
    assert certificate.subject.rfc4514_string() == "CN=fake"
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.ExtendedKeyUsageOID.CLIENT_AUTH]
    assert made["fingerprint"].count(":") == 19

    again = {"keypair": {"name": "copy", "type": "x509", "public_key": made["public_key"]}}
    copy = api("POST", "/os-keypairs", again, token=USER, version="2.2", status=201).json["keypair"]
    assert copy["fingerprint"] == made["fingerprint"]
    assert "private_key" not in copy


def test_keys_are_no_longer_generated_since_2_92(api: Api) -> None:
    body = {"keypair": {"name": "new"}}
    text = api.refused(400, "badRequest", "POST", "/os-keypairs", body, token=USER, version="2.92")
    assert "public_key" in text


@pytest.mark.parametrize(
    ("name", "until_2_91", "since_2_92"),
    [
        ("a-b_c d", 201, 201),
        ("me@there.example", 400, 201),
        ("a/b", 400, 400),
        (" edge", 400, 400),
        ("", 400, 400),
        ("x" * 256, 400, 400),
    ],
)
def test_names_by_version(api: Api, name: str, until_2_91: int, since_2_92: int) -> None:
    body = {"keypair": {"name": name, "public_key": PUBLIC_KEY}}
    api("POST", "/os-keypairs", body, token=USER, version="2.91", status=until_2_91)
    api("DELETE", f"/os-keypairs/{name}", token=USER)
    api("POST", "/os-keypairs", body, token=USER, version="2.92", status=since_2_92)


@pytest.mark.parametrize(
    "more",
    [
        {"public_key": "rubbish"},
        {"public_key": "ssh-rsa AAAA"},
        {"public_key": f"{PUBLIC_KEY}\nrm -rf /"},
        {"public_key": PUBLIC_KEY, "type": "x509"},
        {"public_key": ""},
        {"public_key": 1},
        {"type": "pgp"},
        {"unknown": 1},
    ],
)
def test_bad_keys_are_refused(api: Api, more: dict[str, Any]) -> None:
    body = {"keypair": {"name": "k", **more}}
    api.refused(400, "badRequest", "POST", "/os-keypairs", body, token=USER, version="2.2")
    assert names(api) == []


@pytest.mark.parametrize(("field", "version"), [("type", "2.1"), ("user_id", "2.9")])
def test_fields_before_their_versions_are_refused(api: Api, field: str, version: str) -> None:
    body = {"keypair": {"name": "k", "public_key": PUBLIC_KEY, field: "ssh"}}
    api.refused(400, "badRequest", "POST", "/os-keypairs", body, version=version)


def test_second_key_of_a_name_is_a_conflict(api: Api) -> None:
    bring(api, "k")
    body = {"keypair": {"name": "k", "public_key": PUBLIC_KEY}}
    text = api.refused(409, "conflictingRequest", "POST", "/os-keypairs", body, token=USER)
    assert text == "Key pair 'k' already exists."
    bring(api, "k", token=ADMIN)


def test_quota_is_per_user(api: Api) -> None:
    api.limits.key_pairs_limit = 1
    bring(api, "one")
    body = {"keypair": {"name": "two", "public_key": PUBLIC_KEY}}
    text = api.refused(403, "forbidden", "POST", "/os-keypairs", body, token=USER)
    assert text == "Quota exceeded, too many key pairs."
    bring(api, "other", token=ADMIN)
    api.limits.key_pairs_limit = -1
    bring(api, "two")


def test_concurrent_requests_do_not_overshoot_the_quota(api: Api) -> None:
    """key_pairs per user, server_groups and server_group_members are countable with recheck

    Parallel create at the limit for each; the groups' tests are in ``tests/db/test_server_groups.py``.
    """
    api.limits.key_pairs_limit = 3
    statuses: list[int] = []
    start = threading.Barrier(8)

    def work(number: int) -> None:
        body = {"keypair": {"name": f"k{number}", "public_key": PUBLIC_KEY}}
        start.wait(10)
        statuses.append(api("POST", "/os-keypairs", body, token=USER).status_int)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(statuses) == [200] * 3 + [403] * 5
    assert len(names(api)) == 3


def test_keys_belong_to_users_and_admins_may_name_one(api: Api) -> None:
    bring(api, "mine")
    assert names(api, token=STRANGER) == []
    assert names(api, "?user_id=fake", token=ADMIN, version="2.10") == ["mine"]
    # Before 2.10 the key says nothing.
    assert names(api, "?user_id=fake", token=ADMIN, version="2.9") == []
    api.get("/os-keypairs/mine?user_id=fake", token=ADMIN, version="2.10")
    made = bring(api, "gift", token=ADMIN, version="2.10", user_id="fake")["keypair"]
    assert made["user_id"] == "fake"
    assert names(api) == ["gift", "mine"]
    gift = "/os-keypairs/gift?user_id=fake"
    api("DELETE", gift, token=ADMIN, version="2.10", status=204)
    assert names(api) == ["mine"]


@pytest.mark.parametrize(
    ("method", "path", "rule"),
    [
        ("GET", "/os-keypairs?user_id=fake", "index"),
        ("GET", "/os-keypairs/mine?user_id=fake", "show"),
        ("DELETE", "/os-keypairs/mine?user_id=fake", "delete"),
    ],
)
def test_nobody_else_may_name_another_user(api: Api, method: str, path: str, rule: str) -> None:
    bring(api, "mine")
    text = api.refused(403, "forbidden", method, path, token=STRANGER, version="2.10")
    assert f"os_compute_api:os-keypairs:{rule}" in text
    body = {"keypair": {"name": "k", "public_key": PUBLIC_KEY, "user_id": "fake"}}
    api.refused(403, "forbidden", "POST", "/os-keypairs", body, token=STRANGER, version="2.10")
    assert names(api) == ["mine"]


def test_readers_may_have_keys_of_their_own(api: Api) -> None:
    bring(api, "mine", token=READER)
    assert names(api, token=READER) == ["mine"]


def test_pages_by_name_since_2_35(api: Api) -> None:
    for name in ("c", "a", "b"):
        bring(api, name)
    assert names(api, "?limit=1&marker=a", version="2.34") == ["a", "b", "c"]

    first = api.get("/os-keypairs?limit=2", token=USER, version="2.35")
    assert [item["keypair"]["name"] for item in first["keypairs"]] == ["a", "b"]
    assert first["keypairs_links"] == [
        {
            "rel": "next",
            "href": "http://openstack.example.com/v2.1/os-keypairs?limit=2&marker=b",
        }
    ]
    last = api.get("/os-keypairs?limit=2&marker=b", token=USER, version="2.35")
    assert [item["keypair"]["name"] for item in last["keypairs"]] == ["c"]
    assert "keypairs_links" not in last
    api.refused(400, "badRequest", "GET", "/os-keypairs?marker=x", token=USER, version="2.35")
    api.refused(400, "badRequest", "GET", "/os-keypairs?limit=-1", token=USER, version="2.35")
    asked = f"/{PROJECT}/os-keypairs?limit=1&user_id=fake"
    body = api.get(asked, token=ADMIN, version="2.35")
    assert body["keypairs_links"][0]["href"] == (
        f"http://openstack.example.com/v2.1/{PROJECT}/os-keypairs?limit=1&marker=a&user_id=fake"
    )


@pytest.mark.parametrize("path", ["/os-keypairs", "/os-keypairs/mine"])
def test_unknown_query_keys_are_refused_since_2_75(api: Api, path: str) -> None:
    bring(api, "mine")
    api("GET", f"{path}?unknown=1", token=USER, version="2.74", status=200)
    api.refused(400, "badRequest", "GET", f"{path}?unknown=1", token=USER, version="2.75")
