"""The scales on which some metrics of some surfaces are drawn together.

Owns: putting the values of several surfaces together, their common levels, and the second scale that an interactive
page can switch to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from landscape.scene.holes import drawable
from landscape.scene.levels import choose_levels
from landscape.scene.scale import choose_scale
from landscape.scene.scene import LINEAR, LOG, SYMLOG, Scale
from landscape.scene.text import is_percent
from landscape.surfaces.surface import Surface


@dataclass(frozen=True, eq=False)
class View:
    """A metric on a scale, with contour lines at `levels` (k,)."""

    metric: str
    scale: Scale
    levels: np.ndarray


def views_of(
    surfaces: Sequence[Surface], metric: str, scale: str = "auto", limits: dict | None = None, levels=None
) -> list[View]:
    """The views of one metric; `levels` as in `choose_levels`, the rest as in `alternatives`."""
    found = scales_and_levels(surfaces, [metric], scale, limits or {}, levels)
    return [View(metric, each, lines) for each, lines in found]


def scales_and_levels(
    surfaces: Sequence[Surface], metrics: Sequence[str], scale: str, limits: dict, levels
) -> list[tuple[Scale, np.ndarray]]:
    """The scales of `alternatives`, each with the contour lines (k,) that suit all values of all `metrics`."""
    values = _together(surfaces, metrics)
    return [(each, choose_levels(each, levels, values)) for each in alternatives(surfaces, metrics, scale, limits)]


def alternatives(surfaces: Sequence[Surface], metrics: Sequence[str], scale: str, limits: dict) -> list[Scale]:
    """The scale for all values of `metrics` on all surfaces, and after it the other one that makes sense, if any.

    `scale` and `limits` (vmin, vmax) as in `choose_scale`.
    """
    return scales_for(_together(surfaces, metrics), scale, limits, bounded=all(map(is_percent, metrics)))


def scales_for(values: np.ndarray, scale: str, limits: dict, *, bounded: bool = False) -> list[Scale]:
    """The same for values (n,) of any source; `bounded` ones are shares of samples."""
    chosen = choose_scale(values, scale=scale, bounded=bounded, **limits)
    other = _other(chosen, values, limits.get("vmin"))
    if bounded or other is None:
        return [chosen]
    return [chosen, choose_scale(values, scale=other, **limits)]


def _together(surfaces: Sequence[Surface], metrics: Sequence[str]) -> np.ndarray:
    return np.concatenate([drawable(surface, metric) for surface in surfaces for metric in metrics])


def _other(chosen: Scale, values: np.ndarray, vmin: float | None) -> str | None:
    """What a switch leads to: from a logarithmic scale the linear one, from that the one that fits the signs."""
    if chosen.kind in (LOG, SYMLOG):
        return LINEAR
    if (values < 0).any():
        return SYMLOG
    return LOG if (values > 0).any() and (vmin is None or vmin > 0) else None
