"""Laws: both ends of any symmetric operator, with errors that hold, from any start; values never pass the true ends."""

import math

import numpy as np
import pytest
import torch

from landscape.curvature import extremes as room
from landscape.curvature.acceptance import MIN_FOR_ZERO, SMALL
from landscape.curvature.extremes import CHECK_PRODUCTS, extremes
from landscape.errors import EvaluationError
from tests.curvature.spectra import draws, turned

SPECTRA = {
    "indefinite": np.concatenate([np.linspace(-3, 1, 60), [40.0]]),
    "positive definite": np.linspace(1, 9, 50),
    "negative definite": -np.linspace(1, 9, 50),
    "one value": np.full(30, 2.5),
    "two values": np.repeat([-1.0, 4.0], 20),
    "multiple ends": np.array([-2.0] * 5 + [0.0] * 30 + [7.0] * 5),
    "zero": np.zeros(20),
    "larger magnitude below": np.concatenate([[-100.0], np.linspace(-1, 5, 40)]),
    "ends of one magnitude": np.concatenate([[-8.0], np.linspace(-1, 1, 40), [8.0]]),
    "one dimension": np.array([3.0]),
    "two dimensions": np.array([-3.0, 5.0]),
}


@pytest.mark.parametrize("name", SPECTRA)
def test_both_ends_of_every_kind_of_spectrum(name):
    values = SPECTRA[name]
    matrix, _ = turned(values)
    found = extremes(lambda v: matrix @ v, draws(len(values)), len(values), tolerance=1e-9)
    assert found.converged
    scale = max(np.abs(values).max(), 1e-300)
    assert found.smallest == pytest.approx(values.min(), abs=1e-8 * scale)
    assert found.largest == pytest.approx(values.max(), abs=1e-8 * scale)
    for value, vector in ((found.smallest, found.vectors[0]), (found.largest, found.vectors[1])):
        assert float(vector.norm()) == pytest.approx(1.0)
        assert float((matrix @ vector - value * vector).norm()) <= 1e-3 * scale


@pytest.mark.parametrize("name", SPECTRA)
def test_the_largest_alone_takes_no_more_products(name):
    values = SPECTRA[name]
    matrix, _ = turned(values)
    both, found = (
        extremes(lambda v: matrix @ v, draws(len(values)), len(values), tolerance=1e-6, upper=upper)
        for upper in (False, True)
    )
    assert found.converged and found.products <= both.products
    assert found.products < both.products or name != "indefinite"
    assert found.largest == pytest.approx(values.max(), abs=1e-6 * max(np.abs(values).max(), 1e-300))


@pytest.mark.parametrize("tolerance", [0.1, 0.01, 1e-4])
@pytest.mark.parametrize("seed", range(5))
def test_the_error_is_within_what_was_asked_and_the_ends_are_not_passed(seed, tolerance):
    generator = np.random.default_rng(seed)
    bulk = generator.standard_normal(400) * np.exp(generator.standard_normal(400))
    values = np.concatenate([bulk, [bulk.max() * 3, bulk.max() * 20, bulk.min() * 1.5]])
    matrix, _ = turned(values, seed)
    found = extremes(lambda v: matrix @ v, draws(len(values), seed), len(values), tolerance=tolerance)
    assert found.converged and found.products < len(values) / 2
    for value, true, error in zip(
        (found.smallest, found.largest), (values.min(), values.max()), found.errors, strict=True
    ):
        assert abs(value - true) <= tolerance * abs(true)
        assert tolerance * abs(value) <= error <= 1.001 * tolerance * abs(value), "what was asked is what is stated"
    assert values.min() - 1e-9 <= found.smallest and found.largest <= values.max() + 1e-9


def test_an_end_far_below_the_other_is_not_taken_for_zero():
    """A net without shortcuts had -72.7 beside 12337 and 855,482 directions, most of them flat: found after ten products."""
    n = 20_000
    diagonal = torch.zeros(n, dtype=torch.float64)
    diagonal[:8] = torch.tensor([12337.0, 900.0, 120.0, 4.0, -0.5, -8.0, -60.0, -72.7])
    found = extremes(lambda v: diagonal * v, draws(n), n)
    assert found.smallest == pytest.approx(-72.7, rel=0.01)
    assert found.largest == pytest.approx(12337, rel=0.01)


