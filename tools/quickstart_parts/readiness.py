"""When a service counts as ready: it answers, and what it needs has reported."""

from __future__ import annotations

from quickstart_parts.plan import Plan
from quickstart_parts.rest import Refused, Rest


def answers(url: str) -> bool:
    """Whether somebody speaks HTTP there and is not broken.

    :raises Unanswered: nobody does.
    """
    try:
        Rest().get(url)
    except Refused as refused:
        return refused.status < 500
    return True


def placement_serves(plan: Plan, rest: Rest) -> bool:
    """Whether Placement answers a request with a token, and so can check tokens."""
    try:
        rest.get(f"{plan.placement_url}/traits", OpenStack_API_Version="placement 1.6")
    except Refused:
        return False
    return True


def hosts_reported(plan: Plan, rest: Rest) -> int:
    """How many compute hosts are up and have told Placement what they hold."""
    try:
        services = rest.get(f"{plan.compute_url}/os-services?binary=nova-compute")["services"]
        providers = rest.get(f"{plan.placement_url}/resource_providers")["resource_providers"]
    except Refused:
        return 0
    up = {service["host"] for service in services if service["state"] == "up"}
    return len(up & {provider["name"] for provider in providers})
