"""Interactive pictures: one self-contained HTML page.

Owns: `draw`, and the table of how each type of view is drawn. The page around the figures is document.py's.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from landscape.atomic import whole_file
from landscape.errors import UsageError
from landscape.render.page import (
    barcode,
    course,
    density,
    flat,
    lines,
    matrix,
    overlay,
    regions,
    relief,
    rows,
    scatter,
    volume,
)
from landscape.render.page.document import PagePanel, document
from landscape.render.page.figures import Drawn
from landscape.render.page.literal import literal
from landscape.scene.scene import Comparison, Scene, View
from landscape.scene.spoken import fields_of, sentence_of, step_labels
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
from landscape.scene.wording import reworded

SUFFIXES = (".html",)
DRAWERS: dict[type[View], Callable[[Scene], Drawn]] = {
    Flat: flat.draw,
    Relief: relief.draw,
    Lines: lines.draw,
    Overlay: overlay.draw,
    SpectralDensity: density.draw,
    LayerRows: rows.draw,
    Course: course.draw,
    Scatter: scatter.draw,
    Matrix: matrix.draw,
    Regions: regions.draw,
    Barcode: barcode.draw,
    Volume: volume.draw,
}


def draw(scene: Scene | Comparison, path: str | Path) -> Path:
    """Writes the page.

    Raises:
        UsageError: another suffix than .html.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"'{path}': an interactive picture ends in .html")
    text = text_of(scene)
    with whole_file(path) as scratch:
        scratch.write_text(text, encoding="utf-8")
    return path


def text_of(scene: Scene | Comparison) -> str:
    """The page as HTML."""
    if isinstance(scene, Comparison):
        return document(scene.captions, [panel_of(panel, compared=True) for panel in scene.panels])
    return document([view.caption for view in scene.views], [panel_of(scene)])


def panel_of(scene: Scene, *, compared: bool = False) -> PagePanel:
    """A column of the page; only those of a comparison have a title and facts of their own.

    What plotly shows is literal; titles, facts, notes and choices are set as text by the page itself.
    """
    shown = reworded(scene, literal)
    return PagePanel(
        drawn=DRAWERS[type(shown.views[0])](shown),
        choices=[view.choice for view in scene.views],
        title=scene.title if compared else "",
        facts=[list(view.caption.facts) if compared else [] for view in scene.views],
        notes=[list(view.page_notes) for view in scene.views],
        tables=shown.tables,
        spoken=[sentence_of(view, scene.frame) for view in scene.views],
        steps=[step_labels(fields[0]) if (fields := fields_of(view)) else () for view in scene.views],
    )
