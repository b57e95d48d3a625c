"""Law: on a quadratic, along the negative gradient, critical sharpness is g^T H g / |g|^2."""

import math

import numpy as np
import pytest

from landscape.curvature.sharpness import WIDTH, critical_sharpness, critical_step


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e7])
def test_exact_on_a_quadratic(scale):
    generator = np.random.default_rng(0)
    root = generator.standard_normal((5, 5))
    matrix, start = scale * root @ root.T, generator.standard_normal(5)
    gradient = matrix @ start
    found, used = critical_sharpness(lambda step: 0.5 * (v := start - step * gradient) @ matrix @ v)
    assert found == pytest.approx(gradient @ matrix @ gradient / (gradient @ gradient), rel=WIDTH)
    assert used <= 60


def test_the_step_is_where_the_loss_is_back():
    loss = lambda s: (s - 0.3) ** 4  # noqa: E731
    step, _ = critical_step(loss)
    assert step == pytest.approx(0.6, rel=WIDTH)


def test_few_passes_when_the_first_guess_is_near():
    assert critical_step(lambda s: (s - 0.5) ** 2)[1] <= 12


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_an_exploding_loss_counts_as_risen(bad):
    step, _ = critical_step(lambda s: -s if s < 0.2 else bad)
    assert step == pytest.approx(0.2, rel=WIDTH)


def test_a_loss_that_never_rises_or_never_falls():
    assert critical_sharpness(lambda s: -s)[0] == 0.0
    assert critical_sharpness(lambda s: s)[0] == math.inf
