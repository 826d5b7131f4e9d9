from __future__ import annotations

import pytest

from groundwork.versions import Version, VersionRange, by_version


@pytest.mark.parametrize(
    "text", ["2", "2.", ".1", "2.01", "02.1", "2.1.1", "2.x", " 2.1", "-2.1", ""]
)
def test_malformed_versions_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a version"):
        Version.parse(text)


def test_versions_compare_as_numbers() -> None:
    assert Version.parse("2.9") < Version.parse("2.10") < Version.parse("10.0")


def test_both_ends_belong_to_a_range() -> None:
    found = VersionRange.parse("2.6-2.35")
    assert Version(2, 6) in found
    assert Version(2, 35) in found
    assert Version(2, 5) not in found
    assert Version(2, 36) not in found
    assert "2.6" not in found


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("2.1-2.5", "2.6-", False),
        ("2.1-2.6", "2.6-", True),
        ("2.1-", "2.50-2.60", True),
        ("2.6", "2.6", True),
        ("2.7-", "2.1-2.6", False),
    ],
)
def test_overlaps(one: str, other: str, overlap: bool) -> None:
    first, second = VersionRange.parse(one), VersionRange.parse(other)
    assert first.overlaps(second) is second.overlaps(first) is overlap


def test_a_range_does_not_end_before_it_starts() -> None:
    with pytest.raises(ValueError, match="ends before"):
        VersionRange.parse("2.9-2.1")


def test_the_newest_entry_not_above_the_version_counts() -> None:
    found = by_version({"2.75": "new", "2.1": "old"})
    assert found.at(Version(2, 74)) == "old"
    assert found.at(Version(2, 75)) == "new"
    assert found.at(Version(1, 0)) is None
