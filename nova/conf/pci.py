"""PCI devices: which a compute host offers, and by which names servers ask for them."""

from oslo_config import cfg

GROUP = "pci"
OPTIONS = [
    cfg.MultiStrOpt(
        "device_spec",
        default=[],
        deprecated_name="passthrough_whitelist",
        help="Devices of this compute host that guests may have, as a JSON object; several lines (or a list of objects "
        'in one line) add up. Keys: "vendor_id" and "product_id" (four hexadecimal digits), "address" (such as '
        '"0000:81:00.*", or an object of regular expressions for domain, bus, slot and function), and '
        '"physical_network" for network cards. A device is offered if one object fits it in everything that the object '
        "says. None by default; a device that is taken out stays with the server that has it.",
    ),
    cfg.MultiStrOpt(
        "alias",
        default=[],
        help="A name for a kind of device, which flavors ask for by pci_passthrough:alias = NAME:COUNT, as a JSON "
        'object. Keys: "name", "vendor_id" and "product_id" (one of them at least), "device_type" (type-PCI, the '
        'default; type-PF; type-VF) and "numa_policy" (required, legacy, preferred, socket: how near to the server\'s '
        "NUMA nodes the device has to be; legacy by default). Several lines with one name mean any of their kinds; "
        "nova-api reads them.",
    ),
]
