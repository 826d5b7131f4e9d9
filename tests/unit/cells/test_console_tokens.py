"""The cell of a console token is told from the token alone."""

from __future__ import annotations

import uuid

from nova.cells.console_tokens import cells_of, make_token
from nova.cells.registry import Cell

CELLS = [Cell(number, str(uuid.uuid4()), f"cell{number}", "", "") for number in range(100)]


def test_token_is_a_uuid_and_found_in_its_cell() -> None:
    for cell in CELLS:
        token = make_token(cell)
        assert str(uuid.UUID(token)) == token
        assert cell in cells_of(token, CELLS)


def test_hardly_any_other_cell_is_asked() -> None:
    """A thousand tokens, ninety-nine wrong cells, one chance in 65536 each: between one and two by accident."""
    cell = CELLS[7]
    in_vain = sum(len(cells_of(make_token(cell), CELLS)) - 1 for _ in range(1000))
    assert in_vain < 20


def test_made_up_tokens_lead_nowhere() -> None:
    asked = sum(len(cells_of(str(uuid.uuid4()), CELLS)) for _ in range(1000))
    assert asked < 20
    assert cells_of("", []) == cells_of("abc", []) == ()


def test_no_two_tokens_are_the_same() -> None:
    assert len({make_token(CELLS[0]) for _ in range(1000)}) == 1000
