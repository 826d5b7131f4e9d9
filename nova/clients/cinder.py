"""Cinder over REST: which version it has."""

from __future__ import annotations

from keystoneauth1 import adapter as ks_adapter
from keystoneauth1 import exceptions as ks_exceptions
from oslo_config import cfg

from groundwork.errors import Invalid, Unavailable
from nova.clients.session import load_credentials, load_session

#: Attachments can be completed from here on; before, two servers could be given one volume.
MICROVERSION = "3.44"


class Cinder:
    """The block storage service."""

    def __init__(self, adapter: ks_adapter.Adapter) -> None:
        self._adapter = adapter

    def newest_version(self) -> tuple[int, int]:
        """The newest microversion that it offers, as numbers that can be compared; (2, 0) of one that has none yet.

        :raises Unavailable: it cannot be found or reached.
        """
        try:
            found = self._adapter.get_endpoint_data()
        except ks_exceptions.ClientException as exc:
            raise Unavailable("Cinder cannot be reached.", internal=str(exc)) from exc
        newest = found and (found.max_microversion or found.api_version)
        if not newest:
            raise Unavailable(
                "Cinder cannot be reached.", internal="no version of it is where the catalogue says"
            )
        return int(newest[0]), int(newest[1])


def is_configured(conf: cfg.ConfigOpts) -> bool:
    """Whether this deployment has volumes: group ``[cinder]`` says how to log in."""
    return bool(conf.cinder.auth_type or conf.cinder.auth_section)


def load_cinder(conf: cfg.ConfigOpts) -> Cinder:
    """Cinder as ``[cinder]`` describes it. :raises Invalid: the group cannot be used."""
    group = conf.cinder
    credentials = load_credentials(conf, "cinder")
    if credentials is None:
        raise Invalid("Group [cinder] gives no credentials: set auth_type.")
    service_type, service_name, interface = group.catalog_info.split(":")
    # Versions are told above projects.
    template = (group.endpoint_template or "").replace("%(project_id)s", "")
    return Cinder(
        ks_adapter.Adapter(
            load_session(conf, "cinder"),
            auth=credentials,
            service_type=service_type,
            service_name=service_name or None,
            interface=interface,
            region_name=group.os_region_name,
            endpoint_override=template or None,
            min_version="3.0",
            max_version="3.latest",
        )
    )
