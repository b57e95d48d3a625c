"""The colours of all pictures and pages, on white paper and on a dark ground, and the way from CIELAB to the screen.

Owns: single colours, by what they stand for, and their conversion. No other file spells a colour; colour maps are in palettes.py.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

# Letters and lines on a light ground.
INK = "#1a1a1a"
# Okabe and Ito's blue and vermilion, darkened for thin lines: distinguished with every common colour blindness.
LOSS_COLOR, ACCURACY_COLOR, OTHER_COLOR = "#0b5fa5", "#c4500f", "#7a4a9e"
# The smallest eigenvalue: their bluish green, darkened alike. How many are negative: a brown, so that a legend tells them apart.
NEGATIVE_COLOR, SHARE_COLOR = "#00795c", "#8a6a00"
# Of metrics that lie over each other: the same two, which stand for nothing else there.
OVERLAY_COLORS = (LOSS_COLOR, ACCURACY_COLOR)
# More of theirs, darkened alike, for curves beyond those.
PLUM, GREY, GREEN = "#a3325f", "#4d4d4d", "#4f7d2a"
# Paths over a plane, by run: ink first.
PATH_COLORS = (INK, ACCURACY_COLOR, LOSS_COLOR, NEGATIVE_COLOR, OTHER_COLOR, SHARE_COLOR, PLUM, GREY)
# The learning rate below the curves: neither loss nor accuracy.
RATE_COLOR = "#3d3d3d"
# Signs of eigenvalues: the two colours that are distinguished with every common colour blindness; grey for a sign that the
# error leaves open.
NEGATIVE_SIGN, POSITIVE_SIGN, OPEN_SIGN = LOSS_COLOR, ACCURACY_COLOR, "#6b6b6b"
# Lines over cells, and their rim: over colours from dark to light, and over those that are pale in the middle.
OVER_DARK, OVER_PALE = ("#ffffff", "#101018"), ("#101018", "#ffffff")
# Where nothing is drawn, by the codes of holes.py: not finite, not computed, failed; and the hatching over them.
HOLE_COLORS, HOLE_HATCH = {1: "#dcdcdc", 2: "#f1f1f1", 3: "#d9c9c9"}, "#a9a9a9"
# The hatching and the outline of what lies beyond the ends of a colour bar: over light colours, and over dark ones.
BEYOND, BEYOND_DARK = "#4a4a4a", "#c8c8c8"
# The cell of a table without a number.
NO_NUMBER = "#eeeeee"
# The grounds of regions, pale enough for dark lines and words, and distinguished with every common colour blindness: the
# "light" scheme of Tol (2021), which is made for the ground of words; the last is that of all further regions.
REGION_COLORS = ("#77aadd", "#ee8866", "#eedd88", "#ffaabb", "#99ddff", "#44bb99", "#bbcc33", "#aaaa00")
OTHER_REGIONS = "#dddddd"


@dataclass(frozen=True)
class Palette:
    """A ground and what stands on it.

    `ink`, `soft` and `faint` are the colours of words, from strong to faint; `wall` is behind a relief, `line` is that of grids;
    `shade` and `zero` belong to an axis of eigenvalues: its negative side, and its zero; `accent` marks what can be used.
    """

    ground: str = "#ffffff"
    ink: str = INK
    soft: str = "#5c5c5c"
    faint: str = "#8a8a8a"
    wall: str = "#f6f6f7"
    line: str = "#d3d3d8"
    shade: str = "#f1f3f8"
    zero: str = "#b9bec9"
    accent: str = LOSS_COLOR
    dark: bool = False

    @property
    def colors(self) -> dict[str, str]:
        """By what they are for."""
        return {name: color for name, color in asdict(self).items() if name != "dark"}


LIGHT = Palette()
NIGHT = Palette(
    "#0f1116", "#f2f2f2", "#b9bcc4", "#80848f", "#181b22", "#353945", "#191d27", "#565c6a", "#5aabf0", dark=True
)
# The colours of lines on a dark ground: the same hues, lighter, for a contrast of 4.5 as on white.
LINES_AT_NIGHT = {
    LOSS_COLOR: NIGHT.accent, ACCURACY_COLOR: "#f08c4e", OTHER_COLOR: "#bd94de", NEGATIVE_COLOR: "#3fc29d",
    SHARE_COLOR: "#d3ad35",
    PLUM: "#e5789f", GREY: "#b4b8c0", GREEN: "#8fc25f", RATE_COLOR: "#c2c6cd", OPEN_SIGN: "#9aa0aa",
}  # fmt: skip
# The ground of holes is less strong than data on a dark page too.
HOLES_AT_NIGHT = dict(
    zip((*HOLE_COLORS.values(), HOLE_HATCH), ("#454852", "#23262e", "#544549", "#6c707c"), strict=True)
)
# By each colour that a scene chooses for white paper, the one on a dark ground.
AT_NIGHT = {**LINES_AT_NIGHT, **HOLES_AT_NIGHT, **{color: NIGHT.colors[name] for name, color in LIGHT.colors.items()}}
# Of colours without a partner, this share is white on a dark ground.
LIGHTER = 0.45


def on_dark(color: str) -> str:
    """A colour that a scene chose for white paper, on a dark ground; a name that is not a hex colour stays.

    >>> on_dark(LIGHT.ground) == NIGHT.ground, on_dark("none")
    (True, 'none')
    """
    return AT_NIGHT.get(color) or (tint(color, LIGHTER) if color.startswith("#") else color)


def veiled(color: str, opacity: float) -> str:
    """A hex colour that does not hide all behind it, as CSS writes it.

    >>> veiled(LIGHT.ground, 0.5)
    'rgba(255,255,255,0.5)'
    """
    parts = ",".join(str(round(255 * part)) for part in rgb_of(color))
    return f"rgba({parts},{opacity:g})"


def between(colors: tuple[str, ...], shares: np.ndarray) -> np.ndarray:
    """(n,) shares of the way through equidistant hex colours -> (n, 3) sRGB from 0 to 1.

    >>> between(("#000000", "#ff0000"), np.array([0.0, 0.5])).tolist()
    [[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]]
    """
    known = np.array([[int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)] for color in colors])
    places = np.linspace(0, 1, len(known))
    return np.column_stack([np.interp(shares, places, known[:, i]) for i in range(3)])


def tint(color: str, share: float) -> str:
    """A hex colour with `share` of white.

    >>> tint("#000000", 0.2)
    '#333333'
    """
    parts = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(part + share * (255 - part)):02x}" for part in parts)


def signed_color(value: float, error: float = 0.0) -> str:
    """The colour of an eigenvalue by its sign; grey when the error leaves the sign open."""
    if abs(value) <= error:
        return OPEN_SIGN
    return NEGATIVE_SIGN if value < 0 else POSITIVE_SIGN


def rgb_of(color: str) -> tuple[float, float, float]:
    """The parts of a hex colour, 0..1."""
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def is_light(color: str) -> bool:
    """Whether dark words on a hex colour can be read; the weights are those of relative luminance (ITU-R BT.709)."""
    red, green, blue = rgb_of(color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5


def hex_of(lab: np.ndarray) -> tuple[str, ...]:
    """CIELAB (n, 3) to n hex colours; what a screen cannot show is brought to its nearest parts."""
    linear = np.clip(linear_of(lab), 0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return tuple("#" + "".join(f"{c:02x}" for c in row) for row in np.rint(255 * srgb).astype(int))


def linear_of(lab: np.ndarray) -> np.ndarray:
    """CIELAB (n, 3) to linear RGB (n, 3), within 0..1 for what a screen can show; white point D65 (IEC 61966-2-1)."""
    fy = (lab[:, 0] + 16) / 116
    f = np.column_stack([fy + lab[:, 1] / 500, fy, fy - lab[:, 2] / 200])
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * (0.95047, 1.0, 1.08883)
    to_linear = np.array(
        [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]]
    )
    return np.asarray(xyz @ to_linear.T)
