"""Server groups as clients see them, by version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nova.api.changes import View, changed_in
from nova.db.api.server_groups import Group


@dataclass(frozen=True, slots=True)
class ShownGroup:
    """A group and its living members."""

    group: Group
    members: Sequence[str] = ()


class GroupView(View[ShownGroup]):
    """A group."""

    def start(self, shown: ShownGroup) -> dict[str, Any]:
        return {
            "id": shown.group.uuid,
            "name": shown.group.name,
            "policies": [str(shown.group.policy)],
            "members": list(shown.members),
            # Nothing could ever be put there.
            "metadata": {},
        }

    @changed_in("2.13")
    def _owner(self, body: dict[str, Any], shown: ShownGroup) -> None:
        body["project_id"] = shown.group.project_id
        body["user_id"] = shown.group.user_id

    @changed_in("2.64")
    def _one_policy(self, body: dict[str, Any], shown: ShownGroup) -> None:
        del body["policies"], body["metadata"]
        body["policy"] = str(shown.group.policy)
        most = shown.group.max_server_per_host
        body["rules"] = {} if most is None else {"max_server_per_host": most}
