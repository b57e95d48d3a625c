"""Laws: low-precision products change what a search costs and nothing that it accepts; values hold for the operator itself."""

import numpy as np
import pytest
import torch

from landscape.curvature import extremes as room
from landscape.curvature.extremes import CHECKED_BY, extremes
from landscape.curvature.space import LOWER, UPPER, Space
from landscape.errors import EvaluationError
from landscape.program.rules import add_to
from tests.curvature import spectra

N = 3000


def draws(seed=0, n=N):
    return spectra.draws(n, seed)


def spectrum(seed=0):
    """Like a net's: a few large values, a crowd at zero, and negative ones that lie close together."""
    generator = np.random.default_rng(seed)
    bulk = 0.05 * generator.standard_normal(N - 20)
    outliers = np.geomspace(3, 160, 10)
    below = -np.array([7.8, 7.1, 6.0, 5.8, 5.1, 4.0, 3.0, 2.0, 1.0, 0.5])
    return torch.from_numpy(generator.permutation(np.concatenate([bulk, outliers, below])))


def noisy(diagonal, share, floor=0.0):
    """Off by a share of the product, and by `floor`, in a direction that depends on every bit of the vector."""

    def apply(v):
        product = diagonal * v
        seed = int(v.abs().sum() * 1e9) % 2**31
        noise = torch.from_numpy(np.random.default_rng(seed).standard_normal(len(v)))
        return product + noise * ((share * product.norm() + floor * v.norm()) / noise.norm())

    return apply


def counted(apply, calls):
    return lambda v: (calls.append(1), apply(v))[1]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("share", [0.0, 0.003, 0.01])
def test_both_ends_to_the_tolerance_for_a_few_exact_products(seed, share):
    diagonal, own, other = spectrum(seed), [], []
    found = extremes(
        counted(lambda v: diagonal * v, own), draws(seed), N, low_precision=counted(noisy(diagonal, share), other)
    )
    assert found.converged and not found.low_precision_failed
    low, top = float(diagonal.min()), float(diagonal.max())
    assert low - 1e-9 <= found.smallest <= 0.99 * low, "approached from above, and not passed for all the noise"
    assert 0.99 * top <= found.largest <= top + 1e-9
    assert (found.products, found.low_precision_products) == (len(own), len(other))
    assert found.products <= 7 < found.low_precision_products
    for value, vector in ((found.smallest, found.vectors[0]), (found.largest, found.vectors[1])):
        assert float(vector @ (diagonal * vector)) == pytest.approx(value, rel=1e-9), "a value is its vector's own"
        assert float(vector.norm()) == pytest.approx(1)
    assert float(found.vectors[0] @ found.vectors[1]) == pytest.approx(0, abs=1e-9)


def test_more_precision_than_low_precision_products_have():
    diagonal = spectrum(1)
    found = extremes(lambda v: diagonal * v, draws(1), N, tolerance=1e-6, low_precision=noisy(diagonal, 0.01))
    assert found.converged and found.products <= 7 and found.low_precision_products <= 45, (
        "each correction leaves much less noise"
    )
    assert found.smallest == pytest.approx(float(diagonal.min()), rel=1e-6)
    assert found.largest == pytest.approx(float(diagonal.max()), rel=1e-6)


def test_low_precision_products_that_hide_the_smaller_end_are_given_up_soon():
    """Nearly convex: what is negative is smaller than the noise."""
    generator = np.random.default_rng(3)
    values = np.concatenate([np.abs(0.01 * generator.standard_normal(N - 14)), np.geomspace(1, 100, 10)])
    diagonal = torch.from_numpy(np.concatenate([values, [-0.5, -0.4, -0.3, -0.2]]))
    found = extremes(lambda v: diagonal * v, draws(), N, low_precision=noisy(diagonal, 0.01, floor=0.3))
    assert found.low_precision_failed and found.converged and found.low_precision_products <= CHECKED_BY
    assert found.smallest == pytest.approx(-0.5, rel=0.01)
    assert found.largest == pytest.approx(100, rel=0.01)


def test_a_search_that_noise_holds_up_goes_on_without_it(monkeypatch):
    diagonal = spectrum(6)
    monkeypatch.setattr(room, "MAX_LOW_PRECISION", 20)
    found = extremes(lambda v: diagonal * v, draws(), N, tolerance=1e-8, low_precision=noisy(diagonal, 0.01))
    assert found.low_precision_failed and found.converged and found.low_precision_products == 20
    assert found.smallest == pytest.approx(float(diagonal.min()), rel=1e-8)
    assert found.largest == pytest.approx(float(diagonal.max()), rel=1e-8)


