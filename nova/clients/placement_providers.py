"""Resource providers in Placement, and what they have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from groundwork.errors import Conflict, Invalid
from nova.clients.candidates import RequestGroup
from nova.clients.placement_calls import PlacementCalls, path_of
from nova.clients.providers import (
    Inventory,
    Provider,
    Versioned,
    inventories_body,
    parents_first,
    parse_inventories,
    parse_provider,
)

T = TypeVar("T")


class ProviderCalls(PlacementCalls):
    """Providers themselves, and inventories, traits and aggregates of each.

    ``put_*`` is one exact write: it counts only at the generation given, and gives the next one. ``change_*`` reads,
    lets ``change`` decide, and writes if something differs, again and again while others are faster; so it never
    undoes what somebody else wrote in between, as repeating a write would.
    """

    def count_providers(
        self,
        *,
        resources: Mapping[str, int] | None = None,
        required: Iterable[str] = (),
        member_of: Iterable[Iterable[str]] = (),
    ) -> int:
        """How many providers have room for ``resources`` by themselves, all these traits, and are
        in one aggregate of each of ``member_of``.
        """
        return len(self._providers(resources or {}, required, member_of))

    def providers(
        self,
        *,
        required: Iterable[str] = (),
        member_of: Iterable[Iterable[str]] = (),
    ) -> tuple[Provider, ...]:
        """The providers that have all these traits and are in one aggregate of each of ``member_of``, in no order."""
        return tuple(parse_provider(body) for body in self._providers({}, required, member_of))

    def _providers(
        self,
        resources: Mapping[str, int],
        required: Iterable[str],
        member_of: Iterable[Iterable[str]],
    ) -> list[dict[str, Any]]:
        group = RequestGroup(
            resources=resources,
            required=tuple(required),
            member_of=tuple(tuple(alternatives) for alternatives in member_of),
        )
        answer = self._read("/resource_providers", list(group.parameters()))
        found: list[dict[str, Any]] = answer.json()["resource_providers"]
        return found

    def tree(self, uuid: str) -> tuple[Provider, ...]:
        """All providers of the tree that ``uuid`` is in, parents before children; empty when there
        is none.
        """
        found = self._read("/resource_providers", {"in_tree": uuid}).json()["resource_providers"]
        return parents_first(parse_provider(body) for body in found)

    def held_from(self, provider: str) -> Mapping[str, Mapping[str, int]]:
        """What is held from one provider: consumer -> class -> amount.

        :raises NotFound: no such provider.
        """
        body = self._read(path_of("resource_providers", provider, "allocations")).json()
        return {consumer: held["resources"] for consumer, held in body["allocations"].items()}

    def provider(self, uuid: str) -> Provider | None:
        """The provider, None when there is none."""
        answer = self._call("GET", path_of("resource_providers", uuid))
        if answer.status_code == 404:
            return None
        return parse_provider(self._checked(answer).json())

    def create_provider(self, uuid: str, name: str, *, parent: str | None = None) -> Provider:
        """Make sure that there is a provider of this uuid and name, and give it.

        :raises Conflict: the name belongs to a provider with another uuid, or the uuid to one with
            another name.
        """
        body = {"uuid": uuid, "name": name}
        if parent is not None:
            body["parent_provider_uuid"] = parent
        try:
            return parse_provider(self._write("POST", "/resource_providers", body).json())
        except Conflict as taken:
            present = self.provider(uuid)
            if present is not None and present.name == name:
                return present
            raise Conflict(
                f"Resource provider {name} exists with another uuid, or {uuid} with another name.",
                internal=taken.internal,
                provider=uuid,
            ) from taken

    def rename_provider(self, uuid: str, name: str) -> None:
        """Give the provider another name; its parent and generation stay.

        :raises Conflict: the name is taken.
        """
        self._write("PUT", path_of("resource_providers", uuid), {"name": name})

    def delete_provider(self, uuid: str) -> None:
        """Make sure that there is no such provider.

        :raises InUse: it has allocations or children.
        """
        answer = self._call("DELETE", path_of("resource_providers", uuid))
        if answer.status_code != 404:
            self._checked(answer)

    def inventories(self, provider: str) -> Versioned[Mapping[str, Inventory]]:
        """:raises NotFound: no such provider."""
        body = self._read(path_of("resource_providers", provider, "inventories")).json()
        return Versioned(
            body["resource_provider_generation"], parse_inventories(body["inventories"])
        )

    def put_inventories(
        self, provider: str, inventories: Mapping[str, Inventory], *, generation: int
    ) -> int:
        """Replace all inventories; custom resource classes that do not exist yet are made.

        :raises ConcurrentUpdate: the provider's generation is another one.
        :raises InUse: allocations hold something of a class that would go.
        """
        return self._put_part(
            path_of("resource_providers", provider, "inventories"),
            {"inventories": inventories_body(inventories)},
            generation,
            names=("resource_classes", inventories),
        )

    def change_inventories(
        self,
        provider: str,
        change: Callable[[Mapping[str, Inventory]], Mapping[str, Inventory]],
    ) -> None:
        """Let ``change`` make the new inventories out of the present ones."""
        self._change(provider, self.inventories, change, self.put_inventories)

    def traits(self, provider: str) -> Versioned[frozenset[str]]:
        """:raises NotFound: no such provider."""
        body = self._read(path_of("resource_providers", provider, "traits")).json()
        return Versioned(body["resource_provider_generation"], frozenset(body["traits"]))

    def put_traits(self, provider: str, traits: Iterable[str], *, generation: int) -> int:
        """Replace all traits; custom traits that do not exist yet are made.

        :raises ConcurrentUpdate: the provider's generation is another one.
        """
        wanted = sorted(traits)
        return self._put_part(
            path_of("resource_providers", provider, "traits"),
            {"traits": wanted},
            generation,
            names=("traits", wanted),
        )

    def change_traits(
        self, provider: str, change: Callable[[frozenset[str]], frozenset[str]]
    ) -> None:
        """Let ``change`` make the new traits out of the present ones."""
        self._change(provider, self.traits, change, self.put_traits)

    def aggregates(self, provider: str) -> Versioned[frozenset[str]]:
        """:raises NotFound: no such provider."""
        body = self._read(path_of("resource_providers", provider, "aggregates")).json()
        return Versioned(body["resource_provider_generation"], frozenset(body["aggregates"]))

    def put_aggregates(self, provider: str, aggregates: Iterable[str], *, generation: int) -> int:
        """Replace all aggregate memberships (uuids).

        :raises ConcurrentUpdate: the provider's generation is another one.
        """
        path = path_of("resource_providers", provider, "aggregates")
        return self._put_part(path, {"aggregates": sorted(aggregates)}, generation)

    def change_aggregates(
        self, provider: str, change: Callable[[frozenset[str]], frozenset[str]]
    ) -> None:
        """Let ``change`` make the new memberships out of the present ones."""
        self._change(provider, self.aggregates, change, self.put_aggregates)

    def _put_part(
        self,
        path: str,
        body: dict[str, Any],
        generation: int,
        *,
        names: tuple[str, Iterable[str]] | None = None,
    ) -> int:
        body["resource_provider_generation"] = generation
        try:
            answer = self._write("PUT", path, body)
        except Invalid:
            # Most often all names are known, so they are made only after a refusal.
            collection, used = names or ("", ())
            custom = [name for name in used if name.startswith("CUSTOM_")]
            if not custom:
                raise
            for name in custom:
                self._checked(self._call("PUT", path_of(collection, name)))
            answer = self._write("PUT", path, body)
        return int(answer.json()["resource_provider_generation"])

    def _change(
        self,
        provider: str,
        read: Callable[[str], Versioned[T]],
        change: Callable[[T], T],
        put: Callable[..., int],
    ) -> None:
        def attempt() -> None:
            present = read(provider)
            wanted = change(present.value)
            if wanted != present.value:
                put(provider, wanted, generation=present.generation)

        self._against_races(attempt)
