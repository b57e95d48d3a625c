"""Laws: ends are those of the dense matrix within their stated errors, and each is found as often as it is there."""

import numpy as np
import pytest
import torch

from landscape.curvature.estimates import STARTS, density, eigenpairs, trace
from landscape.curvature.lanczos import Krylov
from landscape.errors import EvaluationError
from tests.curvature.spectra import VALUES, draws, turned


def grown(chains: int):
    """(matrix, a space of 60 dimensions): of one start, or of two and a third vector added later, whose chain goes on."""
    matrix, _ = turned(VALUES)
    random = draws(len(VALUES))
    krylov = Krylov(lambda v: matrix @ v, [random(k) for k in range(min(chains, 2))], random, len(VALUES))
    while krylov.size < 60:
        if chains == 3 and krylov.size == 30:
            krylov.add_random()
        krylov.step(newest=chains == 3 and 30 <= krylov.size < 40)
    return matrix, krylov


@pytest.mark.parametrize("chains", [1, 2, 3])
def test_the_basis_is_orthonormal_and_ritz_values_are_those_of_the_operator_in_it(chains):
    matrix, krylov = grown(chains)
    basis, ritz = krylov.basis, krylov.ritz()
    torch.testing.assert_close(basis @ basis.T, torch.eye(60, dtype=torch.float64), rtol=0, atol=1e-12)
    np.testing.assert_allclose(ritz.values, torch.linalg.eigvalsh(basis @ matrix @ basis.T), rtol=0, atol=1e-11)


@pytest.mark.parametrize("chains", [1, 2, 3])
def test_residuals_of_ritz_pairs_are_bounds_and_of_one_chain_exact(chains):
    matrix, krylov = grown(chains)
    ritz = krylov.ritz()
    vectors = krylov.vectors(ritz, np.arange(60))
    true = (matrix @ vectors.T - vectors.T * torch.from_numpy(ritz.values)).norm(dim=0).numpy()
    if chains == 1:
        np.testing.assert_allclose(ritz.residuals, true, atol=1e-12)
    assert (true <= ritz.residuals + 1e-12).all()
    assert (ritz.residuals <= 3**0.5 * true + 1e-12).mean() > 0.9, "a bound that is much too large says nothing"


