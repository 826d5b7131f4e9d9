"""Clouds to measure on, made over REST: the same uuids for the same size, so that they can be used again."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from clients import FORK, Client

NAMESPACE = uuid.UUID("5a8f3a52-9f4e-4c55-8d0f-0f3c8a2f9f10")
DEVICE = "CUSTOM_BENCH_DEVICE"
TRAITS = [
    "COMPUTE_NODE",
    "COMPUTE_DEVICE_TAGGING",
    "COMPUTE_RESCUE_BFV",
    "COMPUTE_TRUSTED_CERTS",
    "HW_CPU_X86_ABM",
    "HW_CPU_X86_AESNI",
    "HW_CPU_X86_AVX",
    "HW_CPU_X86_AVX2",
    "HW_CPU_X86_BMI",
    "HW_CPU_X86_BMI2",
    "HW_CPU_X86_CLMUL",
    "HW_CPU_X86_F16C",
    "HW_CPU_X86_FMA3",
    "HW_CPU_X86_MMX",
    "HW_CPU_X86_SHA",
    "HW_CPU_X86_SSE",
    "HW_CPU_X86_SSE2",
    "HW_CPU_X86_SSE41",
    "HW_CPU_X86_SSE42",
    "HW_CPU_X86_VMX",
]
LOADERS = 6
DEVICES = 8


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider to be made."""

    uuid: str
    parent: str | None = None
    stocks: dict[str, int] = field(default_factory=dict)
    traits: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Cloud:
    """``shape``: *flat* hosts are one provider each; *nested* ones have two NUMA nodes with a device each; *wide*
    ones have eight devices that are all alike."""

    shape: str
    hosts: int

    def name(self, *parts: object) -> str:
        """The uuid of something in this cloud."""
        return str(uuid.uuid5(NAMESPACE, "/".join(map(str, (self.shape, self.hosts, *parts)))))

    def providers(self, host: int) -> Iterator[Provider]:
        """The providers of one host, parents first."""
        top = self.name(host)
        room = {"VCPU": 256, "MEMORY_MB": 262144}
        match self.shape:
            case "flat":
                yield Provider(top, None, {**room, "DISK_GB": 4000}, TRAITS)
            case "nested":
                yield Provider(top, None, {"DISK_GB": 4000}, TRAITS)
                for side in "ab":
                    numa = self.name(host, side)
                    yield Provider(numa, top, room, ["HW_NUMA_ROOT"])
                    yield Provider(self.name(host, side, "nic"), numa, {DEVICE: 8})
            case "wide":
                yield Provider(top, None, {**room, "DISK_GB": 4000}, TRAITS)
                for number in range(DEVICES):
                    yield Provider(self.name(host, number), top, {DEVICE: 1})
            case _:
                raise ValueError(f"no such shape: {self.shape}")

    def share(self, host: int) -> dict[str, dict[str, dict[str, int]]]:
        """A small allocation on a host, where processors and memory are."""
        where = self.name(host, "a") if self.shape == "nested" else self.name(host)
        return {where: {"resources": {"VCPU": 1, "MEMORY_MB": 16}}}

    def load(self, url: str, token: str) -> int:
        """Make what is not there yet; how many requests that took."""
        Client(url, token).json("PUT", f"/resource_classes/{DEVICE}")
        with FORK.Pool(LOADERS) as pool:
            parts = [(self, url, token, number) for number in range(LOADERS)]
            return sum(pool.starmap(_load_part, parts))

    def unload(self, url: str, token: str) -> None:
        """Remove all of it, children first; nobody may hold anything any more."""
        client = Client(url, token)
        for host in range(self.hosts):
            for provider in reversed(list(self.providers(host))):
                client("DELETE", f"/resource_providers/{provider.uuid}")


def _load_part(cloud: Cloud, url: str, token: str, part: int) -> int:
    client, requests = Client(url, token), 0
    for host in range(part, cloud.hosts, LOADERS):
        for provider in cloud.providers(host):
            requests += _make(client, provider)
    return requests


def _make(client: Client, provider: Provider) -> int:
    name = f"bench-{provider.uuid}"
    body = {"uuid": provider.uuid, "name": name, "parent_provider_uuid": provider.parent}
    status, _ = client("POST", "/resource_providers", body)
    if status == 409:
        return 1
    path, generation, requests = f"/resource_providers/{provider.uuid}", 0, 1
    if provider.stocks:
        offered = {name: {"total": total} for name, total in provider.stocks.items()}
        put = {"resource_provider_generation": generation, "inventories": offered}
        generation = client.json("PUT", f"{path}/inventories", put)["resource_provider_generation"]
        requests += 1
    if provider.traits:
        put = {"resource_provider_generation": generation, "traits": provider.traits}
        client.json("PUT", f"{path}/traits", put)
        requests += 1
    return requests
