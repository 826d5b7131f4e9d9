"""Calls per second and latency of a bus: in-process, and over RabbitMQ when it can be reached.

python bench/rpc.py [rabbit://guest:guest@127.0.0.1:5672/]
"""

from __future__ import annotations

import socket
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from oslo_config import cfg

from nova.context import RequestContext
from nova.rpc.bus import Address, Bus
from nova.rpc.message import message

ADDRESS = Address("bench-rpc")
THREADS = 8


@message(reply=int)
class Double:
    number: int


class Endpoint:
    def double(self, context: Any, message: Double) -> int:
        return message.number * 2


def time_calls(bus: Bus, calls: int) -> list[float]:
    """Seconds of each of so many calls, one after the other."""
    context = RequestContext.admin()
    took = []
    for number in range(calls):
        began = time.perf_counter()
        bus.call(context, ADDRESS, Double(number), timeout_s=30)
        took.append(time.perf_counter() - began)
    return took


def report(url: str, threads: int, took: list[float], seconds: float) -> None:
    cuts = statistics.quantiles(took, n=20)
    print(
        f"{url.partition(':')[0]:8} {threads:2} threads {len(took) / seconds:8.0f} calls/s"
        f"   p50 {cuts[9] * 1000:7.3f} ms   p95 {cuts[18] * 1000:7.3f} ms"
    )


def measure(url: str, calls: int) -> None:
    conf = cfg.ConfigOpts()
    conf([], project="bench")
    bus = Bus(conf, url)
    server = bus.serve(Address(ADDRESS.topic, "one"), Endpoint(), threads=THREADS)
    server.start()
    time_calls(bus, 20)  # connections and threads are made at first use
    for threads in (1, THREADS):
        began = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            took = list(pool.map(time_calls, [bus] * threads, [calls // threads] * threads))
        report(url, threads, [one for some in took for one in some], time.perf_counter() - began)
    server.stop()
    server.wait()
    bus.close()


def main(rabbit_url: str = "rabbit://guest:guest@127.0.0.1:5672/") -> None:
    measure("local:///bench", 8000)
    broker = urlsplit(rabbit_url)
    try:
        socket.create_connection((broker.hostname or "127.0.0.1", broker.port or 5672), 2).close()
    except OSError as exc:
        print(f"{broker.scheme:8} not measured: {exc}")
    else:
        measure(rabbit_url, 2000)


if __name__ == "__main__":
    main(*sys.argv[1:2])
