"""Placement and the scheduler, as small as the operations need them: who holds what, exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from groundwork.context import RequestContext
from groundwork.errors import Conflict
from nova.clients.placement_errors import ConcurrentUpdate, NoRoom
from nova.clients.providers import Inventory, Versioned
from nova.domain.request_spec import RequestSpec
from nova.domain.selection import Selection, ServerSelection
from nova.errors import NoValidHost


@dataclass(frozen=True)
class Held:
    """A consumer's allocation."""

    resources: Mapping[str, Mapping[str, int]]
    consumer_generation: int
    consumer: str = ""


@dataclass
class Claims:
    """Allocations by consumer; providers named in ``full`` refuse new ones."""

    held: dict[str, Held] = field(default_factory=dict)
    full: set[str] = field(default_factory=set)

    def acting_for(self, _context: RequestContext) -> Claims:
        return self

    def allocation(self, consumer: str) -> Held | None:
        return self.held.get(consumer)

    def inventories(self, _provider: str) -> Versioned[Mapping[str, Inventory]]:
        """Every node has plenty of everything, but for those that are full."""
        return Versioned(1, {name: Inventory(1000) for name in ("VCPU", "MEMORY_MB", "DISK_GB")})

    def claim(
        self,
        consumer: str,
        allocations: Mapping[str, Mapping[str, int]],
        *,
        project_id: str,
        user_id: str,
        consumer_generation: int | None = None,
        consumer_type: str = "INSTANCE",
        mappings: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        present = self.held.get(consumer)
        if consumer_generation != (present.consumer_generation if present else None):
            raise Conflict("consumer generation conflict")
        if self.full & set(allocations):
            raise NoRoom("no room")
        self.held[consumer] = Held(allocations, (consumer_generation or 0) + 1, consumer)

    def transfer(
        self, held: Held, *, to: str, consumer_type: str, replaced: Held | None = None
    ) -> None:
        if self.held.get(held.consumer) != held or self.held.get(to) != replaced:
            raise ConcurrentUpdate("consumer generation conflict")
        del self.held[held.consumer]
        generation = replaced.consumer_generation if replaced else 0
        self.held[to] = Held(held.resources, generation + 1, to)

    def delete_allocation(self, consumer: str, *, expected: Held | None = None) -> None:
        if expected is not None and self.held.get(consumer) != expected:
            raise ConcurrentUpdate("consumer generation conflict")
        self.held.pop(consumer, None)


@dataclass
class Chooser:
    """A scheduler that offers its selections in order; a server that asks again gets the same one anew."""

    claims: Claims
    offers: Sequence[Selection]
    refuses: bool = False

    def select(
        self, context: RequestContext, spec: RequestSpec, servers: Sequence[str]
    ) -> Sequence[ServerSelection]:
        if self.refuses:
            raise NoValidHost("No valid host was found. Of 2 hosts: VCPU removed 2.", hosts=2)
        return [self._one(uuid, spec) for uuid in servers]

    def _one(self, uuid: str, spec: RequestSpec) -> ServerSelection:
        fitting = [
            offer
            for offer in self.offers
            if offer.host not in spec.ignored_hosts and spec.only_cell in (None, offer.cell_uuid)
        ]
        if not fitting:
            raise NoValidHost("No valid host was found.")
        first, *rest = [_sized(offer, spec) for offer in fitting]
        held = self.claims.allocation(uuid)
        self.claims.claim(
            uuid,
            first.allocations,
            project_id="p",
            user_id="u",
            consumer_generation=held.consumer_generation if held else None,
        )
        same_cell = tuple(offer for offer in rest if offer.cell_uuid == first.cell_uuid)
        return ServerSelection(uuid, first, same_cell)


def _sized(offer: Selection, spec: RequestSpec) -> Selection:
    """As much of the same provider as the flavor takes."""
    [provider] = offer.allocations
    return replace(offer, allocations={provider: {"VCPU": spec.flavor.vcpus}})
