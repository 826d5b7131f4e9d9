"""``/servers/{server_id}/tags``"""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

from groundwork.database import Database
from groundwork.operations import Answer, Call, operation
from nova.api.compute.server_tags import schemas
from nova.api.compute.server_tags.tags import to_tag, to_tags
from nova.api.compute.servers.lookup import find_server
from nova.api.links import Links
from nova.cells.scatter import Scatter
from nova.cells.servers import Located, Servers, not_found
from nova.lifecycle import server_tags

_RULE = "os_compute_api:os-server-tags"


class ServerTags:
    """The tags of a server."""

    def __init__(self, *, servers: Servers, scatter: Scatter, links: Links) -> None:
        self.find_server = partial(find_server, servers)
        self._scatter = scatter
        self._links = links

    @operation(
        "GET",
        "/servers/{server_id}/tags",
        versions="2.26-",
        policy=f"{_RULE}:index",
        subject="find_server",
        query=schemas.QUERY,
        response=schemas.TAGS,
        errors=(400, 403, 404, 503),
    )
    def index(self, call: Call, located: Located) -> Answer:
        """List the tags of a server."""
        return Answer({"tags": list(located.server.tags)})

    @operation(
        "PUT",
        "/servers/{server_id}/tags",
        versions="2.26-",
        policy=f"{_RULE}:update_all",
        subject="find_server",
        body=schemas.PUT_ALL,
        response=schemas.TAGS,
        errors=(400, 403, 404, 409, 503),
    )
    def update_all(self, call: Call, located: Located) -> Answer:
        """Replace the tags of a server."""
        tags = to_tags(call.body["tags"])
        cell = self._cell_of(located)
        return Answer({"tags": list(server_tags.replace(cell, located.server.uuid, tags))})

    @operation(
        "DELETE",
        "/servers/{server_id}/tags",
        versions="2.26-",
        policy=f"{_RULE}:delete_all",
        subject="find_server",
        success=204,
        errors=(403, 404, 409, 503),
    )
    def delete_all(self, call: Call, located: Located) -> Answer:
        """Take all tags away from a server."""
        server_tags.replace(self._cell_of(located), located.server.uuid, ())
        return Answer()

    @operation(
        "GET",
        "/servers/{server_id}/tags/{id}",
        versions="2.26-",
        policy=f"{_RULE}:show",
        subject="find_server",
        query=schemas.QUERY,
        success=204,
        errors=(400, 403, 404, 503),
    )
    def show(self, call: Call, located: Located) -> Answer:
        """Tell whether a server has a tag."""
        if call.path["id"] not in located.server.tags:
            raise server_tags.without_tag(located.server.uuid, call.path["id"])
        return Answer()

    @operation(
        "PUT",
        "/servers/{server_id}/tags/{id}",
        versions="2.26-",
        policy=f"{_RULE}:update",
        subject="find_server",
        success=201,
        also=(204,),
        errors=(400, 403, 404, 409, 503),
    )
    def update(self, call: Call, located: Located) -> Answer:
        """Give a server one more tag: 201 when it is new, 204 when it was there."""
        tag, uuid = to_tag(call.path["id"]), located.server.uuid
        if not server_tags.add(self._cell_of(located), uuid, tag):
            return Answer(status=204)
        server = self._links.of(call.origin, "servers", uuid)[0]["href"]
        return Answer(headers={"Location": f"{server}/tags/{quote(tag, safe='')}"})

    @operation(
        "DELETE",
        "/servers/{server_id}/tags/{id}",
        versions="2.26-",
        policy=f"{_RULE}:delete",
        subject="find_server",
        success=204,
        errors=(403, 404, 409, 503),
    )
    def delete(self, call: Call, located: Located) -> Answer:
        """Take a tag away from a server."""
        server_tags.remove(self._cell_of(located), located.server.uuid, call.path["id"])
        return Answer()

    def _cell_of(self, located: Located) -> Database:
        """The database where the server's tags can be changed. :raises Conflict: it is still to be placed."""
        if located.cell is None:
            server_tags.require_changeable(located.server.uuid, located.server.vm_state)
            # No state of a build permits it.
            raise not_found(located.server.uuid)
        return self._scatter.database(located.cell)
