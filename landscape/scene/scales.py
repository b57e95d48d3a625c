"""The scales on which some metrics of some surfaces are drawn together.

Owns: pooling the values of several surfaces, their common levels, and the second scale that an interactive page can
switch to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from landscape.errors import UsageError
from landscape.quantity import LOSS
from landscape.scene.holes import drawable
from landscape.scene.levels import choose_levels
from landscape.scene.scale import LINEAR, LOG, SYMLOG, Scale, choose_scale
from landscape.scene.text import short
from landscape.surfaces.surface import Surface

# Of all values: more of them below zero have no place on a log scale.
FEW = 0.03
Levels = int | Sequence[float] | None


class Limits(NamedTuple):
    """The ends of the drawn range; None leaves one to the values."""

    vmin: float | None = None
    vmax: float | None = None

    def or_else(self, vmin: float | None = None, vmax: float | None = None) -> Limits:
        """These limits, and others where there is none."""
        return Limits(vmin if self.vmin is None else self.vmin, vmax if self.vmax is None else self.vmax)


NO_LIMITS = Limits()


@dataclass(frozen=True, eq=False)
class ScaledMetric:
    """A metric on a scale, with contour lines at `levels` (k,)."""

    metric: str
    scale: Scale
    levels: np.ndarray


def scaled(
    surfaces: Sequence[Surface], metric: str, scale: str = "auto", limits: Limits = NO_LIMITS, levels: Levels = None
) -> list[ScaledMetric]:
    """One metric on each scale of `alternatives`; `levels` as in `choose_levels`."""
    found = scales_and_levels(surfaces, [metric], scale, limits, levels)
    return [ScaledMetric(metric, each, lines) for each, lines in found]


def scales_and_levels(
    surfaces: Sequence[Surface], metrics: Sequence[str], scale: str, limits: Limits, levels: Levels
) -> list[tuple[Scale, np.ndarray]]:
    """The scales of `alternatives`, each with the values (k,) of its contour lines."""
    return [(each, choose_levels(each, levels)) for each in alternatives(surfaces, metrics, scale, limits)]


def alternatives(surfaces: Sequence[Surface], metrics: Sequence[str], scale: str, limits: Limits) -> list[Scale]:
    """The scale for all values of `metrics` on all surfaces, and after it the other one that makes sense, if any.

    `scale` and `limits` (vmin, vmax) as in `choose_scale`.

    Raises:
        UsageError: also a log scale with the net, or many of the values, below zero.
    """
    rows = [surfaces[0].quantity(metric) for metric in metrics]
    bounded, signed = all(row.percent for row in rows), not all(row.kind == LOSS for row in rows)
    values = _pooled(surfaces, metrics)
    if scale == LOG:
        _check_log(values, [surface.at_origin(metric) for surface in surfaces for metric in metrics])
    return scales_for(values, scale, limits, bounded=bounded, signed=signed)


def scales_for(
    values: np.ndarray, scale: str, limits: Limits, *, bounded: bool = False, signed: bool = True
) -> list[Scale]:
    """The same for values (n,) from any source; `bounded` ones are shares, the sign of `signed` ones has a meaning."""
    chosen = choose_scale(values, scale=scale, bounded=bounded, signed=signed, **limits._asdict())
    other = _other(chosen, values, limits)
    if bounded or other is None:
        return [chosen]
    return [chosen, choose_scale(values, scale=other, signed=signed, **limits._asdict())]


def _check_log(values: np.ndarray, nets: Sequence[float | None]) -> None:
    """Raises UsageError for a log scale that would leave out what the picture is about; `nets` are the values at the nets."""
    below, net = int((values < 0).sum()), next((each for each in nets if each is not None and each < 0), None)
    if values.size and (values > 0).any() and (net is not None or below > FEW * values.size):
        at = f", that of the net ({short(net)}) too" if net is not None else ""
        raise UsageError(
            f"scale log: {below} of {values.size} values are below zero{at}; choose scale symlog, which shows both signs"
        )


def _pooled(surfaces: Sequence[Surface], metrics: Sequence[str]) -> np.ndarray:
    return np.concatenate([drawable(surface, metric) for surface in surfaces for metric in metrics])


def _other(chosen: Scale, values: np.ndarray, limits: Limits) -> str | None:
    """Where a switch leads: from a logarithmic scale to the linear one, and back to the one that fits the signs."""
    if chosen.kind in (LOG, SYMLOG):
        return LINEAR
    if (values < 0).any():
        return SYMLOG
    positive = all(limit is None or limit > 0 for limit in limits)
    return LOG if (values > 0).any() and positive else None
