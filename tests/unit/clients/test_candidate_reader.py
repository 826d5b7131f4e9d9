"""Answers compared to earlier ones say what reading the whole says."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova.clients.candidate_reader import CandidateReader
from nova.clients.candidates import Candidates, Columns

TRAITS = ["COMPUTE_NODE", "HW_CPU_X86_VMX"]


def uuid_of(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012d}"


def answer_of(used: list[int], *, amount: int = 1) -> dict[str, Any]:
    """Every host is a candidate, with that much in use."""
    hosts = [(uuid_of(number), use) for number, use in enumerate(used)]
    return {
        "allocation_requests": [
            {"allocations": {u: {"resources": {"VCPU": amount}}}, "mappings": {"": [u]}}
            for u, _ in hosts
        ],
        "provider_summaries": {
            u: {
                "resources": {
                    "VCPU": {"capacity": 64, "used": use},
                    "MEMORY_MB": {"capacity": 4096, "used": use * 100},
                },
                "traits": TRAITS,
                "parent_provider_uuid": None,
                "root_provider_uuid": u,
            }
            for u, use in hosts
        },
    }


def compact(answer: object) -> bytes:
    return msgspec.json.encode(answer)


def spacious(answer: object) -> bytes:
    """As other servers of the API write it."""
    return json.dumps(answer).encode()


def columns_agree(found: Candidates) -> bool:
    """Whether the columns say what the summaries say."""
    assert found.columns is not None
    plain = Columns.of(found.summaries)
    assert plain.frame.uuids == found.columns.frame.uuids
    return plain.free.keys() == found.columns.free.keys() and all(
        np.array_equal(plain.free[name], found.columns.free[name]) for name in plain.free
    )


@pytest.mark.parametrize("write", [compact, spacious])
def test_answers_that_differ_in_use_are_of_one_frame(write):
    reader = CandidateReader()
    used = [0] * 40
    reader.read(write(answer_of(used)))
    frames = set()
    for number in (3, 3, 39, 0, 17):
        used[number] += 7
        found = reader.read(write(answer_of(used)))
        assert found == CandidateReader().read(write(answer_of(used)))
        assert columns_agree(found)
        frames.add(found.columns.frame)
    assert len(frames) == 1
    # The very same bytes, and those of an earlier answer.
    assert reader.read(write(answer_of(used))) == found
    first = reader.read(write(answer_of([0] * 40)))
    assert first == CandidateReader().read(write(answer_of([0] * 40)))
    assert columns_agree(first)


def test_answers_to_questions_in_turn_are_each_compared_to_their_own():
    reader = CandidateReader()
    for used in range(3):
        for amount in (1, 2):
            body = compact(answer_of([used] * 9, amount=amount))
            found = reader.read(body)
            assert found == CandidateReader().read(body)
            assert (found.columns is not None) == (used > 0)


def change_traits(summary: dict[str, Any]) -> None:
    summary["traits"] = TRAITS[:1]


def change_root(summary: dict[str, Any]) -> None:
    summary["root_provider_uuid"] = uuid_of(99)


def lose_class(summary: dict[str, Any]) -> None:
    del summary["resources"]["MEMORY_MB"]


def gain_class(summary: dict[str, Any]) -> None:
    summary["resources"]["DISK_GB"] = {"capacity": 3, "used": 0}


def use_beyond_arrays(summary: dict[str, Any]) -> None:
    summary["resources"]["VCPU"]["used"] = 2**64


@pytest.mark.parametrize(
    "change", [change_traits, change_root, lose_class, gain_class, use_beyond_arrays]
)
@pytest.mark.parametrize("number", [0, 4, 8])
def test_what_is_more_than_use_is_seen(change, number):
    reader = CandidateReader()
    for used in (0, 1):
        found = reader.read(compact(answer_of([used] * 9)))
    frame = found.columns.frame
    answer = answer_of([2] * 9)
    change(answer["provider_summaries"][uuid_of(number)])
    found = reader.read(compact(answer))
    assert found == CandidateReader().read(compact(answer))
    assert found.columns is None or found.columns.frame is not frame


def test_a_host_that_is_gone_or_new_is_seen():
    reader = CandidateReader()
    for hosts in (9, 9, 8, 9, 10, 10):
        body = compact(answer_of([1] * hosts))
        assert reader.read(body) == CandidateReader().read(body)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 64), min_size=1, max_size=30), min_size=1, max_size=6),
    st.sampled_from([compact, spacious]),
)
def test_every_row_of_answers_is_read_as_if_it_were_the_first(rows, write):
    reader = CandidateReader()
    for used in rows:
        found = reader.read(write(answer_of(used)))
        assert found == CandidateReader().read(write(answer_of(used)))
        assert found.columns is None or columns_agree(found)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_body_that_is_spoilt_is_refused_as_if_it_were_the_first(data):
    """Wherever a byte is another: what is not read in whole is not believed either."""
    reader = CandidateReader()
    for used in (0, 1):
        reader.read(compact(answer_of([used] * 5)))
    body = bytearray(compact(answer_of([2] * 5)))
    body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([len(body), len(body) - 1, len(body) // 2]))

    def read(by: CandidateReader) -> Candidates | None:
        try:
            return by.read(bytes(body[:cut]))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None

    assert read(reader) == read(CandidateReader())
