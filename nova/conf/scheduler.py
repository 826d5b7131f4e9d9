"""Where servers go: how hosts are found, filtered and weighed."""

from __future__ import annotations

from oslo_config import cfg

_SCHEDULER: list[cfg.Opt] = [
    cfg.IntOpt(
        "max_attempts",
        default=3,
        min=1,
        help="Hosts on which a server that is new or moves is tried at most: the chosen one and its alternates in the "
        "same cell. Raise it when hosts fail often; each further attempt makes a tenant wait longer for a server that "
        "cannot be built, and a guest that moves is off once more.",
    ),
    cfg.IntOpt(
        "discover_hosts_in_cells_interval",
        default=-1,
        min=-1,
        help="Seconds between two searches for compute hosts that belong to no cell yet. -1: never, operators run "
        "'nova-manage cell_v2 discover_hosts'. Set it where hosts come and go by themselves; one scheduler is enough.",
    ),
    cfg.IntOpt(
        "max_placement_results",
        default=1000,
        min=1,
        help="Candidates asked of Placement at first; when none of them passes the filters, all are looked at. Lower "
        "it in large deployments where any host will do: decisions get faster, and weighers see fewer hosts.",
    ),
    cfg.BoolOpt(
        "limit_tenants_to_placement_aggregate",
        default=False,
        help="Keep projects on the hosts of their aggregates: those with metadata filter_tenant_id (or with a suffix, "
        "filter_tenant_id1) and the project's id as value. Other projects are kept off these hosts by the filter "
        "AggregateMultiTenancyIsolation only. Aggregates have to be known to Placement, which nova-api sees to and "
        "'nova-manage placement sync_aggregates' repairs.",
    ),
    cfg.BoolOpt(
        "placement_aggregate_required_for_tenants",
        default=False,
        help="Let servers of a project without any such aggregate fail, instead of going to any host. Set it together "
        "with limit_tenants_to_placement_aggregate where every project has hosts of its own.",
    ),
    cfg.BoolOpt(
        "query_placement_for_image_type_support",
        default=False,
        help="Ask Placement only for hosts that can use the image's disk format (trait COMPUTE_IMAGE_TYPE_ and its "
        "name). Set it where hosts differ in that, for example with Ceph beside local disks; computes that are too old "
        "to report the trait get no servers then. Servers that boot from volumes are not affected.",
    ),
    cfg.BoolOpt(
        "enable_isolated_aggregate_filtering",
        default=False,
        help="Keep servers off aggregates with metadata trait:NAME=required unless flavor or image require all these "
        "traits. Set it where hosts with rare hardware or licences are kept for those who ask for them.",
    ),
    cfg.BoolOpt(
        "image_metadata_prefilter",
        default=False,
        help="Ask Placement only for hosts that have the buses and device models which the image names (hw_disk_bus, "
        "hw_cdrom_bus, hw_video_model, hw_vif_model) as traits. Set it where hypervisors differ; hosts that do not "
        "report these traits get no servers of such images then.",
    ),
    cfg.BoolOpt(
        "query_placement_for_routed_network_aggregates",
        default=False,
        help="Has no effect, and is accepted so that configurations of other deployments can be used: servers have no "
        "ports yet whose network segments could restrict their hosts.",
    ),
    cfg.IntOpt(
        "workers",
        min=0,
        help="Scheduler processes on this machine. Unset: one for each CPU.",
    ),
]

_ENABLED_FILTERS = [
    "ComputeFilter",
    "ComputeCapabilitiesFilter",
    "ImagePropertiesFilter",
    "ServerGroupAntiAffinityFilter",
    "ServerGroupAffinityFilter",
]

# As images name them in hw_architecture.
_ARCHITECTURES = (
    "alpha armv6 armv7l armv7b aarch64 cris i686 ia64 lm32 loongarch64 m68k microblaze microblazeel mips mipsel mips64 "
    "mips64el openrisc parisc parisc64 ppc ppcle ppc64 ppc64le ppcemb riscv64 s390 s390x sh4 sh4eb sparc sparc64 "
    "unicore32 x86_64 xtensa xtensaeb"
).split()


def _multiplier(name: str, default: float, meaning: str) -> cfg.FloatOpt:
    return cfg.FloatOpt(
        f"{name}_weight_multiplier",
        default=default,
        help=f"{meaning} The number of each host is stretched to 0..1 among the candidates and multiplied by this; "
        f"0 turns it off. Metadata {name}_weight_multiplier of an aggregate counts before it for its hosts.",
    )


