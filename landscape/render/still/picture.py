"""Still pictures: PNG, PDF and SVG.

Owns: `draw`, and the table of how each type of view is drawn. Decides nothing of what is shown.
"""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from landscape.atomic import whole_file
from landscape.errors import UsageError
from landscape.render.still import course, density, flat, lines, matrix, moving, overlay, paper, relief, rows, scatter
from landscape.render.still.painter import Painter
from landscape.render.still.panels import draw_panels
from landscape.scene.scene import Comparison, Scene, View
from landscape.scene.views.course import Course
from landscape.scene.views.density import SpectralDensity
from landscape.scene.views.flat import Flat
from landscape.scene.views.lines import Lines
from landscape.scene.views.matrix import Matrix
from landscape.scene.views.overlay import Overlay
from landscape.scene.views.relief import Relief
from landscape.scene.views.rows import Rows
from landscape.scene.views.scatter import Scatter

SUFFIXES = (".png", ".pdf", ".svg", *moving.SUFFIXES)
# An animation has fewer pixels: it is looked at on a screen.
COARSER = 2
PAINTERS: dict[type[View], Painter] = {
    Flat: flat.PAINTER,
    Relief: relief.PAINTER,
    Lines: lines.PAINTER,
    Overlay: overlay.PAINTER,
    SpectralDensity: density.PAINTER,
    Rows: rows.PAINTER,
    Course: course.PAINTER,
    Scatter: scatter.PAINTER,
    Matrix: matrix.PAINTER,
}


def draw(scene: Scene | Comparison, path: str | Path, *, dpi: int = 200) -> Path:
    """Writes the picture; the suffix of `path` chooses the format.

    Raises:
        UsageError: another suffix than .png, .pdf or .svg.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"'{path}': a still picture ends in {', '.join(SUFFIXES)}")
    if path.suffix.lower() in moving.SUFFIXES:
        with whole_file(path) as scratch:
            moving.write(scene, scratch, path.suffix.lower(), max(1, dpi // COARSER), figure_of)
        return path
    figure = figure_of(scene)
    # Reliefs are made of pixels, drawn finer and averaged.
    smooth = 2 if any(axes.name == "3d" for axes in figure.axes) else 1
    with whole_file(path) as scratch:
        paper.save(figure, scratch, path.suffix.lower(), dpi, smooth=smooth)
    return path


def figure_of(scene: Scene | Comparison) -> Figure:
    """The matplotlib figure of a scene, not yet saved."""
    if not isinstance(scene, Comparison):
        return PAINTERS[type(scene.views[0])].single(scene)
    view = type(scene.panels[0].views[0])
    panels = PAINTERS[view].panels
    if panels is None:
        raise UsageError(f"pictures of type {view.__name__} cannot stand side by side; draw them one by one")
    return draw_panels(scene, panels)
