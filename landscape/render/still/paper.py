"""The sheet a still picture is printed on: title and footer, places in inches, and text that fits the width.

Owns: measures of text. Sizes and colours are those of a `Look`; how a sheet becomes a file is files.py.
"""

from __future__ import annotations

import functools
from typing import Any

from matplotlib import rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patheffects import AbstractPathEffect, withStroke
from matplotlib.ticker import FuncFormatter

from landscape.scene.coordinates import coordinates_of
from landscape.scene.look import Look
from landscape.scene.scene import UNEQUAL, Frame

LINE_HEIGHT = 1.45
# Inches by which the name of a horizontal axis may be longer than its axis: as in the gap to the next panel.
BESIDE = 0.24
# Lines of the name of a vertical axis; and the inches that a number on an axis takes with the space around it.
LINES, NUMBER = 3, 0.42
# The share of a horizontal axis at either end where numbers are kept within; and how many numbers it has at most.
ENDS, MOST_NUMBERS = 0.06, 6
# Of a dashed line, in units of its width.
DASHES = (0, (4, 1.8))


def sheet(look: Look, width: float, height: float) -> Figure:
    """An empty figure, sizes in inches."""
    figure = Figure(figsize=(width, height), facecolor=look.palette.ground)
    FigureCanvasAgg(figure)
    return figure


def place(figure: Figure, left: float, bottom: float, width: float, height: float, **options: Any) -> Any:
    """Axes at a place given in inches from the lower left corner."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up), facecolor="none", **options)


def inches(axes: Any) -> tuple[float, float]:
    """The width and height of axes, of ours or of the user's."""
    dpi = axes.get_figure(root=True).dpi
    return float(axes.bbox.width / dpi), float(axes.bbox.height / dpi)


def write(figure: Figure, text: str, x: float, y: float, **options: Any) -> None:
    """Text at a place given in inches from the lower left corner; a dollar in a file name is a dollar."""
    across, up = figure.get_size_inches()
    figure.text(x / across, y / up, text, parse_math=False, **options)


def heading(figure: Figure, look: Look, text: str, x: float, y: float, room: float, size: float = 0.0) -> None:
    """A centred line, set smaller when it is wider than `room` inches, and cut where it would be smaller than the footer."""
    text, fitting = fitted(text, size or look.letters.title, look.letters.foot, room)
    write(figure, text, x, y, fontsize=fitting, ha="center", color=look.palette.ink)


