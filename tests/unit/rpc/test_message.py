"""Messages on their way to plain values and back."""

from __future__ import annotations

import dataclasses
import enum
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NewType

import msgspec
import pytest

from nova.rpc.message import UtcTime, declaration, decode, encode, message

ServerUuid = NewType("ServerUuid", str)


class Power(enum.Enum):
    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Disk:
    size_gb: int
    device: str | None = None


@message(reply=tuple[Disk, ...])
class AttachDisks:
    server: ServerUuid
    disks: tuple[Disk, ...]
    at: UtcTime
    power: Power = Power.ON
    request: uuid.UUID | None = None
    limits: dict[int, float] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()


def attach_disks() -> AttachDisks:
    return AttachDisks(
        server=ServerUuid("s-1"),
        disks=(Disk(10, "vdb"), Disk(20)),
        at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        power=Power.OFF,
        request=uuid.UUID(int=7),
        limits={1: 1.5},
        tags=frozenset({"a"}),
    )


def test_a_message_comes_back_equal_after_json() -> None:
    sent = attach_disks()

    plain = json.loads(json.dumps(encode(sent, AttachDisks)))

    assert decode(plain, AttachDisks) == sent
    assert plain["at"] == "2026-01-02T03:04:05Z"
    assert plain["power"] == "off"


def test_a_message_is_frozen_and_slotted() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        attach_disks().server = ServerUuid("other")  # type: ignore[misc]
    assert not hasattr(attach_disks(), "__dict__")


@pytest.mark.parametrize(
    ("class_name", "wire_name"),
    [
        ("Reboot", "reboot"),
        ("LiveMigrate", "live_migrate"),
        ("GetVNCConsole", "get_vnc_console"),
        ("SyncV2Power", "sync_v2_power"),
    ],
)
def test_the_wire_name_is_the_class_name_in_snake_case(class_name: str, wire_name: str) -> None:
    assert declaration(message()(type(class_name, (), {}))).name == wire_name


def test_a_class_that_is_no_message_has_no_declaration() -> None:
    with pytest.raises(TypeError, match="Disk"):
        declaration(Disk)


def test_fields_of_a_newer_sender_are_ignored() -> None:
    plain = encode(attach_disks(), AttachDisks) | {"colour": "red"}

    assert decode(plain, AttachDisks) == attach_disks()


def test_fields_an_older_sender_leaves_out_get_their_defaults() -> None:
    plain = {"server": "s-1", "disks": [{"size_gb": 1}], "at": "2026-01-02T03:04:05Z"}

    got = decode(plain, AttachDisks)

    assert got.disks == (Disk(1, None),)
    assert (got.power, got.request, got.limits, got.tags) == (Power.ON, None, {}, frozenset())


@pytest.mark.parametrize(
    "change",
    [
        {"at": datetime(2026, 1, 2, tzinfo=UTC).replace(tzinfo=None)},
        {"server": 5},
        {"disks": (Disk(size_gb="big"),)},  # type: ignore[arg-type]
    ],
    ids=["naive time", "wrong scalar", "wrong inside"],
)
def test_what_does_not_fit_its_declaration_fails_at_the_sender(change: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        encode(dataclasses.replace(attach_disks(), **change), AttachDisks)  # type: ignore[arg-type]


def test_replies_travel_like_messages() -> None:
    reply_type = declaration(AttachDisks).reply

    assert decode(encode((Disk(1),), reply_type), reply_type) == (Disk(1),)
    assert decode(encode(None, None), None) is None
