"""Colour maps by name, and what light does to their colours.

Owns: the maps, each a path through CIELAB, which of them suits a scale, its darker form for lines on white, and the shading of a
relief. All but `diverging` grow steadily lighter, so they read the same in grey and to colour-blind readers. Knows no view.

One quantity has one map in every picture of it, still or interactive; only lines on white take its darker form.
"""

from __future__ import annotations

import numpy as np

from landscape.errors import UsageError
from landscape.scene.colors import hex_of, linear_of, rgb_of
from landscape.scene.scale import LOG, Scale

Points = tuple[tuple[float, float, float], ...]

# Points (lightness, chroma, hue in degrees) of each map, equidistant from low to high. `viridis`, `magma` and `cividis` are
# matplotlib's, read off at nine places and rounded to whole units.
DEPTH: Points = ((28, 50, 290), (39, 48, 275), (50, 36, 245), (62, 33, 195), (74, 42, 145), (84, 58, 112), (94, 46, 98))
DIVERGING: Points = (
    (34, 52, 276), (52, 42, 268), (70, 24, 258), (90, 4, 80), (75, 30, 62), (58, 50, 46), (41, 58, 37),
)  # fmt: skip
GREY: Points = ((20, 0, 0), (96, 0, 0))
VIRIDIS: Points = (
    (15, 52, 322), (26, 51, 308), (36, 36, 285), (45, 25, 240), (54, 31, 192), (64, 48, 163), (73, 67, 141), (82, 82, 117),
    (91, 86, 97),
)  # fmt: skip
MAGMA: Points = (
    (0, 1, 293), (10, 39, 306), (22, 65, 315), (34, 60, 328), (44, 57, 351), (56, 63, 21), (69, 57, 45), (83, 40, 70),
    (98, 31, 109),
)  # fmt: skip
CIVIDIS: Points = (
    (14, 31, 285), (24, 36, 286), (34, 19, 281), (43, 6, 278), (52, 2, 101), (61, 17, 98), (71, 36, 97), (81, 58, 96),
    (91, 82, 97),
)  # fmt: skip
PALETTES = {
    "depth": DEPTH,
    "diverging": DIVERGING,
    "grey": GREY,
    "viridis": VIRIDIS,
    "magma": MAGMA,
    "cividis": CIVIDIS,
}
COUNT = 65
# On white, a line of this lightness has a contrast of 3.7, and one darker than the other end cannot be told from black.
ON_WHITE = (22.0, 55.0)
# On a dark ground, likewise.
ON_DARK = (56.0, 94.0)


def check_palette(name: str | None) -> None:
    """Raises UsageError unless there is a map of this name, or None."""
    if name is not None and name not in PALETTES:
        raise UsageError(f"cmap '{name}': expected one of {', '.join(PALETTES)}")


def colors_for(scale: Scale, name: str | None = None) -> tuple[str, ...]:
    """The 65 colours of a scale from its low end to its high one, of a map by `name` or of the one that suits.

    Values of both signs get `diverging` with its middle at zero where the sign has a meaning; all others `depth`.
    """
    return _over(scale, PALETTES[_suiting(scale, name)], name)


def inks_for(scale: Scale, name: str | None = None) -> tuple[str, ...]:
    """The same for lines on white: the hues of `colors_for`, and no colour lighter than L* 55."""
    return _over(scale, inked(PALETTES[_suiting(scale, name)]), name)


def nights_for(scale: Scale, name: str | None = None) -> tuple[str, ...]:
    """The same for lines on a dark ground: no colour darker than L* 56."""
    return _over(scale, between_lights(PALETTES[_suiting(scale, name)], ON_DARK), name)


def is_signed(scale: Scale) -> bool:
    """Whether zero lies within the range of values whose sign matters."""
    return scale.signed and scale.kind != LOG and scale.low < 0 <= scale.high


def stops(points: Points, *, low: float = 0.0, high: float = 1.0) -> tuple[str, ...]:
    """Hex colours (65 of them) of a map between the shares `low` and `high` of its length."""
    lab = _lab(points)
    at, positions = np.linspace(low, high, COUNT), np.linspace(0, 1, len(lab))
    return hex_of(np.column_stack([np.interp(at, positions, lab[:, i]) for i in range(3)]))


def balanced(points: Points, low: float, high: float) -> tuple[str, ...]:
    """The map for heights from `low` < 0 to `high` > 0 with its middle at zero."""
    reach = max(-low, high)
    return stops(points, low=0.5 + 0.5 * low / reach, high=0.5 + 0.5 * high / reach)


def inked(points: Points) -> Points:
    """A map for lines and letters on white."""
    return between_lights(points, ON_WHITE)


def between_lights(points: Points, ends: tuple[float, float]) -> Points:
    """A map with its lightness brought between two, in order, and its chroma within what a screen can show."""
    lightness = [point[0] for point in points]
    low, high = min(lightness), max(lightness)
    rows = []
    for light, chroma, hue in points:
        moved = ends[0] + (light - low) / (high - low) * (ends[1] - ends[0])
        rows.append((moved, _shown_chroma(moved, chroma, hue), hue))
    return tuple(rows)


def lit(colors: tuple[str, ...], shares: np.ndarray, shade: np.ndarray) -> np.ndarray:
    """(n, 3) sRGB in 0..1: the colours at `shares` (n,) of a map, in light of brightness `shade` (n,).

    The light multiplies L* + 16, a* and b* by `shade`: hue stays, and what is seen is a colour of the bar, darker or lighter.
    Where that would leave the colours of a screen, the light is weaker. (CIELAB is made of cube roots, so this is a factor
    `shade`³ on linear RGB.)
    """
    table = np.array([rgb_of(color) for color in colors])
    at, places = np.clip(shares, 0, 1) * (len(table) - 1), np.arange(len(table))
    linear = _linear(np.column_stack([np.interp(at, places, table[:, i]) for i in range(3)]))
    factor = np.minimum(shade**3, 1 / np.maximum(linear.max(axis=1), 1e-9))
    shown = linear * factor[:, None]
    return np.where(shown <= 0.0031308, 12.92 * shown, 1.055 * np.maximum(shown, 0) ** (1 / 2.4) - 0.055)


def _suiting(scale: Scale, name: str | None) -> str:
    check_palette(name)
    return name or ("diverging" if is_signed(scale) else "depth")


def _over(scale: Scale, points: Points, name: str | None) -> tuple[str, ...]:
    if is_signed(scale) and name in (None, "diverging"):
        return balanced(points, scale.low, scale.high)
    return stops(points)


def _lab(points: Points) -> np.ndarray:
    lch = np.array(points, dtype=np.float64)
    hue = np.deg2rad(lch[:, 2])
    return np.column_stack([lch[:, 0], lch[:, 1] * np.cos(hue), lch[:, 1] * np.sin(hue)])


def _shown_chroma(light: float, chroma: float, hue: float) -> float:
    """The largest chroma up to the given one at which sRGB has this lightness and hue, to half a unit."""
    tries = np.arange(0.0, chroma + 0.5, 0.5)
    rgb = linear_of(_lab(tuple((light, each, hue) for each in tries)))
    return float(tries[((rgb >= -1e-3) & (rgb <= 1 + 1e-3)).all(axis=1)].max(initial=0.0))


def _linear(srgb: np.ndarray) -> np.ndarray:
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
