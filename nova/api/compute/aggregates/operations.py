"""``/os-aggregates``."""

from __future__ import annotations

from groundwork.database import Database
from groundwork.errors import Invalid
from groundwork.operations import Answer, Call, operation
from nova.api.compute.aggregates import schemas
from nova.api.compute.aggregates.views import AggregateView, MadeView
from nova.api.compute.services.operations import number_of
from nova.db.api import aggregates
from nova.db.api.aggregates import Aggregate
from nova.lifecycle.aggregate_changes import AggregateChanges
from nova.lifecycle.image_cache import ImageCaching

_RULE = "os_compute_api:os-aggregates"


class Aggregates:
    """Sets of hosts, of any cell; nothing here needs a cell but the question whether a host has servers."""

    def __init__(
        self, *, database: Database, changes: AggregateChanges, image_caching: ImageCaching
    ) -> None:
        self._database = database
        self._changes = changes
        self._image_caching = image_caching
        self._view = AggregateView()
        self._made = MadeView()

    @operation(
        "GET",
        "/os-aggregates",
        versions="2.1-",
        policy=f"{_RULE}:index",
        response=schemas.LISTED,
        errors=(403,),
    )
    def index(self, call: Call) -> Answer:
        """List aggregates, oldest first."""
        with self._database.read() as tx:
            found = aggregates.list_aggregates(tx)
        return Answer({"aggregates": [self._view.show(call.version, each) for each in found]})

    @operation(
        "POST",
        "/os-aggregates",
        versions="2.1-",
        policy=f"{_RULE}:create",
        body=schemas.CREATE,
        response=schemas.CREATED,
        errors=(400, 403, 409),
    )
    def create(self, call: Call) -> Answer:
        """Create an aggregate; with a zone it makes an availability zone of its hosts."""
        asked = call.body["aggregate"]
        name, zone = asked["name"], asked.get("availability_zone")
        made = self._database.run(lambda tx: aggregates.create_aggregate(tx, name, zone))
        return Answer({"aggregate": self._made.show(call.version, made)})

    @operation(
        "GET",
        "/os-aggregates/{id}",
        versions="2.1-",
        policy=f"{_RULE}:show",
        response=schemas.SHOWN,
        errors=(400, 403, 404),
    )
    def show(self, call: Call) -> Answer:
        """Show an aggregate with its hosts and metadata."""
        return self._shown(call, self._find(call))

    @operation(
        "PUT",
        "/os-aggregates/{id}",
        versions="2.1-",
        policy=f"{_RULE}:update",
        body=schemas.UPDATE,
        response=schemas.SHOWN,
        errors=(400, 403, 404, 409, 503),
    )
    def update(self, call: Call) -> Answer:
        """Change the name or the availability zone."""
        asked = call.body["aggregate"]
        name = asked["name"].strip() if "name" in asked else None
        changed = self._changes.update(
            number_of(call.path["id"]), name=name, zone=asked.get("availability_zone")
        )
        return self._shown(call, changed)

    @operation(
        "DELETE",
        "/os-aggregates/{id}",
        versions="2.1-",
        policy=f"{_RULE}:delete",
        errors=(400, 403, 404),
    )
    def delete(self, call: Call) -> Answer:
        """Delete an aggregate that has no hosts."""
        self._changes.delete(number_of(call.path["id"]))
        return Answer()

    @operation(
        "POST",
        "/os-aggregates/{id}/action",
        versions="2.1-",
        action="add_host",
        policy=f"{_RULE}:add_host",
        body=schemas.ADD_HOST,
        response=schemas.SHOWN,
        errors=(400, 403, 404, 409, 503),
    )
    def add_host(self, call: Call) -> Answer:
        """Put a host into the aggregate."""
        host = call.body["add_host"]["host"]
        return self._shown(
            call, self._changes.add_host(call.context, number_of(call.path["id"]), host)
        )

    @operation(
        "POST",
        "/os-aggregates/{id}/action",
        versions="2.1-",
        action="remove_host",
        policy=f"{_RULE}:remove_host",
        body=schemas.REMOVE_HOST,
        response=schemas.SHOWN,
        errors=(400, 403, 404, 409, 503),
    )
    def remove_host(self, call: Call) -> Answer:
        """Take a host out of the aggregate."""
        host = call.body["remove_host"]["host"]
        return self._shown(
            call, self._changes.remove_host(call.context, number_of(call.path["id"]), host)
        )

    @operation(
        "POST",
        "/os-aggregates/{id}/action",
        versions="2.1-",
        action="set_metadata",
        policy=f"{_RULE}:set_metadata",
        body=schemas.SET_METADATA,
        response=schemas.SHOWN,
        errors=(400, 403, 404, 503),
    )
    def set_metadata(self, call: Call) -> Answer:
        """Set metadata keys; null removes one."""
        changes = call.body["set_metadata"]["metadata"]
        return self._shown(call, self._changes.set_metadata(number_of(call.path["id"]), changes))

    @operation(
        "POST",
        "/os-aggregates/{id}/images",
        versions="2.81-",
        policy="compute:aggregates:images",
        body=schemas.CACHE_IMAGES,
        success=202,
        errors=(400, 403, 404),
    )
    def cache_images(self, call: Call) -> Answer:
        """Ask the hosts of the aggregate to fetch images before servers need them."""
        found = self._find(call)
        images = [each["id"] for each in call.body["cache"]]
        if len(set(images)) < len(images):
            raise Invalid("Duplicate images in request")
        self._image_caching.ask_hosts(call.context, found.hosts, images)
        return Answer()

    def _find(self, call: Call) -> Aggregate:
        with self._database.read() as tx:
            return aggregates.find_aggregate(tx, number_of(call.path["id"]))

    def _shown(self, call: Call, aggregate: Aggregate) -> Answer:
        return Answer({"aggregate": self._view.show(call.version, aggregate)})
