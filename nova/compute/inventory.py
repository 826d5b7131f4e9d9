"""Telling Placement what the nodes of this host have.

One report reads the node's tree from Placement, lets the driver and then this service edit the
picture, and writes only what differs. Whatever neither of them touched stays as operators and other
services left it. When somebody else writes in between, the whole round starts anew from what is
there now, so no edit of theirs is undone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from oslo_config import cfg
from oslo_log import log as logging

from nova.clients import providers as wire
from nova.clients.placement import Placement
from nova.clients.placement_errors import ConcurrentUpdate, InUse
from nova.compute.hardware import HardwarePolicy
from nova.compute.sharing import SHARING_TRAIT, shared_classes
from nova.virt import provider_tree
from nova.virt.driver import Driver
from nova.virt.provider_tree import ProviderTree

LOG = logging.getLogger(__name__)

# Rounds of one report. Claims change the generation of a busy provider several times a second; the
# next periodic report comes anyway, so a report that is always overtaken may as well fail.
ROUNDS = 5

_STATUS_TRAITS = ("COMPUTE_NODE", "COMPUTE_STATUS_DISABLED")


@dataclass(frozen=True, slots=True)
class ClassPolicy:
    """What the operator decides about one resource class, where the driver has no opinion of its
    own.

    ``reserved`` counts once per node, on its root. ``allocation_ratio`` None keeps the ratio that
    Placement has, and ``initial_allocation_ratio`` is for a class that Placement does not have yet.
    """

    reserved: int = 0
    allocation_ratio: float | None = None
    initial_allocation_ratio: float = 1.0


def policies_from_conf(conf: cfg.ConfigOpts) -> dict[str, ClassPolicy]:
    """The operator's policy by resource class; a ratio of 0.0 means unset."""
    return {
        "VCPU": ClassPolicy(
            conf.reserved_host_cpus,
            conf.cpu_allocation_ratio or None,
            conf.initial_cpu_allocation_ratio,
        ),
        "MEMORY_MB": ClassPolicy(
            conf.reserved_host_memory_mb,
            conf.ram_allocation_ratio or None,
            conf.initial_ram_allocation_ratio,
        ),
        "DISK_GB": ClassPolicy(
            math.ceil(conf.reserved_host_disk_mb / 1024),
            conf.disk_allocation_ratio or None,
            conf.initial_disk_allocation_ratio,
        ),
    }


@dataclass(frozen=True, slots=True)
class _Seen:
    """A provider as Placement had it at ``generation``."""

    generation: int
    inventories: Mapping[str, wire.Inventory]
    traits: frozenset[str]
    aggregates: frozenset[str]

    def picture(self, uuid: str, name: str, parent: str | None) -> provider_tree.Provider:
        return provider_tree.Provider(
            uuid=uuid,
            name=name,
            parent=parent,
            inventories={name: _picture(found) for name, found in self.inventories.items()},
            traits=self.traits,
            aggregates=self.aggregates,
        )


