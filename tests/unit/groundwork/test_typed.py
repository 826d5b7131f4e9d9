"""Plain values become typed ones."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from groundwork.typed import convert

ROOT = Path(__file__).resolve().parents[3]

# Many threads meet at the first use of a type, again and again. Run apart: when it goes wrong, the process dies.
_RACE = """
import dataclasses, sys, threading
from groundwork.typed import convert

sys.setswitchinterval(1e-6)
for _ in range(50):
    inner = dataclasses.make_dataclass("Inner", [(f"a{i}", "int | None", None) for i in range(30)])
    outer = dataclasses.make_dataclass("Outer", [("x", inner), *((f"b{i}", "str", "") for i in range(30))])
    meeting = threading.Barrier(8)
    def work():
        meeting.wait()
        assert convert({"x": {"a1": 1}}, outer).x.a1 == 1
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 0


def test_convert_fills_in_defaults() -> None:
    assert convert({"x": 1}, Point) == Point(1)
    assert convert([{"x": 1}], tuple[Point, ...]) == (Point(1),)
    assert convert({"1": {"x": 1}}, dict[int, Point], str_keys=True) == {1: Point(1)}


def test_convert_refuses_what_does_not_fit() -> None:
    with pytest.raises(msgspec.ValidationError):
        convert({"x": "one"}, Point)


def test_first_use_of_a_type_by_many_threads_at_once() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _RACE], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_nobody_goes_past_it() -> None:
    """``msgspec.convert``, and decoding into a type that is not described at import, are left to this module."""
    found = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for package in ("groundwork", "nova", "placement")
        for path in (ROOT / package).rglob("*.py")
        if path != ROOT / "groundwork/typed.py"
        for call in _unsafe_calls(ast.parse(path.read_text()))
    ]
    assert found == []


def _unsafe_calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            is_typed_decode = name == "msgspec.json.decode" and any(
                keyword.arg == "type" for keyword in node.keywords
            )
            if name == "msgspec.convert" or is_typed_decode:
                yield node
