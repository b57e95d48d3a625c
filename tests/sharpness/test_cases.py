"""Laws of average cases: what they are in expectation on a quadratic, and the width of noise that a net withstands."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from landscape.direction.filters import filter_rules
from landscape.sharpness import cases


def test_directions_have_the_norms_of_the_filters(around, cnn, images):
    here = around(cnn().double(), images)
    rules, weights = filter_rules(here.objective.model), here.named(here.origin)
    for name, part in here.named(here.direction(3)).items():
        if weights[name].ndim > 1:
            torch.testing.assert_close(rules[name].norms(part), rules[name].norms(weights[name]))
        else:
            assert not part.any()
    assert not torch.equal(here.direction(3), here.direction(4))


def test_the_average_of_a_quadratic_is_its_trace(quadratic):
    """Of the one filter of a linear net: at a minimum the mean is radius^2 |w|^2 trace / 2n."""
    made = quadratic(at_minimum=True)
    directions = [made.around.direction(k) for k in range(500)]
    mean, error = cases.mean_of(cases.rises_along(made.around, directions, 0.2))
    square = float(made.around.origin.square().sum())
    expected = 0.2**2 * square * np.trace(made.hessian) / (2 * 6)
    assert abs(mean - expected) < 4 * error
    assert error < 0.1 * expected


def test_quantiles_are_those_of_numpy_with_the_spread_of_repeats():
    chance = np.random.default_rng(0)
    values = chance.exponential(size=400)
    found, error = cases.quantile_of(values, 0.9, 0)
    assert found == np.quantile(values, 0.9)
    repeats = np.std([np.quantile(chance.exponential(size=400), 0.9) for _ in range(500)])
    assert error == pytest.approx(repeats, rel=0.4)
    assert cases.quantile_of(values, 0.9, 0) == (found, error), "the same seed, the same error"


def test_noise_that_a_quadratic_withstands(quadratic):
    """The mean rise over the drawn vectors is s^2 times their mean of z'Hz / 2, at a minimum."""
    made = quadratic(at_minimum=True)
    drawn = [made.flat(made.around.random(cases.NOISE + k)) for k in range(24)]
    curvature = np.array([z @ made.hessian @ z / 2 for z in drawn])
    found, error = cases.withstood(cases.noise(made.around, 24, by_magnitude=False))
    expected = curvature.mean() / cases.WITHSTOOD
    assert found == pytest.approx(expected, rel=2e-3)
    spread = curvature.std(ddof=1) / np.sqrt(24) / cases.WITHSTOOD
    assert error == pytest.approx(spread, rel=1e-2)


def test_noise_by_magnitude_scales_with_each_weight(quadratic):
    made = quadratic(at_minimum=True)
    weights = made.flat(made.around.origin)
    drawn = [made.flat(made.around.random(cases.NOISE + k)) for k in range(8)]
    found, _ = cases.withstood(cases.noise(made.around, 8, by_magnitude=True))
    spread = np.sqrt(weights**2 / found + cases.FLOOR**2)
    rise = np.mean([(spread * z) @ made.hessian @ (spread * z) / 2 for z in drawn])
    assert rise == pytest.approx(cases.WITHSTOOD, rel=2e-3)


@pytest.mark.parametrize(("rises", "expected"), [(0.0, 0.0), (1.0, np.inf)])
def test_noise_where_no_width_or_every_width_is_too_much(rises, expected):
    assert cases.withstood(lambda width: np.full(3, rises))[0] == expected


def test_noise_that_ends_in_no_number_is_too_much():
    found, _ = cases.withstood(lambda width: np.full(3, np.nan if width > 0.5 else 0.0))
    assert found == pytest.approx(4, rel=1e-2)
