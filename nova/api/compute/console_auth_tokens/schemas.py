"""What a console token leads to, by version."""

from __future__ import annotations

from groundwork.versions import by_version
from nova.api.compute.servers.schemas import UUID
from nova.api.fields import ANY_QUERY, NO_QUERY, strict, wrapped

QUERY = by_version({"2.1": ANY_QUERY, "2.99": NO_QUERY})

_V2_31 = {
    "instance_uuid": UUID,
    "host": {"type": ["string", "null"]},
    "port": {"type": "integer"},
    "internal_access_path": {"type": ["string", "null"]},
}
_V2_99 = {**_V2_31, "tls_port": {"type": ["integer", "null"]}}
SHOWN = by_version(
    {
        "2.31": wrapped("console", strict(_V2_31, required=tuple(_V2_31))),
        "2.99": wrapped("console", strict(_V2_99, required=tuple(_V2_31))),
    }
)
