"""Clients of a Placement service: keep-alive connections, many processes, and what they and the servers spend."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

FORK = multiprocessing.get_context("fork")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Client:
    """Speaks to one service as one administrator, at 1.39."""

    def __init__(self, url: str, token: str) -> None:
        parts = urllib.parse.urlsplit(url)
        self._prefix = parts.path.rstrip("/")
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=300)
        self._headers = {
            "X-Auth-Token": token,
            "OpenStack-API-Version": "placement 1.39",
            "Accept": "application/json",
        }

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Status and body. A server that closes after each answer is connected to anew, outside of our control."""
        headers, data = self._headers, None
        if body is not None:
            data = json.dumps(body).encode()
            headers = {**headers, "Content-Type": "application/json"}
        for attempt in (1, 2):
            try:
                self._connection.request(method, self._prefix + path, data, headers)
                answer = self._connection.getresponse()
                return answer.status, answer.read()
            except (http.client.RemoteDisconnected, ConnectionError):
                self._connection.close()
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def json(self, method: str, path: str, body: Any = None) -> Any:
        """The body of a request that must succeed."""
        status, found = self(method, path, body)
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {found[:300]!r}")
        return json.loads(found) if found else None


@dataclass(slots=True)
class Result:
    """What some clients saw: seconds that each operation took, outcomes, and seconds from first to last."""

    latencies_s: list[float] = field(default_factory=list)
    outcomes: dict[str, int] = field(default_factory=dict)
    taken_s: float = 0.0

    def add(self, latency_s: float, outcome: str) -> None:
        """One operation more."""
        self.latencies_s.append(latency_s)
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1

    def percentile_ms(self, percent: float) -> float:
        """Milliseconds that so many of a hundred operations did not exceed."""
        ordered = sorted(self.latencies_s) or [0.0]
        return 1000 * ordered[min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))]


# Does one operation and says how it ended; the number is the client's.
Operation = Callable[[Client, int], str]


def run_clients(
    count: int, url: str, token: str, prepare: Callable[[int], Operation], seconds: float
) -> Result:
    """Let so many processes repeat an operation for so long; ``prepare`` makes each one's own."""
    gate = FORK.Barrier(count)
    pipes = []
    for number in range(count):
        receiver, sender = FORK.Pipe(duplex=False)
        process = FORK.Process(
            target=_client, args=(number, url, token, prepare, seconds, gate, sender)
        )
        process.start()
        sender.close()
        pipes.append((process, receiver))
    whole = Result()
    for process, receiver in pipes:
        part: Result = receiver.recv()
        process.join()
        whole.latencies_s += part.latencies_s
        whole.taken_s = max(whole.taken_s, part.taken_s)
        for outcome, times in part.outcomes.items():
            whole.outcomes[outcome] = whole.outcomes.get(outcome, 0) + times
    return whole


def _client(
    number: int,
    url: str,
    token: str,
    prepare: Callable[[int], Operation],
    seconds: float,
    gate: Any,
    sender: Any,
) -> None:
    client, result, operation = Client(url, token), Result(), prepare(number)
    gate.wait(timeout=60)
    begun = time.perf_counter()
    while time.perf_counter() - begun < seconds:
        at = time.perf_counter()
        try:
            outcome = operation(client, number)
        except StopIteration:
            break
        result.add(time.perf_counter() - at, outcome)
    result.taken_s = time.perf_counter() - begun
    sender.send(result)


class Watch:
    """CPU time and memory of named processes and all their descendants, from /proc."""

    def __init__(self, pids: Mapping[str, Sequence[int]]) -> None:
        self._pids = pids

    def cpu_s(self) -> dict[str, float]:
        """Seconds of CPU used so far, by name."""
        return {name: sum(one[0] for one in _tree(pids)) for name, pids in self._pids.items()}

    def largest_mib(self) -> dict[str, float]:
        """Memory of the largest process, by name."""
        return {
            name: max((one[1] for one in _tree(pids)), default=0.0)
            for name, pids in self._pids.items()
        }


def _tree(roots: Sequence[int]) -> Iterator[tuple[float, float]]:
    """(CPU seconds, MiB) of these processes and their descendants."""
    stats: dict[int, list[str]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    stats[int(entry)] = file.read().rsplit(")", 1)[1].split()
            except OSError:
                continue
    waiting, seen = list(roots), set()
    while waiting:
        pid = waiting.pop()
        if pid in seen or pid not in stats:
            continue
        seen.add(pid)
        waiting += [child for child, fields in stats.items() if int(fields[1]) == pid]
        fields = stats[pid]
        ticks = sum(int(fields[place]) for place in (11, 12, 13, 14))
        yield ticks / TICKS_PER_S, int(fields[21]) * PAGE_BYTES / 2**20
