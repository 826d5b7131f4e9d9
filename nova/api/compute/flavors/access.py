"""Operations on who may use a private flavor."""

from __future__ import annotations

from collections.abc import Callable

from groundwork.context import RequestContext
from groundwork.database import Database, Transaction
from groundwork.errors import Conflict, Invalid, NotFound
from groundwork.operations import Answer, Call, operation
from nova.api.compute.flavors import requests, schemas, views
from nova.db.api import flavors
from nova.domain.flavor import Flavor

#: Whether the identity service knows a project; True as well when it does not let the caller know.
ProjectExists = Callable[[RequestContext, str], bool]


class FlavorAccess:
    """The list of projects that a private flavor is shared with."""

    def __init__(self, *, database: Database, project_exists: ProjectExists) -> None:
        self._database = database
        self._project_exists = project_exists

    @operation(
        "GET",
        "/flavors/{flavor_id}/os-flavor-access",
        versions="2.1-",
        policy="os_compute_api:os-flavor-access",
        query=schemas.READ_QUERY,
        response=schemas.ACCESS_ANSWER,
        errors=(400, 403, 404),
    )
    def index(self, call: Call) -> Answer:
        """List the projects that may use a private flavor."""
        with self._database.read() as tx:
            flavor = _find(tx, call, call.path["flavor_id"])
            if flavor.is_public:
                raise NotFound("Access list not available for public flavors.")
            return Answer(views.access_list(flavor, flavors.projects_of(tx, flavor)))

    @operation(
        "POST",
        "/flavors/{id}/action",
        action="addTenantAccess",
        versions="2.1-",
        policy="os_compute_api:os-flavor-access:add_tenant_access",
        body=schemas.ADD_ACCESS,
        response=schemas.ACCESS_ANSWER,
        errors=(400, 403, 404, 409),
    )
    def add(self, call: Call) -> Answer:
        """Let a project use a private flavor."""
        project_id = call.body["addTenantAccess"]["tenant"]
        if not self._project_exists(call.context, project_id):
            raise Invalid(f"Project ID {project_id} is not a valid project.")

        def work(tx: Transaction) -> Answer:
            flavor = _find(tx, call, call.path["id"])
            if flavor.is_public and call.version >= (2, 7):
                raise Conflict("Can not add access to a public flavor.")
            flavors.share_flavor(tx, flavor, project_id)
            return Answer(views.access_list(flavor, flavors.projects_of(tx, flavor)))

        return self._database.run(work)

    @operation(
        "POST",
        "/flavors/{id}/action",
        action="removeTenantAccess",
        versions="2.1-",
        policy="os_compute_api:os-flavor-access:remove_tenant_access",
        body=schemas.REMOVE_ACCESS,
        response=schemas.ACCESS_ANSWER,
        errors=(400, 403, 404),
    )
    def remove(self, call: Call) -> Answer:
        """Stop a project from using a private flavor."""
        # The project itself may be gone by now, so nobody is asked about it.
        project_id = call.body["removeTenantAccess"]["tenant"]

        def work(tx: Transaction) -> Answer:
            flavor = _find(tx, call, call.path["id"])
            flavors.unshare_flavor(tx, flavor, project_id)
            return Answer(views.access_list(flavor, flavors.projects_of(tx, flavor)))

        return self._database.run(work)


def _find(tx: Transaction, call: Call, flavorid: str) -> Flavor:
    return flavors.find_flavor(tx, flavorid, audience=requests.audience_of(call))
