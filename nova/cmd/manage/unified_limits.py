"""Limits copied to Keystone: the defaults in force as registered limits, those of projects as limits of projects.

What Keystone has already is left as it is, so the command may run again. Users have no limits there; theirs stay here.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from oslo_config import cfg

from groundwork.database import Transaction
from groundwork.errors import Conflict, Invalid, NotFound, Problem
from nova.clients.keystone_limits import LimitRegistry, Place, load_limit_registry
from nova.cmd.limits import default_limits
from nova.cmd.manage.deployment import UNREADABLE, Deployment
from nova.cmd.manage.printing import print_table
from nova.cmd.manage.schemas import one_line
from nova.db.api import instance_mappings, quotas
from nova.db.api.flavor_pages import FlavorQuery, page_flavors
from nova.domain.flavor import Flavor
from nova.domain.resources import classes_of
from nova.quota.stored import DEFAULT_CLASS, StoredLimits
from nova.quota.unified import NAMES, name_of_class

_FAILED = 1
_NO_DATABASE = 2
_UNREGISTERED = 3

# Flavors read in one query; databases limit the parameters of a statement.
_BATCH = 500

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Ours:
    """What this deployment has, by Keystone's names."""

    defaults: Mapping[str, int]
    projects: Mapping[str, Mapping[str, int]]
    #: Resources that flavors ask for.
    asked: frozenset[str]
    users: int


def migrate_to_unified_limits(deployment: Deployment, given: argparse.Namespace) -> int:
    """0: copied. 1: Keystone refused something. 2: no database. 3: copied, but resources of flavors have no limit."""
    say: Tell = _silence if given.quiet else print
    try:
        ours = _read(deployment, given)
    except UNREADABLE as exc:
        say(f"The API database cannot be read: {one_line(exc)}")
        return _NO_DATABASE
    try:
        registry = load_limit_registry(deployment.conf)
        place = _place(deployment.conf, registry)
        if given.region_id:
            place = replace(place, region_id=given.region_id)
        return _Copying(registry, place, given, say).copy(ours)
    except Problem as exc:
        say(f"Limits cannot be copied: {exc}{f' ({exc.internal})' if exc.internal else ''}")
        return _FAILED


class _Copying:
    def __init__(
        self, registry: LimitRegistry, place: Place, given: argparse.Namespace, say: Tell
    ) -> None:
        self._registry = registry
        self._place = place
        self._only = given.project_id
        self._is_dry = given.dry_run
        self._say = say
        self._detail: Tell = say if given.verbose else _silence
        self._is_quiet = given.quiet

    def copy(self, ours: _Ours) -> int:
        registered = self._register(ours.defaults)
        refused = self._limit_projects(ours.projects)
        if ours.users:
            self._say(f"Limits of {ours.users} users were left out: Keystone has none of users.")
        unregistered = sorted(ours.asked - set(registered))
        if not self._is_quiet:
            rows = {**dict.fromkeys(unregistered, "missing"), **registered}
            print_table(("Resource", "Registered Limit"), sorted(rows.items()))
        if unregistered:
            self._say(
                f"Flavors ask for {', '.join(unregistered)}, of which Keystone has no registered limit: "
                "register them, or see [quota] unified_limits_resource_strategy."
            )
        if refused:
            return _FAILED
        return _UNREGISTERED if unregistered else 0

    def _register(self, defaults: Mapping[str, int]) -> dict[str, object]:
        """Register what is not; every registered limit then (in a dry run: would be)."""
        there = self._registry.registered(self._place)
        new = self._sort_out("registered limit", defaults, there)
        if new and not self._is_dry:
            self._registry.register(self._place, new)
        return {**new, **there}

    def _limit_projects(self, projects: Mapping[str, Mapping[str, int]]) -> int:
        """Copy the limits of each project; of how many Keystone would not take them."""
        if not projects:
            return 0
        there = self._registry.of_projects(self._place, self._only)
        refused = 0
        for project_id, limits in projects.items():
            what = f"limit of project {project_id}:"
            new = self._sort_out(what, limits, there.get(project_id, {}))
            if not new or self._is_dry:
                continue
            try:
                self._registry.limit_project(self._place, project_id, new)
            except (NotFound, Invalid, Conflict) as problem:
                # Databases remember projects that were deleted long ago.
                self._say(f"The limits of project {project_id} were not copied: {problem}")
                refused += 1
        return refused

    def _sort_out(
        self, what: str, limits: Mapping[str, int], there: Mapping[str, int]
    ) -> dict[str, int]:
        """Those of the limits that are not there."""
        done = "would be created" if self._is_dry else "created"
        for name, limit in limits.items():
            if name in there:
                self._detail(f"{what} {name} is there with {there[name]}, and left")
            else:
                self._detail(f"{what} {name} {done} with {limit}")
        return {name: limit for name, limit in limits.items() if name not in there}


def _read(deployment: Deployment, given: argparse.Namespace) -> _Ours:
    database = deployment.api_database()
    defaults = StoredLimits(database, default_limits(deployment.conf)).of_class(DEFAULT_CLASS)
    with database.read() as tx:
        projects = quotas.limits_of_projects(tx, given.project_id)
        users = quotas.count_users(tx, given.project_id)
        classes = {name for flavor in _flavors(tx) for name in classes_of(flavor)}
        if not given.no_embedded_flavor_scan:
            classes |= instance_mappings.classes_in_use(tx)
    return _Ours(
        _renamed(defaults),
        {project_id: _renamed(limits) for project_id, limits in projects.items()},
        frozenset(name_of_class(name) for name in classes),
        users,
    )


def _flavors(tx: Transaction) -> Iterator[Flavor]:
    """Every flavor, private and disabled ones too."""
    marker = None
    while page := page_flavors(tx, FlavorQuery(limit=_BATCH, is_public=None, marker=marker)):
        yield from page
        marker = page[-1].flavorid


def _renamed(limits: Mapping[str, int]) -> dict[str, int]:
    """By Keystone's names; rows may have resources of other services, from long ago."""
    return {NAMES[resource]: limit for resource, limit in limits.items() if resource in NAMES}


def _place(conf: cfg.ConfigOpts, registry: LimitRegistry) -> Place:
    """What ``[oslo_limit]`` says that limits are read for; where it says nothing, the compute service."""
    options = conf.oslo_limit
    if options.endpoint_id:
        return registry.place_of_endpoint(options.endpoint_id)
    name = options.endpoint_service_name
    kind = options.endpoint_service_type or (None if name else "compute")
    return Place(registry.service_id(kind=kind, name=name), options.endpoint_region_name)


def _silence(_line: str) -> None:
    """Nobody wants to know."""
