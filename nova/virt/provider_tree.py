"""The picture of a node's resource providers that a driver edits: pure data, nothing is sent from
here.

A driver gets the tree as Placement knows it now and states what it knows better. What it leaves
alone stays, so that providers, traits and aggregates of operators and of other services (network
bandwidth, accelerators) survive.
"""

from __future__ import annotations

import uuid as uuidlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from groundwork.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True)
class Inventory:
    """How much of one resource class a provider has.

    ``None`` leaves the choice to the operator's options: ``reserved`` and ``allocation_ratio`` of a
    driver that has no opinion, which is the normal case. ``max_unit=None`` means that one guest may
    take ``total``.
    """

    total: int
    reserved: int | None = None
    min_unit: int = 1
    max_unit: int | None = None
    step_size: int = 1
    allocation_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider; ``parent`` is the uuid of the provider above it, None for a root."""

    uuid: str
    name: str
    parent: str | None = None
    inventories: Mapping[str, Inventory] = field(default_factory=dict)
    traits: frozenset[str] = frozenset()
    aggregates: frozenset[str] = frozenset()


class ProviderTree:
    """Providers of one root, found by name. Names are unique over the whole deployment, as in
    Placement.
    """

    def __init__(self, providers: Iterable[Provider]) -> None:
        """:param providers: parents before their children."""
        self._by_name = {provider.name: provider for provider in providers}

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def provider(self, name: str) -> Provider:
        """The provider as it stands now.

        :raises NotFound: no such provider in this tree.
        """
        try:
            return self._by_name[name]
        except KeyError:
            raise NotFound(
                f"Resource provider {name} is not in this tree.", provider=name
            ) from None

    def providers(self) -> tuple[Provider, ...]:
        """All of them, parents before their children."""
        return tuple(self._by_name.values())

    def children(self, name: str) -> tuple[Provider, ...]:
        """The providers directly below ``name``."""
        uuid = self.provider(name).uuid
        return tuple(p for p in self._by_name.values() if p.parent == uuid)

    def ensure_child(self, name: str, *, parent: str) -> Provider:
        """Make sure that there is a provider ``name`` below ``parent``, and give it.

        Its uuid is derived from the parent's uuid and the name, so a driver that repeats itself, or
        restarts, means the same provider.

        :raises Conflict: the tree has a provider of that name elsewhere.
        """
        above = self.provider(parent)
        present = self._by_name.get(name)
        if present is None:
            derived = uuidlib.uuid5(uuidlib.UUID(above.uuid), name)
            present = self._by_name[name] = Provider(str(derived), name, above.uuid)
        elif present.parent != above.uuid:
            raise Conflict(
                f"Resource provider {name} is not below {parent}.", provider=name, parent=parent
            )
        return present

    def remove(self, name: str) -> None:
        """Take out ``name`` and all below it; nothing happens when it is not there."""
        if name in self._by_name:
            for child in self.children(name):
                self.remove(child.name)
            del self._by_name[name]

    def set_inventories(self, name: str, inventories: Mapping[str, Inventory]) -> None:
        """State all inventories of a provider; classes left out are gone."""
        self._edit(name, inventories=dict(inventories))

    def set_traits(self, name: str, traits: Iterable[str], *, within: tuple[str, ...]) -> None:
        """State which traits of the families ``within`` the provider has; other families stay as
        they are.

        :param within: prefixes that this driver owns, such as ``HW_CPU_`` or ``CUSTOM_MYDRIVER_``.
            Names in ``traits`` outside of them are added and never removed.
        """
        kept = {t for t in self.provider(name).traits if not t.startswith(within)}
        self._edit(name, traits=frozenset(kept.union(traits)))

    def set_aggregates(self, name: str, aggregates: Iterable[str]) -> None:
        """State all aggregates (uuids) of a provider."""
        self._edit(name, aggregates=frozenset(aggregates))

    def _edit(self, name: str, **changes: object) -> None:
        self._by_name[name] = replace(self.provider(name), **changes)  # type: ignore[arg-type]
