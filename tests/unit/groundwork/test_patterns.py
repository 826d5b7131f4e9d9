from __future__ import annotations

import threading
import time

import pytest

from groundwork.errors import Invalid
from groundwork.patterns import check_pattern, contains


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("web-1", "", True),
        ("web-1", "b-", True),
        ("web-1", "^b-", False),
        ("web-1", r"^web-\d+$", True),
        ("Web", "web", False),
        ("Web", "(?i)web", True),
        ("日本", "^..$", True),
        ("a\nb", "a.b", False),
        ("x", "(?P<n>x)", True),
    ],
)
def test_patterns_are_found_anywhere(text: str, pattern: str, expected: bool) -> None:
    assert contains(text, pattern) is expected


@pytest.mark.parametrize(
    "pattern", ["(", "*", r"(a)\1", "(?=a)", "(?<!a)b", r"\N{DIGIT ONE}", "a{2000}", "\ud800"]
)
def test_what_takes_more_than_linear_time_or_is_wrong_is_refused(pattern: str) -> None:
    with pytest.raises(Invalid):
        check_pattern(pattern)
    with pytest.raises(Invalid):
        contains("a", pattern)


def test_a_long_list_of_names_is_taken() -> None:
    assert contains("server-999", "|".join(f"^server-{number}$" for number in range(1000)))


def test_a_large_pattern_is_refused_before_it_costs_time() -> None:
    start = time.monotonic()
    with pytest.raises(Invalid):
        check_pattern(r"(\pL{0,900}|\PN{0,900}|.{0,900})*x")
    assert time.monotonic() - start < 1


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "^(a?){250}a{250}$", "(.*)*x(.*)*y$"])
def test_patterns_that_backtrack_answer_at_once(pattern: str) -> None:
    start = time.monotonic()
    assert not contains("a" * 28 + "!", pattern)
    assert time.monotonic() - start < 1


def test_other_threads_go_on_while_a_pattern_is_searched_for() -> None:
    """The search lasts long enough here to be seen; servers' names are a hundred times shorter."""
    text = "a" * 30_000
    ended = threading.Event()
    times: list[float] = []

    def search() -> None:
        assert not contains(text, "((((a?b?){10}){10}){9}c?)*!$")
        ended.set()

    thread = threading.Thread(target=search)
    thread.start()
    while not ended.wait(0.001):
        times.append(time.monotonic())
    thread.join()
    pauses = [later - sooner for sooner, later in zip(times, times[1:], strict=False)]
    assert len(times) > 10
    assert max(pauses) < (times[-1] - times[0]) / 2
