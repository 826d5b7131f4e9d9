"""Host names made from server names (RFC 1123 labels)."""

from __future__ import annotations

import re
import unicodedata


def name_of(display_name: str, *, fallback: str) -> str:
    """The host name that follows from a server's name: lower case letters, digits, dashes and dots, at most 63.

    ``fallback`` is for names of which nothing is left.
    """
    ascii_name = unicodedata.normalize("NFKD", display_name).encode("ascii", "ignore").decode()
    words = re.sub(r"[ _]", "-", ascii_name)
    name = re.sub(r"[^\w.-]+", "", words).lower().strip(".-")
    return (name or fallback)[:63].rstrip(".-")
