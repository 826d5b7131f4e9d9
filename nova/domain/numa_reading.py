"""From extra specs of the flavor and properties of the image to a NUMA request.

Names of extra specs begin with ``hw:``, those of image properties are the same with ``hw_``. The flavor is the
operator's: an image may add to it where the flavor leaves something open, and contradict it nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from groundwork.errors import Invalid
from nova.domain.cpu_sets import parse_cpus
from nova.domain.flavor import Flavor
from nova.domain.numa import GuestCell, NumaRequest, PageWish, ThreadPolicy

# More nodes than machines have; each has to lie in a host cell of its own.
_MOST_NODES = 128

_SIZE = re.compile(r"([0-9]{1,10})\s*(?:([KMGT])i?)?B?", re.ASCII | re.IGNORECASE)
_UNITS_KB = {"": 1, "K": 1, "M": 1 << 10, "G": 1 << 20, "T": 1 << 30}
_OF_NODE = re.compile(r"numa_(cpus|mem)\.([0-9]{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What flavor and image say, without their prefixes."""

    flavor: Mapping[str, str]
    image: Mapping[str, str]

    def flavor_first(self, name: str) -> str | None:
        """The value of which the flavor may say that no image changes it.

        :raises Invalid: both say something.
        """
        if name in self.flavor and name in self.image:
            raise Invalid(f"Image property hw_{name} may not override hw:{name} of the flavor.")
        return self.flavor.get(name, self.image.get(name))


def numa_request_of(flavor: Flavor, image_properties: Mapping[str, Any]) -> NumaRequest | None:
    """What the server asks of NUMA nodes; None when it asks nothing of them.

    :raises Invalid: flavor and image make no sense, alone or together; the sentence says which wish is wrong.
    """
    wishes = _Wishes(
        {k.removeprefix("hw:"): v for k, v in flavor.extra_specs.items() if k.startswith("hw:")},
        {
            k.removeprefix("hw_"): str(v)
            for k, v in image_properties.items()
            if k.startswith("hw_") and v not in (None, "")
        },
    )
    own = _own_vcpus(wishes, flavor.vcpus)
    threads = _threads(wishes, has_own_cpus=bool(own))
    pages = _pages(wishes)
    nodes = _nodes(wishes)
    if nodes is None and pages is None and not own:
        return None
    if not flavor.vcpus:
        raise Invalid("A flavor without vCPUs cannot ask for NUMA nodes.")
    parts = _divided(wishes, flavor, 1 if nodes is None else nodes)
    cells = tuple(
        GuestCell(
            id=number,
            memory_mb=memory_mb,
            shared=tuple(vcpu for vcpu in vcpus if vcpu not in own),
            own=tuple(vcpu for vcpu in vcpus if vcpu in own),
        )
        for number, (vcpus, memory_mb) in enumerate(parts)
    )
    return NumaRequest(cells, pages, threads)


def _nodes(wishes: _Wishes) -> int | None:
    text = wishes.flavor_first("numa_nodes")
    if text is None:
        named = next((n for n in (*wishes.flavor, *wishes.image) if _OF_NODE.fullmatch(n)), None)
        if named is not None:
            raise Invalid(f"hw:{named} has no meaning without hw:numa_nodes.")
        return None
    nodes = _number("numa_nodes", text)
    if not 1 <= nodes <= _MOST_NODES:
        raise Invalid(f"hw:numa_nodes={text}: there can be 1 to {_MOST_NODES} NUMA nodes.")
    return nodes


def _divided(wishes: _Wishes, flavor: Flavor, nodes: int) -> Sequence[tuple[Sequence[int], int]]:
    """The vCPUs and the memory (MiB) of each node."""
    said: dict[str, dict[int, str]] = {"cpus": {}, "mem": {}}
    for name in sorted({*wishes.flavor, *wishes.image}):
        match = _OF_NODE.fullmatch(name)
        if match is None:
            continue
        if "numa_nodes" in wishes.flavor and name in wishes.image:
            raise Invalid(f"Image property hw_{name} may not override hw:numa_nodes of the flavor.")
        if int(match[2]) >= nodes:
            raise Invalid(f"hw:{name} is of a NUMA node that is not there: there are {nodes}.")
        said[match[1]][int(match[2])] = wishes.flavor_first(name) or ""
    if not said["cpus"] and not said["mem"]:
        return _evenly(flavor, nodes)
    for kind, of_nodes in said.items():
        missing = [node for node in range(nodes) if node not in of_nodes]
        if missing:
            raise Invalid(
                f"hw:numa_{kind}.{missing[0]} is missing: CPUs and memory are given for all "
                "NUMA nodes or for none."
            )
    memory = [_number(f"numa_mem.{node}", said["mem"][node]) for node in range(nodes)]
    if min(memory) < 1 or sum(memory) != flavor.memory_mb:
        raise Invalid(
            f"The memory of the NUMA nodes is {sum(memory)} MiB in all, the flavor has "
            f"{flavor.memory_mb} MiB."
        )
    vcpus = [sorted(parse_cpus(said["cpus"][node])) for node in range(nodes)]
    if sorted(vcpu for of_node in vcpus for vcpu in of_node) != list(range(flavor.vcpus)):
        raise Invalid(
            f"Each of the flavor's {flavor.vcpus} vCPUs (the first is 0) has to be in exactly one "
            "hw:numa_cpus."
        )
    return list(zip(vcpus, memory, strict=True))


