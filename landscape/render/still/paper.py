"""The sheet a still picture is printed on: its size, title and footer, and how it becomes a file.

Owns: measures in inches, text that fits the width, and saving. Uses no global state of matplotlib.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from PIL import Image

from landscape.scene.scene import Frame

TITLE, LABEL, TICK, FOOT = 10.5, 9.0, 8.0, 6.3
INK, SOFT, FAINT = "#1a1a1a", "#5c5c5c", "#8a8a8a"
LINE_HEIGHT = 1.45
# Of a dashed line, in units of its width.
DASHES = (0, (4, 1.8))
# Embedded TrueType: journals and conferences refuse the Type 3 fonts that are matplotlib's default. A fixed salt and no
# date make the same picture the same file.
SAVING: dict[Any, Any] = {"pdf.fonttype": 42, "ps.fonttype": 42, "svg.hashsalt": "landscape", "svg.fonttype": "path"}
_DATES: dict[str, dict[str, Any]] = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}, ".png": {}}


def sheet(width: float, height: float) -> Figure:
    """An empty white figure, sizes in inches."""
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def place(figure: Figure, left: float, bottom: float, width: float, height: float, **options: Any) -> Any:
    """Axes at a place given in inches from the lower left corner."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up), **options)


def write(figure: Figure, text: str, x: float, y: float, **options: Any) -> None:
    """Text at a place given in inches from the lower left corner; a dollar in a file name is a dollar."""
    across, up = figure.get_size_inches()
    figure.text(x / across, y / up, text, parse_math=False, **{"color": INK, **options})


def heading(figure: Figure, text: str, x: float, y: float, room: float, size: float = TITLE) -> None:
    """A centred line, set smaller when it is wider than `room` inches."""
    size = min(size, size * room / max(text_width(text, size), 1e-6))
    write(figure, text, x, y, fontsize=size, ha="center")


def wrap(phrases: tuple[str, ...], width: float, size: float = FOOT) -> list[str]:
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
    return 1.02 * max(_text_width(text, size, dpi) for dpi in (72, 100, 200))


def _text_width(text: str, size: float, dpi: int) -> float:
    renderer = FigureCanvasAgg(Figure(dpi=dpi)).get_renderer()
    width, _, _ = renderer.get_text_width_height_descent(text, FontProperties(size=size), False)
    return width / dpi


def footer_height(lines: list[str], size: float = FOOT) -> float:
    """The height of the lines in inches."""
    return len(lines) * size * LINE_HEIGHT / 72


def footer(figure: Figure, lines: list[str], left: float, top: float, size: float = FOOT) -> None:
    """Small grey lines downwards from `top` (inches)."""
    for number, line in enumerate(lines):
        y = top - (number + 0.8) * size * LINE_HEIGHT / 72
        write(figure, line, left, y, fontsize=size, color=SOFT)


def save(figure: Figure, path: Path, suffix: str, dpi: int, *, smooth: int = 1) -> None:
    """Writes the figure; `suffix` chooses the format. `smooth` draws what is made of pixels finer by that factor."""
    if suffix == ".png" and smooth > 1:
        _save_smooth(figure, path, dpi, smooth)
        return
    with rc_context(SAVING):
        figure.savefig(path, format=suffix[1:], dpi=dpi * smooth, metadata=_DATES.get(suffix))


def _save_smooth(figure: Figure, path: Path, dpi: int, smooth: int) -> None:
    """Many small tiles, each with its own soft edge, show seams; hard edges averaged over finer pixels do not."""
    figure.set_dpi(dpi * smooth)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    fine = np.asarray(canvas.buffer_rgba())[..., :3].astype(np.float32)
    rows, columns = fine.shape[0] // smooth, fine.shape[1] // smooth
    blocks = fine[: rows * smooth, : columns * smooth].reshape(rows, smooth, columns, smooth, 3)
    Image.fromarray(np.rint(blocks.mean(axis=(1, 3))).astype(np.uint8)).save(path, format="png", dpi=(dpi, dpi))


def box(frame: Frame, side: float) -> tuple[float, float]:
    """Width and height of a plane whose longer side is `side` inches."""
    width, height = frame.x_range[1] - frame.x_range[0], frame.y_range[1] - frame.y_range[0]
    if not frame.equal:
        return side, 0.8 * side
    return side * width / max(width, height), side * height / max(width, height)
