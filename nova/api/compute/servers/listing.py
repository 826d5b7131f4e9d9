"""From the query of a server list to what every cell is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from oslo_utils import strutils, timeutils

from groundwork.errors import Forbidden, Invalid
from groundwork.operations import Call, Query
from nova.api.compute.servers.schemas import IGNORED_SORT_KEYS
from nova.api.fields import MAX_INT
from nova.api.paging import Paging, sort_of
from nova.db.cell.server_query import ServerQuery, Sort, States, TagFilter
from nova.lifecycle.states import states_of

# Filters of the API -> column. All compare for equality.
_EQUALS = {
    "image": "image_ref",
    "image_ref": "image_ref",
    "flavor": "flavorid",
    "host": "host",
    "node": "node",
    "uuid": "uuid",
    "user_id": "user_id",
    "vm_state": "vm_state",
    "task_state": "task_state",
    "reservation_id": "reservation_id",
    "kernel_id": "kernel_id",
    "ramdisk_id": "ramdisk_id",
    "root_device_name": "root_device_name",
    "locked_by": "locked_by",
}
_NUMBERS = {"launch_index": "launch_index", "power_state": "power_state", "progress": "progress"}
_BOOLEANS = {"config_drive": "config_drive", "auto_disk_config": "auto_disk_config"}
# Filters that are regular expressions.
_MATCHES = {
    "name": "display_name",
    "display_name": "display_name",
    "description": "display_description",
    "display_description": "display_description",
    "hostname": "hostname",
    "key_name": "key_name",
    "availability_zone": "availability_zone",
    "access_ip_v4": "access_ip_v4",
    "access_ip_v6": "access_ip_v6",
    "created_at": "created_at",
    "launched_at": "launched_at",
    "terminated_at": "terminated_at",
}
# Joined tables, which clients must not reach into.
_JOINED = frozenset(
    "metadata services info_cache security_groups pci_devices system_metadata block_device_mapping".split()
)
_PAGING_KEYS = frozenset({"limit", "marker", "sort_key", "sort_dir"})
# Filters that nobody had before a version: they are unknown keys there, which are ignored.
_SINCE: Mapping[str, tuple[int, int]] = {
    **dict.fromkeys(("tags", "tags-any", "not-tags", "not-tags-any"), (2, 26)),
    "changes-before": (2, 66),
    "locked": (2, 73),
}
_LOCKED_SORTS_SINCE = (2, 73)

_OWN_FILTERS: tuple[tuple[tuple[int, int], frozenset[str]], ...] = (
    (
        (2, 1),
        frozenset("reservation_id name status image flavor ip changes-since all_tenants".split()),
    ),
    ((2, 5), frozenset({"ip6"})),
    ((2, 26), frozenset({"tags", "tags-any", "not-tags", "not-tags-any"})),
    ((2, 66), frozenset({"changes-before"})),
    ((2, 73), frozenset({"locked"})),
    (
        (2, 83),
        frozenset(
            "availability_zone config_drive key_name created_at launched_at terminated_at "
            "power_state task_state vm_state progress user_id".split()
        ),
    ),
    ((2, 90), frozenset({"hostname"})),
)


@dataclass(frozen=True, slots=True)
class Ask:
    """A parsed list request. ``is_plain``: no filter, paging or sorting, so that unreachable cells may be shown."""

    query: ServerQuery
    project_id: str | None
    marker: str | None
    is_plain: bool
    #: Nothing can match (an unknown status below 2.38, an address while there are no networks).
    is_empty: bool = False


class ServerLists:
    """Reads list queries."""

    def __init__(self, *, paging: Paging) -> None:
        self._paging = paging

    def read(self, call: Call, *, all_tenants_rule: str) -> Ask:
        """What the query asks for.

        :raises Invalid: a filter, sort key or page makes no sense.
        :raises Forbidden: all tenants, deleted servers or host sorting without being allowed to.
        """
        given = call.query
        joined = sorted(key for key in given if key in _JOINED or key.startswith("_"))
        if joined:
            raise Invalid(f"Invalid filter: {', '.join(joined)}")
        all_tenants = _all_tenants(given)
        if all_tenants:
            call.authorize(all_tenants_rule, {})
        sees_all = call.can("os_compute_api:servers:allow_all_filters")
        own = _own(call)
        filters = {
            key: given.all(key)
            for key in given
            if key not in _PAGING_KEYS
            and call.version >= _SINCE.get(key, (2, 1))
            and (sees_all or key in own)
        }
        _check_texts(filters)
        page = self._paging.page(given)
        states, unknown_status = _states(call, filters)
        query = ServerQuery(
            sort=self._sort(call),
            limit=page.limit,
            equals=_equals(filters, all_tenants=all_tenants, own=call.context.project),
            matches={column: filters[key] for key, column in _MATCHES.items() if filters.get(key)},
            states=states,
            tags=_tags(filters),
            is_locked=_boolean(filters, "locked"),
            is_deleted=_deleted(call, filters),
            changes_since=_time(filters, "changes-since"),
            changes_before=_time(filters, "changes-before"),
        )
        if (
            query.changes_since
            and query.changes_before
            and query.changes_since > query.changes_before
        ):
            raise Invalid(
                "The value of changes-since must be less than or equal to changes-before."
            )
        project_id = None if all_tenants else call.context.project
        return Ask(
            query=query,
            project_id=project_id,
            marker=page.marker,
            is_plain=not (set(filters) - {"all_tenants"}) and not (set(given) & _PAGING_KEYS),
            # Servers have no addresses as long as there is no network service.
            is_empty=unknown_status or bool(filters.get("ip") or filters.get("ip6")),
        )

    def _sort(self, call: Call) -> tuple[Sort, ...]:
        pairs = sort_of(call.query, default=(("created_at", "desc"),), default_direction="desc")
        ignored = set(IGNORED_SORT_KEYS)
        if call.version >= _LOCKED_SORTS_SINCE:
            ignored.discard("locked")
        keys = [(key, direction) for key, direction in pairs if key not in ignored]
        for key, _ in keys:
            if key in ("host", "node") and not call.context.is_admin:
                raise Forbidden(f"Only administrators can sort servers by {key}")
        for _, direction in keys:
            if direction not in ("asc", "desc"):
                raise Invalid(f"Unknown sort direction, must be one of: asc, desc; not {direction}")
        keys = keys or [("created_at", "desc")]
        return tuple(Sort(key, direction == "desc") for key, direction in keys)


def _check_texts(filters: Mapping[str, tuple[str, ...]]) -> None:
    """:raises Invalid: a text that no database could hold, so that some refuse to look for it."""
    for key, texts in filters.items():
        if any("\0" in text for text in texts):
            raise Invalid(f"Invalid filter {key}: it holds a NUL character")


def _own(call: Call) -> frozenset[str]:
    """The filters that callers without special rights may use at this version."""
    return frozenset().union(*(keys for since, keys in _OWN_FILTERS if call.version >= since))


def _all_tenants(given: Query) -> bool:
    if "all_tenants" not in given:
        return False
    # A bare "all_tenants" means yes.
    text = given["all_tenants"] or "1"
    try:
        return bool(strutils.bool_from_string(text, strict=True))
    except ValueError as exc:
        raise Invalid(str(exc)) from exc


def _equals(
    filters: Mapping[str, tuple[str, ...]], *, all_tenants: bool, own: str
) -> dict[str, tuple[Any, ...]]:
    found: dict[str, tuple[Any, ...]] = {
        column: filters[key] for key, column in _EQUALS.items() if filters.get(key)
    }
    for key, column in _NUMBERS.items():
        if key in filters:
            found[column] = tuple(_number(key, text) for text in filters[key])
    for key, column in _BOOLEANS.items():
        if key in filters:
            found[column] = tuple(_truth(key, text) for text in filters[key])
    if not all_tenants:
        found["project_id"] = (own,)
    elif filters.get("tenant_id") or filters.get("project_id"):
        found["project_id"] = filters.get("tenant_id") or filters["project_id"]
    return found


def _states(
    call: Call, filters: Mapping[str, tuple[str, ...]]
) -> tuple[tuple[States, ...] | None, bool]:
    """The states that the ``status`` filters select; and whether only unknown ones were given."""
    asked = filters.get("status")
    if not asked:
        return None, False
    found = [
        States(states.vm_state, states.task_states) for text in asked for states in states_of(text)
    ]
    if not found and call.version >= (2, 38):
        raise Invalid("Invalid status value")
    return tuple(found), not found


def _deleted(call: Call, filters: Mapping[str, tuple[str, ...]]) -> bool | None:
    """True: deleted servers only; None: both; False: living ones."""
    wanted = _boolean(filters, "deleted")
    if any(text.lower() == "deleted" for text in filters.get("status", ())):
        if not call.context.is_admin:
            raise Forbidden("Only administrators may list deleted instances")
        return True
    if wanted is not None:
        return wanted
    return None if "changes-since" in filters else False


def _tags(filters: Mapping[str, tuple[str, ...]]) -> TagFilter:
    def names(key: str) -> tuple[str, ...]:
        return tuple(tag for text in filters.get(key, ()) for tag in text.split(",") if tag)

    return TagFilter(names("tags"), names("tags-any"), names("not-tags"), names("not-tags-any"))


def _boolean(filters: Mapping[str, tuple[str, ...]], key: str) -> bool | None:
    return _truth(key, filters[key][-1]) if key in filters else None


def _truth(key: str, text: str) -> bool:
    try:
        return bool(strutils.bool_from_string(text, strict=True))
    except ValueError as exc:
        raise Invalid(f"Invalid filter {key}: {exc}") from exc


def _number(key: str, text: str) -> int:
    try:
        number = int(text)
    except ValueError as exc:
        raise Invalid(f"Invalid filter {key}: {text} is not a number") from exc
    if abs(number) > MAX_INT:
        raise Invalid(f"Invalid filter {key}: {text} is too large")
    return number


def _time(filters: Mapping[str, tuple[str, ...]], key: str) -> datetime | None:
    if key not in filters:
        return None
    try:
        parsed = timeutils.parse_isotime(filters[key][-1])
    except ValueError as exc:
        raise Invalid(f"Invalid filter {key}: not a time") from exc
    return timeutils.normalize_time(parsed).replace(tzinfo=UTC)
