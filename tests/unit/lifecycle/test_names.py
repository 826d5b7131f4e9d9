"""Host names made from server names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova.lifecycle.names import name_of


@pytest.mark.parametrize(
    ("display_name", "expected"),
    [
        ("web", "web"),
        ("Web Server_1", "web-server-1"),
        ("  edge  ", "edge"),
        ("a.b.example.com", "a.b.example.com"),
        ("Müller & Söhne", "muller--sohne"),
        ("日本", "fallback"),
        ("...", "fallback"),
        ("---", "fallback"),
        ("", "fallback"),
        ("-a-", "a"),
        ("x" * 80, "x" * 63),
        ("x" * 62 + "-y", "x" * 62),
        ("server-1", "server-1"),
    ],
)
def test_name(display_name: str, expected: str) -> None:
    assert name_of(display_name, fallback="fallback") == expected


@settings(deadline=None)
@given(st.text(max_size=100))
def test_name_is_always_one_that_hosts_may_have(display_name: str) -> None:
    found = name_of(display_name, fallback="Server-1")
    assert 1 <= len(found) <= 63
    assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", found), found
