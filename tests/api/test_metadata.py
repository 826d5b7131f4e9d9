"""The metadata service as guests see it, over two cells."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import webob

from groundwork.database import Database
from groundwork.errors import Conflict
from nova.api.metadata.app import MetadataApplication
from nova.api.metadata.guest import Address, Nic, Route
from nova.api.metadata.identity import ProxyIdentity
from nova.api.metadata.lookup import LocalServers, MappedServers, ServerLookup
from nova.api.metadata.source import GuestSource
from nova.api.metadata.vendor_data import StaticVendorData
from nova.db.cell.models import instances
from nova.domain.server import Server
from tests.api.deployment import PROJECT, Deployment

SECRET = "s3cret"
IMAGE = "70a599e0-31e7-49b7-b260-868f441e862b"
PORT = "b1a2c3d4-0000-4000-8000-000000000001"
NIC = Nic(
    port_id=PORT,
    network_id="da5bb487-5193-4a65-a3df-4a0055a8c0d7",
    mac_address="fa:16:3e:00:00:01",
    mtu=1442,
    addresses=(
        Address(
            address="192.0.2.10",
            cidr="192.0.2.0/24",
            dhcp=False,
            gateway="192.0.2.1",
            routes=(Route("198.51.100.0/24", "192.0.2.2"),),
            dns_servers=("203.0.113.53",),
            floating=("203.0.113.10",),
        ),
        Address(address="2001:db8::10", cidr="2001:db8::/64"),
    ),
    tag="front",
)


class OneNic:
    """Every server has the same port."""

    def nics(self, server: Server) -> Sequence[Nic]:
        return (NIC,)


class KeptPasswords:
    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def read(self, server_uuid: str) -> str:
        return self.kept.get(server_uuid, "")

    def write(self, server_uuid: str, password: str) -> None:
        if server_uuid in self.kept:
            raise Conflict("The password was set already.")
        self.kept[server_uuid] = password


class Guests(Deployment):
    """The deployment with a metadata service; ``ask`` speaks as the proxy does."""

    def __init__(self, folder: Path, vendor_data: Path) -> None:
        super().__init__(folder)
        self.passwords = KeptPasswords()
        self.time_s = 0.0
        self._vendor_data = vendor_data
        self.lookup: ServerLookup = MappedServers(
            api_database=self.api_database, registry=self.registry, scatter=self.scatter
        )
        self.start()

    def start(self, *, proxy: bool = True, providers: Sequence[str] = ("StaticJSON",)) -> None:
        self.application = MetadataApplication(
            identity=ProxyIdentity(service_metadata_proxy=proxy, shared_secret=SECRET),
            source=GuestSource(
                servers=self.lookup,
                networks=OneNic(),
                passwords=self.passwords,
                vendor_data=StaticVendorData(path=str(self._vendor_data), providers=providers),
                dhcp_domain="novalocal",
                cache_expiration_s=15,
                clock=lambda: self.time_s,
            ),
        )

    def ask(
        self, server: Server | None, path: str, *, status: int = 200, **more: Any
    ) -> webob.Response:
        headers = {}
        if server is not None:
            signature = hmac.new(SECRET.encode(), server.uuid.encode(), hashlib.sha256)
            headers = {
                "X-Instance-ID": server.uuid,
                "X-Tenant-ID": server.project_id,
                "X-Instance-ID-Signature": signature.hexdigest(),
            }
        headers.update(more.pop("headers", {}))
        request = webob.Request.blank(path, headers=headers, **more)
        answer = request.get_response(self.application)
        assert answer.status_int == status, answer.text
        return answer


@pytest.fixture
def guests(tmp_path: Path) -> Iterator[Guests]:
    vendor_data = tmp_path / "vendor.json"
    vendor_data.write_text('{"cloud-init": "#!/bin/sh"}')
    deployment = Guests(tmp_path, vendor_data)
    yield deployment
    deployment.close()


@pytest.fixture
def server(guests: Guests) -> Server:
    return guests.add_server(
        "cell2",
        uuid="d8e02d56-2648-49a3-bf97-6be8f1204f38",
        display_name="My Server",
        hostname="my-server",
        image_ref=IMAGE,
        key_name="mykey",
        key_data="ssh-ed25519 AAAA me",
        user_data=base64.b64encode(b"#!/bin/sh\necho \xff").decode(),
        availability_zone="nova",
        reservation_id="r-1",
        launch_index=2,
        root_device_name="/dev/vda",
        security_groups=("default", "web"),
        metadata={"role": "web"},
    )


def test_versions_are_listed_to_everybody(guests: Guests) -> None:
    ec2 = guests.ask(None, "/").text.splitlines()
    assert (ec2[0], ec2[-2:]) == ("1.0", ["2009-04-04", "latest"])
    openstack = guests.ask(None, "/openstack").text.splitlines()
    assert (openstack[0], openstack[-2:]) == ("2012-08-10", ["2020-10-14", "latest"])


def test_meta_data_json_describes_the_server(guests: Guests, server: Server) -> None:
    answer = guests.ask(server, "/openstack/latest/meta_data.json")
    assert answer.content_type == "application/json"
    found = answer.json
    assert len(base64.b64decode(found.pop("random_seed"))) == 512
    assert found == {
        "uuid": server.uuid,
        "name": "My Server",
        "hostname": "my-server.novalocal",
        "launch_index": 2,
        "availability_zone": "nova",
        "project_id": PROJECT,
        "meta": {"role": "web"},
        "public_keys": {"mykey": "ssh-ed25519 AAAA me"},
        "keys": [{"name": "mykey", "type": "ssh", "data": "ssh-ed25519 AAAA me"}],
        "devices": [{"type": "nic", "mac": "fa:16:3e:00:00:01", "tags": ["front"]}],
    }


@pytest.mark.parametrize(
    ("version", "names", "absent"),
    [
        ("2012-08-10", "meta_data.json user_data", "random_seed project_id devices"),
        ("2013-04-04", "meta_data.json user_data password", "project_id devices"),
        ("2013-10-17", "meta_data.json user_data vendor_data.json password", "project_id"),
        (
            "2015-10-15",
            "meta_data.json user_data vendor_data.json network_data.json password",
            "devices",
        ),
        (
            "2016-10-06",
            "meta_data.json user_data vendor_data.json network_data.json vendor_data2.json password",
            "",
        ),
        ("2014-01-01", "meta_data.json user_data vendor_data.json password", "project_id"),
    ],
)
def test_older_versions_know_less(
    guests: Guests, server: Server, version: str, names: str, absent: str
) -> None:
    assert guests.ask(server, f"/openstack/{version}/").text.split() == names.split()
    found = guests.ask(server, f"/openstack/{version}/meta_data.json").json
    assert not set(absent.split()) & set(found)
    for name in {"network_data.json", "vendor_data2.json"} - set(names.split()):
        guests.ask(server, f"/openstack/{version}/{name}", status=404)


def test_user_data_comes_back_as_bytes(guests: Guests, server: Server) -> None:
    for path in ("/openstack/latest/user_data", "/latest/user-data", "/2009-04-04/user-data/"):
        answer = guests.ask(server, path)
        assert answer.body == b"#!/bin/sh\necho \xff"
        assert answer.content_type == "application/octet-stream"


def test_server_without_user_data_and_key_has_neither(guests: Guests) -> None:
    plain = guests.add_server("cell1", hostname="plain.example.org")
    guests.ask(plain, "/openstack/latest/user_data", status=404)
    guests.ask(plain, "/latest/user-data", status=404)
    assert "user_data" not in guests.ask(plain, "/openstack/latest").text
    assert guests.ask(plain, "/latest").text == "meta-data/"
    assert "public-keys" not in guests.ask(plain, "/latest/meta-data/").text
    found = guests.ask(plain, "/openstack/latest/meta_data.json").json
    assert "keys" not in found
    assert found["hostname"] == "plain.example.org", "a full name needs no domain"


def test_ec2_tree_is_walked_path_by_path(guests: Guests, server: Server) -> None:
    assert guests.ask(server, "/latest/").text.split() == ["meta-data/", "user-data"]
    listing = guests.ask(server, "/latest/meta-data/").text.splitlines()
    assert listing == sorted(listing)
    assert {"placement/", "public-keys/", "block-device-mapping/", "hostname"} <= set(listing)

    def text(path: str) -> str:
        return str(guests.ask(server, f"/latest/meta-data/{path}").text)

    assert text("instance-id") == "i-d8e02d56"
    assert text("ami-id") == "ami-70a599e0"
    assert text("ami-launch-index") == "2"
    assert text("hostname") == text("local-hostname") == "my-server.novalocal"
    assert text("local-ipv4") == "192.0.2.10"
    assert text("public-ipv4") == "203.0.113.10"
    assert text("instance-type") == "m1"
    assert text("reservation-id") == "r-1"
    assert text("security-groups") == "default\nweb"
    assert text("placement/") == "availability-zone"
    assert text("placement/availability-zone") == "nova"
    assert text("block-device-mapping/root") == "/dev/vda"
    assert text("public-keys/") == "0=mykey"
    assert text("public-keys/0/") == "openssh-key"
    assert text("public-keys/0/openssh-key") == "ssh-ed25519 AAAA me"


def test_ec2_versions_know_what_they_knew(guests: Guests, server: Server) -> None:
    old = guests.ask(server, "/1.0/meta-data/").text.splitlines()
    assert "instance-id" in old
    assert not {"placement/", "instance-type", "public-ipv4"} & set(old)
    guests.ask(server, "/1.0/meta-data/placement/availability-zone", status=404)


@pytest.mark.parametrize(
    "path",
    [
        "/latest/nothing",
        "/latest/meta-data/nothing",
        "/latest/meta-data/hostname/deeper",
        "/2008-01-01/meta-data/",
        "/openstack/1999-01-01/meta_data.json",
        "/openstack/latest/nothing",
        "/openstack/latest/meta_data.json/deeper",
    ],
)
def test_unknown_path_is_not_found(guests: Guests, server: Server, path: str) -> None:
    guests.ask(server, path, status=404)


def test_network_data_tells_static_and_dhcp_networks(guests: Guests, server: Server) -> None:
    found = guests.ask(server, "/openstack/latest/network_data.json").json
    assert found["links"] == [
        {
            "id": "tapb1a2c3d4-00",
            "vif_id": PORT,
            "type": "ovs",
            "mtu": 1442,
            "ethernet_mac_address": "fa:16:3e:00:00:01",
        }
    ]
    static, dhcp = found["networks"]
    assert (static["id"], static["type"], static["link"]) == ("network0", "ipv4", "tapb1a2c3d4-00")
    assert (static["ip_address"], static["netmask"]) == ("192.0.2.10", "255.255.255.0")
    assert static["routes"] == [
        {"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "192.0.2.1"},
        {"network": "198.51.100.0", "netmask": "255.255.255.0", "gateway": "192.0.2.2"},
    ]
    assert dhcp == {
        "id": "network1",
        "link": "tapb1a2c3d4-00",
        "network_id": NIC.network_id,
        "type": "ipv6_dhcp",
    }
    assert found["services"] == [{"type": "dns", "address": "203.0.113.53"}]


def test_vendor_data_is_the_operators_file(guests: Guests, server: Server, tmp_path: Path) -> None:
    static = {"cloud-init": "#!/bin/sh"}
    assert guests.ask(server, "/openstack/latest/vendor_data.json").json == static
    assert guests.ask(server, "/openstack/latest/vendor_data2.json").json == {"static": static}
    for bad in ("[1]", "{", None):
        file = tmp_path / "vendor.json"
        file.write_text(bad) if bad else file.unlink()
        guests.time_s += 60
        assert guests.ask(server, "/openstack/latest/vendor_data.json").json == {}
    guests.start(providers=())
    assert guests.ask(server, "/openstack/latest/vendor_data2.json").json == {}


def test_password_is_left_once(guests: Guests, server: Server) -> None:
    path = "/openstack/latest/password"
    assert guests.ask(server, path).text == ""
    guests.ask(server, path, method="POST", body=b"x" * 1021, status=400)
    guests.ask(server, path, method="POST", body=b"encrypted")
    assert guests.ask(server, path).text == "encrypted"
    guests.ask(server, path, method="POST", body=b"other", status=409)
    assert guests.passwords.kept == {server.uuid: "encrypted"}


def test_only_the_password_can_be_posted(guests: Guests, server: Server) -> None:
    for path in ("/openstack/latest/meta_data.json", "/latest/meta-data/", "/"):
        guests.ask(server, path, method="POST", body=b"x", status=404)


def test_both_cells_are_served_and_one_outlives_the_other(guests: Guests, server: Server) -> None:
    other = guests.add_server("cell1", hostname="other")
    guests.silence("cell1")
    path = "/latest/meta-data/hostname"
    assert guests.ask(server, path).text == "my-server.novalocal"
    guests.ask(other, path, status=503)


def test_cell_alone_serves_its_own_servers(guests: Guests, server: Server) -> None:
    other = guests.add_server("cell1")
    guests.lookup = LocalServers(database=guests.databases["cell2"])
    guests.start()
    assert guests.ask(server, "/latest/meta-data/hostname").text == "my-server.novalocal"
    guests.ask(other, "/latest/meta-data/hostname", status=404)


def test_silent_local_cell_is_unavailable(guests: Guests, server: Server) -> None:
    guests.lookup = LocalServers(database=Database("sqlite:////nowhere/lost.db"))
    guests.start()
    guests.ask(server, "/latest/meta-data/hostname", status=503)


def test_answers_are_kept_for_some_seconds(guests: Guests, server: Server) -> None:
    def hostname() -> str:
        return str(guests.ask(server, "/latest/meta-data/hostname").text)

    assert hostname() == "my-server.novalocal"
    with guests.databases["cell2"].write() as tx:
        tx.execute(sa.update(instances).values(hostname="renamed"))
    guests.time_s += 14.9
    assert hostname() == "my-server.novalocal"
    guests.time_s += 0.1
    assert hostname() == "renamed.novalocal"


def test_unknown_and_deleted_servers_are_not_found(guests: Guests) -> None:
    deleted = guests.add_server("cell1", deleted=3)
    guests.ask(deleted, "/latest/meta-data/", status=404)
    building = guests.add_server("cell1")
    with guests.databases["cell1"].write() as tx:
        tx.execute(sa.delete(instances).where(instances.c.uuid == building.uuid))
    guests.ask(building, "/latest/meta-data/", status=404)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-Instance-ID-Signature": "0" * 64}, 403),
        ({"X-Instance-ID-Signature": ""}, 403),
        ({"X-Instance-ID-Signature": "ä"}, 403),
        ({"X-Instance-ID": ""}, 400),
        ({"X-Tenant-ID": ""}, 400),
        ({"X-Instance-ID": "a, b"}, 400),
        ({"X-Tenant-ID": "0" * 32}, 404),
    ],
)
def test_forged_identity_is_refused(
    guests: Guests, server: Server, headers: dict[str, str], status: int
) -> None:
    guests.ask(server, "/latest/meta-data/", status=status, headers=headers)


def test_kept_answer_is_not_given_to_another_project(guests: Guests, server: Server) -> None:
    guests.ask(server, "/latest/meta-data/")
    guests.ask(server, "/latest/meta-data/", status=404, headers={"X-Tenant-ID": "0" * 32})


def test_nobody_is_known_without_a_proxy(guests: Guests, server: Server) -> None:
    guests.start(proxy=False)
    guests.ask(server, "/latest/meta-data/", status=404)
    guests.ask(server, "/openstack/latest/meta_data.json", status=404)
