"""Law: what is left of a vector is orthogonal to the basis to the rounding of its own length, however little is left."""

import pytest
import torch

from landscape.curvature.basis import Basis


def orthonormal(count, n=200, dtype=torch.float64):
    generator = torch.Generator().manual_seed(count)
    return torch.linalg.qr(torch.randn(n, count, generator=generator, dtype=dtype))[0].T


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("left", [1.0, 1e-3])
def test_almost_nothing_is_left_of_a_vector_and_it_is_still_orthogonal(left, dtype):
    rows, basis = orthonormal(41, dtype=dtype), Basis()
    for row in rows[:40]:
        basis.append(row)
    eps = torch.finfo(dtype).eps
    left = left * eps**0.5
    found = basis.orthogonal(rows[:40].sum(dim=0) + left * rows[40])
    assert float((basis.rows @ found).norm()) <= 100 * eps * float(found.norm())
    # what is left is only as good as the vector it is left of, whose length is 6
    assert float((found - left * rows[40]).norm()) <= 100 * eps


def test_rows_are_kept_in_their_order_however_many():
    rows, basis = orthonormal(60), Basis()
    assert len(basis) == 0
    for number, row in enumerate(rows):
        basis.append(row)
        assert len(basis) == number + 1
        assert torch.equal(basis.rows, rows[: number + 1])


def test_a_basis_without_vectors_takes_nothing_away_and_has_no_rows():
    vector = torch.arange(3.0)
    assert torch.equal(Basis().orthogonal(vector), vector)
    with pytest.raises(IndexError):
        _ = Basis().rows
