"""Laws: both ends of any symmetric operator, with errors that hold, from any start; values never pass the true ends."""

import math

import numpy as np
import pytest
import torch

from landscape.curvature import extremes as room
from landscape.curvature.acceptance import MIN_FOR_ZERO, SAFETY, SMALL
from landscape.curvature.extremes import LOWER_CARRIED, UPPER_SHARE, extremes
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
        assert error <= SAFETY * tolerance * abs(value), "an estimate that may be too small has to be better than asked"
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


def test_a_start_from_the_neighbour_saves_products_and_finds_the_same():
    values = SPECTRA["indefinite"]
    matrix, vectors = turned(np.sort(np.concatenate([values, np.linspace(-0.5, 0.5, 300)])))
    n = len(matrix)
    noise, _ = turned(np.linspace(-0.05, 0.05, n), seed=1)
    cold = extremes(lambda v: matrix @ v, draws(n), n)
    moved = matrix + noise
    warm = extremes(lambda v: moved @ v, draws(n), n, near=cold.start())
    again = extremes(lambda v: moved @ v, draws(n, 1), n)
    assert warm.products < again.products
    true = np.linalg.eigvalsh(moved.numpy())
    assert warm.smallest == pytest.approx(true[0], rel=0.01)
    assert warm.largest == pytest.approx(true[-1], rel=0.01)


def test_the_largest_shares_the_first_product_of_a_start():
    values = SPECTRA["ends of one magnitude"]
    matrix, vectors = turned(values)
    near = torch.cat([vectors[:, :LOWER_CARRIED].T, vectors[:, -1:].T])
    seen = []
    extremes(lambda v: (seen.append(v), matrix @ v)[1], draws(len(values)), len(values), near=near, tolerance=0.1)
    first = seen[0]
    assert abs(float(first @ vectors[:, -1])) == pytest.approx(UPPER_SHARE * abs(float(first @ vectors[:, 0])), rel=0.2)
    others = torch.stack(seen[1:LOWER_CARRIED]) @ vectors
    assert others[:, 1:LOWER_CARRIED].square().sum() > 0.9 * (LOWER_CARRIED - 1), (
        "the next products are those of the others"
    )


def test_a_start_from_vectors_that_are_no_longer_the_ends_leaves_them():
    """They hold nothing of the smallest and the largest eigenvector, and no product brings these in."""
    values = np.concatenate([[-5.0, -3.0], np.linspace(-1, 1, 200), [6.0, 9.0]])
    matrix, vectors = turned(values)
    others = 0.1 * vectors[:, 40:60].sum(1)
    near = torch.stack([vectors[:, 1] + others, vectors[:, 2], vectors[:, 3], vectors[:, -2] + others])
    found = extremes(lambda v: matrix @ v, draws(len(values)), len(values), near=near)
    assert found.smallest == pytest.approx(-5, rel=0.01)
    assert found.largest == pytest.approx(9, rel=0.01)


def test_two_eigenvalues_that_have_changed_places_are_told_apart():
    """The smallest of two near each other was the second at the neighbour; from its first alone the second is found again."""
    values = np.concatenate([[-1.993, -2.0, -1.6], np.linspace(-1, 1, 2000), [6.0, 9.0]])
    n = len(values)
    here, there = torch.from_numpy(values), torch.from_numpy(values[[1, 0, *range(2, n)]])
    near = extremes(lambda v: here * v, draws(n, 1), n, tolerance=1e-3).start()
    found = extremes(lambda v: there * v, draws(n), n, tolerance=5e-4, near=near)
    assert found.smallest == pytest.approx(-2, rel=5e-4)
    lonely = extremes(lambda v: there * v, draws(n), n, tolerance=5e-4, near=near[[0, -1]])
    assert lonely.smallest > -1.998, "else this case shows nothing"


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


def test_a_neighbour_without_negative_curvature_is_a_start_too():
    """The zero end must not take all products while the other is still to be found."""
    n = 3_000
    diagonal = torch.zeros(n, dtype=torch.float64)
    diagonal[:20] = torch.linspace(1, 500, 20, dtype=torch.float64)
    near = extremes(lambda v: diagonal * v, draws(n), n).start()
    moved = diagonal.clone()
    moved[:20] = torch.linspace(2, 600, 20, dtype=torch.float64).flip(0)
    found = extremes(lambda v: moved * v, draws(n, 1), n, near=near)
    assert found.converged and found.products <= MIN_FOR_ZERO + 10
    assert found.largest == pytest.approx(600, rel=0.01) and abs(found.smallest) <= 0.01 * SMALL * 600


@pytest.mark.parametrize("seed", range(3))
def test_an_end_that_its_neighbours_hold_back_does_not_take_all_products(seed, monkeypatch):
    """In single precision the residual of the outermost sinks below rounding while those beside it are hardly known."""
    generator = np.random.default_rng(seed)
    values = np.concatenate([-2 * np.exp(-0.02 * np.arange(60)), 0.1 * generator.standard_normal(2000), [6.0, 12.0]])
    diagonal = torch.from_numpy(values).float()
    n = len(values)
    near = extremes(lambda v: diagonal * v, lambda k: draws(n, 9)(k).float(), n, tolerance=1e-4).start()

    def found():
        return extremes(lambda v: diagonal * v, lambda k: draws(n, seed)(k).float(), n, tolerance=1e-4, near=near)

    first = found()
    assert first.converged and first.smallest == pytest.approx(-2, rel=1e-4)
    monkeypatch.setattr(room, "LIMITED_BY_GAP", 0.0)
    assert first.products < found().products


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
