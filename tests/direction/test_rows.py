"""Rows of a path in memory and in a scratch file: against numpy, column by column."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from landscape.direction.rows import COLUMNS, Rows, filled

COUNT, SIZE = 6, 2 * COLUMNS + 100


@pytest.mark.parametrize("budget", [1 << 30, 1])
@pytest.mark.parametrize("stored", [torch.float32, torch.float64])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_blocks_are_the_differences_of_all_rows_also_when_the_last_block_was_written_to(
    tmp_path, budget, stored, dtype
):
    points = torch.randn(COUNT, SIZE, generator=torch.Generator().manual_seed(0)).to(stored)
    rows = Rows(COUNT, SIZE, stored, tmp_path, budget)
    for number in reversed(range(COUNT)):
        rows.put(number, points[number])
    for _ in range(2):
        found = torch.full((COUNT, SIZE), torch.nan, dtype=dtype)
        for part, block in rows.blocks(2, dtype):
            found[:, part] = block
            block.fill_(7)
        torch.testing.assert_close(found, points.to(dtype) - points[2].to(dtype), rtol=0, atol=0)
    assert list(tmp_path.iterdir()) == []


def test_rows_are_filled_in_their_order():
    points = np.random.default_rng(0).normal(size=(COUNT, SIZE))
    rows = filled(COUNT, SIZE, (torch.from_numpy(row) for row in points))
    for part, block in rows.blocks(0):
        np.testing.assert_array_equal(block.numpy(), (points - points[0])[:, part])
