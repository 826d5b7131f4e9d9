"""How many rows a cell is asked for at a time."""

from __future__ import annotations

import pytest

from nova.cells.batches import FixedBatches, ShareOfPage


@pytest.mark.parametrize("limit", [1, 2, 50, 100, 1000])
@pytest.mark.parametrize("cells", [0, 1, 2, 8, 80])
def test_share_is_enough_for_the_page_and_never_more_than_it(limit: int, cells: int) -> None:
    size = ShareOfPage().size(limit, cells)
    assert limit / max(1, cells) <= size <= limit


def test_share_shrinks_with_the_number_of_cells() -> None:
    sizes = [ShareOfPage().size(1000, cells) for cells in (1, 2, 8, 80)]
    assert sizes == [1000, 546, 149, 21]
    # Even over many cells the rows that are thrown away are a few times those that are shown.
    assert ShareOfPage().size(50, 80) == 4


def test_fixed_batches_are_cut_by_the_page() -> None:
    assert [FixedBatches(100).size(limit, 8) for limit in (50, 1000)] == [50, 100]
