"""Kendall's tau is scipy's, its interval that of resampled things one by one, and the granulated one that of its definition."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import kendalltau

from landscape.correlation import LEAST, RESAMPLES, granulated, kendall, tau_of


@pytest.mark.parametrize("seed", range(5))
def test_tau_is_scipys(seed):
    chance = np.random.default_rng(seed)
    x, y = chance.normal(size=30), chance.normal(size=30)
    assert kendall(x, y) == pytest.approx(kendalltau(x, y).statistic, rel=1e-12)
    x, y = x.round(), y.round()  # with ties
    assert kendall(x, y) == pytest.approx(kendalltau(x, y).statistic, rel=1e-12)


def test_tau_at_its_ends():
    x = np.arange(7.0)
    assert kendall(x, np.exp(x)) == 1.0
    assert kendall(x, -x) == -1.0
    assert np.isnan(kendall(x, np.ones(7)))
    assert kendall(np.array([1.0, 2.0, np.inf]), np.array([1.0, 2.0, 3.0])) == 1.0


def test_the_interval_is_that_of_resampling():
    chance = np.random.default_rng(1)
    x = chance.normal(size=25)
    y = x + chance.normal(size=25)
    found = tau_of(x, y)
    again = []
    for _ in range(RESAMPLES):
        taken = chance.integers(0, 25, 25)
        again.append(kendalltau(x[taken], y[taken]).statistic)
    assert (found.low, found.high) == pytest.approx(np.quantile(again, [0.025, 0.975]), abs=0.03)
    assert found.low < found.value < found.high
    assert tau_of(x, y) == found, "the same seed, the same interval"


def test_what_is_not_known_is_left_out_and_few_have_no_interval():
    x, y = np.array([1.0, 2.0, np.nan, 4.0, 3.0]), np.array([1.0, 2.0, 9.0, np.nan, 3.0])
    found = tau_of(x, y)
    assert found.count == 3 < LEAST
    assert found.value == 1.0
    assert np.isnan(found.low)
    assert not found.excludes_zero
    assert np.isnan(tau_of(x[:1], y[:1]).value)


def test_granulated_is_the_mean_over_settings_of_pairs_that_differ_in_one():
    chance = np.random.default_rng(2)
    settings = {
        name: np.array(each)
        for name, each in zip("ab", zip(*itertools.product((0.0, 1.0, 2.0), (0.0, 1.0)), strict=True), strict=True)
    }
    x, y = chance.normal(size=6), chance.normal(size=6)
    expected = []
    for name, other in (("a", "b"), ("b", "a")):
        taus = []
        for value in np.unique(settings[other]):
            group = np.flatnonzero(settings[other] == value)
            taus.append(kendalltau(x[group], y[group]).statistic)
        assert len(np.unique(settings[name])) > 1
        expected.append(np.mean(taus))
    assert granulated(x, y, settings) == pytest.approx(np.mean(expected), rel=1e-12)


def test_a_measure_of_one_setting_alone_has_tau_but_little_psi():
    """What Jiang et al. made it for: both follow `a`, and within groups there is nothing."""
    a, b = (each.ravel().astype(float) for each in np.meshgrid(np.arange(4), np.arange(4)))
    x, y = a + 0.01 * b, a - 0.01 * b
    assert kendall(x, y) > 0.5
    assert granulated(x, y, {"a": a, "b": b}) == pytest.approx(0.0)
    assert np.isnan(granulated(x, y, {}))
    assert granulated(x, y, {"a": a, "seed": b}, seeds=("seed",)) == 1.0


def test_nets_whose_setting_is_unknown_do_not_differ_in_it():
    x, y = np.array([1.0, 2.0]), np.array([1.0, 2.0])
    assert np.isnan(granulated(x, y, {"lr": np.full(2, np.nan)}))
    assert granulated(x, y, {"lr": np.array([0.1, 0.2])}) == 1.0