def _evenly(flavor: Flavor, nodes: int) -> Sequence[tuple[Sequence[int], int]]:
    if flavor.vcpus % nodes or flavor.memory_mb % nodes:
        raise Invalid(
            f"{flavor.vcpus} vCPUs and {flavor.memory_mb} MiB cannot be divided evenly among "
            f"{nodes} NUMA nodes."
        )
    each = flavor.vcpus // nodes
    return [
        (range(node * each, (node + 1) * each), flavor.memory_mb // nodes) for node in range(nodes)
    ]


def _own_vcpus(wishes: _Wishes, vcpus: int) -> frozenset[int]:
    """The vCPUs that want CPUs of their own."""
    flavor, image = wishes.flavor.get("cpu_policy"), wishes.image.get("cpu_policy")
    for name, said in (("hw:cpu_policy", flavor), ("hw_cpu_policy", image)):
        if said not in (None, "shared", "dedicated", "mixed"):
            raise Invalid(f"{name}={said} is none of shared, dedicated and mixed.")
    if image is not None and image != flavor and flavor in ("shared", "mixed"):
        raise Invalid(
            f"Image property hw_cpu_policy={image} may not override hw:cpu_policy={flavor} of the "
            "flavor."
        )
    # CPUs of their own are what the flavor is paid for; an image that could do without gets them all the same.
    policy = flavor or image
    mask = wishes.flavor_first("cpu_dedicated_mask")
    if mask is not None and policy != "mixed":
        raise Invalid("hw:cpu_dedicated_mask has no meaning without hw:cpu_policy=mixed.")
    everything = frozenset(range(vcpus))
    if policy == "dedicated":
        return everything
    if policy != "mixed":
        return frozenset()
    if mask is None:
        raise Invalid("hw:cpu_policy=mixed needs hw:cpu_dedicated_mask.")
    own = parse_cpus(mask, all_but=everything)
    if not own < everything:
        raise Invalid(
            f"hw:cpu_dedicated_mask={mask} has to leave some of the flavor's {vcpus} vCPUs out, "
            "and hold none that it does not have."
        )
    return own


def _threads(wishes: _Wishes, *, has_own_cpus: bool) -> ThreadPolicy:
    flavor, image = wishes.flavor.get("cpu_thread_policy"), wishes.image.get("cpu_thread_policy")
    for name, said in (("hw:cpu_thread_policy", flavor), ("hw_cpu_thread_policy", image)):
        if said is not None and said not in set(ThreadPolicy):
            raise Invalid(f"{name}={said} is none of {', '.join(ThreadPolicy)}.")
    if image is not None and flavor in ("isolate", "require") and image != flavor:
        raise Invalid(
            f"Image property hw_cpu_thread_policy={image} may not override "
            f"hw:cpu_thread_policy={flavor} of the flavor."
        )
    policy = image or flavor
    if policy is not None and not has_own_cpus:
        raise Invalid(
            f"hw:cpu_thread_policy={policy} has no meaning without hw:cpu_policy=dedicated."
        )
    return ThreadPolicy(policy or "prefer")


def _pages(wishes: _Wishes) -> PageWish | int | None:
    flavor, image = wishes.flavor.get("mem_page_size"), wishes.image.get("mem_page_size")
    if image is not None and flavor not in ("large", "any"):
        raise Invalid(
            f"Image property hw_mem_page_size={image} needs a flavor with hw:mem_page_size=large "
            "or any."
        )
    if image is not None:
        asked = _page_size("hw_mem_page_size", image)
        if flavor == "large" and asked in (PageWish.SMALL, PageWish.ANY):
            raise Invalid(
                f"Image property hw_mem_page_size={image} may not override hw:mem_page_size=large "
                "of the flavor."
            )
        return asked
    return None if flavor is None else _page_size("hw:mem_page_size", flavor)


def _page_size(name: str, text: str) -> PageWish | int:
    if text in set(PageWish):
        return PageWish(text)
    match = _SIZE.fullmatch(text.strip())
    size_kb = 0 if match is None else int(match[1]) * _UNITS_KB[(match[2] or "").upper()]
    if size_kb < 1:
        raise Invalid(f"{name}={text} is none of small, large, any, and no page size.")
    return size_kb


def _number(name: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,10}", text, re.ASCII):
        raise Invalid(f"hw:{name}={text} is no whole number.")
    return int(text)
