"""Rank correlation of two properties of the same things, and how far a few of them pin it down.

Owns: Kendall's tau, its bootstrap interval, and the granulated tau over settings of Jiang et al. 2020. Numpy only; knows no net.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

# An interval from fewer things says nothing.
LEAST = 5
RESAMPLES, LEVEL = 2000, 0.95


@dataclass(frozen=True)
class Tau:
    """`value` over `count` things, with its interval; NaN where there is none."""

    value: float
    low: float
    high: float
    count: int

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def kendall(x: np.ndarray, y: np.ndarray) -> float:
    """Kendall's tau-b of (n,) and (n,): (concordant - discordant pairs) / root of the products of pairs without ties in each.

    NaN where all of one are equal, or fewer than two. Infinities count as the largest and smallest values.

    >>> kendall(np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0]))
    0.3333333333333333
    """
    return float(_taus(x, y, np.ones((1, len(x))))[0])


def tau_of(x: np.ndarray, y: np.ndarray, *, seed: int = 0) -> Tau:
    """Kendall's tau of what is known of both, with the 95 % percentile interval of the bootstrap over things, at least LEAST."""
    known = ~(np.isnan(x) | np.isnan(y))
    x, y = x[known], y[known]
    count = len(x)
    value = kendall(x, y) if count > 1 else np.nan
    if count < LEAST or np.isnan(value):
        return Tau(value, np.nan, np.nan, count)
    chance = np.random.Generator(np.random.Philox(seed))
    times = chance.multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(np.float64)
    found = _taus(x, y, times)
    found = found[np.isfinite(found)]
    if not found.size:
        return Tau(value, np.nan, np.nan, count)
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Tau(value, float(low), float(high), count)


def granulated(x: np.ndarray, y: np.ndarray, settings: Mapping[str, np.ndarray], seeds: tuple[str, ...] = ()) -> float:
    """Psi of Jiang et al. 2020 (arXiv:1912.02178, section 4): the mean over settings of the tau of things that differ only in it.

    For each setting, things are grouped by all others; its coefficient is the mean tau of the groups with a pair, where a tie
    counts as 0. `settings[name]` (n,) are numbers; those named in `seeds` only divide groups. NaN without a pair.
    """
    known = ~(np.isnan(x) | np.isnan(y))
    found = []
    for name in settings:
        if name in seeds:
            continue
        others = [tuple(_known(settings[other][k]) for other in settings if other != name) for k in range(len(x))]
        taus = []
        for key in dict.fromkeys(others):
            group = [k for k in range(len(x)) if known[k] and others[k] == key and not np.isnan(settings[name][k])]
            if len(group) > 1 and len(set(settings[name][group])) > 1:
                signs = _signs(x[group]) * _signs(y[group])
                taus.append(signs.sum() / (len(group) * (len(group) - 1)))
        if taus:
            found.append(float(np.mean(taus)))
    return float(np.mean(found)) if found else float("nan")


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _signs(values: np.ndarray) -> np.ndarray:
    """(n, n) the sign of every difference."""
    return (values[:, None] > values).astype(np.float64) - (values[:, None] < values)


def _taus(x: np.ndarray, y: np.ndarray, times: np.ndarray) -> np.ndarray:
    """(m,) tau-b with thing i taken times[k, i] times, for each row of (m, n)."""
    one, other = _signs(x), _signs(y)

    def pairs(matrix: np.ndarray) -> np.ndarray:
        return np.einsum("ki,ki->k", times @ matrix, times)

    untied = np.sqrt(pairs(one**2) * pairs(other**2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(untied > 0, pairs(one * other) / untied, np.nan)
