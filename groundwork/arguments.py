"""What words on the command line of operators' programs stand for."""

from __future__ import annotations


def count(text: str) -> int:
    """A number of rows; 0 for what is none, as commands refuse 0 with an exit status of their own."""
    try:
        return int(text)
    except ValueError:
        return 0
