"""Rules on allocations, what is used in sum, candidates and the reshaper."""

from placement.policies.base import ADMIN_OR_PROJECT_READER_OR_SERVICE, SERVICE, rule

_ONE = "/allocations/{consumer_uuid}"
RULES = [
    rule(
        "placement:usages",
        "Show what a project uses.",
        ("GET", "/usages"),
        check=ADMIN_OR_PROJECT_READER_OR_SERVICE,
    ),
    rule(
        "placement:allocations:manage",
        "Replace allocations of several consumers.",
        ("POST", "/allocations"),
    ),
    rule("placement:allocations:list", "Show allocations of a consumer.", ("GET", _ONE)),
    rule("placement:allocations:update", "Replace allocations of a consumer.", ("PUT", _ONE)),
    rule("placement:allocations:delete", "Delete allocations of a consumer.", ("DELETE", _ONE)),
    rule(
        "placement:allocation_candidates:list",
        "Find allocation candidates.",
        ("GET", "/allocation_candidates"),
        ("GET", "/allocation_candidates/explain"),
    ),
    rule(
        "placement:reshaper:reshape",
        "Change inventories and allocations of several providers as one.",
        ("POST", "/reshaper"),
        check=SERVICE,
    ),
]
