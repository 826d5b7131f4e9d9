"""A flavor as servers and the scheduler see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nova.domain.moment import Moment


@dataclass(frozen=True, slots=True)
class Flavor:
    """Sizes and properties of a server. A server keeps the copy that held when it was created or resized."""

    flavorid: str
    name: str
    vcpus: int
    memory_mb: int
    root_gb: int
    ephemeral_gb: int = 0
    swap_mb: int = 0
    rxtx_factor: float = 1.0
    is_public: bool = True
    disabled: bool = False
    description: str | None = None
    extra_specs: Mapping[str, str] = field(default_factory=dict)
    #: Row id in the API database; 0 for a flavor that was never stored.
    id: int = 0
    created_at: Moment | None = None
    updated_at: Moment | None = None
