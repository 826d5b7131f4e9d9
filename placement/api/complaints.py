"""What is said of a body, a query or a name that breaks its schema. Clients search these texts for the keyword."""

from __future__ import annotations

from collections.abc import Iterable

from groundwork.errors import Invalid
from groundwork.validation import Complaint

# A refused value may be as large as a request: shown in full it would fill logs and terminals. Less than this and
# the end of a list of patterns or keys, which tells what would be right, could be cut away.
_LONGEST = 2000


def bad_body(complaint: Complaint) -> Invalid:
    """What a body is told."""
    return Invalid(f"JSON does not validate: {explain(complaint)}")


def bad_query(complaint: Complaint) -> Invalid:
    """What a query is told."""
    key = complaint.path[0] if complaint.path else ""
    if complaint.keyword == "maxItems":
        return Invalid(
            f"Invalid query string parameters: Multiple {key} parameters are not supported in the "
            "specified microversion."
        )
    if complaint.keyword == "format":
        return Invalid(
            f"Invalid query string parameters: Expected '{key}' parameter to be a format of uuid. "
            f"Got: {_cut(str(complaint.value))}"
        )
    return Invalid(f"Invalid query string parameters: {explain(complaint)}")


def explain(complaint: Complaint) -> str:
    """What is wrong, which keyword of the schema says so, and with what."""
    text = _cut(complaint.message)
    if complaint.keyword:
        rule = _path(complaint.rule[:-1])
        text += f"\n\nFailed validating '{complaint.keyword}' in schema{rule}"
    return f"{text}\n\nOn instance{_path(complaint.path)}:\n    {_cut(repr(complaint.value))}"


def _path(parts: Iterable[str | int]) -> str:
    return _cut("".join(f"[{part!r}]" for part in parts))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
