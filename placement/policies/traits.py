"""Rules on traits."""

from placement.policies.base import rule

_ONE = "/traits/{name}"
RULES = [
    rule("placement:traits:list", "List traits.", ("GET", "/traits")),
    rule("placement:traits:show", "Tell whether a trait exists.", ("GET", _ONE)),
    rule("placement:traits:update", "Ensure that a trait exists.", ("PUT", _ONE)),
    rule("placement:traits:delete", "Delete a trait.", ("DELETE", _ONE)),
]
