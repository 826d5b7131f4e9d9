"""What the deployments look like that the published files expect to find, by fixture."""

from __future__ import annotations

import os
from typing import Any

from tests.conformance.gabbits.building import Builder, fresh_uuid, tell

SHARES = "MISC_SHARES_VIA_AGGREGATE"
_HOST = {"VCPU": 8, "MEMORY_MB": 4096, "DISK_GB": 500}
_BIG_HOST: dict[str, Any] = {
    "VCPU": {"total": 24, "allocation_ratio": 16.0},
    "MEMORY_MB": {"total": 128 * 1024, "allocation_ratio": 1.5},
}
_STORAGE = {"total": 2000, "reserved": 100}


def name_things() -> None:
    """The uuids and names that every file may refer to; nothing of them exists yet."""
    for name in (
        *("RP_UUID", "RP_UUID1", "RP_UUID2", "RP_NAME", "RP_NAME1", "RP_NAME2"),
        *("PROJECT_ID", "PROJECT_ID_ALT", "ADMIN_PROJECT_ID", "SERVICE_PROJECT_ID"),
        *("USER_ID", "USER_ID_ALT", "INSTANCE_UUID", "MIGRATION_UUID", "CONSUMER_UUID"),
        *("PARENT_PROVIDER_UUID", "ALT_PARENT_PROVIDER_UUID"),
    ):
        tell(**{name: fresh_uuid()})
    for suffix in ("", "1", "2"):
        tell(**{f"CUSTOM_RES_CLASS{suffix}": f"CUSTOM_IRON_NFV{suffix}"})


def _aggregates(*variables: str) -> tuple[str, ...]:
    uuids = tuple(fresh_uuid() for _ in variables)
    tell(**dict(zip(variables, uuids, strict=True)))
    return uuids


def with_allocations(build: Builder) -> None:
    """One provider that three consumers of one project and two users hold parts of."""
    tell(ALT_USER_ID=fresh_uuid(), ALT_RP_UUID=fresh_uuid(), ALT_RP_NAME=fresh_uuid())
    provider = build.provider(
        os.environ["RP_NAME"],
        uuid=os.environ["RP_UUID"],
        DISK_GB={"total": 2048, "step_size": 10, "min_unit": 10, "max_unit": 1000},
        VCPU={"total": 10, "max_unit": 10},
    )
    user = {"user": os.environ["USER_ID"], "project": os.environ["PROJECT_ID"]}
    other = {**user, "user": os.environ["ALT_USER_ID"]}
    tell(
        CONSUMER_0=build.claim(provider, **user, DISK_GB=1000),
        CONSUMER_ID=build.claim(provider, **user, VCPU=6),
        ALT_CONSUMER_ID=build.claim(provider, **other, DISK_GB=20, VCPU=1),
    )


def with_shared_storage(build: Builder) -> None:
    """Two hosts with two NUMA nodes and a network function each, and two storages shared by both."""
    (aggregate,) = _aggregates("AGG_UUID")
    hosts = [
        build.provider(
            "cn1",
            variable="CN1_UUID",
            aggregates=(aggregate,),
            traits=("HW_CPU_X86_SSE", "HW_CPU_X86_SSE2"),
            **_BIG_HOST,
        ),
        build.provider(
            "cn2", variable="CN2_UUID", aggregates=(aggregate,), **_BIG_HOST, DISK_GB=_STORAGE
        ),
    ]
    for name in ("ss", "ss2"):
        build.provider(
            name,
            variable=f"{name.upper()}_UUID",
            aggregates=(aggregate,),
            traits=(SHARES,),
            DISK_GB=_STORAGE,
        )
    for number, host in enumerate(hosts, 1):
        for place in (f"{number}_1", f"{number}_2"):
            numa = build.provider(f"numa{place}", variable=f"NUMA{place}_UUID", parent=host)
            build.provider(f"pf{place}", variable=f"PF{place}_UUID", parent=numa, SRIOV_NET_VF=8)


def with_storage_by_numa_node(build: Builder) -> None:
    """Hosts that share one storage, and one NUMA node that shares another by an aggregate of its own."""
    a, b, c = _aggregates("AGGA_UUID", "AGGB_UUID", "AGGC_UUID")
    hosts = [
        build.provider("cn1", variable="CN1_UUID", aggregates=(a,)),
        build.provider("cn2", variable="CN2_UUID", aggregates=(a, b)),
    ]
    for name, aggregate in (("ss1", a), ("ss2", c)):
        build.provider(
            name,
            variable=f"{name.upper()}_UUID",
            aggregates=(aggregate,),
            traits=(SHARES,),
            DISK_GB=_STORAGE,
        )
    for number, host in enumerate(hosts, 1):
        for place in (f"{number}_1", f"{number}_2"):
            build.provider(
                f"numa{place}",
                variable=f"NUMA{place}_UUID",
                parent=host,
                aggregates=(c,) if place == "1_1" else (),
                VCPU={"total": 24, "allocation_ratio": 16.0},
            )


