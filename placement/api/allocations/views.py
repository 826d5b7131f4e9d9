"""Allocations between the wire and the domain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groundwork.errors import Invalid
from groundwork.operations import Call
from placement.allocations.reading import UNKNOWN_TYPE, ConsumerView, ProviderView
from placement.api.microversion import since
from placement.records import Claim, Owner
from placement.uuids import canonical


def parse_claim(
    call: Call, consumer_uuid: str, body: Mapping[str, Any], placeholder: Owner
) -> Claim:
    """The claim that a body describes; below 1.8 it names no owner, and the placeholder stands in.

    :raises Invalid: the uuid of the consumer or of a provider is none.
    """
    return Claim(
        consumer_uuid=parse_uuid(consumer_uuid, "consumer"),
        resources=_parse_resources(body["allocations"]),
        project_id=body.get("project_id", placeholder.project_id),
        user_id=body.get("user_id") or placeholder.user_id or "",
        consumer_type=body.get("consumer_type"),
        owner_is_placeholder="project_id" not in body,
        check_generation=since(call, 28),
        expected_generation=body.get("consumer_generation"),
    )


def parse_uuid(text: str, whose: str) -> str:
    """The uuid in its stored form. :raises Invalid: it is none."""
    uuid = canonical(text)
    if uuid is None:
        raise Invalid(f"Malformed {whose}_uuid: {text}")
    return uuid


def _parse_resources(allocations: Any) -> dict[str, dict[str, int]]:
    """The amounts by provider and class, from the list of old clients or the object of new ones."""
    if isinstance(allocations, list):
        pairs = [(one["resource_provider"]["uuid"], one["resources"]) for one in allocations]
    else:
        pairs = [(uuid, one["resources"]) for uuid, one in allocations.items()]
    wanted: dict[str, dict[str, int]] = {}
    for text, amounts in pairs:
        share = wanted.setdefault(parse_uuid(text, "resource_provider"), {})
        for name, amount in amounts.items():
            share[name] = share.get(name, 0) + int(amount)
    return wanted


def show_consumer(call: Call, found: ConsumerView | None) -> dict[str, Any]:
    """What a consumer holds; of one that holds nothing only that."""
    if found is None:
        return {"allocations": {}}
    body: dict[str, Any] = {
        "allocations": {
            uuid: {"resources": share.resources, "generation": share.generation}
            for uuid, share in found.allocations.items()
        }
    }
    if since(call, 12):
        body["project_id"] = found.consumer.project_id
        body["user_id"] = found.consumer.user_id
    if since(call, 28):
        body["consumer_generation"] = found.consumer.generation
    if since(call, 38):
        body["consumer_type"] = found.consumer.consumer_type or UNKNOWN_TYPE
    return body


def show_provider(call: Call, found: ProviderView) -> dict[str, Any]:
    """What is held at a provider."""
    shares: dict[str, dict[str, Any]] = {}
    for uuid, share in found.allocations.items():
        shares[uuid] = {"resources": share.resources}
        if since(call, 28):
            shares[uuid]["consumer_generation"] = share.generation
    return {"allocations": shares, "resource_provider_generation": found.generation}
