"""Hosts that join a running plane, and leave it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from nova.cmd import cell as cell_module
from nova.compute.agent import ComputeAgent
from nova.db.api import models as api_models
from nova.db.cell import models as cell_models
from nova.rpc.bus import Bus
from tests.functional.embedded.plane import Cloud


def make_agent(cloud: Cloud, cell_name: str, host: str) -> ComputeAgent:
    """A compute service of that cell, not started yet."""
    [cell] = [cell for cell in cloud.cells if cell.name == cell_name]
    bus = Bus(cloud.conf, cell.transport_url)
    placement = cloud.embedded.plane.placement
    return cell_module.compute(cloud.conf, bus=bus, placement=placement, host=host)


@contextmanager
def one_more_host(cloud: Cloud, cell_name: str, host: str) -> Iterator[ComputeAgent]:
    """A compute service that joins a cell, and leaves without a trace."""
    agent = make_agent(cloud, cell_name, host)
    agent.start()
    try:
        yield agent
    finally:
        agent.stop()
        with cloud.database(cell_name).write() as tx:
            tables = (cell_models.services, cell_models.compute_nodes)
            [node] = tx.execute(sa.select(tables[1].c.uuid).where(tables[1].c.host == host))
            for table in tables:
                tx.execute(sa.delete(table).where(table.c.host == host))
        with cloud.database("api").write() as tx:
            table = api_models.host_mappings
            tx.execute(sa.delete(table).where(table.c.host == host))
        cloud.placement("DELETE", f"/resource_providers/{node.uuid}", status=204)