def with_three_local_disks(build: Builder) -> None:
    """Three equal hosts that share nothing."""
    _aggregates("AGGA_UUID", "AGGB_UUID", "AGGC_UUID")
    for number in (1, 2, 3):
        build.provider(
            f"cn{number}",
            variable=f"CN{number}_UUID",
            VCPU=24,
            MEMORY_MB=128 * 1024,
            DISK_GB=2000,
        )


def with_numa_and_networks(build: Builder) -> None:
    """A host of NUMA nodes with devices and network agents, and a plain host with network cards."""
    _numa_and_networks(build, None, None)


def with_numa_and_networks_in_a_deep_tree(build: Builder) -> None:
    """The same two hosts under two parents of one grandparent."""
    top = build.provider("gp1")
    _numa_and_networks(build, build.provider("p1", parent=top), build.provider("p2", parent=top))


def _numa_and_networks(build: Builder, parent_1: str | None, parent_2: str | None) -> None:
    (aggregate,) = _aggregates("AGGA_UUID")
    build.provider(
        "ss1", variable="SS1_UUID", aggregates=(aggregate,), traits=(SHARES,), DISK_GB=2000
    )
    owner = {"user": fresh_uuid(), "project": fresh_uuid()}
    numa_host = build.provider(
        "cn1",
        variable="CN1_UUID",
        parent=parent_1,
        aggregates=(aggregate,),
        traits=("COMPUTE_VOLUME_MULTI_ATTACH",),
    )
    first_numa = _numa_nodes(build, numa_host)
    build.claim(first_numa, **owner, VCPU=2)
    _network_agents(build, numa_host)
    plain_host = build.provider(
        "cn2",
        variable="CN2_UUID",
        parent=parent_2,
        aggregates=(aggregate,),
        traits=("CUSTOM_FOO",),
        VCPU=8,
        MEMORY_MB={"total": 2048, "min_unit": 1024, "step_size": 128},
        DISK_GB=1000,
    )
    build.claim(plain_host, **owner, VCPU=3)
    _network_cards(build, plain_host)


def _numa_nodes(build: Builder, host: str) -> str:
    first = build.provider(
        "numa0",
        variable="NUMA0_UUID",
        parent=host,
        traits=("HW_NUMA_ROOT",),
        VCPU=4,
        MEMORY_MB={"total": 2048, "min_unit": 512, "step_size": 256},
    )
    second = build.provider(
        "numa1",
        variable="NUMA1_UUID",
        parent=host,
        traits=("HW_NUMA_ROOT", "CUSTOM_FOO"),
        VCPU=4,
        MEMORY_MB={"total": 2048, "min_unit": 256, "max_unit": 1024},
    )
    build.provider("fpga0", variable="FPGA0_UUID", parent=first, FPGA=1)
    build.provider("pgpu0", variable="PGPU0_UUID", parent=first, VGPU=8)
    for name in ("fpga1_0", "fpga1_1"):
        build.provider(name, variable=f"{name.upper()}_UUID", parent=second, FPGA=1)
    return first


def _network_agents(build: Builder, host: str) -> None:
    sriov = build.provider(
        "sriov_agent",
        variable="SRIOV_AGENT_UUID",
        parent=host,
        traits=("CUSTOM_VNIC_TYPE_DIRECT",),
    )
    for number in (1, 2):
        build.provider(
            f"esn{number}",
            variable=f"ESN{number}_UUID",
            parent=sriov,
            traits=(f"CUSTOM_PHYSNET{number}",),
            NET_BW_EGR_KILOBIT_PER_SEC=10000 * number,
        )
    switch = build.provider(
        "ovs_agent", variable="OVS_AGENT_UUID", parent=host, traits=("CUSTOM_VNIC_TYPE_NORMAL",)
    )
    build.provider(
        "br_int",
        variable="BR_INT_UUID",
        parent=switch,
        traits=("CUSTOM_PHYSNET0",),
        NET_BW_EGR_KILOBIT_PER_SEC=1000,
    )


# Of each network card of the plain host: the physical network and the virtual functions of each of its ports.
_CARDS = {1: ((1, 4), (2, 4)), 2: ((1, 2), (2, 2), (1, 2), (2, 2)), 3: ((1, 8),)}


