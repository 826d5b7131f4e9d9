"""Links by mount point, version, project and prefix."""

from __future__ import annotations

from groundwork.operations import Origin
from nova.api.links import Links

ORIGIN = Origin(
    base_url="https://host/compute",
    script_name="/compute/v2.1",
    version_prefix="/v2.1",
    project_prefix="/abc",
    path="/servers",
)


def test_links_lead_back_the_way_the_client_came() -> None:
    assert Links().of(ORIGIN, "servers", "1") == [
        {"rel": "self", "href": "https://host/compute/v2.1/abc/servers/1"},
        {"rel": "bookmark", "href": "https://host/compute/abc/servers/1"},
    ]


def test_prefix_replaces_the_base() -> None:
    links = Links(compute_link_prefix="http://cloud/api/")
    assert links.self_href(ORIGIN, "servers", "1") == "http://cloud/api/v2.1/abc/servers/1"
    assert links.bookmark_href(ORIGIN, "servers", "1") == "http://cloud/api/abc/servers/1"


def test_ids_are_quoted() -> None:
    assert Links().bookmark_href(ORIGIN, "flavors", "a b/c") == (
        "https://host/compute/abc/flavors/a%20b%2Fc"
    )


def test_images_are_linked_in_the_image_service() -> None:
    assert Links().image_alternate("7", image_service_url="http://glance:9292/")["href"] == (
        "http://glance:9292/images/7"
    )
    prefixed = Links(glance_link_prefix="http://images")
    link = prefixed.image_alternate("7", image_service_url="http://glance:9292")
    assert link == {
        "rel": "alternate",
        "type": "application/vnd.openstack.image",
        "href": "http://images/images/7",
    }
