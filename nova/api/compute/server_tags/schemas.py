"""Bodies of server tags."""

from __future__ import annotations

from groundwork.operations import Schema
from groundwork.versions import ByVersion, by_version
from nova.api.compute.servers.schemas import TAG
from nova.api.fields import ANY_QUERY, NO_QUERY, wrapped
from nova.lifecycle.server_tags import MOST_TAGS

QUERY: ByVersion[Schema] = by_version({"2.1": ANY_QUERY, "2.75": NO_QUERY})

PUT_ALL = wrapped("tags", {"type": "array", "items": TAG, "maxItems": MOST_TAGS})
TAGS = wrapped("tags", {"type": "array", "items": TAG})
