"""Still pictures: as files, as figures of matplotlib, or in axes of the user's.

Owns: `draw`, `figure_of` and `draw_into`, and the table of how each type of view is drawn. Decides nothing of what is shown.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from matplotlib import rc_context, rcParamsDefault
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager

from landscape.atomic import whole_file
from landscape.errors import MissingLetters, UsageError
from landscape.options.looks import AXES, TITLE
from landscape.printable import printable
from landscape.render.still import (
    barcode,
    course,
    density,
    files,
    flat,
    lines,
    matrix,
    moving,
    overlay,
    regions,
    relief,
    rows,
    scatter,
    volume,
)
from landscape.render.still.multiples import draw_multiples
from landscape.render.still.painter import Painter
from landscape.render.still.panels import draw_panels
from landscape.scene.look import PLAIN, Look, bare
from landscape.scene.scene import Comparison, Scene, View
from landscape.scene.views.barcode import Barcode
from landscape.scene.views.course import Course
from landscape.scene.views.density import SpectralDensity
from landscape.scene.views.flat import Flat
from landscape.scene.views.lines import Lines
from landscape.scene.views.matrix import Matrix
from landscape.scene.views.overlay import Overlay
from landscape.scene.views.regions import Regions
from landscape.scene.views.relief import Relief
from landscape.scene.views.rows import LayerRows
from landscape.scene.views.scatter import Scatter
from landscape.scene.views.volume import Volume
from landscape.wording import worded

GLYPH = re.compile(r"Glyph (\d+) .*missing")
# Families that matplotlib has fonts for.
FAMILIES = ("serif", "sans-serif", "monospace")
SUFFIXES = (*files.SUFFIXES, *moving.SUFFIXES)
# Pixels per inch, unless given: an animation has fewer, as it is looked at on a screen.
STILL_DPI, FILM_DPI = 200, 100
PAINTERS: dict[type[View], Painter] = {
    Flat: flat.PAINTER,
    Relief: relief.PAINTER,
    Lines: lines.PAINTER,
    Overlay: overlay.PAINTER,
    SpectralDensity: density.PAINTER,
    LayerRows: rows.PAINTER,
    Course: course.PAINTER,
    Scatter: scatter.PAINTER,
    Matrix: matrix.PAINTER,
    Regions: regions.PAINTER,
    Barcode: barcode.PAINTER,
    Volume: volume.PAINTER,
}


def draw(scene: Scene | Comparison, path: str | Path, *, dpi: int | None = None, look: Look = PLAIN) -> Path:
    """Writes the picture; the suffix of `path` chooses the format. `dpi`: pixels per inch, by default 200, of films 100.

    Raises:
        UsageError: another suffix, a font that is not installed, or a size that leaves no room.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"'{path}': a still picture ends in {', '.join(SUFFIXES)}")
    if path.suffix.lower() in moving.SUFFIXES:
        try:
            with whole_file(path) as scratch:
                moving.write(scene, look, scratch, path.suffix.lower(), dpi or FILM_DPI, figure_of)
        except UsageError as error:
            raise UsageError(f"output '{path}': {error}") from None
        return path
    with _missing_letters_named():
        _save(scene, path, dpi or STILL_DPI, look)
    return path


@contextmanager
def _missing_letters_named() -> Iterator[None]:
    """Within: what matplotlib says of each letter that the font lacks becomes one warning with all of them."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    missing: dict[str, None] = {}
    for each in caught:
        if found := GLYPH.match(str(each.message)):
            missing[chr(int(found[1]))] = None
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    if missing:
        warnings.warn(
            MissingLetters(
                worded(
                    f"the font lacks {printable(''.join(missing))}: boxes are drawn; give --font NAME of one that has them"
                )
            ),
            stacklevel=3,
        )


def _save(scene: Scene | Comparison, path: Path, dpi: int, look: Look) -> None:
    figure = figure_of(scene, look)
    # Reliefs are made of pixels, drawn finer and averaged.
    smooth = 2 if any(axes.name == "3d" for axes in figure.axes) else 1
    if path.suffix.lower() in files.PIXELS:
        files.check_pixels(figure, dpi)
    with whole_file(path) as scratch:
        files.save(figure, look, scratch, path.suffix.lower(), dpi, smooth=smooth)


def figure_of(scene: Scene | Comparison, look: Look = PLAIN) -> Figure:
    """The matplotlib figure of a scene, not yet saved."""
    view = type((scene.panels[0] if isinstance(scene, Comparison) else scene).views[0])
    if not look.has(AXES) and not PAINTERS[view].bare:
        raise UsageError(
            "without axes (also style hero): is for maps and reliefs; the axes of this picture are what it says"
        )
    if look.floor and view is not Relief:
        raise UsageError("floor: is for reliefs, which have one; give --kind surface, or leave floor out")
    with _letters_of(look):
        if not isinstance(scene, Comparison):
            return PAINTERS[view].single(scene, look)
        panels = PAINTERS[view].panels
        if panels is None:
            raise UsageError(f"pictures of type {view.__name__} cannot stand side by side; draw them one by one")
        return draw_multiples(scene, panels, look) if scene.many else draw_panels(scene, panels, look)


def draw_into(axes: Any, scene: Scene, look: Look) -> Figure:
    """The picture in axes of the user's, titled; its facts are not drawn. Returns the figure of the axes.

    Raises:
        UsageError: a picture that needs several axes, or axes of another projection.
    """
    painter = PAINTERS[type(scene.views[0])]
    if painter.into is None:
        raise UsageError("ax: this kind of picture has several axes; leave ax out and take the figure that is returned")
    if axes.name != painter.projection:
        raise UsageError(
            f"ax: has the projection '{axes.name}', expected '{painter.projection}', as by subplot(projection=...)"
        )
    with _letters_of(look):
        painter.into(axes, scene, bare(look))
        if look.has(TITLE):
            axes.set_title(scene.title, fontsize=look.letters.title, color=look.palette.ink, parse_math=False)
    figure: Figure = axes.figure
    return figure


def _letters_of(look: Look) -> AbstractContextManager:
    """Texts made within have the font of the look; what it lacks is taken from the usual one."""
    if look.font is None:
        return nullcontext()
    if look.font in FAMILIES:
        return rc_context({"font.family": [look.font]})
    try:
        findfont(FontProperties(family=look.font), fallback_to_default=False)
    except ValueError:
        raise UsageError(f"font '{look.font}': is not installed; {_nearest(look.font)}") from None
    return rc_context({"font.family": [look.font, *rcParamsDefault["font.family"]]})


def _nearest(font: str) -> str:
    known = sorted({entry.name for entry in fontManager.ttflist})
    near = get_close_matches(font, known, n=3, cutoff=0.5) or known[:3]
    return f"did you mean {' or '.join(near)}? Also serif, sans-serif and monospace"
