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
from landscape.options.option import check_names

if TYPE_CHECKING:
    from landscape.surfaces.run_log import RunLog
    from landscape.surfaces.spectrum import Spectrum
    from landscape.surfaces.surface import Surface


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
        names, letters: as in `landscape.compare`.
        options: metric, scale, levels, vmin, vmax, title, and the look (size, style, facts, without, font, view), as in
            `landscape.plot`.

    Raises:
        LandscapeError: unreadable files, an unknown option, or a kind that has no single axes to draw into.
    """
    from landscape.drawing import load_source, side_by_side
    from landscape.drawing import several as listed
    from landscape.printable import printable
    from landscape.scene.build import build_scenes
    from landscape.scene.kinds import default_kind, kind_named
    from landscape.scene.kinds.kind import Options
    from landscape.scene.look import look_of
    from landscape.scene.wording import reworded

    known = [each.name for group in (LookOptions, Options) for each in fields(group) if each.name != "names"]
    check_names("figure", options, known)
    looks = LookOptions(**{each.name: options.pop(each.name) for each in fields(LookOptions) if each.name in options})
    look, loaded = look_of(looks), [load_source(source) for source in listed(sources)]
    chosen, drawing = kind_named(kind) if kind else default_kind(loaded[0]), {**options, "view": look.view}
    several = len(loaded) > 1 and not chosen.together
    if several and ax is not None:
        raise UsageError(
            f"ax: {len(loaded)} results stand side by side in axes of their own; leave ax out, or draw one"
        )
    from landscape.render.still.picture import draw_into, figure_of

    if several:
        return figure_of(reworded(side_by_side(loaded, chosen.name, names, drawing, letters), printable), look)
    (scene,) = build_scenes(loaded, kind=chosen.name, names=tuple(names or ()), **drawing)
    scene = reworded(scene, printable)
    return figure_of(scene, look) if ax is None else draw_into(ax, scene, look)
