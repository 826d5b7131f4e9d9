"""Files that a create request brings along for the guest (``personality``, until microversion 2.56)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class InjectedFile:
    """A file of the guest: where it lies, and what is in it."""

    path: str
    contents: bytes = field(repr=False)