def _network_cards(build: Builder, host: str) -> None:
    for number, ports in _CARDS.items():
        card = build.provider(
            f"nic{number}",
            variable=f"NIC{number}_UUID",
            parent=host,
            traits=("CUSTOM_HW_NIC_ROOT",),
        )
        for port, (network, functions) in enumerate(ports, 1):
            build.provider(
                f"pf{number}_{port}",
                variable=f"PF{number}_{port}_UUID",
                parent=card,
                traits=(f"CUSTOM_PHYSNET{network}",),
                CUSTOM_VF=functions,
            )


def with_granular_groups(build: Builder) -> None:
    """Three hosts, two shared disks and a shared network, tied by three aggregates."""
    a, b, c = _aggregates("AGGA", "AGGB", "AGGC")
    build.provider(
        "cn_left",
        variable="CN_LEFT",
        aggregates=(a,),
        traits=(
            *("HW_CPU_X86_AVX", "HW_CPU_X86_AVX2", "HW_GPU_API_DXVA", "HW_NIC_DCB_PFC"),
            "CUSTOM_FOO",
        ),
        **_HOST,
        VGPU=8,
        SRIOV_NET_VF=8,
        CUSTOM_NET_MBPS=4000,
    )
    build.provider(
        "cn_middle",
        variable="CN_MIDDLE",
        aggregates=(a, b),
        traits=("HW_CPU_X86_AVX", "HW_CPU_X86_AVX2", "HW_CPU_X86_SSE", "HW_NIC_ACCEL_TLS"),
        VCPU=8,
        MEMORY_MB=4096,
        SRIOV_NET_VF=8,
        CUSTOM_NET_MBPS=4000,
    )
    build.provider(
        "cn_right",
        variable="CN_RIGHT",
        aggregates=(b, c),
        traits=("HW_CPU_X86_MMX", "HW_GPU_API_DXVA", "CUSTOM_DISK_SSD"),
        **_HOST,
        VGPU={"total": 8, "max_unit": 2},
    )
    build.provider(
        "shr_disk_1",
        variable="SHR_DISK_1",
        aggregates=(a,),
        traits=(SHARES, "CUSTOM_DISK_SSD"),
        DISK_GB=1000,
    )
    build.provider(
        "shr_disk_2", variable="SHR_DISK_2", aggregates=(a, b), traits=(SHARES,), DISK_GB=1000
    )
    build.provider(
        "shr_net",
        variable="SHR_NET",
        aggregates=(c,),
        traits=(SHARES,),
        SRIOV_NET_VF=16,
        CUSTOM_NET_MBPS=40000,
    )


_NORMAL = ("CUSTOM_VNIC_TYPE_NORMAL",)
_DIRECT = tuple(f"CUSTOM_VNIC_TYPE_{kind}" for kind in ("DIRECT", "DIRECT_PHYSICAL", "MACVTAP"))
# Of each host: the segments that its bridges and its network cards reach, and their bandwidth.
_SEGMENTS: dict[str, tuple[tuple[str, ...], int, int]] = {
    "compute0": (("OTHER",), 5000, 10000),
    "compute1": (("MSN_S1",), 5000, 10000),
    "compute2": (("MSN_S2",), 5000, 10000),
    "compute3": (("MSN_S1", "MSN_S2"), 1000, 1000),
}


def with_multisegment_networks(build: Builder) -> None:
    """Four hosts with a bridge and a network card per network segment that they reach."""
    for name, (segments, bridge_kbps, card_kbps) in _SEGMENTS.items():
        host = build.provider(name, variable=name, **_HOST)
        switch = build.provider(
            f"{name}:Open vSwitch agent",
            variable=f"{name}:ovs_agent",
            parent=host,
            traits=_NORMAL,
            NET_PACKET_RATE_KILOPACKET_PER_SEC=1000,
        )
        cards = build.provider(
            f"{name}:NIC Switch agent",
            variable=f"{name}:sriov_agent",
            parent=host,
            traits=_DIRECT,
        )
        for number, segment in enumerate(segments):
            bridge = "br_ex2" if number else "br_ex"
            build.provider(
                f"{name}:Open vSwitch agent:{bridge.replace('_', '-')}",
                variable=f"{name}:{bridge}",
                parent=switch,
                traits=(*_NORMAL, f"CUSTOM_PHYSNET_{segment}"),
                NET_BW_EGR_KILOBIT_PER_SEC=bridge_kbps,
                NET_BW_IGR_KILOBIT_PER_SEC=bridge_kbps,
            )
            build.provider(
                f"{name}:NIC Switch agent:enp129s0f{number}",
                variable=f"{name}:pf{number}",
                parent=cards,
                traits=(*_DIRECT, f"CUSTOM_PHYSNET_{segment}"),
                NET_BW_EGR_KILOBIT_PER_SEC=card_kbps,
                NET_BW_IGR_KILOBIT_PER_SEC=card_kbps,
            )
