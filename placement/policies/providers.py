"""Rules on providers and what they have."""

from placement.policies.base import rule

_ALL = "/resource_providers"
_ONE = f"{_ALL}/{{uuid}}"
_INVENTORIES = f"{_ONE}/inventories"
_INVENTORY = f"{_INVENTORIES}/{{resource_class}}"
_AGGREGATES = f"{_ONE}/aggregates"
_TRAITS = f"{_ONE}/traits"
_OWN = "placement:resource_providers"
RULES = [
    rule(f"{_OWN}:list", "List resource providers.", ("GET", _ALL)),
    rule(f"{_OWN}:create", "Create a resource provider.", ("POST", _ALL)),
    rule(f"{_OWN}:show", "Show a resource provider.", ("GET", _ONE)),
    rule(f"{_OWN}:update", "Rename or move a resource provider.", ("PUT", _ONE)),
    rule(f"{_OWN}:delete", "Delete a resource provider.", ("DELETE", _ONE)),
    rule(f"{_OWN}:inventories:list", "List inventories.", ("GET", _INVENTORIES)),
    rule(f"{_OWN}:inventories:create", "Add one inventory.", ("POST", _INVENTORIES)),
    rule(f"{_OWN}:inventories:show", "Show one inventory.", ("GET", _INVENTORY)),
    rule(
        f"{_OWN}:inventories:update",
        "Replace all inventories or change one.",
        ("PUT", _INVENTORIES),
        ("PUT", _INVENTORY),
    ),
    rule(
        f"{_OWN}:inventories:delete",
        "Delete all inventories or one.",
        ("DELETE", _INVENTORIES),
        ("DELETE", _INVENTORY),
    ),
    rule(f"{_OWN}:aggregates:list", "List aggregates of a provider.", ("GET", _AGGREGATES)),
    rule(f"{_OWN}:aggregates:update", "Replace aggregates of a provider.", ("PUT", _AGGREGATES)),
    rule(f"{_OWN}:usages", "Show what is used at a provider.", ("GET", f"{_ONE}/usages")),
    rule(f"{_OWN}:traits:list", "List traits of a provider.", ("GET", _TRAITS)),
    rule(f"{_OWN}:traits:update", "Replace traits of a provider.", ("PUT", _TRAITS)),
    rule(f"{_OWN}:traits:delete", "Take all traits from a provider.", ("DELETE", _TRAITS)),
    rule(
        f"{_OWN}:allocations:list",
        "List what is held at a provider.",
        ("GET", f"{_ONE}/allocations"),
    ),
]