def shortened(text: str, size: float, room: float) -> str:
    """The text with its middle left out, so that it is at most `room` inches wide."""
    if text_width(text, size) <= room:
        return text
    kept = len(text) - 1
    while kept > 2 and text_width(_middle_out(text, kept), size) > room:
        kept -= max(1, kept // 24)
    return _middle_out(text, kept)


def _middle_out(text: str, kept: int) -> str:
    return f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"


def name_x(axes: Any, text: str, look: Look) -> None:
    """The name of a horizontal axis, smaller where it would reach into the next panel, and cut where that is not enough."""
    name_along(axes, 0, text, look)


def name_along(axes: Any, side: int, text: str, look: Look) -> None:
    """The same for either axis, on one line; `side`: 0 for the horizontal, 1 for the vertical axis."""
    text, size = fitted(text, look.letters.label, look.letters.foot, inches(axes)[side] + BESIDE * look.em)
    (axes.xaxis, axes.yaxis)[side].set_label_text(text, fontsize=size, color=look.palette.ink, parse_math=False)


def fitted(text: str, size: float, least: float, room: float) -> tuple[str, float]:
    """(text, size): at most `room` inches wide, smaller down to `least`, and without its middle where that is not enough."""
    fitting = size * room / max(text_width(text, size), 1e-6)
    if fitting >= least:
        return text, min(size, fitting)
    return shortened(text, least, room), least


# The most pieces of a text between which lines may break.
MANY = 20


def name_y(axes: Any, text: str, size: float, least: float, **options: Any) -> None:
    """The name of a vertical axis, in as many lines as its length takes, three at most, and smaller where these are too long."""
    room = inches(axes)[1]
    text, size = stacked(text, size, least, room)
    axes.set_ylabel(text, fontsize=size, parse_math=False, **options)


def stacked(text: str, size: float, least: float, room: float) -> tuple[str, float]:
    """(text, size): in as few lines of at most `room` inches as fit at `least`, as large as fits up to `size`; else cut."""
    words = text.split()
    step = -(-len(words) // MANY)  # where to break a text of very many words takes long to try
    words = [" ".join(words[first : first + step]) for first in range(0, len(words), step or 1)]
    tried = text
    for count in range(1, min(LINES, len(words)) + 1):
        tried = _in_lines(words, count, size)
        wide = max(text_width(line, size) for line in tried.split("\n"))
        if wide * least <= room * size:
            return tried, min(size, size * room / max(wide, 1e-6))
    return "\n".join(shortened(line, least, room) for line in tried.split("\n")), least


def _in_lines(words: list[str], count: int, size: float) -> str:
    """The words in `count` lines, the longest of which is as short as can be."""
    if count == 1:
        return " ".join(words)
    tries = (
        f"{' '.join(words[:cut])}\n{_in_lines(words[cut:], count - 1, size)}"
        for cut in range(1, len(words) - count + 2)
    )
    return min(tries, key=lambda tried: max(text_width(line, size) for line in tried.split("\n")))


def show_sides(axes: Any, left: bool, below: bool, *, small: bool, upright: bool = True) -> None:
    """Words and numbers on some sides only; in a `small` panel numbers only, which do not reach beyond its sides.

    `upright`: whether the vertical axis has them too.
    """
    if upright and (not left or small):
        axes.set_ylabel("")
    if not below or small:
        axes.set_xlabel("")
    if not left and upright:
        axes.tick_params(axis="y", labelleft=False)
    if not below:
        axes.tick_params(axis="x", labelbottom=False)
    if small and below:
        _keep_within(axes)


def _keep_within(axes: Any) -> None:
    """The first and the last number of the horizontal axis end where the axis does, where the next panel's begin."""
    low, high = axes.get_xlim()
    places = [float(place) for place in axes.get_xticks() if low <= place <= high]
    labels = axes.xaxis.get_major_formatter().format_ticks(places)
    axes.set_xticks(places, labels=labels)
    for place, label in zip(places, axes.get_xticklabels(), strict=True):
        share = (place - low) / (high - low)
        label.set_horizontalalignment("left" if share < ENDS else "right" if share > 1 - ENDS else "center")


def tick_count(axes: Any, look: Look) -> int:
    """How many numbers have room along a horizontal axis."""
    wide = inches(axes)[0]
    return max(2, min(MOST_NUMBERS, int(wide / (NUMBER * look.em))))


def number(axis: Any, ends: tuple[float, float], label: str) -> str:
    """Numbers of an axis of coordinates without a common factor; returns its name with that factor."""
    written = coordinates_of(*ends)
    if not written.plain:
        axis.set_major_formatter(FuncFormatter(lambda value, _: written.text(value)))
    return written.named(label)


def wrap(phrases: tuple[str, ...], width: float, size: float) -> list[str]:
    """Lines of phrases joined by dots, each at most `width` inches wide; only phrases too long for a line are broken."""
    lines: list[str] = []
    for phrase in phrases:
        joined = f"{lines[-1]}  ·  {phrase}" if lines else phrase
        if lines and text_width(joined, size) <= width:
            lines[-1] = joined
        else:
            lines += _break(phrase, width, size)
    return lines


def _break(phrase: str, width: float, size: float) -> list[str]:
    lines: list[str] = []
    for word in phrase.split(" "):
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(joined, size) <= width:
            lines[-1] = joined
        else:
            lines += _pieces(word, width, size)
    return lines


def _pieces(word: str, width: float, size: float) -> list[str]:
    """A word wider than the line, such as a long file name, in parts."""
    most = max(1, int(len(word) * width / max(text_width(word, size), 1e-6)))
    return [word[i : i + most] for i in range(0, len(word), most)]


def text_width(text: str, size: float) -> float:
    """The width in inches; glyphs are placed on whole pixels, so it is the widest of some usual resolutions."""
    return _text_width(text, size, tuple(rcParams["font.family"]))


@functools.lru_cache(maxsize=4096)  # to break a long name into lines, its parts are measured many times
def _text_width(text: str, size: float, family: tuple[str, ...]) -> float:
    font = FontProperties(family=family, size=size)
    return 1.02 * max(
        _renderer(dpi).get_text_width_height_descent(text, font, False)[0] / dpi for dpi in (72, 100, 200)
    )


@functools.cache
def _renderer(dpi: int) -> RendererAgg:
    """One for all texts: making it takes longer than measuring a text."""
    return FigureCanvasAgg(Figure((1, 1), dpi=dpi)).get_renderer()


def footer_height(lines: list[str], size: float) -> float:
    """The height of the lines in inches."""
    return len(lines) * size * LINE_HEIGHT / 72


def footer(figure: Figure, look: Look, lines: list[str], left: float, top: float) -> None:
    """Small lines downwards from `top` (inches)."""
    size = look.letters.foot
    for number, line in enumerate(lines):
        y = top - (number + 0.8) * size * LINE_HEIGHT / 72
        write(figure, line, left, y, fontsize=size, color=look.palette.soft)


def halo(look: Look, width: float = 2.2, alpha: float = 1.0) -> list[AbstractPathEffect]:
    """Letters and lines stand out from what lies below them."""
    return [withStroke(linewidth=width, foreground=look.palette.ground, alpha=alpha)]


def box(frame: Frame, side: float) -> tuple[float, float]:
    """Width and height of a plane whose longer side is `side` inches."""
    width, height = frame.x_range[1] - frame.x_range[0], frame.y_range[1] - frame.y_range[0]
    if not frame.equal:
        return side, UNEQUAL * side
    return side * width / max(width, height), side * height / max(width, height)