class InventoryReporter:
    """Reports the nodes of one host. Thread-safe; reports of one node at a time are cheaper than
    two at once.
    """

    def __init__(
        self,
        *,
        driver: Driver,
        placement: Placement,
        policies: Mapping[str, ClassPolicy],
        hardware: HardwarePolicy | None = None,
    ) -> None:
        self._driver = driver
        self._placement = placement
        self._policies = policies
        self._hardware = hardware or HardwarePolicy()
        # What was read, by provider uuid. An entry counts only while Placement still shows its
        # generation, which every change of inventories, traits and aggregates raises; so a quiet
        # node costs one request per report.
        self._seen: dict[str, _Seen] = {}

    def report(self, node_uuid: str, node: str, *, disabled: bool = False) -> None:
        """Make Placement's picture of ``node`` true.

        :param node_uuid: of the compute node; its root provider has the same.
        :param node: hypervisor host name; the name of the root provider.
        :param disabled: whether the operator disabled the compute service: nothing new shall be
            placed on it.
        :raises ConcurrentUpdate: others always were faster; the next report may succeed.
        :raises Conflict: another provider has the name of this one.
        :raises NotFound: the driver does not have this node any more.
        :raises Unavailable: Placement or the hypervisor does not answer.
        """
        for attempt in range(1, ROUNDS + 1):
            try:
                return self._report_once(node_uuid, node, disabled=disabled)
            except ConcurrentUpdate as overtaken:
                if attempt == ROUNDS:
                    raise
                LOG.debug("report of %s was overtaken (%d): %s", node, attempt, overtaken.internal)
        return None

    def _report_once(self, node_uuid: str, node: str, *, disabled: bool) -> None:
        present = self._providers(node_uuid, node)
        seen = {provider.uuid: self._read(provider) for provider in present}

        tree = ProviderTree(seen[p.uuid].picture(p.uuid, p.name, p.parent) for p in present)
        self._driver.update_provider_tree(tree, node)
        self._hardware.split_cpus(tree, node, self._driver.node_facts(node).hardware)
        tree.set_traits(
            node, _STATUS_TRAITS if disabled else ["COMPUTE_NODE"], within=_STATUS_TRAITS
        )
        self._leave_to_pools(tree, node)

        wanted = tree.providers()
        for provider in wanted:
            self._write(provider, seen.get(provider.uuid), is_root=provider.uuid == node_uuid)
        self._remove(present, keep={provider.uuid for provider in wanted})

    def _leave_to_pools(self, tree: ProviderTree, node: str) -> None:
        """Take out of the node's inventories what a pool in its aggregates provides instead.

        Looked up at each report, so that the node follows when operators put it into a pool's aggregate or take it
        out. What servers hold by then stays where they hold it, until they are gone.
        """
        root = tree.provider(node)
        if SHARING_TRAIT in root.traits:
            # It is a pool itself. Two of them in one aggregate would each give up its disk for the other's.
            return
        shared = shared_classes(
            self._placement, root.aggregates, besides={p.uuid for p in tree.providers()}
        )
        own = {name: given for name, given in root.inventories.items() if name not in shared}
        tree.set_inventories(node, own)

    def _providers(self, node_uuid: str, node: str) -> list[wire.Provider]:
        """The node's provider, made or renamed when needed, and those below it, parents first."""
        below: list[wire.Provider] = []
        inside = set[str | None]()
        for provider in self._placement.tree(node_uuid):
            if provider.uuid == node_uuid or provider.parent in inside:
                inside.add(provider.uuid)
                below.append(provider)
        if not below:
            LOG.info("making resource provider %s for node %s", node_uuid, node)
            return [self._placement.create_provider(node_uuid, node)]
        if below[0].name != node:
            LOG.info("resource provider %s is now named %s, was %s", node_uuid, node, below[0].name)
            self._placement.rename_provider(node_uuid, node)
            below[0] = replace(below[0], name=node)
        return below

    def _read(self, provider: wire.Provider) -> _Seen:
        """What the provider has. The generation is that of the listing, the oldest of all: when
        something changed while this read its parts, a write based on it fails instead of mixing old
        and new.
        """
        known = self._seen.get(provider.uuid)
        if known is not None and known.generation == provider.generation:
            return known
        uuid, placement = provider.uuid, self._placement
        return _Seen(
            provider.generation,
            placement.inventories(uuid).value,
            placement.traits(uuid).value,
            placement.aggregates(uuid).value,
        )

    def _write(self, wanted: provider_tree.Provider, seen: _Seen | None, *, is_root: bool) -> None:
        """Write what differs, and remember what is there now. A driver that leaves a child as it
        was costs nothing.
        """
        if seen is None:
            LOG.info("making resource provider %s (%s)", wanted.uuid, wanted.name)
            made = self._placement.create_provider(wanted.uuid, wanted.name, parent=wanted.parent)
            seen = self._read(made)
        generation, placement = seen.generation, self._placement
        inventories = {
            name: self._settled(name, given, seen.inventories.get(name), is_root=is_root)
            for name, given in wanted.inventories.items()
        }
        if inventories != seen.inventories:
            generation, inventories = self._put_inventories(wanted, inventories, seen)
        if wanted.traits != seen.traits:
            generation = placement.put_traits(wanted.uuid, wanted.traits, generation=generation)
        if wanted.aggregates != seen.aggregates:
            generation = placement.put_aggregates(
                wanted.uuid, wanted.aggregates, generation=generation
            )
        self._seen[wanted.uuid] = _Seen(generation, inventories, wanted.traits, wanted.aggregates)

    def _put_inventories(
        self, wanted: provider_tree.Provider, inventories: dict[str, wire.Inventory], seen: _Seen
    ) -> tuple[int, dict[str, wire.Inventory]]:
        """Write the inventories. Classes that are gone here but still in use there stay until they
        are free, and give out nothing more: else new claims would keep them in use for ever.
        """
        put = self._placement.put_inventories
        try:
            return put(wanted.uuid, inventories, generation=seen.generation), inventories
        except InUse as still:
            LOG.warning("node %s lacks something that is in use: %s", wanted.name, still.internal)
        gone = {n: _closed(i) for n, i in seen.inventories.items() if n not in inventories}
        kept = {**gone, **inventories}
        if kept == seen.inventories:
            return seen.generation, kept
        return put(wanted.uuid, kept, generation=seen.generation), kept

    def _remove(self, present: Iterable[wire.Provider], *, keep: set[str]) -> None:
        """Delete the providers that the driver took out, children first; those in use wait for a
        later report.
        """
        for provider in reversed(list(present)):
            if provider.uuid in keep:
                continue
            try:
                self._placement.delete_provider(provider.uuid)
            except InUse as still:
                LOG.warning("resource provider %s cannot go: %s", provider.name, still.internal)
            else:
                self._seen.pop(provider.uuid, None)

    def _settled(
        self,
        resource_class: str,
        given: provider_tree.Inventory,
        present: wire.Inventory | None,
        *,
        is_root: bool,
    ) -> wire.Inventory:
        """The inventory with everything decided that the driver left open."""
        policy = self._policies.get(resource_class, ClassPolicy())
        reserved = given.reserved
        if reserved is None:
            reserved = policy.reserved if is_root else 0
        if reserved > given.total:
            LOG.warning("all %d %s are reserved for the host", given.total, resource_class)
            reserved = given.total
        return wire.Inventory(
            total=given.total,
            reserved=reserved,
            min_unit=given.min_unit,
            max_unit=given.total if given.max_unit is None else given.max_unit,
            step_size=given.step_size,
            allocation_ratio=_ratio(given, policy, present),
        )


def _ratio(
    given: provider_tree.Inventory, policy: ClassPolicy, present: wire.Inventory | None
) -> float:
    asked = policy.allocation_ratio if given.allocation_ratio is None else given.allocation_ratio
    if present is None:
        return policy.initial_allocation_ratio if asked is None else asked
    # Databases keep ratios with fewer digits; without this the same value would be written for
    # ever.
    if asked is None or math.isclose(asked, present.allocation_ratio, rel_tol=1e-6):
        return present.allocation_ratio
    return asked


def _closed(inventory: wire.Inventory) -> wire.Inventory:
    """The inventory with nothing left to give; what is held of it stays held."""
    return replace(inventory, reserved=inventory.total)


def _picture(inventory: wire.Inventory) -> provider_tree.Inventory:
    return provider_tree.Inventory(
        total=inventory.total,
        reserved=inventory.reserved,
        min_unit=inventory.min_unit,
        max_unit=inventory.max_unit,
        step_size=inventory.step_size,
        allocation_ratio=inventory.allocation_ratio,
    )
