"""The Compute API service: who may come in, pages, links, and the layout of its WSGI pipeline."""

from __future__ import annotations

from oslo_config import cfg

_API: list[cfg.Opt] = [
    cfg.StrOpt(
        "auth_strategy",
        default="keystone",
        choices=[
            ("keystone", "Tokens are checked by the identity service."),
            ("noauth2", "Any token 'user:project' is believed. For tests on closed machines only."),
        ],
        help="How requests prove who asks.",
    ),
    cfg.IntOpt(
        "max_limit",
        default=1000,
        min=0,
        help="Largest page of a list, and the page when the client asks for none, rows. Larger pages cost memory "
        "and time in one request; smaller ones cost clients more requests.",
    ),
    cfg.StrOpt(
        "compute_link_prefix",
        help="URL put in place of the request's scheme, host and mount point in links, such as "
        "https://cloud.example.com/compute. Set it when a proxy hides the URL that clients use and does not "
        "forward it.",
    ),
    cfg.StrOpt(
        "glance_link_prefix",
        help="URL of the image service in links to images. Unset: the URL under which this service reaches it.",
    ),
    cfg.BoolOpt(
        "instance_list_per_project_cells",
        default=False,
        help="Ask only the cells in which the project has servers when it lists them. Set it to true with many "
        "cells of which a project uses few; it costs one more query of the API database.",
    ),
    cfg.StrOpt(
        "instance_list_cells_batch_strategy",
        default="distributed",
        choices=[
            ("distributed", "Each cell is asked for its share of the page, plus some."),
            ("fixed", "Each cell is asked for a fixed number of rows at a time."),
        ],
        help="How a page of servers is split over cells. 'distributed' suits servers that are spread evenly.",
    ),
    cfg.IntOpt(
        "instance_list_cells_batch_fixed_size",
        default=100,
        min=100,
        help="Rows asked of a cell at a time with the 'fixed' strategy. Larger: fewer queries, more rows that are "
        "thrown away.",
    ),
    cfg.BoolOpt(
        "list_records_by_skipping_down_cells",
        default=True,
        help="Lists leave out cells that do not answer. False makes such lists fail with status 500, for operators "
        "who prefer no list to an incomplete one.",
    ),
    cfg.BoolOpt(
        "use_neutron_default_nets",
        default=False,
        help="Add the default networks to the tenant-networks proxy (up to version 2.35).",
    ),
    cfg.StrOpt(
        "neutron_default_project_id",
        default="default",
        help="Project that owns the default networks of the tenant-networks proxy.",
    ),
    cfg.BoolOpt(
        "enable_instance_password",
        default=True,
        help="Show adminPass in the answers of create, rebuild, rescue and evacuate. Set it to false when the "
        "hypervisor cannot set passwords, so that nobody is shown one that does not work.",
    ),
    cfg.StrOpt(
        "response_validation",
        default="warn",
        choices=[
            ("error", "The request fails with status 500."),
            ("warn", "A warning is logged."),
            ("ignore", "Answers are not checked."),
        ],
        help="What happens when an answer breaks its declared schema. 'ignore' saves the time of the check.",
    ),
]

_WSGI: list[cfg.Opt] = [
    cfg.StrOpt(
        "api_paste_config",
        default="api-paste.ini",
        help="File that lays out the WSGI pipeline, searched for in the configuration directories. When the default "
        "name is not found there, the layout that comes with the package counts.",
    ),
    cfg.StrOpt(
        "secure_proxy_ssl_header",
        deprecated_for_removal=True,
        deprecated_reason="Use [oslo_middleware] enable_proxy_headers_parsing.",
        help="Request header in which a proxy tells the client's scheme, such as HTTP_X_FORWARDED_PROTO.",
    ),
]

_NAMES: list[cfg.Opt] = [
    cfg.StrOpt(
        "osapi_compute_unique_server_name_scope",
        default="",
        choices=[
            ("", "Any number of servers may have a name."),
            ("project", "No two servers of a project have the same name."),
            ("global", "No two servers of the cloud have the same name."),
        ],
        help="Among which servers a name may be there once; upper and lower case are the same. A create with a name "
        "that is taken gets status 409. Set it, and to the same on every nova-api, where names are used as host names; "
        "servers that share a name already keep it. The price: creates of the project, or all creates, wait for each "
        "other while the cells are asked, which takes longer the more servers there are; and creates get status 503 "
        "while a cell that has servers of the project (or any cell) does not answer.",
    ),
]

GROUPS: dict[str | None, list[cfg.Opt]] = {
    None: _NAMES,
    "api": _API,
    "wsgi": _WSGI,
}
