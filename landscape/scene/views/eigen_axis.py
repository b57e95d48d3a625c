"""The horizontal axis of eigenvalues, and how finely a density on it may be resolved.

Owns: `EigenAxis`, the choice between a linear and a symmetric log axis, its ends, the width of the smoothing, and the marked
values.

Most eigenvalues of a net lie so close to 0 that a linear axis shows them as one spike. A symmetric log axis shows the bulk,
the tail and the outliers; but near 0 it must not resolve more than the quadrature does, whose nodes stand some way apart
there: its unit is that distance.

A *place* is an eigenvalue on the scale of the axis: the eigenvalue itself, or on a symmetric log scale a number of decades.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from landscape.errors import UsageError
from landscape.scene.levels import round_values
from landscape.scene.reach import LARGEST
from landscape.scene.scale import LINEAR, SYMLOG, Scale
from landscape.scene.text import labels_of
from landscape.scene.ticks import Ticks
from landscape.surfaces.spectrum import Density

SCALES = ("auto", LINEAR, SYMLOG)
LABEL = "eigenvalue"
# A linear axis would waste itself on a spectrum of which half lies in a fiftieth of it.
NEAR_ZERO, MOSTLY = 0.02, 0.5
# Ghorbani et al. 2019 smooth by 0.3 to 0.5 % of the range: a lone eigenvalue is then a narrow bump that print still shows.
WIDTH = 0.004
# Nodes two widths apart or closer run together; on the symmetric log axis those around 0 are up to 0.3 decades apart.
OF_GAP, DECADES = 0.5, 0.1
# Densities are drawn down to this share of the height of a lone eigenvalue.
FLOOR = 0.2
# The unit of the symmetric log axis lies between these shares of the largest magnitude.
FINEST, COARSEST = 1e-6, 0.2
TICKS = 9
# The share of the axis left free beyond what is drawn.
ROOM = 0.02
# The share of the axis that a label's character takes, and the space between two labels: of a panel of three inches.
CHARACTER, SPACE = 0.016, 0.02


@dataclass(frozen=True, eq=False)
class EigenAxis:
    """The horizontal axis. `width` is the standard deviation, in places, by which a density on it is smoothed; 0 without one.

    `ticks` are marked and named, the places `minor` (k,) only marked.
    """

    label: str
    scale: Scale
    ticks: Ticks
    minor: np.ndarray
    width: float = 0.0

    def places(self, values: ArrayLike) -> np.ndarray:
        """Where eigenvalues stand, also those beyond the ends of the axis."""
        return _unlimited(self.scale).heights(values)

    @property
    def negative(self) -> tuple[float, float] | None:
        """The places of negative eigenvalues that are on the axis."""
        zero = float(self.places(0.0))
        return (self.scale.low, min(zero, self.scale.high)) if self.scale.low < zero else None


def eigen_axes(
    densities: Sequence[Density], scale: str = "auto", vmin: float | None = None, vmax: float | None = None
) -> list[EigenAxis]:
    """One axis for all densities on the requested scale, and after it the one on the other scale.

    Raises:
        UsageError: another scale, or limits in the wrong order.
    """
    check_scale(scale, vmin, vmax)
    values = np.concatenate([all_values(density) for density in densities])
    low, high = _range(values, vmin, vmax)
    gap = max(map(resolution, densities))
    unit = _unit(gap or np.abs(values[values != 0]).min(initial=1.0), max(-low, high))
    widths = {SYMLOG: DECADES, LINEAR: _linear_width(high - low, max(gap, *map(typical_gap, densities)))}
    kinds = [LINEAR, SYMLOG] if scale == LINEAR else [SYMLOG, LINEAR]
    if scale == "auto" and not any(map(is_concentrated, densities)):
        kinds = [LINEAR, SYMLOG]
    scales = {kind: Scale(kind, low, high, unit) for kind in kinds}
    ends = {kind: _ends_of(densities, scales[kind], widths[kind]) for kind in kinds}
    return [_axis(scales[kind], ends[kind], (vmin, vmax), widths[kind]) for kind in kinds]


def is_unresolved(density: Density, axis: EigenAxis) -> bool:
    """Whether all of a spectrum lies within the unit of a symmetric log axis: its curve would be that of the smoothing."""
    return axis.scale.kind == SYMLOG and bool(np.abs(all_values(density)).max() < axis.scale.unit)


def plain_axes(values: np.ndarray, unit: float, kind: str, vmin: float | None, vmax: float | None) -> list[EigenAxis]:
    """The same for eigenvalues (n,) without a density: the axis of `kind` and the other one; linear within `unit`."""
    low, high = _range(np.append(values, 0.0), vmin, vmax)
    scales = [Scale(each, low, high, unit) for each in ([LINEAR, SYMLOG] if kind == LINEAR else [SYMLOG, LINEAR])]
    return [_axis(scale, (scale.low, scale.high), (vmin, vmax), 0.0) for scale in scales]


def check_scale(scale: str, vmin: float | None, vmax: float | None) -> None:
    """Raises UsageError unless the scale is one of eigenvalues, and the limits are two finite numbers in order."""
    if scale not in SCALES:
        raise UsageError(f"scale '{scale}': eigenvalues have both signs; choose one of {', '.join(SCALES)}")
    for name, limit in (("vmin", vmin), ("vmax", vmax)):
        if limit is not None and not abs(limit) <= LARGEST:
            raise UsageError(f"{name} {limit}: expected a finite eigenvalue, {LARGEST:g} at most in magnitude")
    if vmin is not None and vmax is not None and vmin >= vmax:
        raise UsageError(f"vmin {vmin:g} must be smaller than vmax {vmax:g}")


def density_on(axis: EigenAxis, density: Density, places: np.ndarray) -> np.ndarray:
    """(m,) the density per unit of the axis at `places` (m,).

    The point masses are shifted to their places and smoothed there, so that equal areas are equal shares of the eigenvalues.
    """
    shifted = Density(axis.places(density.nodes), density.weights, axis.places(density.known), density.dimension)
    return shifted.at(places, axis.width)


def resolution(density: Density) -> float:
    """The distance of neighbouring nodes around 0: eigenvalues closer than that are not resolved there. 0 without nodes."""
    gaps: list[float] = []
    for nodes, weights in zip(density.nodes, density.weights, strict=True):
        nodes = np.sort(nodes[weights > 0])
        if len(nodes) < 2:
            continue
        nearest = int(np.argmin(np.abs(nodes)))
        gaps += list(np.diff(nodes[max(0, nearest - 2) : nearest + 3]))
    return float(np.median(gaps)) if gaps else 0.0


def typical_gap(density: Density) -> float:
    """The distance of neighbouring nodes where the eigenvalues are: the mean over the masses."""
    gaps = [0.0]
    for nodes, weights in zip(density.nodes, density.weights, strict=True):
        order = np.argsort(nodes[weights > 0])
        nodes, weights = nodes[weights > 0][order], weights[weights > 0][order]
        if len(nodes) > 1:
            gaps.append(float(weights @ np.gradient(nodes) / weights.sum()))
    return max(gaps)


def all_values(density: Density) -> np.ndarray:
    """(n,) every eigenvalue and every node that has mass."""
    return np.concatenate([density.known, density.nodes[density.weights > 0]])


def is_concentrated(density: Density) -> bool:
    """Whether most eigenvalues lie in a small part of a linear axis, around 0."""
    near = NEAR_ZERO * np.abs(all_values(density)).max()
    return density.share_below(near)[0] - density.share_below(-near)[0] > MOSTLY


def rounded(value: float, digits: int = 1) -> float:
    """To this number of digits, as it is written in the notes.

    >>> rounded(0.2532), rounded(1.7349, 2)
    (0.3, 1.7)
    """
    return float(f"{value:.{digits - 1}e}")


def _unlimited(scale: Scale) -> Scale:
    """The same scale without ends: nothing is clipped."""
    return replace(scale, vmin=-np.inf, vmax=np.inf)


def _range(values: np.ndarray, vmin: float | None, vmax: float | None) -> tuple[float, float]:
    """The lowest and highest that are drawn, zero among them unless a limit says otherwise."""
    low = min(float(values.min()), 0.0) if vmin is None else vmin
    high = max(float(values.max()), 0.0) if vmax is None else vmax
    if low < high:
        return low, high
    # All eigenvalues are 0, or lie beyond the one limit that was given.
    return (low if vmin is not None else high - 1.0), (high if vmax is not None else low + 1.0)


def _linear_width(span: float, gap: float) -> float:
    return rounded(max(WIDTH * span, OF_GAP * gap), 2)


def _ends_of(densities: Sequence[Density], scale: Scale, width: float) -> tuple[float, float]:
    """The places between which some density is above the floor: a Gaussian reaches the further the more eigenvalues it has."""
    low, high = scale.low, scale.high
    for density in densities:
        values = all_values(density)
        masses = np.append(np.full(len(density.known), 1.0), density.dimension * density.weights[density.weights > 0])
        reach = width * np.sqrt(2 * np.log(np.maximum(masses, 1.0) / FLOOR))
        places = _unlimited(scale).heights(values)
        low, high = min(low, (places - reach).min()), max(high, (places + reach).max())
    return float(low), float(high)


def _axis(
    scale: Scale, ends: tuple[float, float], limits: tuple[float | None, float | None], width: float
) -> EigenAxis:
    """`ends` are places, with a little room beyond them; `limits` are eigenvalues, and exact."""
    room = ROOM * (ends[1] - ends[0])
    free = map(float, scale.values([ends[0] - room, ends[1] + room]))
    vmin, vmax = (end if limit is None else limit for end, limit in zip(free, limits, strict=True))
    scale = replace(scale, vmin=vmin, vmax=vmax)
    ticks, minor = _ticks(scale)
    return EigenAxis(scale.named(LABEL), scale, ticks, minor, width)


def _unit(gap: float, largest: float) -> float:
    return rounded(float(np.clip(gap, FINEST * largest, COARSEST * largest)))


def _ticks(scale: Scale) -> tuple[Ticks, np.ndarray]:
    """(marked and named values, places that are only marked)."""
    values = round_values(scale, TICKS)
    kept = values[_with_room_for_names(scale.heights(values), labels_of(values), scale.high - scale.low)]
    ticks = Ticks(scale.heights(kept), labels_of(kept))
    return ticks, np.setdiff1d(scale.heights(_between(scale)), ticks.heights) if scale.kind == SYMLOG else np.zeros(0)


def _with_room_for_names(places: np.ndarray, names: Sequence[str], span: float) -> np.ndarray:
    """(n,) which of the places are named, from zero and then from the outermost inwards, so that no two names touch."""
    half = np.array([0.5 * CHARACTER * len(name) for name in names])
    order = sorted(range(len(places)), key=lambda i: (places[i] != 0, -abs(places[i])))
    kept: list[int] = []
    for i in order:
        if all(abs(places[i] - places[j]) / span > half[i] + half[j] + SPACE for j in kept):
            kept.append(i)
    return np.isin(np.arange(len(places)), kept)


def _between(scale: Scale) -> np.ndarray:
    """One to nine times every power of ten on the axis, beyond its unit."""
    largest = max(abs(scale.vmin), abs(scale.vmax))
    powers = np.arange(np.ceil(np.log10(scale.unit)), np.floor(np.log10(largest)) + 1)
    size = np.outer(10.0**powers, np.arange(1.0, 10.0)).ravel()
    values = np.concatenate([-size, size])
    return values[(values >= scale.vmin) & (values <= scale.vmax)]
