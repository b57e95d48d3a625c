"""Numbers in the cells of square tables, such as the barriers between all pairs of nets.

Owns: the view `Matrix`, and how a value becomes the colour of its cell and of its digits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landscape.scene.colors import INK, LIGHT, NO_NUMBER
from landscape.scene.palettes import DEPTH, inked, stops
from landscape.scene.scene import Choice, View

# Cells are white at 0, and darken from the light end of the ink's map to its dark end; digits are white on dark ones.
DARK_FROM = 0.55
# The lines in each cell.
Texts = tuple[tuple[tuple[str, ...], ...], ...]


@dataclass(frozen=True, eq=False)
class Cells:
    """One table: its title, `texts` (lines), `colors` and `digits` (the colours of the texts), each (n, n), top row first."""

    title: str
    texts: Texts
    colors: tuple[tuple[str, ...], ...]
    digits: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Matrix(View):
    """Tables of one `metric` side by side, whose rows and columns have the same `names` (n,)."""

    metric: str
    names: tuple[str, ...]
    tables: tuple[Cells, ...]

    @property
    def choice(self) -> Choice:
        return Choice(self.metric, "linear", self.metric)


def cells_of(title: str, values: np.ndarray, texts: Texts, highest: float) -> Cells:
    """`values` (n, n), painted from 0, white, to `highest`, the largest finite one; infinity is darkest, NaN is grey."""
    ramp = stops(inked(DEPTH)[::-1])
    finite = np.where(np.isfinite(values), values, 0.0) / (highest or 1.0)
    share = np.where(np.isposinf(values), 1.0, np.clip(finite, 0.0, 1.0))
    colors = [[_color(ramp, share[i, j], values[i, j]) for j in range(len(values))] for i in range(len(values))]
    digits = [
        [LIGHT.ground if share[i, j] > DARK_FROM and not np.isnan(values[i, j]) else INK for j in range(len(values))]
        for i in range(len(values))
    ]
    return Cells(title, texts, tuple(map(tuple, colors)), tuple(map(tuple, digits)))


def _color(ramp: tuple[str, ...], share: float, value: float) -> str:
    if np.isnan(value):
        return NO_NUMBER
    if share <= 0:
        return LIGHT.ground
    return ramp[min(len(ramp) - 1, int(share * (len(ramp) - 1)))]
