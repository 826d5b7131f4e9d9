"""Operations on providers."""

from __future__ import annotations

from groundwork.operations import Answer, Call, Query, operation
from placement.api import shapes
from placement.api.answers import location, shown, told_of_query, written
from placement.api.microversion import since
from placement.api.providers import schemas
from placement.api.providers.views import show_provider
from placement.grammar import parse_aggregates, parse_resources, parse_traits
from placement.inventory.providers import ProviderChange, Providers
from placement.records import Provider, ProviderQuery
from placement.uuids import canonical, fresh

_POLICY = "placement:resource_providers:"


class ProviderOperations:
    """``/resource_providers``."""

    def __init__(self, *, providers: Providers) -> None:
        self._providers = providers

    @operation(
        "GET",
        "/resource_providers",
        versions="1.0-",
        policy=f"{_POLICY}list",
        query=schemas.SEARCH,
        response=schemas.LISTED,
        errors=(400, 403, 406),
    )
    def search(self, call: Call) -> Answer:
        """List the providers that meet all conditions of the query."""
        with told_of_query():
            found = self._providers.search(_parse(call))
        newest = max((provider.updated_at for provider in found), default=None)
        body = {"resource_providers": [show_provider(call, provider) for provider in found]}
        return shown(call, body, changed_at=newest)

    @operation(
        "POST",
        "/resource_providers",
        versions="1.0-1.19",
        policy=f"{_POLICY}create",
        query=shapes.NO_QUERY,
        body=schemas.CREATE,
        success=201,
        errors=(400, 403, 409, 415),
    )
    def create(self, call: Call) -> Answer:
        """Make a provider and tell where it is."""
        return Answer(headers=location(call, "resource_providers", self._create(call).uuid))

    @operation(
        "POST",
        "/resource_providers",
        versions="1.20-",
        policy=f"{_POLICY}create",
        query=shapes.NO_QUERY,
        body=schemas.CREATE,
        response=schemas.SHOWN_1_20,
        errors=(400, 403, 409, 415),
    )
    def create_and_show(self, call: Call) -> Answer:
        """Make a provider and show it."""
        made = self._create(call)
        headers = location(call, "resource_providers", made.uuid)
        return written(call, show_provider(call, made), changed_at=made.updated_at, headers=headers)

    @operation(
        "GET",
        "/resource_providers/{uuid}",
        versions="1.0-",
        policy=f"{_POLICY}show",
        query=shapes.NO_QUERY,
        response=schemas.SHOWN,
        errors=(403, 404, 406),
    )
    def show(self, call: Call) -> Answer:
        """Show one provider."""
        found = self._providers.show(call.path["uuid"])
        return shown(call, show_provider(call, found), changed_at=found.updated_at)

    @operation(
        "PUT",
        "/resource_providers/{uuid}",
        versions="1.0-",
        policy=f"{_POLICY}update",
        query=shapes.NO_QUERY,
        body=schemas.UPDATE,
        response=schemas.SHOWN,
        errors=(400, 403, 404, 409, 415),
    )
    def update(self, call: Call) -> Answer:
        """Rename a provider or hang it under another parent."""
        parent = call.body.get("parent_provider_uuid")
        change = ProviderChange(
            name=call.body["name"],
            sets_parent="parent_provider_uuid" in call.body,
            parent_uuid=canonical(parent) if parent else None,
            may_move=since(call, 37),
        )
        changed = self._providers.update(call.path["uuid"], change)
        return written(call, show_provider(call, changed), changed_at=changed.updated_at)

    @operation(
        "DELETE",
        "/resource_providers/{uuid}",
        versions="1.0-",
        policy=f"{_POLICY}delete",
        query=shapes.NO_QUERY,
        success=204,
        errors=(403, 404, 409),
    )
    def delete(self, call: Call) -> Answer:
        """Remove a provider that nobody uses and that has no children."""
        self._providers.delete(call.path["uuid"])
        return Answer()

    def _create(self, call: Call) -> Provider:
        uuid, parent = call.body.get("uuid"), call.body.get("parent_provider_uuid")
        return self._providers.create(
            uuid=(uuid and canonical(uuid)) or fresh(),
            name=call.body["name"],
            parent_uuid=canonical(parent) if parent else None,
        )


def _parse(call: Call) -> ProviderQuery:
    query: Query = call.query
    # Of a repeated key the last value counts; member_of is and-ed since 1.24, required since 1.39.
    required = query.all("required") if since(call, 39) else query.all("required")[-1:]
    return ProviderQuery(
        name=query.get("name"),
        uuid=canonical(query["uuid"]) if "uuid" in query else None,
        in_tree=canonical(query["in_tree"]) if "in_tree" in query else None,
        member_of=parse_aggregates(query.all("member_of"), forbidden=since(call, 32)),
        required=parse_traits(required, forbidden=since(call, 22), any_of=since(call, 39)),
        resources=parse_resources(query["resources"]) if "resources" in query else {},
    )
