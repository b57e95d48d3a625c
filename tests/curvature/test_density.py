"""Laws: the density integrates to 1 and its mean is trace / n; estimates agree with the truth within their errors."""

import numpy as np
import pytest
import torch

from landscape.curvature.estimates import Eigenpairs, density, eigenpairs, trace
from tests.curvature.spectra import VALUES, draws, turned


@pytest.mark.parametrize("known", [False, True])
def test_the_density_integrates_to_one(known):
    matrix, _ = turned(VALUES)
    pairs = eigenpairs(lambda v: matrix @ v, draws(len(VALUES)), len(VALUES), top=2, bottom=2) if known else None
    found = density(lambda v: matrix @ v, draws(len(VALUES)), len(VALUES), probes=3, steps=30, known=pairs)
    np.testing.assert_allclose(found.weights.sum(axis=1), 1.0, atol=1e-12)
    points = np.linspace(-10, 50, 20_001)
    assert np.trapezoid(found.at(points, 0.05), points) == pytest.approx(1.0, abs=1e-6)


def test_with_as_many_steps_as_dimensions_it_is_the_spectrum_itself():
    """Whatever the probe, its quadrature is then exact: its mean over an orthonormal set of probes is the trace over n."""
    n = 40
    values = VALUES[:n]
    (matrix, _), basis = turned(values), torch.eye(n, dtype=torch.float64)
    found = density(lambda v: matrix @ v, lambda k: basis[k % n].clone(), n, probes=n, steps=n)
    assert found.mean() == pytest.approx(values.mean(), rel=1e-10)
    assert found.share_below(0.0)[0] == pytest.approx((values < 0).mean(), abs=1e-10)


def test_shares_and_means_agree_with_the_truth_within_their_errors():
    matrix, _ = turned(VALUES)
    apply, n = lambda v: matrix @ v, len(VALUES)
    pairs = eigenpairs(apply, draws(n), n, top=3, bottom=2)
    found = density(apply, draws(n, 1), n, probes=12, steps=80, known=pairs)
    for bound in (-1.0, -0.1, 0.05):
        share, error = found.share_below(bound)
        assert 0 <= error < 0.1
        assert abs(share - (bound > VALUES).mean()) <= 4 * error + 1e-12
    # with the ends counted one by one, the few beyond -1 are exact
    assert found.share_below(-1.0) == (pytest.approx(2 / n), pytest.approx(0.0, abs=1e-12))


def test_probes_see_nothing_of_what_is_known():
    matrix, _ = turned(np.array([5.0] * 20 + [100.0, -50.0]))
    pairs = eigenpairs(lambda v: matrix @ v, draws(22), 22, top=1, bottom=1, tolerance=1e-9)
    found = density(lambda v: matrix @ v, draws(22), 22, probes=2, steps=5, known=pairs)
    assert np.abs(found.nodes[found.weights > 1e-12] - 5.0).max() < 1e-9
    assert found.mean() == pytest.approx(150 / 22)


def test_all_known_leaves_nothing_to_estimate():
    matrix, _ = turned(np.array([1.0, -2.0, 3.0]))
    pairs = eigenpairs(lambda v: matrix @ v, draws(3), 3, top=3, bottom=0)
    found = density(lambda v: matrix @ v, draws(3), 3, known=pairs)
    assert found.mean() == pytest.approx(2 / 3)
    assert found.share_below(0)[0] == pytest.approx(1 / 3)


def test_the_error_of_a_share_knows_how_coarse_the_quadrature_is():
    """A bound inside the crowd at zero: probes that agree with each other are off together."""
    held, by_spread, tried = 0, 0, 40
    for seed in range(tried):
        generator = np.random.default_rng(seed)
        values = np.concatenate([0.02 * generator.standard_normal(300), generator.uniform(1, 20, 10)])
        diagonal = torch.from_numpy(values)
        n, bound = len(values), -0.02
        found = density(lambda v, m=diagonal: m * v, draws(n, seed), n, probes=3, steps=25)
        share, error = found.share_below(bound)
        off = abs(share - (values < bound).mean())
        spread = (found.weights * (found.nodes < bound)).sum(axis=1).std(ddof=1) / 3**0.5
        held += off <= 2 * error
        by_spread += off <= 2 * spread
    assert held >= 0.9 * tried > by_spread


def test_one_probe_has_no_standard_error():
    matrix, _ = turned(VALUES)
    found = density(lambda v: matrix @ v, draws(len(VALUES)), len(VALUES), probes=1, steps=20)
    assert np.isnan(found.share_below(0.0)[1])


def test_hutch_plus_plus_agrees_within_its_error():
    matrix, _ = turned(VALUES)
    misses = []
    for seed in range(30):
        found, error = trace(lambda v: matrix @ v, draws(len(VALUES), seed), len(VALUES), products=60)
        misses.append((found - VALUES.sum()) / error)
    assert np.abs(misses).max() < 5 and 0.5 < np.std(misses) < 1.8
    assert abs(np.mean(misses)) < 4 / 30**0.5


def test_hutch_plus_plus_is_exact_for_a_low_rank():
    values = np.zeros(100)
    values[:5] = [9, -4, 3, 2, 1]
    matrix, _ = turned(values)
    found, error = trace(lambda v: matrix @ v, draws(100), 100, products=30)
    assert found == pytest.approx(11.0, abs=1e-9) and error == pytest.approx(0.0, abs=1e-9)


def test_hutch_plus_plus_is_exact_with_products_enough():
    matrix, _ = turned(np.array([1.0, -2.0, 3.5]))
    assert trace(lambda v: matrix @ v, draws(3), 3, products=9) == (pytest.approx(2.5), 0.0)


def test_draws_of_the_parts_do_not_disturb_each_other():
    """What the ends are found with says nothing of the density that is estimated after them."""
    matrix, _ = turned(VALUES)
    apply, n = lambda v: matrix @ v, len(VALUES)
    none = Eigenpairs(np.zeros(0), np.zeros(0), torch.zeros(0, n, dtype=torch.float64), 0, True)
    first = density(apply, draws(n), n, probes=2, steps=20, known=none)
    eigenpairs(apply, draws(n), n, top=2, bottom=2)
    trace(apply, draws(n), n)
    second = density(apply, draws(n), n, probes=2, steps=20, known=none)
    np.testing.assert_array_equal(first.nodes, second.nodes)


def test_the_stated_error_of_a_trace_holds_from_few_products():
    """A matrix with a tail, whose probes are skewed: the spread of ten of them alone says too little."""
    basis, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(57, 57)))
    values = np.exp(-np.arange(57) / 4) * np.where(np.arange(57) % 5 == 0, -0.3, 1.0)
    matrix = torch.tensor(basis @ np.diag(values) @ basis.T)
    found = [trace(lambda v: matrix @ v, draws(57, seed), 57, products=15) for seed in range(200)]
    within = np.mean([abs(each - values.sum()) <= 2 * error for each, error in found])
    assert within >= 0.92
    assert np.median([error for _, error in found]) <= 1.5 * np.std([each for each, _ in found])
