"""Where the objects of the metadata service meet."""

from __future__ import annotations

import time

from oslo_config import cfg

from groundwork.database import Database
from groundwork.wsgi import WsgiApp
from nova.api.metadata.app import MetadataApplication
from nova.api.metadata.identity import ProxyIdentity
from nova.api.metadata.lookup import LocalServers, MappedServers, ServerLookup
from nova.api.metadata.source import GuestSource
from nova.api.metadata.vendor_data import StaticVendorData
from nova.cmd import beginning
from nova.cmd.plane import Plane


def make(conf: cfg.ConfigOpts) -> WsgiApp:
    """The metadata service as a WSGI application; inside a cell it opens that cell's database only."""
    source = GuestSource(
        servers=_servers(conf),
        networks=None,
        passwords=None,
        vendor_data=StaticVendorData(
            path=conf.api.vendordata_jsonfile_path, providers=conf.api.vendordata_providers
        ),
        dhcp_domain=conf.api.dhcp_domain,
        cache_expiration_s=conf.api.metadata_cache_expiration,
        clock=time.monotonic,
    )
    identity = ProxyIdentity(
        service_metadata_proxy=conf.neutron.service_metadata_proxy,
        shared_secret=conf.neutron.metadata_proxy_shared_secret,
    )
    return MetadataApplication(identity=identity, source=source)


def _servers(conf: cfg.ConfigOpts) -> ServerLookup:
    if conf.api.local_metadata_per_cell:
        return LocalServers(database=_forked(beginning.cell_database(conf)))
    database = _forked(beginning.api_database(conf))
    plane = Plane(conf, api_database=database, transport_url=conf.transport_url or "")
    return MappedServers(api_database=database, registry=plane.registry, scatter=plane.scatter)


def _forked(database: Database) -> Database:
    """Let go of the connection that the schema check opened: a WSGI server may fork now."""
    database.dispose()
    return database