def test_nothing_below_zero_takes_a_few_products_and_is_zero():
    n = 5_000
    diagonal = torch.zeros(n, dtype=torch.float64)
    diagonal[:20] = torch.linspace(1, 500, 20, dtype=torch.float64)
    found = extremes(lambda v: diagonal * v, draws(n), n)
    assert found.converged and MIN_FOR_ZERO <= found.products <= MIN_FOR_ZERO + 10
    assert abs(found.smallest) <= 0.01 * SMALL * 500


def test_one_random_vector_without_the_outermost_is_not_the_only_one():
    values = np.concatenate([[-5.0, -3.0], np.linspace(-1, 1, 200), [6.0, 9.0]])
    diagonal = torch.from_numpy(values)
    random = draws(len(values))

    def unlucky(k):
        vector = random(k)
        if k == 0:
            vector[0] = vector[-1] = 0
        return vector

    found = extremes(lambda v: diagonal * v, unlucky, len(values))
    assert (found.smallest, found.largest) == (pytest.approx(-5, rel=0.01), pytest.approx(9, rel=0.01))


@pytest.mark.parametrize("seed", range(3))
def test_an_end_that_its_neighbours_hold_back_does_not_take_all_products(seed):
    """In single precision the residual of the outermost sinks below rounding while those beside it are hardly known."""
    generator = np.random.default_rng(seed)
    values = np.concatenate([-2 * np.exp(-0.02 * np.arange(60)), 0.1 * generator.standard_normal(2000), [6.0, 12.0]])
    diagonal = torch.from_numpy(values).float()
    n = len(values)

    found = extremes(lambda v: diagonal * v, lambda k: draws(n, seed)(k).float(), n, tolerance=1e-4)
    assert found.converged and found.smallest == pytest.approx(-2, rel=1e-4) and found.products < 60


def test_every_product_is_counted():
    matrix, _ = turned(SPECTRA["indefinite"])
    calls = []
    found = extremes(lambda v: (calls.append(1), matrix @ v)[1], draws(61), 61)
    assert found.products == len(calls)


def test_what_is_not_found_within_the_limit_is_told():
    values = np.linspace(-1, 1, 300)
    matrix, _ = turned(values)
    found = extremes(lambda v: matrix @ v, draws(300), 300, tolerance=1e-12, max_products=10)
    assert not found.converged and found.products == 10 and max(found.errors) > 0


def test_a_product_that_is_not_finite_is_an_error():
    with pytest.raises(EvaluationError, match="not finite"):
        extremes(lambda v: v * math.nan, draws(10), 10)


def test_what_passes_is_checked_from_a_fresh_random_vector(monkeypatch):
    """Crowded ends: without the check, some search ends at another eigenvalue than the outermost."""
    missed = {0: 0, CHECK_PRODUCTS: 0}
    for seed in range(12):
        generator = np.random.default_rng(seed)
        values = 0.02 * generator.standard_normal(400)
        values[:5], values[-5:] = -generator.uniform(0.2, 2, 5), generator.uniform(2, 50, 5)
        diagonal = torch.from_numpy(values).float()
        for products in missed:
            monkeypatch.setattr(room, "CHECK_PRODUCTS", products)
            if not products:
                monkeypatch.setattr(room._Search, "_check", lambda search: None)
            found = extremes(lambda v, m=diagonal: m * v, lambda k, s=seed: draws(400, s)(k).float(), 400)
            missed[products] += abs(found.smallest - values.min()) > 0.01 * abs(values.min())
            monkeypatch.undo()
    assert missed[CHECK_PRODUCTS] == 0 < missed[0]


@pytest.mark.parametrize("share", [1e-4, 1e-3, 1e-2, 0.1])
def test_errors_include_those_of_the_products(share):
    """Products that are off by chance, as differences of gradients in single precision are."""
    missed = 0
    for seed in range(4):
        matrix, _ = turned(np.concatenate([np.linspace(-0.5, 0.5, 300), SPECTRA["indefinite"]]), seed)
        n = len(matrix)
        off = torch.from_numpy(np.random.default_rng(seed).standard_normal((n, n)) / n**0.5) * (share * 40)
        found = extremes(lambda v, m=matrix + off: m @ v, draws(n, seed), n)
        for value, true, error in zip((found.smallest, found.largest), (-3.0, 40.0), found.errors, strict=True):
            missed += abs(value - true) > error
        assert found.products < 150, "noise must not take all products"
        assert found.converged or share > 1e-4
        assert not found.converged or share < 1e-2, "a value that is off by more than the tolerance is not settled"
    assert not missed