def test_a_space_closes_when_it_holds_all_that_the_starts_reach():
    """Two starts and three eigenvectors: five vectors, and nothing is left then of what the first chain had outside."""
    values = np.zeros(200)
    values[:3] = [7.0, 3.0, -2.0]
    matrix, _ = turned(values)
    random = draws(200)
    krylov = Krylov(lambda v: matrix @ v, [random(0), random(1)], random, 200)
    for number in range(5):
        assert not krylov.closed
        krylov.step(newest=number > 2)
    assert krylov.closed
    assert krylov.ritz().residuals.max() <= 1e-10
    np.testing.assert_allclose(krylov.ritz().values, [-2, 0, 0, 3, 7], atol=1e-10)
    krylov.step()
    torch.testing.assert_close(krylov.basis @ krylov.basis.T, torch.eye(6, dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.parametrize("values", [[5.0] * 3 + [1.0] * 2 + [-2.0] * 2, [2.0] * 6, [0.0, 0.0, 1.0]])
def test_multiple_eigenvalues_are_found_as_often_as_they_are_there(values):
    matrix, _ = turned(np.array(values))
    found = eigenpairs(lambda v: matrix @ v, draws(len(values)), len(values), top=len(values), bottom=0)
    np.testing.assert_allclose(found.values, sorted(values), atol=1e-10)
    torch.testing.assert_close(
        found.vectors @ found.vectors.T, torch.eye(len(values), dtype=torch.float64), rtol=0, atol=1e-9
    )


def test_a_space_that_closes_exactly_goes_on_from_a_random_vector():
    """From an eigenvector without rounding there is no noise left over that could pass for a new direction."""
    values, random, drawn = torch.tensor([3.0, 3.0, 1.0], dtype=torch.float64), draws(3), []

    def first_exact(k):
        drawn.append(k)
        return torch.eye(3, dtype=torch.float64)[0] if len(drawn) == 1 else random(k)

    found = eigenpairs(lambda v: values * v, first_exact, 3, top=3, bottom=0)
    np.testing.assert_allclose(found.values, [1.0, 3.0, 3.0], atol=1e-12)


@pytest.mark.parametrize("top, bottom", [(4, 3), (1, 0), (0, 2)])
def test_top_and_bottom_eigenpairs(top, bottom):
    matrix, _ = turned(VALUES)
    found = eigenpairs(lambda v: matrix @ v, draws(len(VALUES)), len(VALUES), top=top, bottom=bottom, tolerance=1e-6)
    ordered = np.sort(VALUES)
    expected = np.concatenate([ordered[:bottom], ordered[len(ordered) - top :]])
    assert found.converged
    np.testing.assert_allclose(found.values, expected, rtol=1e-5)
    products = found.vectors @ matrix
    torch.testing.assert_close(products, found.vectors * torch.from_numpy(found.values)[:, None], rtol=0, atol=0.01)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("copies", [2, 3, 4])
def test_a_multiple_eigenvalue_at_an_end_is_found_as_often_as_it_is_there(copies, seed):
    """A Krylov space of one start holds one direction of it, one of two starts two."""
    values = np.concatenate(
        [0.1 * np.random.default_rng(seed).standard_normal(300), [30.0] * copies, [12.0, 7.0, -4.0]]
    )
    matrix, _ = turned(values, seed)
    found = eigenpairs(lambda v: matrix @ v, draws(len(values), seed), len(values), top=4, bottom=1)
    assert found.converged
    np.testing.assert_allclose(found.values, [-4.0, *np.sort(values)[-4:]], rtol=0.01)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("gap", [1e-5, 0.004, 0.03])
def test_values_close_to_each_other_are_told_apart_within_their_errors(gap, seed):
    generator = np.random.default_rng(seed)
    crowd = -2 * np.exp(-0.03 * np.arange(20))
    values = np.concatenate([0.1 * generator.standard_normal(400), [9.0, 9 * (1 - gap), 5.0], crowd])
    matrix, _ = turned(values, seed)
    found = eigenpairs(lambda v: matrix @ v, draws(len(values), seed), len(values), top=3, bottom=3)
    true = np.sort(values)[[0, 1, 2, -3, -2, -1]]
    assert found.converged and found.products < 100
    np.testing.assert_allclose(found.values, true, rtol=0.01)
    assert (np.abs(found.values - true) <= found.errors + 1e-9).all()


def test_starts_without_the_outermost_are_not_the_last_word():
    """Nothing in the products would show it: only a random vector that comes in at the end."""
    values = np.concatenate([[-5.0, -3.0], np.linspace(-1, 1, 200), [6.0, 9.0]])
    diagonal, random = torch.from_numpy(values), draws(len(values))

    def unlucky(k):
        vector = random(k)
        if k < STARTS:
            vector[0] = vector[-1] = 0
        return vector

    found = eigenpairs(lambda v: diagonal * v, unlucky, len(values), top=1, bottom=1)
    assert found.converged
    np.testing.assert_allclose(found.values, [-5, 9], rtol=0.01)


@pytest.mark.parametrize("seed", range(6))
def test_a_crowd_at_zero_is_known_as_well_as_stated(seed):
    """Of a convex loss: one start takes values within the crowd for its end, and its errors do not show it."""
    generator = np.random.default_rng(seed)
    crowd = 0.05 * np.abs(generator.standard_normal(120) * np.exp(0.7 * generator.standard_normal(120)))
    values = np.concatenate([crowd, [1, 2, 5, 11, 30]])
    matrix, _ = turned(values, seed)
    found = eigenpairs(lambda v: matrix @ v, draws(len(values), seed), len(values), top=3, bottom=3)
    assert (np.abs(found.values - np.sort(values)[[0, 1, 2, -3, -2, -1]]) <= found.errors).all()


def test_an_end_at_zero_is_not_accepted_before_a_smaller_one_would_have_shown():
    """As -72.7 beside 12337 among mostly flat directions was 0.0002 after four products of one start."""
    n = 20_000
    diagonal = torch.zeros(n, dtype=torch.float64)
    diagonal[:8] = torch.tensor([12337.0, 900.0, 120.0, 4.0, -0.5, -8.0, -60.0, -72.7])
    found = eigenpairs(lambda v: diagonal * v, draws(n), n, top=1, bottom=1)
    np.testing.assert_allclose(found.values, [-72.7, 12337], rtol=0.01)


def test_a_limit_below_what_is_wanted_gives_what_is_there():
    matrix, _ = turned(VALUES)
    found = eigenpairs(lambda v: matrix @ v, draws(len(VALUES)), len(VALUES), top=5, bottom=5, max_products=3)
    assert len(found.values) == len(found.vectors) == found.products == 3 and not found.converged


def test_every_product_is_counted_and_the_limit_is_kept():
    matrix, _ = turned(np.linspace(-1, 1, 300))
    calls = []
    found = eigenpairs(
        lambda v: (calls.append(1), matrix @ v)[1], draws(300), 300, top=3, bottom=3, tolerance=1e-9, max_products=50
    )
    assert found.products == len(calls) == 50 and not found.converged
    assert found.values[0] >= -1 - 1e-12 and found.values[-1] <= 1 + 1e-12
    assert (found.errors > 1e-9).any()


def test_a_product_that_is_not_finite_is_an_error():
    for compute in (lambda apply: eigenpairs(apply, draws(10), 10, top=1, bottom=1),
                    lambda apply: density(apply, draws(10), 10), lambda apply: trace(apply, draws(10), 10)):  # fmt: skip
        with pytest.raises(EvaluationError, match="not finite"):
            compute(lambda v: v * torch.nan)


def test_more_pairs_than_there_are_dimensions():
    matrix, _ = turned(np.array([1.0, 2.0, 4.0]))
    found = eigenpairs(lambda v: matrix @ v, draws(3), 3, top=5, bottom=5)
    np.testing.assert_allclose(found.values, [1, 2, 4], atol=1e-12)
    assert found.converged


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_stated_errors_hold_down_to_rounding(dtype):
    """A residual of the recursion sinks far below what the products are good for."""
    matrix, _ = turned(VALUES)
    lower = matrix.to(dtype)
    found = eigenpairs(
        lambda v: lower @ v, lambda k: draws(len(VALUES))(k).to(dtype), len(VALUES), top=3, bottom=2, max_products=90
    )
    true = np.sort(VALUES)[[0, 1, -3, -2, -1]]
    assert (np.abs(found.values - true) <= found.errors).all()
    assert found.errors.max() <= 0.01
