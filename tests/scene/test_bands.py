"""Bands of errors: equally far to both sides on the axis they are drawn on."""

import numpy as np
import pytest

from landscape.scene.bands import band_of
from landscape.scene.build import build_scene


@pytest.fixture
def noisy(make_surface):
    values = np.array([2.0, 0.5, 0.1, 3.0])
    return make_surface(values, stderr={"train_loss": np.array([0.2, 0.5, 0.2, 0.0])})


def test_on_a_log_axis_a_band_is_a_factor_and_never_reaches_zero(noisy):
    low, high = band_of(noisy, "train_loss", "log")
    mean, error = noisy.values["train_loss"], noisy.stderr["train_loss"]
    np.testing.assert_allclose(low, mean * np.exp(-2 * error / mean))
    np.testing.assert_allclose(high / mean, mean / low)
    assert (low > 0).all()
    plain = band_of(noisy, "train_loss")
    np.testing.assert_allclose(plain, (mean - 2 * error, mean + 2 * error))


@pytest.mark.parametrize("scale", ["log", "linear"])
def test_a_curve_has_the_band_of_its_axis(noisy, scale):
    curve = build_scene(noisy, kind="line", scale=scale).views[0].curves[0]
    low, high = band_of(noisy, "train_loss", scale)
    axis = build_scene(noisy, kind="line", scale=scale).views[0].left
    np.testing.assert_allclose(curve.low, np.clip(low, axis.low, axis.high))
    np.testing.assert_allclose(curve.high, np.clip(high, axis.low, axis.high))


def test_shares_keep_a_plain_band_beside_a_log_axis(make_surface):
    more, error = {"train_accuracy": np.array([0.1, 0.5, 0.9])}, np.full(3, 0.02)
    surface = make_surface(np.array([1.0, 10.0, 99.0]), more=more, stderr={"train_accuracy": error})
    curve = next(c for c in build_scene(surface, kind="line", scale="log").views[0].curves if c.percent)
    np.testing.assert_allclose(curve.low, [6.0, 46.0, 86.0])


def test_an_error_larger_than_its_mean_stays_finite(make_surface):
    surface = make_surface(np.array([1e-30, 1.0, 0.0]), stderr={"train_loss": np.array([1.0, 0.1, 0.1])})
    low, high = band_of(surface, "train_loss", "log")
    assert np.isfinite(high[:2]).all() and np.isnan(low[2]), "zero has no place on a log axis"
