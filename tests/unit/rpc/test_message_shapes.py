"""Every message fits the one of the last release: services of two releases talk to each other during an upgrade.

``message_shapes.json`` holds the shapes of the last release. A message may only grow, by fields with defaults; when it
did, or when a message is new, the file is renewed with ``python -m tests.unit.rpc.test_message_shapes``.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nova.conductor import messages as conductor_messages
from nova.lifecycle import host_messages
from nova.rpc.shape import message_shape, misfits
from nova.saga import messages as saga_messages
from nova.scheduler import messages as scheduler_messages

KEPT = Path(__file__).with_name("message_shapes.json")
MESSAGES = {
    found.__name__: found
    for module in (saga_messages, conductor_messages, host_messages, scheduler_messages)
    for found in vars(module).values()
    if isinstance(found, type) and hasattr(found, "__message__")
}


@pytest.mark.parametrize("name", sorted(json.loads(KEPT.read_text())) if KEPT.exists() else [])
def test_a_message_fits_the_last_release(name: str) -> None:
    assert name in MESSAGES, f"{name} is still sent by the last release"
    old = json.loads(KEPT.read_text())[name]
    new = json.loads(json.dumps(message_shape(MESSAGES[name])))
    assert misfits(old, new) == ()


def test_every_message_is_kept() -> None:
    assert sorted(MESSAGES) == sorted(json.loads(KEPT.read_text()))


if __name__ == "__main__":
    shapes = {name: message_shape(found) for name, found in sorted(MESSAGES.items())}
    KEPT.write_text(json.dumps(shapes, indent=1, sort_keys=True) + "\n")
