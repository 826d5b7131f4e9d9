"""Where the objects of the Compute API meet."""

from __future__ import annotations

from oslo_config import cfg

from groundwork.columns import now
from groundwork.database import Database
from groundwork.policy import Policy
from groundwork.wsgi import WsgiApp
from nova import policies
from nova.api import app
from nova.api.compute.aggregates.operations import Aggregates
from nova.api.compute.availability_zones.operations import AvailabilityZones
from nova.api.compute.console_auth_tokens.operations import ConsoleAuthTokens
from nova.api.compute.dry_run.operations import DryRunOperations
from nova.api.compute.flavors.access import FlavorAccess
from nova.api.compute.flavors.extra_specs import FlavorExtraSpecs
from nova.api.compute.flavors.operations import Flavors
from nova.api.compute.hypervisors.operations import Hypervisors
from nova.api.compute.instance_actions.operations import InstanceActions
from nova.api.compute.keypairs.operations import Keypairs
from nova.api.compute.limits.operations import LimitOperations
from nova.api.compute.migrations.operations import MigrationOperations
from nova.api.compute.quota_class_sets.operations import QuotaClassSets
from nova.api.compute.quota_sets.operations import QuotaSetOperations
from nova.api.compute.remote_consoles.operations import RemoteConsoles
from nova.api.compute.server_external_events.operations import ServerExternalEvents
from nova.api.compute.server_groups.operations import ServerGroups
from nova.api.compute.server_migrations.operations import ServerMigrations
from nova.api.compute.server_moves.operations import ServerMoves
from nova.api.compute.server_tags.operations import ServerTags
from nova.api.compute.server_topology.operations import ServerTopology
from nova.api.compute.servers.boot_source import BootSource
from nova.api.compute.servers.create_request import CreateOptions, CreateRequests
from nova.api.compute.servers.deletion import Deletion
from nova.api.compute.servers.host_status import HostStatuses
from nova.api.compute.servers.listing import ServerLists
from nova.api.compute.servers.lookup import ServersOfPath
from nova.api.compute.servers.operations import ServerOperations
from nova.api.compute.servers.views import ServerView
from nova.api.compute.services.operations import Services
from nova.api.compute.simple_tenant_usage.operations import SimpleTenantUsage
from nova.api.compute.volume_attachments.operations import VolumeAttachments
from nova.api.links import Links
from nova.api.paging import Paging
from nova.availability_zones import ZoneNames
from nova.cells.batches import Batches, FixedBatches, ShareOfPage
from nova.cells.migrations import Migrations
from nova.cells.servers import Servers
from nova.cells.service_versions import ServiceVersions
from nova.cells.unreachable import UnreachableServers
from nova.cells.usage import Usages
from nova.clients.glance import load_images
from nova.clients.keystone import AnyProject, Projects, load_projects
from nova.clients.volumes import load_attachments, load_user_volumes
from nova.cmd.limits import load_limits
from nova.cmd.plane import Plane
from nova.compute.guest_spec import instance_name
from nova.domain.pci_aliases import read_aliases
from nova.lifecycle.accept import Intake
from nova.lifecycle.aggregate_changes import AggregateChanges
from nova.lifecycle.aggregate_mirror import AggregateMirror
from nova.lifecycle.consoles import Consoles
from nova.lifecycle.dry_run import DryRuns
from nova.lifecycle.external_events import ExternalEventDelivery
from nova.lifecycle.image_cache import ImageCaching
from nova.lifecycle.resize_accept import MoveIntake
from nova.lifecycle.unique_names import NameScope, UniqueNames
from nova.lifecycle.upgrades import Upgrades
from nova.quota.limits import Limits
from nova.quota.sets import QuotaSets


def make(conf: cfg.ConfigOpts, plane: Plane) -> WsgiApp:
    """The Compute API as a WSGI application."""
    policy = Policy(conf, policies.rules())
    return app.make(conf, resources(conf, plane), policy=policy)


