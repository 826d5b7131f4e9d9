"""What the operator tells every guest."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

LOG = logging.getLogger(__name__)
STATIC = "StaticJSON"


class StaticVendorData:
    """One JSON object in a file, read again whenever metadata is made anew."""

    def __init__(self, *, path: str | None, providers: Sequence[str]) -> None:
        self._path = Path(path) if path else None
        self._enabled = STATIC in providers

    def read(self) -> Mapping[str, object] | None:
        """The object; empty when there is no readable one, None when the operator wants none shown."""
        if not self._enabled:
            return None
        if self._path is None:
            return {}
        try:
            found = msgspec.json.decode(self._path.read_bytes())
        except (OSError, msgspec.DecodeError) as exc:
            LOG.warning("vendordata_jsonfile_path %s cannot be used: %s", self._path, exc)
            return {}
        if not isinstance(found, dict):
            LOG.warning("vendordata_jsonfile_path %s does not hold a JSON object", self._path)
            return {}
        return found
