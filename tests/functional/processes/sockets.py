"""The TCP connections of a process, as Linux shows them."""

from __future__ import annotations

import contextlib
from pathlib import Path

_ESTABLISHED = "01"


def local_ports(pid: int, *, to: int) -> set[int]:
    """The process's own ports of its established connections to a server at port ``to``.

    The server's port belongs to it: Linux gives the same local port to connections to several servers at a time.
    """
    inodes = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            kind, _, inode = str(entry.readlink()).partition(":")
            if kind == "socket":
                inodes.add(inode.strip("[]"))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            # number, local address:port, remote address:port, state ... the tenth is the inode.
            words = line.split()
            if words[3] == _ESTABLISHED and words[9] in inodes and _port(words[2]) == to:
                found.add(_port(words[1]))
    return found


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)