def test_a_space_too_small_for_noise_is_searched_without():
    diagonal = torch.tensor([-2.0, 0.5, 1.0, 5.0, 9.0], dtype=torch.float64)
    found = extremes(lambda v: diagonal * v, draws(n=5), 5, tolerance=1e-9, low_precision=noisy(diagonal, 0.05))
    assert (found.smallest, found.largest) == (pytest.approx(-2), pytest.approx(9))
    assert found.converged


@pytest.mark.parametrize("n", [1, 2, 17, 30])
def test_a_space_that_closes_has_its_ends(n):
    diagonal = torch.linspace(-2, 9, n, dtype=torch.float64)
    found = extremes(lambda v: diagonal * v, draws(n=n), n, tolerance=1e-7, low_precision=noisy(diagonal, 0.02))
    assert (found.smallest, found.largest) == (pytest.approx(-2), pytest.approx(float(diagonal[-1])))
    assert found.converged


def test_what_is_not_found_within_the_limit_is_told_with_values_that_hold():
    diagonal = torch.linspace(-1, 1, N, dtype=torch.float64)
    found = extremes(
        lambda v: diagonal * v, draws(), N, tolerance=1e-9, max_products=12, low_precision=noisy(diagonal, 0.001)
    )
    assert not found.converged and found.low_precision_products <= 12 and found.products <= 12
    assert -1 <= found.smallest < found.largest <= 1


def test_a_corrected_end_is_seen_as_the_operator_itself_has_it():
    diagonal = spectrum(4)
    space = Space(lambda v: diagonal * v, N, noisy(diagonal, 0.02))
    random = draws()
    for number in range(2):
        space.add(random(number))
    for _ in range(20):
        space.add(space.both_ends().directions[0])
    before = space.both_ends()
    pair, off = space.correct(LOWER)
    assert torch.allclose(pair.product, diagonal * pair.vector), "the operator's own"
    assert off > 0
    value = float(pair.vector @ pair.product)
    residual = float((pair.product - value * pair.vector).norm())
    after = space.both_ends()
    # correcting moves the Ritz vector a little, toward where the corrected residual is smaller
    assert abs(after.values[0] - value) < 0.2 * abs(before.values[0] - value)
    assert after.residuals[0] == pytest.approx(residual, rel=0.3)


def test_of_an_operator_that_is_not_quite_symmetric_its_symmetric_part_is_seen():
    """The other part is noise, and half of it goes where both halves are looked at."""
    n = 40
    generator = np.random.default_rng(0)
    matrix = torch.from_numpy(generator.standard_normal((n, n)))
    symmetric = (matrix + matrix.T) / 2
    space = Space(lambda v: symmetric @ v, n, lambda v: matrix @ v)
    basis = torch.from_numpy(np.linalg.qr(generator.standard_normal((n, 6)))[0])
    for vector in basis.T:
        space.add(vector)
    np.testing.assert_allclose(space.values, torch.linalg.eigvalsh(basis.T @ symmetric @ basis), atol=1e-12)


def test_the_ends_of_two_pairs_are_those_of_the_plane_they_span():
    """Also where the two are not orthogonal, as low-precision products leave them."""
    diagonal = spectrum(5)
    space = Space(lambda v: diagonal * v, N, noisy(diagonal, 0.02))
    random = draws()
    for number in range(8):
        space.add(random(number))
    pairs = [space.correct(which)[0] for which in (LOWER, UPPER)]
    basis, _ = torch.linalg.qr(torch.stack([pair.vector for pair in pairs], dim=1))
    true = torch.linalg.eigvalsh(basis.T @ (diagonal[:, None] * basis))
    view, turned = space.verified(*pairs)
    np.testing.assert_allclose(view.values, true, rtol=1e-9)
    for pair, value, residual in zip(turned, view.values, view.residuals, strict=True):
        assert torch.allclose(pair.product, diagonal * pair.vector)
        assert float((pair.product - value * pair.vector).norm()) == pytest.approx(residual)


def test_sums_of_low_precision_products_keep_their_digits():
    sums = {}
    for value in [1.0] + 256 * [2.0**-10]:
        add_to(sums, "w", torch.tensor([value], dtype=torch.bfloat16))
    assert float(sums["w"]) == 1.25, "in bfloat16 it would still be 1"


def test_products_that_are_not_finite_are_an_error_whichever_they_are():
    diagonal = spectrum()
    with pytest.raises(EvaluationError, match="not finite"):
        extremes(lambda v: diagonal * v, draws(), N, low_precision=lambda v: v * torch.nan)
    with pytest.raises(EvaluationError, match="not finite"):
        extremes(lambda v: v * torch.nan, draws(), N, low_precision=lambda v: diagonal * v)
