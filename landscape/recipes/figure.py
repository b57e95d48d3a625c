"""`landscape.figure`: a picture as a figure of matplotlib, in Python only. Imports neither torch nor MPI.

Owns: the way from results to a figure, or into axes of the caller's. Files of pictures are the business of plot and compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landscape.errors import UsageError
from landscape.options.looks import LookOptions
from landscape.options.option import check_fields, shown

if TYPE_CHECKING:
    from landscape.surfaces.run_log import RunLog
    from landscape.surfaces.spectrum import Spectrum
    from landscape.surfaces.surface import Surface


TYPES = {"kind": "str | None", "letters": "bool"}


def figure(
    sources: Surface | RunLog | Spectrum | str | Path | Sequence,
    *,
    kind: str | None = None,
    ax: Any = None,
    names: Sequence[str] | None = None,
    letters: bool = False,
    **options: Any,
) -> Any:
    """A picture as a `matplotlib.figure.Figure`, for a script or a notebook; nothing is written.

    Args:
        sources: as in `landscape.plot`. Several stand side by side, unless the kind draws all of them in one picture.
        kind: as in `landscape.plot`; one.
        ax: axes of yours to draw into, with projection "3d" for kind surface; their figure is returned. The facts are not drawn
            there: `landscape.plot(..., out="caption.txt")` writes them.
        names, letters: as in `landscape.compare`; they are for several results.
        options: metric, scale, levels, vmin, vmax, title, and the look (size, style, facts, without, font, view, transparent), as
            in `landscape.plot`.

    Raises:
        LandscapeError: unreadable files, an unknown option, or a kind that has no single axes to draw into.
    """
    from landscape.drawing import picture_of
    from landscape.scene.kinds.kind import Options
    from landscape.scene.look import look_of
    from landscape.scene.scene import Comparison

    check_fields("figure", {**options, "kind": kind, "letters": letters}, (Options, LookOptions), TYPES)
    looks = LookOptions(**{each.name: options.pop(each.name) for each in fields(LookOptions) if each.name in options})
    look = look_of(looks)
    picture = picture_of(sources, kind, names, {**options, "view": look.view}, letters)
    from landscape.render.still.picture import draw_into, figure_of

    if letters and not isinstance(picture, Comparison):
        raise UsageError(
            "letters name pictures that stand side by side, and this is one; leave them out, or give several"
        )
    if ax is None:
        return figure_of(picture, look)
    if not hasattr(ax, "get_subplotspec") or ax.figure is None:
        raise UsageError(f"ax {shown(ax)}: expected axes of a figure, such as plt.gca()")
    if isinstance(picture, Comparison):
        count = len(picture.panels)
        raise UsageError(f"ax: {count} results stand side by side in axes of their own; leave ax out, or draw one")
    return draw_into(ax, picture, look)
