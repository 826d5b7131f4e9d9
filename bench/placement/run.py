#!/usr/bin/env python3
"""What Placement costs, measured from outside over HTTP.

    python bench/placement/run.py http://127.0.0.1:8778 --shape flat --hosts 1000 --watch api=PID --watch db=PID
    python bench/placement/run.py http://127.0.0.1:8778 --peer http://127.0.0.1:8779 ...

Loads the cloud if it is not there, measures, removes its claims again (``--unload`` removes the cloud, too). With
``--peer`` every measure is taken on both services in turn, and the ratio of their CPU (or else their times) is shown.
Nothing is needed of a service but its REST API; CPU per request needs ``--watch NAME=PID[,PID]``, each with all
descendants (``--peer-watch`` for the other one). On a busy machine the CPU is what can be compared.
"""

from __future__ import annotations

import argparse
import json
import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from clients import Client, Operation, Result, Watch, run_clients
from clouds import DEVICE, DEVICES, Cloud

ASK = "resources=VCPU:4,MEMORY_MB:8192,DISK_GB:40"
SMALL = "resources=VCPU:1,MEMORY_MB:16"

# Longer than any service of the sizes measured here takes to load what it keeps.
_WARM_UP_S = 5.0


@dataclass(frozen=True, slots=True)
class Service:
    """One service under measurement."""

    name: str
    url: str
    token: str
    watch: Watch


@dataclass(frozen=True, slots=True)
class Measure:
    """So many clients repeat an operation; ``prepare`` makes each client's own."""

    name: str
    clients: int
    prepare: Callable[[int], Operation]


def measures(cloud: Cloud, clients: int) -> Iterator[Measure]:
    """All that is measured on a cloud."""
    yield Measure("candidates limit=10", 1, _gets(f"/allocation_candidates?{ASK}&limit=10"))
    yield Measure("candidates limit=1000", 1, _gets(f"/allocation_candidates?{ASK}&limit=1000"))
    yield Measure("candidates, all of them", 1, _gets(f"/allocation_candidates?{ASK}"))
    if cloud.shape == "nested":
        tied = (
            "resources1=VCPU:4,MEMORY_MB:8192&required1=HW_NUMA_ROOT"
            f"&resources2={DEVICE}:1&group_policy=none&same_subtree=1,2"
        )
        yield Measure("candidates same_subtree", 1, _gets(f"/allocation_candidates?{tied}"))
    if cloud.shape == "wide":
        groups = "&".join(f"resources{n}={DEVICE}:1" for n in range(1, DEVICES - 1))
        wide = f"/allocation_candidates?{groups}&group_policy=isolate&limit=10"
        yield Measure(f"{DEVICES} devices, {DEVICES - 2} groups, limit=10", 1, _gets(wide))
    yield Measure("explain", 1, _gets(f"/allocation_candidates/explain?{ASK}"))
    yield Measure("claim", 1, _claims(cloud, range(cloud.hosts)))
    yield Measure(f"claim, {clients} clients", clients, _claims(cloud, range(cloud.hosts)))
    yield Measure(f"claim, {clients} clients, 5 hosts", clients, _claims(cloud, range(5)))
    yield Measure(f"candidates, then claim, {clients} clients", clients, _schedules())


def _gets(path: str) -> Callable[[int], Operation]:
    def get(client: Client, _number: int) -> str:
        return str(client("GET", path)[0])

    return lambda _number: get


def _claims(cloud: Cloud, hosts: Sequence[int]) -> Callable[[int], Operation]:
    def prepare(number: int) -> Operation:
        chance = random.Random(number)
        return lambda client, _number: _claim(client, cloud.share(chance.choice(hosts)))

    return prepare


def _schedules() -> Callable[[int], Operation]:
    def prepare(number: int) -> Operation:
        chance = random.Random(number)

        def schedule(client: Client, _number: int) -> str:
            found = client.json("GET", f"/allocation_candidates?{SMALL}&limit=10")
            chosen = chance.choice(found["allocation_requests"])
            return _claim(client, chosen["allocations"], chosen["mappings"])

        return schedule

    return prepare


PROJECT = f"bench-{uuid.uuid4()}"


def _claim(client: Client, shares: object, mappings: object = None) -> str:
    body = {
        "allocations": shares,
        "project_id": PROJECT,
        "user_id": "bench",
        "consumer_generation": None,
        "consumer_type": "BENCH",
    }
    if mappings:
        body["mappings"] = mappings
    status, text = client("PUT", f"/allocations/{uuid.uuid4()}", body)
    if status < 300:
        return "claimed"
    return "full" if b"exceed the capacity" in text else str(status)


def warm_up(service: Service, clients: int) -> None:
    """Let every process of the service load what it keeps: all clients ask at once, so that none is left out."""
    asks = _gets(f"/allocation_candidates?{ASK}&limit=10")
    run_clients(clients, service.url, service.token, asks, _WARM_UP_S)


