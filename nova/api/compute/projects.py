"""Projects that paths name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Project:
    """The project that a request is about, as policies ask."""

    project_id: str
    user_id: str | None = None
