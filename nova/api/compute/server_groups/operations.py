"""``/os-server-groups``."""

from __future__ import annotations

from groundwork.database import Database
from groundwork.errors import Invalid, NotFound
from groundwork.operations import Answer, Call, operation
from nova.api.compute.server_groups import schemas
from nova.api.compute.server_groups.views import GroupView, ShownGroup
from nova.api.fields import as_integer
from nova.api.paging import Paging
from nova.db.api import server_groups
from nova.db.api.server_groups import Group
from nova.domain.server_group import GroupPolicy
from nova.quota.limits import Limits
from nova.quota.server_groups import spend_group

_RULE = "os_compute_api:os-server-groups"


class ServerGroups:
    """The groups of a project. All that is shown is in the API database, so silent cells hide no member."""

    def __init__(self, *, database: Database, limits: Limits, paging: Paging) -> None:
        self._database = database
        self._limits = limits
        self._paging = paging
        self._view = GroupView()

    @operation(
        "GET",
        "/os-server-groups",
        versions="2.1-",
        policy=f"{_RULE}:index",
        soft_policies=(f"{_RULE}:index:all_projects",),
        query=schemas.LIST_QUERY,
        response=schemas.LISTED,
        errors=(400, 403),
    )
    def index(self, call: Call) -> Answer:
        """List server groups, oldest first."""
        asked = self._paging.slice(call.query)
        sees_all = "all_projects" in call.query and call.can(f"{_RULE}:index:all_projects")
        with self._database.read() as tx:
            found = server_groups.page(
                tx,
                project_id=None if sees_all else call.context.project,
                limit=asked.limit,
                offset=asked.offset,
            )
            members = server_groups.members_of(tx, [group.id for group in found])
        shown = [ShownGroup(group, members[group.id]) for group in found]
        return Answer({"server_groups": [self._view.show(call.version, one) for one in shown]})

    @operation(
        "POST",
        "/os-server-groups",
        versions="2.1-",
        policy=f"{_RULE}:create",
        body=schemas.CREATE,
        response=schemas.ANSWER,
        errors=(400, 403, 503),
    )
    def create(self, call: Call) -> Answer:
        """Create a server group; servers join it when they are created."""
        asked = call.body["server_group"]
        policy = GroupPolicy(asked["policy"] if "policy" in asked else asked["policies"][0])
        most = asked.get("rules", {}).get("max_server_per_host")
        if most is not None:
            if policy is not GroupPolicy.ANTI_AFFINITY:
                raise Invalid("Only anti-affinity policy supports rules.")
            most = as_integer(most, name="max_server_per_host", schema=schemas.MAX_PER_HOST)
        made = spend_group(
            self._database,
            self._limits,
            call.context.project,
            call.context.user,
            lambda tx: server_groups.create(
                tx,
                project_id=call.context.project,
                user_id=call.context.user,
                name=asked["name"],
                policy=policy,
                max_server_per_host=most,
            ),
        )
        return Answer({"server_group": self._view.show(call.version, ShownGroup(made))})

    @operation(
        "GET",
        "/os-server-groups/{id}",
        versions="2.1-",
        policy=f"{_RULE}:show",
        response=schemas.ANSWER,
        errors=(400, 403, 404),
        subject="find",
    )
    def show(self, call: Call, group: Group) -> Answer:
        """Show a server group with its living members."""
        with self._database.read() as tx:
            members = server_groups.members_of(tx, [group.id])[group.id]
        return Answer({"server_group": self._view.show(call.version, ShownGroup(group, members))})

    @operation(
        "DELETE",
        "/os-server-groups/{id}",
        versions="2.1-",
        policy=f"{_RULE}:delete",
        success=204,
        errors=(403, 404),
        subject="find",
    )
    def delete(self, call: Call, group: Group) -> Answer:
        """Delete a server group; its servers stay where they are."""
        if not self._database.run(lambda tx: server_groups.delete(tx, group.uuid)):
            raise _not_found(group.uuid)
        return Answer()

    def find(self, call: Call) -> Group:
        """The group that the path names. :raises NotFound: there is none."""
        group_uuid = call.path["id"]
        # PostgreSQL refuses to look for a NUL.
        if "\0" not in group_uuid:
            with self._database.read() as tx:
                found = server_groups.find(tx, group_uuid)
            if found is not None:
                return found
        raise _not_found(group_uuid)


def _not_found(group_uuid: str) -> NotFound:
    return NotFound(f"Instance group {group_uuid} could not be found.")
