"""Tags as clients write them."""

from __future__ import annotations

from collections.abc import Iterable

from groundwork.errors import Invalid

_LONGEST = 60


def to_tags(texts: Iterable[str]) -> tuple[str, ...]:
    """The tags that these texts are, each once, sorted; the texts have passed their schema.

    Blanks at the end are no part of a tag: MariaDB compares without them, and cannot hold two that differ by them.

    :raises Invalid: nothing is left of one.
    """
    found = {text.rstrip(" ") for text in texts}
    if "" in found:
        raise Invalid("Tag '' is invalid. It must have at least one character that is no blank.")
    return tuple(sorted(found))


def to_tag(text: str) -> str:
    """The tag that a path names. :raises Invalid: it can be none."""
    if "," in text or "\0" in text:
        raise Invalid(
            f"Tag '{text}' is invalid. It must be a string without characters '/' and ','."
        )
    if len(text) > _LONGEST:
        raise Invalid(
            f"Tag '{text}' is too long. Maximum length of a tag is {_LONGEST} characters."
        )
    return to_tags([text])[0]
