"""``nova-api``: the Compute API on the threaded server of this package, where no uWSGI or Apache is wanted."""

from __future__ import annotations

from collections.abc import Sequence

from oslo_config import cfg

from groundwork.serving import HttpServer
from nova.cmd import beginning, compute_api, daemons
from nova.cmd.plane import Plane
from nova.service import Daemon


def make(conf: cfg.ConfigOpts) -> Sequence[Daemon]:
    """The API server of this configuration."""
    plane = Plane(
        conf,
        api_database=beginning.api_database(conf),
        transport_url=beginning.transport_url(conf),
    )
    return [http_server(conf, plane)]


def http_server(conf: cfg.ConfigOpts, plane: Plane) -> HttpServer:
    """The Compute API over HTTP at ``[embedded] listen_host`` and ``listen_port``."""
    return HttpServer(
        compute_api.make(conf, plane),
        host=conf.embedded.listen_host,
        port=conf.embedded.listen_port,
        threads=conf.embedded.threads,
        port_option="listen_port in group [embedded]",
    )


def main() -> None:
    """The console script."""
    daemons.main("nova-api", make)
