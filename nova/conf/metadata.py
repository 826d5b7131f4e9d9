"""The metadata service: what guests are told, and how they are recognised."""

from __future__ import annotations

from oslo_config import cfg

GROUPS: dict[str | None, list[cfg.Opt]] = {
    "api": [
        cfg.IntOpt(
            "metadata_cache_expiration",
            default=15,
            min=0,
            help="Seconds that the metadata of a server may be old when it is told; 0 looks it up for each question. "
            "Larger: fewer database reads while guests boot, but changes are seen later.",
        ),
        cfg.BoolOpt(
            "local_metadata_per_cell",
            default=False,
            help="Whether the metadata service runs inside a cell and asks only that cell's database. Set it to true "
            "when each cell has its own metadata service and networks do not span cells.",
        ),
        cfg.StrOpt(
            "dhcp_domain",
            default="novalocal",
            help="Domain added to host names in metadata that have none. Empty: the bare host name.",
        ),
        cfg.ListOpt(
            "vendordata_providers",
            default=["StaticJSON"],
            item_type=cfg.types.String(choices=["StaticJSON"]),
            help="Where the operator's own data for guests comes from: StaticJSON (the file of "
            "vendordata_jsonfile_path). Empty: guests are shown none.",
        ),
        cfg.StrOpt(
            "vendordata_jsonfile_path",
            help="File with one JSON object that every guest can read in vendor_data.json. It is read anew with the "
            "metadata of each server, so it can be changed at any time.",
        ),
    ],
    "neutron": [
        cfg.BoolOpt(
            "service_metadata_proxy",
            default=False,
            help="Whether guests ask through the network service's metadata proxy, which says who they are. Without "
            "it no guest can be recognised and all questions get 404.",
        ),
        cfg.StrOpt(
            "metadata_proxy_shared_secret",
            default="",
            secret=True,
            help="Secret with which the proxy signs server ids. Must be the same as in the proxy's configuration; "
            "an empty one lets everybody who reaches this service read the metadata of any server.",
        ),
    ],
}
