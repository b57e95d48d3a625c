"""`landscape.show` and `landscape.widget`: an interactive picture in a notebook, in Python only. Imports neither torch nor MPI.

Owns: `Page`, which a notebook displays by itself, and the reading of what both functions are given. What the page shows and does
is decided in scene/ and render/page/.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landscape.errors import LandscapeError
from landscape.options.option import check_fields, check_whole

if TYPE_CHECKING:
    from landscape.render.page.widget import Widget
    from landscape.surfaces.run_log import RunLog
    from landscape.surfaces.spectrum import Spectrum
    from landscape.surfaces.surface import Surface

# Pixels: the relief of one surface with the plane beside it.
HEIGHT, LEAST, MOST = 640, 100, 10_000


@dataclass(frozen=True)
class Page:
    """An interactive picture. As the last line of a cell it is displayed, `height` pixels high; `html` is the whole page."""

    html: str = field(repr=False)
    height: int = HEIGHT

    def _repr_html_(self) -> str:
        """In a frame of its own: nothing of the page and of the notebook meets."""
        style = f'style="width: 100%; height: {self.height}px; border: 0" sandbox="allow-scripts allow-downloads"'
        return f'<iframe srcdoc="{escape(self.html, quote=True)}" {style}></iframe>'


def show(
    sources: Surface | RunLog | Spectrum | str | Path | Sequence,
    *,
    kind: str | None = None,
    names: Sequence[str] | None = None,
    height: int = HEIGHT,
    **options: Any,
) -> Page:
    """The page that `landscape.plot(..., out="page.html")` writes, displayed in a notebook; nothing is written.

    Args:
        sources: as in `landscape.plot`. Several stand side by side, unless the kind draws all of them in one picture.
        kind: as in `landscape.plot`; one.
        names: titles of the panels, as in `landscape.compare`.
        height: of the frame in the notebook, in pixels.
        options: metric, scale, levels, vmin, vmax, title, cmap and view, as in `landscape.plot`.

    Raises:
        LandscapeError: unreadable files, an unknown option, or a kind that does not fit.
    """
    return Page(_page("show", sources, kind, names, height, options), height)


def widget(
    sources: Surface | RunLog | Spectrum | str | Path | Sequence,
    *,
    kind: str | None = None,
    names: Sequence[str] | None = None,
    height: int = HEIGHT,
    **options: Any,
) -> Widget:
    """The page of `landscape.show` as a widget of Jupyter: Python reads and sets its camera, its metric and its scale.

    `landscape.plot(..., view=widget.view)` prints what the reader has turned the relief to. Needs the extra `notebook`.

    Args:
        sources, kind, names, height, options: as in `landscape.show`.

    Raises:
        LandscapeError: anywidget is not installed, and as in `landscape.show`.
    """
    page = _page("widget", sources, kind, names, height, options)
    try:
        from landscape.render.page.widget import Widget
    except ModuleNotFoundError as missing:
        if missing.name not in ("anywidget", "traitlets"):
            raise
        raise LandscapeError(
            "a widget needs anywidget: pip install 'nn-landscape[notebook]'; landscape.show needs nothing"
        ) from None
    return Widget(page=page, height=height)


def _page(
    name: str, sources: Any, kind: str | None, names: Sequence[str] | None, height: int, options: dict[str, Any]
) -> str:
    """The page, for the function of this name."""
    from landscape.drawing import picture_of
    from landscape.scene.kinds.kind import Options
    from landscape.scene.look import view_of

    known = {"kind": "str | None", "height": "int"}
    check_fields(name, {**options, "kind": kind, "height": height}, (Options,), known)
    check_whole("height", height, LEAST, MOST)
    picture = picture_of(sources, kind, names, {**options, "view": view_of(options.get("view"))})
    from landscape.render.page.picture import text_of

    return text_of(picture)
