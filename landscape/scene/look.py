"""How a still picture is dressed: its size on the page, its letters, its colours, and which parts it has.

Owns: `Look`, what the presets mean in inches and points, and the reading of their options. Knows no view and no plotting
library. Sizes are final: a picture of 3.25 inches is meant for a column of that width, unscaled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from landscape.errors import UsageError
from landscape.options.looks import (
    AXES,
    BAR,
    DARK,
    FACTS,
    FULL,
    HERO,
    LEGEND,
    NONE,
    PARTS,
    SHORT,
    SIZES,
    STYLES,
    TALK,
    TITLE,
    LookOptions,
)
from landscape.scene.asides import without_asides
from landscape.scene.colors import LIGHT, NIGHT, Palette, on_dark
from landscape.scene.scene import Caption

# The letters of a label that the margins of all painters are measured in.
LABEL = 9.0
# Inches: narrower, there is no room for axes; beyond, no page and too many pixels.
LEAST, MOST = 1.5, 60.0
# Labels of a bar of colours: in a column, and elsewhere.
FEW_LABELS, MANY_LABELS = 10, 24


@dataclass(frozen=True)
class Letters:
    """Sizes in points: titles, names of axes, their ticks, the small lines below, and the numbers in contour lines."""

    title: float = 10.5
    label: float = LABEL
    tick: float = 8.0
    foot: float = 6.3
    inline: float = 7.0

    def times(self, factor: float) -> Letters:
        return Letters(*(factor * size for size in (self.title, self.label, self.tick, self.foot, self.inline)))


# In a column the smallest letters are just above the 6 points that journals ask for.
COLUMN = Letters(8.0, 7.5, 7.0, 6.1, 6.1)
TEXT = Letters(9.5, 8.5, 7.5, 6.3, 6.5)
SLIDE = Letters(26.0, 20.0, 17.0, 11.0, 15.0)
# Inches. NeurIPS and ICLR print text 5.5 wide, ICML and CVPR columns of 3.25; a slide is 16:9.
WIDTHS = {"column": (3.25, None), "text": (5.5, None), "slide": (13.333, 7.5)}
# A size in inches takes the letters of the preset for pictures up to about that width.
_LETTERS = ((4.25, COLUMN), (9.0, TEXT), (math.inf, SLIDE))
# How much larger the letters of a talk are, and how much thicker its lines.
LARGER, THICKER = 1.25, 1.6


@dataclass(frozen=True)
class Look:
    """`width` and `height` in inches, None: as large as the picture needs; `stroke` multiplies the widths of lines.

    `without` are the parts that are left out, of `options.looks.PARTS`; `view` is (elevation, azimuth) in degrees.
    """

    width: float | None = None
    height: float | None = None
    letters: Letters = field(default_factory=Letters)
    palette: Palette = LIGHT
    stroke: float = 1.0
    facts: str = FULL
    without: frozenset[str] = frozenset()
    font: str | None = None
    view: tuple[float, float] | None = None
    transparent: bool = False
    editable: bool = False
    floor: bool = False

    @property
    def bar_labels(self) -> int:
        """The most labels of a bar of colours."""
        return FEW_LABELS if self.letters is COLUMN else MANY_LABELS

    @property
    def em(self) -> float:
        """How large letters are, and with them the margins that hold them."""
        return self.letters.label / LABEL

    @property
    def larger(self) -> str:
        """What to do where a sheet is too small."""
        return "give a larger one" + ("" if self.facts == NONE else ", or --facts none")

    def has(self, part: str) -> bool:
        return part not in self.without

    def shown(self, color: str) -> str:
        """A colour that a scene chose for white paper, on this ground; "" is that of ink."""
        color = color or LIGHT.ink
        return on_dark(color) if self.palette.dark else color

    def lines(self, caption: Caption, notes: Sequence[str]) -> tuple[str, ...]:
        """What is written below a picture. Notes stay wherever there are words: without them it may mislead.

        In a few words, those on how lines were drawn are left to the caption.
        """
        if self.facts == NONE:
            return ()
        return (*caption.facts, *notes) if self.facts == FULL else without_asides((*caption.brief, *notes))

    def heading(self, caption: Caption) -> str:
        """The title of a picture with a bar of colours: in a column, it does not repeat the name of the bar."""
        repeated = self.letters is COLUMN and self.has(BAR) and caption.title.lower() == caption.what.lower()
        return "" if repeated or not self.has(TITLE) else caption.title


PLAIN = Look()


def look_of(options: LookOptions) -> Look:
    """The look that was asked for.

    Raises:
        UsageError: an unknown style, size, part, or a view that cannot be.
    """
    _choice("style", options.style, STYLES)
    width, height, letters = _size(options.size)
    style, dark = options.style, options.style in (DARK, HERO)
    letters = letters.times(LARGER) if style == TALK else letters
    stroke = min(1.6, max(0.8, letters.label / LABEL)) * (
        THICKER if style == TALK and (width or 0.0) < WIDTHS["slide"][0] else 1.0
    )
    without = _parts(options.without) | (frozenset((TITLE, BAR, LEGEND, AXES)) if style == HERO else frozenset())
    facts = options.facts or (NONE if style == HERO else FULL if options.size is None else SHORT)
    return Look(
        width, height, letters, NIGHT if dark else LIGHT, stroke, _choice("facts", facts, FACTS), without,
        options.font, view_of(options.view), bool(options.transparent), bool(options.editable), bool(options.floor),
    )  # fmt: skip


def view_of(view: Any) -> tuple[float, float] | None:
    """(elevation, azimuth) in degrees; None where none is given.

    Raises:
        UsageError: not two numbers, or an elevation outside of -90 to 90.
    """
    if view is None:
        return None
    numbers = _numbers(view, ",")
    if numbers is None or len(numbers) != 2 or not -90 <= numbers[0] <= 90:
        raise UsageError(
            f"view '{_text(view)}': expected degrees above the horizon (-90 to 90) and around it, such as 36,-56"
        )
    return numbers[0], numbers[1]


def _size(size: Any) -> tuple[float | None, float | None, Letters]:
    if size is None:
        return None, None, Letters()
    if isinstance(size, str) and size in WIDTHS:
        width, height = WIDTHS[size]
    else:
        numbers = _numbers(size, "x")
        if numbers is None or len(numbers) not in (1, 2) or not all(LEAST <= n <= MOST for n in numbers):
            raise UsageError(
                f"size '{_text(size)}': expected one of {', '.join(SIZES)}, or inches from {LEAST:g} to {MOST:g} as W or WxH, "
                "such as 6.75 or 6.75x3"
            )
        width, height = numbers[0], numbers[1] if len(numbers) == 2 else None
    letters = next(letters for most, letters in _LETTERS if width < most)
    return width, height, letters.times(width / WIDTHS["slide"][0]) if letters is SLIDE else letters


def _parts(given: str | Sequence[str]) -> frozenset[str]:
    parts = [given] if isinstance(given, str) else list(given)
    for part in parts:
        _choice("without", part, PARTS)
    return frozenset(parts)


def _choice(name: str, value: Any, choices: Sequence[str]) -> str:
    if value not in choices:
        raise UsageError(f"{name} '{value}': expected one of {', '.join(choices)}")
    return str(value)


def _numbers(given: Any, between: str) -> tuple[float, ...] | None:
    """The finite numbers of a text, a number or a list; None for all else."""
    parts = (
        given.lower().split(between)
        if isinstance(given, str)
        else given
        if isinstance(given, (tuple, list))
        else [given]
    )
    try:
        numbers = tuple(float(part) for part in parts)
    except (TypeError, ValueError):
        return None
    return numbers if all(map(math.isfinite, numbers)) else None


def _text(given: Any) -> str:
    return given if isinstance(given, str) else str(given)


def bare(look: Look) -> Look:
    """The same look without what stands around the axes: for a picture in axes of the user's."""
    return replace(look, width=None, height=None, facts=NONE, without=look.without | {TITLE})
