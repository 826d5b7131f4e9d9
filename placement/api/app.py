"""The WSGI application: all operations, and the layers around them."""

from __future__ import annotations

import time

from oslo_config import cfg
from oslo_middleware import cors

from groundwork import openapi
from groundwork.application import Application
from groundwork.database import Database
from groundwork.policy import Policy
from groundwork.proxy import behind_proxy
from groundwork.request_ids import RequestIds
from groundwork.wsgi import WsgiApp
from placement import policies
from placement.allocations.claims import Claims
from placement.allocations.reading import Holdings
from placement.allocations.reshaping import Reshaper
from placement.api import auth, microversion
from placement.api.aggregates import AggregateOperations
from placement.api.allocations.operations import AllocationOperations, ReshaperOperations
from placement.api.candidates.operations import CandidateOperations
from placement.api.dialect import PlacementDialect
from placement.api.inventories.operations import InventoryOperations
from placement.api.providers.operations import ProviderOperations
from placement.api.request_log import RequestLog
from placement.api.resource_classes import ResourceClassOperations
from placement.api.root import Root
from placement.api.traits import ProviderTraitOperations, TraitOperations
from placement.api.usages import UsageOperations
from placement.candidates.index.live import LiveIndex
from placement.candidates.search import Order
from placement.inventory.aggregates import Aggregates
from placement.inventory.inventories import Inventories
from placement.inventory.providers import Providers
from placement.inventory.resource_classes import ResourceClasses
from placement.inventory.traits import Traits
from placement.records import Owner


def make_operations(
    conf: cfg.ConfigOpts, database: Database, *, check_answers: str = "ignore"
) -> Application:
    """The operations alone, without the layers that find out who asks."""
    options = conf.placement
    placeholder = Owner(options.incomplete_consumer_project_id, options.incomplete_consumer_user_id)
    retries = options.allocation_conflict_retry_count
    traits = Traits(database=database)
    holdings = Holdings(database=database)
    application: Application

    def describe() -> dict[str, object]:
        return openapi.document(
            application.operations,
            title="Placement API",
            newest=microversion.NEWEST,
            version_header=f"{microversion.SERVICE} X.Y, or {microversion.SERVICE} latest",
        )

    resources = (
        Root(describe=describe),
        ProviderOperations(providers=Providers(database=database)),
        InventoryOperations(inventories=Inventories(database=database)),
        AggregateOperations(aggregates=Aggregates(database=database)),
        TraitOperations(traits=traits),
        ProviderTraitOperations(traits=traits),
        ResourceClassOperations(resource_classes=ResourceClasses(database=database)),
        AllocationOperations(
            claims=Claims(database=database, conflict_retries=retries),
            holdings=holdings,
            placeholder=placeholder,
        ),
        UsageOperations(holdings=holdings),
        CandidateOperations(
            index=LiveIndex(database=database, clock=time.monotonic), order=_order(conf)
        ),
        ReshaperOperations(
            reshaper=Reshaper(database=database, conflict_retries=retries), placeholder=placeholder
        ),
    )
    application = Application(
        resources,
        dialect=PlacementDialect(),
        policy=Policy(conf, policies.list_rules()),
        check_answers=check_answers,
    )
    return application


def make_application(
    conf: cfg.ConfigOpts, database: Database, *, check_answers: str = "ignore"
) -> WsgiApp:
    """The operations in their layers, the outermost last.

    The request id is known before anybody can refuse, so that a refusal carries it and is logged with it; the proxy's
    headers are read before anything makes a link; cross-site pre-flights carry no token and are answered before one is
    missed.
    """
    operations = make_operations(conf, database, check_answers=check_answers)
    door: WsgiApp = auth.NoAuth(operations)
    if conf.api.auth_strategy == "keystone":
        door = auth.keystone(operations, conf)
    layered: WsgiApp = RequestLog(auth.OpenRoot(operations, door=door))
    layered = RequestIds(layered)
    layered = behind_proxy(layered, conf)
    crossing = cors.CORS(layered, conf)
    # Where no foreign site may call, OPTIONS is a method like any other that a path does not have.
    return crossing if conf.cors.allowed_origin else layered


def _order(conf: cfg.ConfigOpts) -> Order:
    options = conf.placement
    bound = options.max_allocation_candidates
    return Order(
        breadth_first=options.allocation_candidates_generation_strategy == "breadth-first",
        shuffle=options.randomize_allocation_candidates,
        at_most=None if bound < 0 else bound,
    )
