"""How Cinder is reached. Who logs in, and over which connections: keystoneauth's options, as for other services."""

from __future__ import annotations

from keystoneauth1 import loading
from oslo_config import cfg

GROUP = "cinder"
OPTIONS = [
    *loading.get_session_conf_options(),
    *loading.get_auth_common_conf_options(),
    cfg.StrOpt(
        "catalog_info",
        default="volumev3::publicURL",
        regex=r"^[^:]+:[^:]*:[^:]+$",
        help="Where the catalogue has Cinder: service type, service name (may be empty) and interface, with colons in "
        "between. Name the internal interface (volumev3::internalURL) where this service cannot reach the public one.",
    ),
    cfg.StrOpt(
        "endpoint_template",
        help="URL of Cinder in place of what the catalogue says, for example "
        "http://cinder.example:8776/v3/%(project_id)s. Set it where the catalogue's URL does not lead there from here.",
    ),
    cfg.StrOpt(
        "os_region_name",
        help="Region of Cinder in the catalogue. Set it when the catalogue has several regions.",
    ),
    cfg.IntOpt(
        "http_retries",
        default=3,
        min=0,
        help="How often a call is repeated when Cinder does not answer or says 503. Raise it when Cinder restarts "
        "often; each repetition makes a tenant wait longer for the error.",
    ),
]
