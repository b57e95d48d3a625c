"""`landscape plot`: pictures of surfaces, spectra and training runs. Imports neither torch nor MPI."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landscape.options.command import Positional, command
from landscape.options.groups import comma_list
from landscape.options.looks import LookOptions
from landscape.options.option import Given, Option
from landscape.recipes.words import files_lines
from landscape.scene.kinds import KIND_FILES

if TYPE_CHECKING:
    from landscape.surfaces.run_log import RunLog
    from landscape.surfaces.spectrum import Spectrum
    from landscape.surfaces.surface import Surface


def _levels(text: str) -> int | list[float]:
    values = [float(part) for part in text.split(",")]
    if not all(map(math.isfinite, values)):
        raise ValueError(text)
    return int(values[0]) if len(values) == 1 and values[0] == int(values[0]) else values


_levels.__name__ = "number or list of numbers"  # argparse names it in its messages

FILES = Positional(
    "surfaces", "FILE", "surface files, ours or the original program's, spectra, or run folders", nargs="+"
)
KIND = Option(f"{', '.join(KIND_FILES)}; several for plot, separated by commas", metavar="KIND")
OUT = Option(
    "output files: .png .pdf .svg .eps .jpg .tif, .html, .gif .mp4 of a path or a relief, .txt .tex with the caption; a bare "
    "suffix keeps the first name",
    ("-o", "--out"),
    nargs="+",
    metavar="FILE",
)
# Those of scene/palettes.py, which loads numpy.
COLOR_MAPS = ("depth", "diverging", "grey", "viridis", "magma", "cividis")
NAMES = Option(
    "titles of the panels of a comparison, then names of the nets in each, such as the ends of a line; separated by commas",
    type=comma_list, metavar="LIST",
)  # fmt: skip
DRAWING = {
    "metric": Option(
        "such as test_loss (default: the first loss); two for overlays, separated by a comma", metavar="NAME"
    ),
    "scale": Option("scale of the values (default: auto)", choices=("auto", "linear", "log", "symlog")),
    "levels": Option("number of contour lines, or their values", type=_levels, metavar="N|LIST"),
    "vmin": Option("lowest value drawn", type=float),
    "vmax": Option("highest value drawn", type=float),
    "title": Option("title of the figure"),
    "cmap": Option("colours of values (default: depth, and diverging where both signs occur)", choices=COLOR_MAPS),
    "best": Option(
        "mark the best computed point of each plane, the lowest loss or the highest accuracy, with its place and value; of "
        "panels of one plane also that of their mean",
        action="store_true",
    ),
    "dpi": Option("pixels per inch of .png .jpg .tif (default: 200), .gif .mp4 (default: 100)", type=int),
}


def lines(files: Sequence[Path], shell: Mapping[str, Any]) -> Sequence[str]:
    return files_lines(files)


@command(
    "pictures of surface files and training runs",
    LookOptions,
    lines=lines,
    rows={"kind": KIND, "names": NAMES, "out": OUT, **DRAWING},
    positional=(FILES,),
    example="landscape plot resnet56.h5 --kind contour,surface -o resnet56.png .pdf",
)
def plot(
    surfaces: Surface | RunLog | Spectrum | str | Path | Sequence,
    *,
    kind: str | Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    metric: str | None = None,
    scale: str = "auto",
    levels: int | Sequence[float] | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    title: str | None = None,
    cmap: str | None = None,
    best: bool = False,
    out: str | Path | Sequence[str | Path] | None = None,
    dpi: int | None = None,
    given: Given,
) -> list[Path]:
    """Draws surfaces, surface files, spectra, or the learning curves of training runs.

    Args:
        surfaces: one or several, as `Surface`, paths of surface files, folders of training runs, or (files of) spectra.
        kind: contour, filled, heatmap, surface, overlay or overlay3d (train and test in one picture), difference (test minus
            train, or the second file minus the first), ratio (a map of curvature under the lines of the loss), or basins (those
            that the errors leave) for a plane; barcode (their depths) for a plane or a line; line, spread (all files in one
            picture: median and range) or curvature (the loss, the ends of the Hessian's spectrum below) for a line; ridgeline
            (all files, each over its own base line) for lines and planes; curves for a run; spectrum or layers for a spectrum.
            Or several of them; default contour, line, curves and spectrum.
        names: of the nets in a picture, such as the ends of a line; where several sources are in one picture, theirs first.
        metric: default the first loss; a line, a spread and curves show all, an overlay takes `loss` or `accuracy`.
        scale: auto, linear, log or symlog; auto is logarithmic when the values span more than a factor of about 20,
            and symmetric log when a loss that goes below zero rises that far above it.
        levels: the approximate number of contour lines, or their values.
        vmin, vmax: limits of the drawn values; the picture states what lies beyond.
        cmap: depth, diverging, grey, viridis, magma or cividis; default diverging where the sign has a meaning, else depth.
        best: marks the best computed point of each plane: the lowest loss, or the highest accuracy.
        out: .png, .pdf, .svg, .eps, .jpg, .tif or .html, one or several; .txt and .tex hold the caption: what was computed. In
            .gif and .mp4 a path grows and a relief turns once around. A bare suffix such as ".pdf" keeps the first's name.
            Default FILE_KIND.png, for a run FOLDER/curves.png.

    Returns:
        The files written. `landscape.figure` returns a figure of matplotlib instead, or draws into axes of yours.

    Raises:
        LandscapeError: unreadable files, or a kind that does not fit.
    """
    from landscape.drawing import draw_each

    drawing = {
        "names": names,
        "metric": metric,
        "scale": scale,
        "levels": levels,
        "vmin": vmin,
        "vmax": vmax,
        "title": title,
        "cmap": cmap,
        "best": best,
    }
    return draw_each(surfaces, kind, drawing, out, dpi, given[LookOptions])