def take(measure: Measure, service: Service, seconds: float) -> tuple[Result, dict[str, float]]:
    """The result, and the CPU milliseconds per operation of each process that is watched."""
    before = service.watch.cpu_s()
    result = run_clients(measure.clients, service.url, service.token, measure.prepare, seconds)
    after = service.watch.cpu_s()
    count = max(len(result.latencies_s), 1)
    return result, {name: 1000 * (after[name] - before[name]) / count for name in before}


def show(name: str, service: Service, result: Result, cpu_ms: Mapping[str, float]) -> None:
    """One line."""
    spent = " ".join(f"{who} {one:.2f}" for who, one in cpu_ms.items())
    print(
        f"{name:42} {service.name:6} {len(result.latencies_s) / result.taken_s:8.1f}/s "
        f"p50 {result.percentile_ms(50):8.2f} ms  p95 {result.percentile_ms(95):8.2f} ms  "
        f"CPU ms {spent or '-'}  {result.outcomes}",
        flush=True,
    )


def check(service: Service, cloud: Cloud) -> None:
    """:raises RuntimeError: some host is over-committed."""
    client = Client(service.url, service.token)
    for host in range(min(cloud.hosts, 50)):
        (where,) = cloud.share(host)
        path = f"/resource_providers/{where}"
        used = client.json("GET", f"{path}/usages")["usages"]
        offered = client.json("GET", f"{path}/inventories")["inventories"]
        for name, amount in used.items():
            if amount > offered[name]["total"]:
                raise RuntimeError(f"{where} is over-committed: {name} {amount}")


def release_all(service: Service, cloud: Cloud) -> None:
    """Remove every claim that was made here."""
    client = Client(service.url, service.token)
    for host in range(cloud.hosts):
        (where,) = cloud.share(host)
        held = client.json("GET", f"/resource_providers/{where}/allocations")["allocations"]
        for consumer in held:
            client("DELETE", f"/allocations/{consumer}")


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url")
    parser.add_argument("--peer", help="another service, measured in turn")
    parser.add_argument("--shape", choices=("flat", "nested", "wide"), default="flat")
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=3, help="for each measure")
    parser.add_argument("--token", default="admin")
    parser.add_argument("--watch", action="append", default=[], metavar="NAME=PID[,PID]")
    parser.add_argument("--peer-watch", action="append", default=[], metavar="NAME=PID[,PID]")
    parser.add_argument("--unload", action="store_true")
    parser.add_argument("--out", help="also write the figures to this file, as JSON")
    return parser.parse_args()


def parse_watch(texts: Sequence[str]) -> Watch:
    named = (text.split("=", 1) for text in texts)
    return Watch({name: [int(pid) for pid in pids.split(",")] for name, pids in named})


def main() -> None:
    options = read_arguments()
    cloud = Cloud(options.shape, options.hosts)
    services = [Service("ours", options.url, options.token, parse_watch(options.watch))]
    if options.peer:
        watch = parse_watch(options.peer_watch)
        services.append(Service("peer", options.peer, options.token, watch))
    figures: dict[str, dict[str, object]] = {}
    for service in services:
        before, begun = service.watch.cpu_s(), time.perf_counter()
        requests = cloud.load(service.url, service.token)
        taken_s, after = time.perf_counter() - begun, service.watch.cpu_s()
        cpu = {name: f"{1000 * (after[name] - before[name]) / requests:.2f}" for name in before}
        print(f"load {service.name}: {requests} requests, {requests / taken_s:.0f}/s, CPU ms {cpu}")
        warm_up(service, options.clients)
    for measure in measures(cloud, options.clients):
        spent = []
        for service in services:
            result, cpu_ms = take(measure, service, options.seconds)
            show(measure.name, service, result, cpu_ms)
            spent.append(sum(cpu_ms.values()) or result.percentile_ms(50))
            figures.setdefault(measure.name, {})[service.name] = {
                "per_s": len(result.latencies_s) / result.taken_s,
                "p50_ms": result.percentile_ms(50),
                "p95_ms": result.percentile_ms(95),
                "cpu_ms": cpu_ms,
                "outcomes": result.outcomes,
            }
        if len(spent) == 2:
            print(f"{'':42} the peer costs {spent[1] / spent[0]:.1f} times as much")
        if "claim" in measure.name:
            for service in services:
                check(service, cloud)
                release_all(service, cloud)
    for service in services:
        print(f"memory of the largest process, MiB: {service.name} {service.watch.largest_mib()}")
        if options.unload:
            cloud.unload(service.url, service.token)
    if options.out:
        with open(options.out, "w") as file:
            json.dump(figures, file, indent=1)


if __name__ == "__main__":
    main()
