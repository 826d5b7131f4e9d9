"""Which hypervisor a compute host drives."""

from oslo_config import cfg

GROUP = None
OPTIONS = [
    cfg.StrOpt(
        "compute_driver",
        help="Driver of the hypervisor of this compute host: module and class below nova.virt "
        "(fake.FakeDriver), or the full path of a class installed elsewhere. Required on compute "
        "hosts, unused by the other services. Change it only on a host without servers: a driver "
        "sees none of another's guests.",
    ),
]