_FILTER_SCHEDULER: list[cfg.Opt] = [
    cfg.MultiStrOpt(
        "available_filters",
        default=["nova.scheduler.filters.all_filters"],
        help="Filters that enabled_filters may name: paths of classes, or of functions that list classes. Add a line "
        "for filters of your own and keep the default one; doc/own-filters.rst tells what these look like.",
    ),
    cfg.ListOpt(
        "enabled_filters",
        default=_ENABLED_FILTERS,
        help="Filters that a host has to pass, by class name, in the order in which they are asked: those that "
        "remove most hosts come first. Without ComputeFilter servers are sent to hosts that are down; without the "
        "ServerGroup filters creates in groups fail for which the first choice happens to break the policy. "
        "AvailabilityZoneFilter is asked last where it is not named.",
    ),
    cfg.ListOpt(
        "weight_classes",
        default=["nova.scheduler.weights.all_weighers"],
        help="Weighers in use: paths of classes, or of functions that list classes. doc/own-filters.rst tells what "
        "those of your own look like.",
    ),
    cfg.BoolOpt(
        "track_instance_changes",
        default=True,
        help="Has no effect, and is accepted so that configurations of other deployments can be used. Computes tell "
        "schedulers nothing of their servers: filters and weighers that want to know read it from the cells, and "
        "server groups reserve their hosts in the API database.",
    ),
    cfg.BoolOpt(
        "pci_in_placement",
        default=False,
        help="Whether PCI devices are claimed in Placement. Only false is possible, and is how it is: devices are "
        "claimed on their host when a server comes there, and PciPassthroughFilter keeps servers off hosts without "
        "free ones. The scheduler does not start with true.",
    ),
    cfg.IntOpt(
        "host_subset_size",
        default=1,
        min=1,
        help="Choose by chance among this many best hosts. Raise it when many schedulers run into each other on the "
        "same best host; the price is that the best one is often not taken.",
    ),
    cfg.BoolOpt(
        "shuffle_best_same_weighed_hosts",
        default=False,
        help="Choose by chance among the best hosts that weigh the same, instead of by name. Set it where hosts are "
        "alike and mostly empty (bare metal).",
    ),
    cfg.IntOpt(
        "max_io_ops_per_host",
        default=8,
        min=0,
        help="IoOpsFilter: servers of a host that may be built, moved or copied at once before it gets no more.",
    ),
    cfg.IntOpt(
        "max_instances_per_host",
        default=50,
        min=1,
        help="NumInstancesFilter: servers on a host at most.",
    ),
    _multiplier("ram", 1.0, "Preference for free memory; negative fills hosts up one by one."),
    _multiplier("cpu", 1.0, "Preference for free vCPUs; negative fills hosts up."),
    _multiplier("disk", 1.0, "Preference for free disk; negative fills hosts up."),
    _multiplier("io_ops", -1.0, "Preference for hosts with servers at work; negative avoids them."),
    _multiplier(
        "num_instances", 0.0, "Preference for hosts with many servers; negative, with few."
    ),
    _multiplier("hypervisor_version", 1.0, "Preference for newer hypervisors; negative, older."),
    _multiplier(
        "soft_affinity", 1.0, "Preference for hosts with members of a soft-affinity server group."
    ),
    _multiplier(
        "soft_anti_affinity",
        1.0,
        "Preference for hosts without members of a soft-anti-affinity server group.",
    ),
    _multiplier(
        "image_props",
        0.0,
        "Preference for hosts with servers of like images; negative, without. Costs a query of each cell more.",
    ),
    cfg.ListOpt(
        "image_props_weight_setting",
        default=[],
        help="ImagePropertiesWeigher: what image properties count, as PROPERTY=NUMBER; those not named count 1. Set "
        "those that do not matter to 0.",
    ),
    _multiplier(
        "build_failure",
        1_000_000.0,
        "Preference for hosts on which no build has failed since the last that succeeded there. Set it to 0 where "
        "builds fail for reasons that say nothing of the host.",
    ),
    _multiplier(
        "cross_cell_move",
        1_000_000.0,
        "Preference for the cell in which a moved server is; negative, for other cells.",
    ),
    cfg.FloatOpt(
        "pci_weight_multiplier",
        default=1.0,
        min=0.0,
        help="Preference for hosts with few free PCI devices: servers that ask for devices take those that have just "
        "enough, all others keep off hosts with devices. The number of each host is stretched to 0..1 among the "
        "candidates and multiplied by this; 0 turns it off. Metadata pci_weight_multiplier of an aggregate counts "
        "before it for its hosts.",
    ),
    cfg.StrOpt(
        "image_properties_default_architecture",
        choices=_ARCHITECTURES,
        help="ImagePropertiesFilter: architecture of images that name none. Set it where hosts differ.",
    ),
    cfg.ListOpt(
        "isolated_images",
        default=[],
        help="IsolatedHostsFilter: uuids of images whose servers run on isolated_hosts only.",
    ),
    cfg.ListOpt(
        "isolated_hosts",
        default=[],
        help="IsolatedHostsFilter: hosts kept for isolated_images.",
    ),
    cfg.BoolOpt(
        "restrict_isolated_hosts_to_isolated_images",
        default=True,
        help="IsolatedHostsFilter: keep other images off isolated_hosts.",
    ),
    cfg.StrOpt(
        "aggregate_image_properties_isolation_namespace",
        help="AggregateImagePropertiesIsolation: look only at image properties that begin with this.",
    ),
    cfg.StrOpt(
        "aggregate_image_properties_isolation_separator",
        default=".",
        help="AggregateImagePropertiesIsolation: what follows the namespace.",
    ),
]

GROUPS: dict[str | None, list[cfg.Opt]] = {
    "scheduler": _SCHEDULER,
    "filter_scheduler": _FILTER_SCHEDULER,
}
