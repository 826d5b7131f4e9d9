"""Whatever is sent, the service answers in its own words: never 5xx, and errors in the documented form.

Answers that are no errors are checked against their declared schemas by the application itself.
"""

from __future__ import annotations

from uuid import uuid4

import webob
from hypothesis import HealthCheck, given, settings
from oslo_config import cfg

from groundwork.database import Database
from placement.api.app import make_application
from placement.inventory import standard
from tests.api.placement.conftest import Client, claim_body
from tests.api.placement.openapi_requests import Known, Sent, requests

HOST, CHILD, SHARED, CONSUMER, AGGREGATE, NOBODY = (str(uuid4()) for _ in range(6))
# 400 and 404 are what garbage gets; the rest is said by any operation, before it is reached.
_ANYWHERE = {400, 401, 403, 404, 405, 406, 413, 415}


def make_client(conf: cfg.ConfigOpts, database: Database) -> Client:
    """A deployment with a bit of everything, so that requests get past the first look."""
    standard.sync(database)
    client = Client(make_application(conf, database, check_answers="error"))
    client("PUT", "/traits/CUSTOM_T")
    client.provider(SHARED, DISK_GB=100)
    client.set_traits(SHARED, "MISC_SHARES_VIA_AGGREGATE", "CUSTOM_T")
    client.set_aggregates(SHARED, AGGREGATE)
    return client


def keep_host(client: Client) -> None:
    """Put back what an earlier request removed, with good reason."""
    client("PUT", "/resource_classes/CUSTOM_GOLD")
    if client("GET", f"/resource_providers/{HOST}").status_int == 404:
        client.provider(HOST, VCPU=8, MEMORY_MB=1024, CUSTOM_GOLD=5)
        client.set_aggregates(HOST, AGGREGATE)
        client("PUT", f"/allocations/{CONSUMER}", claim_body({HOST: {"VCPU": 2}}))
    if client("GET", f"/resource_providers/{CHILD}").status_int == 404:
        client.provider(CHILD, parent=HOST, VGPU=4)


def known_to(client: Client) -> Known:
    """What a request to this deployment can name."""
    words = {
        "resources": ("VCPU:1", "MEMORY_MB:16", "VCPU:2,CUSTOM_GOLD:1", "VCPU:1,DISK_GB:10"),
        "required": ("COMPUTE_NODE", "!CUSTOM_T", "in:COMPUTE_NODE,CUSTOM_T"),
        "member_of": (AGGREGATE, f"!{AGGREGATE}", f"in:{AGGREGATE},{NOBODY}"),
        "in_tree": (HOST, CHILD, NOBODY),
        "uuid": (HOST, NOBODY),
        "name": ("in:CUSTOM_T,CUSTOM_NONE", "startswith:CUSTOM", f"name-{HOST}"),
        "associated": ("true", "false"),
        "limit": ("1", "1000"),
        "group_policy": ("none", "isolate"),
        "root_required": ("COMPUTE_NODE", "!CUSTOM_T"),
        "same_subtree": ("1,2", "_A"),
        "removed_roots": ("true", "false"),
        "unknown_names": ("explained", "refused"),
        "project_id": ("project", "other"),
        "user_id": ("user", "other"),
        "consumer_type": ("INSTANCE", "all", "unknown"),
    }

    def consumer_generation() -> int | None:
        generation: int | None = client.get(f"/allocations/{CONSUMER}").get("consumer_generation")
        return generation

    return Known(
        in_paths={
            "uuid": (HOST, HOST, CHILD, SHARED, NOBODY),
            "consumer_uuid": (CONSUMER, CONSUMER, NOBODY),
            "resource_class": ("VCPU", "CUSTOM_GOLD", "CUSTOM_NONE"),
            "name": ("CUSTOM_T", "CUSTOM_GOLD", "VCPU", "COMPUTE_NODE", "CUSTOM_NEW"),
        },
        in_queries=words,
        in_bodies={
            "resource_provider_generation": lambda: client.generation(HOST),
            "consumer_generation": consumer_generation,
            "parent_provider_uuid": lambda: SHARED,
        },
        uuids=(HOST, HOST, HOST, CHILD, SHARED, CONSUMER, AGGREGATE, HOST.upper(), "-" * 36),
        names=("VCPU", "CUSTOM_GOLD", "MEMORY_MB", "CUSTOM_T", "COMPUTE_NODE", "INSTANCE"),
    )


def send(client: Client, sent: Sent) -> webob.Response:
    return client(
        sent.method,
        sent.path,
        sent.body,
        version=None,
        token=None,
        headers=dict(sent.headers),
    )


def require_sane(answer: webob.Response, sent: Sent) -> None:
    assert answer.status_int < 500, (sent, answer.text)
    if answer.status_int < 400 or sent.method == "HEAD":
        return
    assert answer.status_int in _ANYWHERE | {409}, (sent, answer.text)
    if answer.content_type != "application/json":
        # Only who takes no JSON gets none.
        assert "Accept" in sent.headers, sent
        assert answer.text
        return
    (error,) = answer.json["errors"]
    assert error["status"] == answer.status_int
    assert error["title"]
    assert isinstance(error["detail"], str)
    assert error["request_id"].startswith("req-")
    version = answer.headers.get("OpenStack-API-Version", "placement 1.0").partition(" ")[2]
    assert ("code" in error) is (int(version.partition(".")[2]) >= 23), (sent, answer.text)


def test_nothing_that_is_sent_breaks_the_service(
    conf: cfg.ConfigOpts, placement_database: Database
) -> None:
    client = make_client(conf, placement_database)
    keep_host(client)
    document = client.get("/openapi.json")

    @settings(max_examples=200, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(requests(document, known_to(client)))
    def check(sent: Sent) -> None:
        keep_host(client)
        require_sane(send(client, sent), sent)

    check()
