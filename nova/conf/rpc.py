"""Remote calls. Transport URL, ordinary timeout and RabbitMQ's queues are oslo.messaging's own options."""

from __future__ import annotations

from oslo_config import cfg

GROUP = None
OPTIONS = [
    cfg.IntOpt(
        "long_rpc_timeout",
        default=1800,
        min=1,
        help="""
Seconds that calls which are slow by nature (live migration checks, volume attachments) may take.

While such a call runs, the answering side shows every half ``rpc_response_timeout`` that it is still alive; a side that
died is noticed after ``rpc_response_timeout`` and not only here. Raise it when slow storage makes sound operations
fail; the cost is that a call which hangs inside a living process holds its thread for so long.
""",
    ),
]