def resources(conf: cfg.ConfigOpts, plane: Plane) -> tuple[object, ...]:
    """Every resource of this release."""
    database = plane.api_database
    links = Links(
        compute_link_prefix=conf.api.compute_link_prefix,
        glance_link_prefix=conf.api.glance_link_prefix,
    )
    paging = Paging(max_limit=conf.api.max_limit)
    limits = load_limits(conf, database)
    zone_names = ZoneNames(
        default=conf.default_availability_zone, internal=conf.internal_service_availability_zone
    )
    servers = Servers(
        api_database=database,
        registry=plane.registry,
        targets=plane.targets,
        scatter=plane.scatter,
        only_cells_of_project=conf.api.instance_list_per_project_cells,
        batches=_batches(conf),
    )
    requests = _create_requests(conf, plane, limits)
    return (
        _servers(
            conf,
            plane,
            servers=servers,
            requests=requests,
            limits=limits,
            links=links,
            paging=paging,
        ),
        DryRunOperations(
            requests=requests,
            dry_runs=DryRuns(plane.bus, max_attempts=conf.scheduler.max_attempts),
        ),
        ServerMoves(
            servers=servers,
            api_database=database,
            intake=MoveIntake(
                api_database=database,
                limits=limits,
                journal_of=plane.journal_of,
                allow_resize_to_same_host=conf.allow_resize_to_same_host,
                service_down_time_s=conf.service_down_time,
            ),
        ),
        Flavors(database=database, links=links, paging=paging),
        FlavorAccess(database=database, project_exists=_projects(conf).exists),
        FlavorExtraSpecs(database=database),
        *_quotas(conf, database, limits),
        Keypairs(database=database, limits=limits, links=links, paging=paging),
        _aggregates(plane, zone_names),
        ServerGroups(database=database, limits=limits, paging=paging),
        AvailabilityZones(
            registry=plane.registry,
            scatter=plane.scatter,
            api_database=database,
            zone_names=zone_names,
            service_down_time_s=conf.service_down_time,
            clock=now,
        ),
        Services(
            registry=plane.registry,
            scatter=plane.scatter,
            targets=plane.targets,
            api_database=database,
            placement=plane.placement,
            zone_names=zone_names,
            service_down_time_s=conf.service_down_time,
            clock=now,
        ),
        Hypervisors(
            api_database=database,
            registry=plane.registry,
            scatter=plane.scatter,
            paging=paging,
            links=links,
            service_down_time_s=conf.service_down_time,
            instance_name_template=conf.instance_name_template,
            clock=now,
        ),
        InstanceActions(
            servers=ServersOfPath(servers),
            api_database=database,
            registry=plane.registry,
            scatter=plane.scatter,
            paging=paging,
            links=links,
        ),
        MigrationOperations(
            migrations=Migrations(registry=plane.registry, scatter=plane.scatter),
            paging=paging,
            links=links,
        ),
        ServerMigrations(servers=servers, scatter=plane.scatter),
        ServerTopology(servers=servers, scatter=plane.scatter),
        VolumeAttachments(servers=servers),
        ServerTags(servers=servers, scatter=plane.scatter, links=links),
        RemoteConsoles(servers=servers, consoles=_consoles(conf, plane)),
        ConsoleAuthTokens(registry=plane.registry, scatter=plane.scatter, clock=now),
        ServerExternalEvents(
            delivery=ExternalEventDelivery(
                api_database=database,
                registry=plane.registry,
                scatter=plane.scatter,
                bus_of=plane.targets.bus,
            )
        ),
        SimpleTenantUsage(
            usages=Usages(registry=plane.registry, scatter=plane.scatter, servers=servers),
            paging=paging,
            links=links,
            clock=now,
        ),
    )


def _consoles(conf: cfg.ConfigOpts, plane: Plane) -> Consoles:
    return Consoles(
        bus_of=plane.targets.bus,
        database_of=plane.scatter.database,
        token_ttl_s=conf.consoleauth.token_ttl,
        timeout_s=conf.rpc_response_timeout,
        clock=now,
    )


def _aggregates(plane: Plane, zone_names: ZoneNames) -> Aggregates:
    database, registry, targets = plane.api_database, plane.registry, plane.targets
    mirror = AggregateMirror(
        api_database=database, registry=registry, targets=targets, placement=plane.placement
    )
    return Aggregates(
        database=database,
        changes=AggregateChanges(
            api_database=database,
            registry=registry,
            scatter=plane.scatter,
            mirror=mirror,
            zone_names=zone_names,
        ),
        image_caching=ImageCaching(api_database=database, registry=registry, targets=targets),
    )


def _servers(
    conf: cfg.ConfigOpts,
    plane: Plane,
    *,
    servers: Servers,
    requests: CreateRequests,
    limits: Limits,
    links: Links,
    paging: Paging,
) -> ServerOperations:
    database = plane.api_database
    intake = Intake(
        api_database=database,
        limits=limits,
        api_bus=plane.bus,
        unique_names=_unique_names(conf, plane),
    )
    template = conf.instance_name_template
    return ServerOperations(
        servers=servers,
        unreachable_servers=UnreachableServers(database),
        requests=requests,
        intake=intake,
        deletion=Deletion(
            api_database=database,
            servers=servers,
            targets=plane.targets,
            intake=intake,
            journal_of=plane.journal_of,
            attachments=load_attachments(conf),
        ),
        lists=ServerLists(paging=paging),
        view=ServerView(links=links, instance_name=lambda server: instance_name(template, server)),
        links=links,
        host_statuses=HostStatuses(service_down_time_s=conf.service_down_time),
        enable_instance_password=conf.api.enable_instance_password,
        skip_down_cells=conf.api.list_records_by_skipping_down_cells,
    )


def _unique_names(conf: cfg.ConfigOpts, plane: Plane) -> UniqueNames | None:
    scope = conf.osapi_compute_unique_server_name_scope
    if not scope:
        return None
    return UniqueNames(
        NameScope(scope),
        api_database=plane.api_database,
        registry=plane.registry,
        scatter=plane.scatter,
    )


def _create_requests(conf: cfg.ConfigOpts, plane: Plane, limits: Limits) -> CreateRequests:
    computes = ServiceVersions(registry=plane.registry, scatter=plane.scatter)
    return CreateRequests(
        api_database=plane.api_database,
        boot_source=BootSource(images=load_images(conf), volumes=load_user_volumes(conf)),
        limits=limits,
        upgrades=Upgrades(computes),
        options=CreateOptions(
            password_length=conf.password_length,
            default_schedule_zone=conf.default_schedule_zone,
            default_availability_zone=conf.default_availability_zone,
            pci_aliases=read_aliases(conf.pci.alias),
        ),
    )


def _batches(conf: cfg.ConfigOpts) -> Batches:
    if conf.api.instance_list_cells_batch_strategy == "fixed":
        return FixedBatches(conf.api.instance_list_cells_batch_fixed_size)
    return ShareOfPage()


def _quotas(conf: cfg.ConfigOpts, database: Database, limits: Limits) -> tuple[object, ...]:
    quota_sets = QuotaSets(database, limits)
    return (
        QuotaSetOperations(quota_sets=quota_sets, project_exists=_projects(conf).exists),
        QuotaClassSets(quota_sets=quota_sets),
        LimitOperations(quota_sets=quota_sets),
    )


def _projects(conf: cfg.ConfigOpts) -> Projects | AnyProject:
    return load_projects(conf) if conf.api.auth_strategy == "keystone" else AnyProject()
