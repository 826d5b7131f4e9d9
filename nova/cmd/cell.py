"""Where the objects inside a cell meet: its conductor and its computes. Nothing above the cell is known here."""

from __future__ import annotations

from contextlib import nullcontext
from threading import BoundedSemaphore

from oslo_config import cfg

from groundwork.database import Database
from groundwork.starting import BadOption
from nova.clients.placement import Placement
from nova.clients.volumes import load_attachments
from nova.compute.agent import ComputeAgent
from nova.compute.conductor_door import ConductorDoor
from nova.compute.consoles import ConsoleDoor, proxies_from_conf
from nova.compute.external_events import ExternalEvents
from nova.compute.guest_spec import GuestDescriber
from nova.compute.hardware import HostHardware, hardware_policy_from_conf
from nova.compute.inventory import InventoryReporter, policies_from_conf
from nova.compute.monitors import load_monitors
from nova.conductor.cell import CellConductor
from nova.lifecycle.tools import HostTools
from nova.rpc.bus import Bus
from nova.service import Identity
from nova.virt.loading import load_driver

CONDUCTOR = "nova-conductor"
COMPUTE = "nova-compute"


def conductor(
    conf: cfg.ConfigOpts, *, database: Database, bus: Bus, placement: Placement, host: str
) -> CellConductor:
    """The conductor of the cell that this database and bus belong to."""
    return CellConductor(
        database=database,
        bus=bus,
        placement=placement,
        attachments=load_attachments(conf),
        identity=Identity(CONDUCTOR, host),
        threads=conf.rpc_threads,
        service_down_time_s=conf.service_down_time,
        report_interval_s=conf.report_interval,
    )


def compute(conf: cfg.ConfigOpts, *, bus: Bus, placement: Placement, host: str) -> ComputeAgent:
    """The compute service of a host.

    :raises BadOption: no driver is configured.
    :raises Invalid: an option makes no sense to the driver, or names no monitor.
    """
    if not conf.compute_driver:
        raise BadOption("option compute_driver in group [DEFAULT] is not set")
    driver = load_driver(conf.compute_driver, conf, host=host)
    door = ConductorDoor(bus, timeout_s=conf.rpc_response_timeout)
    hardware = hardware_policy_from_conf(conf)
    describer = GuestDescriber(instance_name_template=conf.instance_name_template)
    limit = conf.max_concurrent_builds
    return ComputeAgent(
        identity=Identity(COMPUTE, host),
        driver=driver,
        bus=bus,
        door=door,
        inventory=InventoryReporter(
            driver=driver,
            placement=placement,
            policies=policies_from_conf(conf),
            hardware=hardware,
        ),
        monitors=load_monitors(conf.compute_monitors, driver),
        hardware=hardware,
        tools=HostTools(
            driver=driver,
            describe_guest=describer.describe,
            hardware=HostHardware(driver=driver, door=door, policy=hardware),
            build_slot=BoundedSemaphore(limit) if limit else nullcontext(),
            attachments=load_attachments(conf),
        ),
        external_events=ExternalEvents(driver=driver),
        consoles=ConsoleDoor(driver=driver, proxies=proxies_from_conf(conf)),
        threads=conf.rpc_threads,
        report_interval_s=conf.report_interval,
        resources_interval_s=conf.compute_resources_interval,
        enable_new_services=conf.enable_new_services,
        resize_confirm_window_s=conf.resize_confirm_window,
    )
