"""The type of points in time inside values that cross a bus: aware, so that no receiver reads them in its own zone."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
