"""The options of a still picture for print: its size on the page, its style, and which parts it has.

Owns: their names, defaults and help. What they mean in inches, points and colours is decided in scene/look.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from landscape.options.option import flag, option
from landscape.options.values import comma_list

SIZES = ("column", "text", "slide")
PAPER, TALK, DARK, HERO = STYLES = ("paper", "talk", "dark", "hero")
FULL, SHORT, NONE = FACTS = ("full", "short", "none")
TITLE, BAR, LEGEND, BANDS, AXES, LETTERS = PARTS = ("title", "bar", "legend", "bands", "axes", "letters")


@dataclass(frozen=True, kw_only=True)
class LookOptions:
    title: ClassVar[str] = "look of a still picture"

    size: str | float | Sequence[float] | None = option(
        None, "size on the page, letters of 6 pt or more: column (3.25 in), text (5.5 in), slide (13.33 x 7.5 in), or inches as "
        "W or WxH (default: as large as it needs)", metavar="SIZE",
    )  # fmt: skip
    style: str = option(
        PAPER, "paper (default), talk (larger text, thicker lines), dark, or hero (dark, a relief without axes and words)",
        choices=STYLES,
    )  # fmt: skip
    facts: str | None = option(
        None, "what was computed, below the picture: full, short (one line) or none. What is left out is written to "
        "NAME.caption.txt beside the picture (default: full; short with --size; none for hero)", choices=FACTS,
    )  # fmt: skip
    without: str | Sequence[str] = option(
        (), f"parts to leave out: {', '.join(PARTS)}", type=comma_list, metavar="LIST"
    )  # fmt: skip
    floor: bool = flag("contour lines on the floor below a relief too (kind surface)")
    font: str | None = option(None, "family of the letters, such as serif or Times New Roman", metavar="NAME")
    view: str | Sequence[float] | None = option(
        None, "where reliefs are seen from: degrees above the horizon and around, such as 36,-56; also in .html", metavar="EL,AZ"
    )  # fmt: skip
    transparent: bool = flag("no background behind the picture")
    editable: bool = flag("letters of .svg stay text, in a font of the reader's machine")
