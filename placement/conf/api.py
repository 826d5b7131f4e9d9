"""``[api]``."""

from oslo_config import cfg

GROUP = "api"
OPTIONS = [
    cfg.StrOpt(
        "auth_strategy",
        default="keystone",
        choices=[
            ("keystone", "Tokens are checked with Keystone, as [keystone_authtoken] says."),
            (
                "noauth2",
                "The token 'admin' is an administrator, 'USER:PROJECT' that user; for tests only.",
            ),
        ],
        help="How callers prove who they are.",
    ),
]
