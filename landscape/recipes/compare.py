"""`landscape compare`: surfaces, spectra or training runs side by side on one scale. Imports neither torch nor MPI."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from landscape.options.command import command
from landscape.options.looks import LookOptions
from landscape.options.option import Given, Option
from landscape.recipes.plot import DRAWING, FILES, KIND, NAMES, OUT, lines

if TYPE_CHECKING:
    from landscape.surfaces.run_log import RunLog
    from landscape.surfaces.spectrum import Spectrum
    from landscape.surfaces.surface import Surface

LETTERS = Option("call the panels (a), (b), ..., as four or more are called anyway", action="store_true")


@command(
    "surfaces or training runs side by side on one scale",
    LookOptions,
    lines=lines,
    rows={"kind": KIND, "names": NAMES, "letters": LETTERS, "out": OUT, **DRAWING},
    positional=(FILES,),
    example="landscape compare skip.h5 noskip.h5 -o comparison.html",
)
def compare(
    surfaces: Sequence[Surface | RunLog | Spectrum | str | Path],
    *,
    kind: str | None = None,
    metric: str | None = None,
    scale: str = "auto",
    levels: int | Sequence[float] | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    names: Sequence[str] | None = None,
    title: str | None = None,
    cmap: str | None = None,
    best: bool = False,
    out: str | Path | Sequence[str | Path] = "comparison.html",
    dpi: int | None = None,
    letters: bool = False,
    given: Given,
) -> list[Path]:
    """Draws two or more surfaces, or training runs, side by side with the same colours, levels and ranges; options as in `plot`.

    `names` are the titles of the panels; if there are more, then the names of the nets in each of them.

    In html the cameras are linked: turning one relief turns all; arrow keys turn, + and - zoom, 0 goes back, s saves a picture.
    In .gif and .mp4 the files follow each other, in the given order.

    Raises:
        LandscapeError: unreadable files, fewer than two, or surfaces that cannot share a scale.
    """
    from landscape.drawing import draw_side_by_side

    drawing = {
        "metric": metric,
        "scale": scale,
        "levels": levels,
        "vmin": vmin,
        "vmax": vmax,
        "title": title,
        "cmap": cmap,
        "best": best,
    }
    return draw_side_by_side(surfaces, kind, names, drawing, out, dpi, given[LookOptions], letters=letters)
