"""How limits are read from the identity service (``[oslo_limit]``): the options of oslo.limit itself.

They are declared here and not by that library, which brings openstacksdk with it; who has other limits need not wait
for its import. Options of an authentication plugin are registered when it is loaded, as in ``clients.py``.
"""

from __future__ import annotations

from keystoneauth1 import loading
from oslo_config import cfg

GROUP = "oslo_limit"

OPTIONS = [
    *loading.get_session_conf_options(),
    *loading.get_auth_common_conf_options(),
    *loading.get_adapter_conf_options(include_deprecated=False),
    cfg.StrOpt(
        "endpoint_id",
        help="The id of this service's endpoint in the identity service. Limits are registered for the service and "
        "region of that endpoint; it, or a service by type or name, has to be given with "
        "``[quota] driver = nova.quota.UnifiedLimitsDriver``.",
    ),
    cfg.StrOpt(
        "endpoint_service_name",
        help="Instead of endpoint_id: the name of this service in the identity service.",
    ),
    cfg.StrOpt(
        "endpoint_service_type",
        help="Instead of endpoint_id: the type of this service in the identity service, usually ``compute``.",
    ),
    cfg.StrOpt(
        "endpoint_region_name",
        help="Which region the endpoint is in, where it is looked for by service.",
    ),
    cfg.StrOpt(
        "endpoint_interface",
        default="public",
        choices=["public", "publicURL", "internal", "internalURL", "admin", "adminURL"],
        help="Which interface the endpoint has, where it is looked for by service.",
    ),
]
