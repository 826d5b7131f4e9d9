"""The languages of queries."""

from __future__ import annotations

import pytest

from groundwork.errors import Invalid
from placement.grammar import parse_aggregates, parse_resources, parse_traits

U1 = "11111111-1111-1111-1111-111111111111"
U2 = "22222222-2222-2222-2222-222222222222"


def test_of_a_class_given_twice_the_last_amount_counts() -> None:
    assert parse_resources("VCPU:1,MEMORY_MB:512,VCPU:2") == {"VCPU": 2, "MEMORY_MB": 512}


def test_blanks_around_parts_are_left_out() -> None:
    assert parse_resources(" VCPU:1, MEMORY_MB:512 ") == {"VCPU": 1, "MEMORY_MB": 512}
    asked = parse_traits([" A, !B ", " in:C, D "], forbidden=True, any_of=True)
    assert asked.names == {"A", "B", "C", "D"}
    assert parse_aggregates([f" !in:{U1}, {U2} "], forbidden=True).none_of == {U1, U2}


def test_conditions_without_end_are_refused() -> None:
    with pytest.raises(Invalid, match="at most"):
        parse_resources(",".join(f"CUSTOM_{number}:1" for number in range(1000)))
    with pytest.raises(Invalid, match="at most"):
        parse_traits((f"T{number}" for number in range(1000)), forbidden=True, any_of=True)
    with pytest.raises(Invalid, match="at most"):
        parse_aggregates([U1] * 1000, forbidden=True)
    # One condition with many names is something else.
    many = "in:" + ",".join(f"T{number}" for number in range(1000))
    assert len(parse_traits([many], forbidden=True, any_of=True).names) == 1000


def test_amount_beyond_every_column_is_parsed() -> None:
    assert parse_resources("VCPU:99999999999999999999") == {"VCPU": 99999999999999999999}


@pytest.mark.parametrize(
    "text",
    ["", "VCPU", "VCPU:", "VCPU:0", "VCPU:-1", "VCPU:1.5", "vcpu:1", "VCPU:1,", ":1", "VCPU=1"]
    + ["VCPU:" + "9" * 5000, "VCPU: 1", "V CPU:1", "VCPU:\u0661"],
)
def test_bad_resources_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_resources(text)


def test_traits_of_all_kinds_are_anded() -> None:
    asked = parse_traits(["A,!B", "in:C,D", "E"], forbidden=True, any_of=True)
    assert asked.all_of == {"A", "E"}
    assert asked.none_of == {"B"}
    assert asked.any_of == (frozenset({"C", "D"}),)
    assert asked.names == {"A", "B", "C", "D", "E"}
    assert asked.met_by(frozenset({"A", "E", "D"}))
    assert not asked.met_by(frozenset({"A", "E"}))
    assert not asked.met_by(frozenset({"A", "E", "D", "B"}))


@pytest.mark.parametrize(
    ("text", "forbidden", "any_of"),
    [
        ("", True, True),
        ("A,", True, True),
        ("A,,B", True, True),
        ("!", True, True),
        ("in:", True, True),
        ("in:A,!B", True, True),
        ("!in:A,B", True, True),
        ("A,!A", True, True),
        ("!A", False, False),
        ("in:A", True, False),
        ("a", True, True),
    ],
)
def test_bad_traits_are_refused(text: str, forbidden: bool, any_of: bool) -> None:
    with pytest.raises(Invalid):
        parse_traits([text], forbidden=forbidden, any_of=any_of)


def test_aggregates_are_anded_and_spelled_in_one_way() -> None:
    asked = parse_aggregates([U1.upper(), f"in:{U1},{U2}", f"!in:{U2}"], forbidden=True)
    assert asked.any_of == (frozenset({U1}), frozenset({U1, U2}))
    assert asked.none_of == {U2}
    assert asked.met_by(frozenset({U1}))
    assert not asked.met_by(frozenset({U1, U2}))
    assert not asked.met_by(frozenset())


@pytest.mark.parametrize(
    ("text", "forbidden"),
    [
        ("", True),
        ("nope", True),
        (f"{U1},{U2}", True),
        (f"in:{U1},!{U2}", True),
        ("in:", True),
        (f"!{U1}", False),
        (f"!in:{U1}", False),
    ],
)
def test_bad_aggregates_are_refused(text: str, forbidden: bool) -> None:
    with pytest.raises(Invalid):
        parse_aggregates([text], forbidden=forbidden)
