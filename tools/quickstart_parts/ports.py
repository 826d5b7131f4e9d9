"""Ports that must be free before anything is started."""

from __future__ import annotations

import errno
import socket

from quickstart_parts.failure import Failure
from quickstart_parts.plan import HOST, Ports


def check_ports(ports: Ports) -> None:
    """Promise that each port could be bound a moment ago.

    :raises Failure: somebody listens there, or we may not; the sentence names the port and its option.
    """
    for name, option, port in ports.named():
        reason = _refusal(port)
        if reason:
            raise Failure(
                f"port {port} on {HOST}, wanted for {name}, {reason}; choose another with {option} or --port-base"
            )


def _refusal(port: int) -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Connections of the previous start that linger in TIME_WAIT are no obstacle; a listener still is.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            # Binding alone can succeed beside another reusing socket; listening cannot.
            probe.listen(1)
        except OSError as exc:
            if exc.errno == errno.EADDRINUSE:
                return "is in use"
            return f"cannot be used ({exc.strerror})"
    return None
