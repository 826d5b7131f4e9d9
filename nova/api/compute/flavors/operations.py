"""Operations on flavors."""

from __future__ import annotations

from typing import Any

from groundwork.database import Database
from groundwork.operations import Answer, Call, operation
from nova.api.compute.flavors import requests, schemas
from nova.api.compute.flavors.views import BriefView, FullView, ShownFlavor
from nova.api.links import Links
from nova.api.paging import Paging
from nova.db.api import flavor_pages, flavors
from nova.domain.flavor import Flavor

_SEE_EXTRA_SPECS = "os_compute_api:os-flavor-extra-specs:index"


class Flavors:
    """Flavors themselves; they live in the API database."""

    def __init__(self, *, database: Database, links: Links, paging: Paging) -> None:
        self._database = database
        self._links = links
        self._paging = paging
        self._brief = BriefView()
        self._full = FullView()

    @operation(
        "GET",
        "/flavors",
        versions="2.1-",
        policy=None,
        query=schemas.LIST_QUERY,
        response=schemas.INDEX_ANSWER,
        errors=(400,),
    )
    def index(self, call: Call) -> Answer:
        """List flavors."""
        found, body = self._page(call, with_extra_specs=False)
        body["flavors"] = [
            self._brief.show(call.version, ShownFlavor(flavor, self._links_of(call, flavor)))
            for flavor in found
        ]
        return Answer(body)

    @operation(
        "GET",
        "/flavors/detail",
        versions="2.1-",
        policy=None,
        soft_policies=(_SEE_EXTRA_SPECS,),
        query=schemas.LIST_QUERY,
        response=schemas.DETAIL_ANSWER,
        errors=(400,),
    )
    def detail(self, call: Call) -> Answer:
        """List flavors with their details."""
        shows_extra_specs = self._shows_extra_specs(call)
        found, body = self._page(call, with_extra_specs=shows_extra_specs)
        body["flavors"] = [
            self._show(call, flavor, shows_extra_specs=shows_extra_specs) for flavor in found
        ]
        return Answer(body)

    @operation(
        "GET",
        "/flavors/{id}",
        versions="2.1-",
        policy=None,
        soft_policies=(_SEE_EXTRA_SPECS,),
        query=schemas.READ_QUERY,
        response=schemas.ANSWER,
        errors=(400, 404),
    )
    def show(self, call: Call) -> Answer:
        """Show a flavor."""
        with self._database.read() as tx:
            flavor = flavors.find_flavor(tx, call.path["id"], audience=requests.audience_of(call))
        return self._answer(call, flavor)

    @operation(
        "POST",
        "/flavors",
        versions="2.1-",
        policy="os_compute_api:os-flavor-manage:create",
        soft_policies=(_SEE_EXTRA_SPECS,),
        body=schemas.CREATE,
        response=schemas.ANSWER,
        errors=(400, 403, 409),
    )
    def create(self, call: Call) -> Answer:
        """Create a flavor."""
        wanted = requests.flavor_of(call.body["flavor"])
        return self._answer(call, self._database.run(lambda tx: flavors.create_flavor(tx, wanted)))

    @operation(
        "PUT",
        "/flavors/{id}",
        versions="2.55-",
        policy="os_compute_api:os-flavor-manage:update",
        soft_policies=(_SEE_EXTRA_SPECS,),
        body=schemas.UPDATE,
        response=schemas.ANSWER,
        errors=(400, 403, 404),
    )
    def update(self, call: Call) -> Answer:
        """Change the description of a flavor."""
        description = call.body["flavor"]["description"]
        return self._answer(
            call,
            self._database.run(
                lambda tx: flavors.describe_flavor(tx, call.path["id"], description)
            ),
        )

    @operation(
        "DELETE",
        "/flavors/{id}",
        versions="2.1-",
        policy="os_compute_api:os-flavor-manage:delete",
        success=202,
        errors=(403, 404),
    )
    def delete(self, call: Call) -> Answer:
        """Delete a flavor; servers keep their copy."""
        self._database.run(lambda tx: flavors.delete_flavor(tx, call.path["id"]))
        return Answer()

    def _page(
        self, call: Call, *, with_extra_specs: bool
    ) -> tuple[tuple[Flavor, ...], dict[str, Any]]:
        """The flavors of a page, and the body so far: the way to the next page."""
        ask = requests.query_of(call, self._paging)
        with self._database.read() as tx:
            found = flavor_pages.page_flavors(tx, ask, with_extra_specs=with_extra_specs)
        body: dict[str, Any] = {"flavors": []}
        if found and len(found) >= ask.limit:
            body["flavors_links"] = self._links.following(call, marker=found[-1].flavorid)
        return found, body

    def _answer(self, call: Call, flavor: Flavor) -> Answer:
        shows_extra_specs = self._shows_extra_specs(call)
        return Answer({"flavor": self._show(call, flavor, shows_extra_specs=shows_extra_specs)})

    def _show(self, call: Call, flavor: Flavor, *, shows_extra_specs: bool) -> dict[str, Any]:
        shown = ShownFlavor(flavor, self._links_of(call, flavor), shows_extra_specs)
        return self._full.show(call.version, shown)

    def _links_of(self, call: Call, flavor: Flavor) -> list[dict[str, str]]:
        return self._links.of(call.origin, "flavors", flavor.flavorid)

    def _shows_extra_specs(self, call: Call) -> bool:
        return call.version >= (2, 61) and call.can(_SEE_EXTRA_SPECS)
