"""Rules on resource classes."""

from placement.policies.base import rule

_ALL = "/resource_classes"
_ONE = "/resource_classes/{name}"
RULES = [
    rule("placement:resource_classes:list", "List resource classes.", ("GET", _ALL)),
    rule("placement:resource_classes:create", "Create a resource class.", ("POST", _ALL)),
    rule("placement:resource_classes:show", "Show a resource class.", ("GET", _ONE)),
    rule("placement:resource_classes:update", "Ensure or rename a resource class.", ("PUT", _ONE)),
    rule("placement:resource_classes:delete", "Delete a resource class.", ("DELETE", _ONE)),
]
