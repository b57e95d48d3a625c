"""Colours beside their values.

Owns: colour maps of matplotlib from the colours of a field, and colour bars.
"""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from mpl_toolkits.axes_grid1 import make_axes_locatable
from mpl_toolkits.axes_grid1.axes_size import Fixed

from landscape.render.still import paper
from landscape.scene.look import Look
from landscape.scene.ticks import BAR_ROOM, Ticks, spaced
from landscape.scene.views.field import Field

Mapping = tuple[Normalize, Colormap]
# Inches of a label such as 0.01, which margins have room for.
USUAL = 0.32
# Of the height of a bar: what its name may be long.
SPARE = 1.15
# A line of labels over the height of its letters; and how much of their axes a bar may take.
LEADING, MOST = 1.35, 0.5


def color_map(colors: tuple[str, ...]) -> LinearSegmentedColormap:
    """A continuous map through equidistant colours."""
    return LinearSegmentedColormap.from_list("landscape", list(colors), N=512)


def mapping_of(field: Field, colors: tuple[str, ...]) -> Mapping:
    """The colours over the heights of a field."""
    return Normalize(field.scale.low, field.scale.high), color_map(colors)


def extra(ticks: Ticks, look: Look) -> float:
    """The inches that labels need beyond the usual ones, at the usual size of letters."""
    widest = max((paper.text_width(label, look.letters.tick) for label in ticks.labels), default=0.0)
    return max(0.0, widest / look.em - USUAL)


def beside_axes(axes: Axes, ticks: Ticks, look: Look) -> dict[str, Any]:
    """Where the bar of axes of the user's goes, as `color_bar` takes it: within their place, its numbers and its name included.

    Where a layout engine arranges the figure, that makes the room.
    """
    figure = axes.get_figure(root=True)
    wide = axes.get_position(original=True).width * (figure.get_size_inches()[0] if figure is not None else 0.0)
    bar, gap = 0.13 * look.em, 0.08 * look.em
    # The numbers, the name, and some air before the names of axes further right.
    words = (USUAL + extra(ticks, look)) * look.em + 3.2 * look.letters.label / 72
    if figure is None or figure.get_layout_engine() is not None or bar + gap + words > MOST * wide:
        return {"ax": axes, "fraction": 0.05, "pad": 0.04}
    divider = make_axes_locatable(axes)
    place = divider.append_axes("right", size=Fixed(bar), pad=Fixed(gap))
    divider.append_size("right", Fixed(words))
    return {"cax": place}


def color_bar(
    figure: Figure,
    where: dict[str, Any],
    field: Field,
    look: Look,
    mapping: Mapping,
    ticks: Ticks,
    *,
    bands: bool = False,
) -> None:
    """The colours beside their values; an empty field has none. `bands` are as long as their heights are high.

    It lies where its axes are wider than high. `where`: the axes of the bar, as `cax`, or those that give it room, as `ax`, in
    matplotlib's words.
    """
    if not len(field.z_ticks.heights) and not len(field.levels):
        if "cax" in where:
            where["cax"].set_axis_off()
        return
    ends = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}
    extend = ends[(field.scale.below, field.scale.above)]
    options: dict[str, Any] = {"spacing": "proportional"} if bands else {}
    letters, palette = look.letters, look.palette
    lying, long = _lies(figure, where)
    if lying:
        options["orientation"] = "horizontal"
    bar = figure.colorbar(ScalarMappable(*mapping), extend=extend, extendfrac=0.035, **where, **options)
    if not lying:
        long = bar.ax.get_position().height * (figure.get_size_inches()[1] if isinstance(figure, Figure) else 1.0)
    size = (extra(ticks, look) + USUAL) * look.em if lying else LEADING * letters.tick / 72
    ticks = spaced(ticks, field.scale, max(BAR_ROOM, size / max(long, 1e-6), 1 / look.bar_labels))
    bar.set_ticks(list(ticks.heights), labels=list(ticks.labels))
    bar.ax.minorticks_off()
    bar.ax.tick_params(labelsize=letters.tick, length=2.5, width=0.6, color=palette.soft, labelcolor=palette.ink)
    bar.outline.set(linewidth=0.5, edgecolor=palette.ink)
    name, size = paper.stacked(field.label, letters.label, letters.foot, SPARE * long)
    pad = (2 if lying else 7) * look.em
    bar.set_label(name, fontsize=size, color=palette.ink, labelpad=pad, parse_math=False)


def _lies(figure: Any, where: dict[str, Any]) -> tuple[bool, float]:
    """(whether the axes of a bar are wider than high, their width in inches); beside axes of the user's a bar stands."""
    if "cax" not in where or where["cax"].get_axes_locator() is not None or not isinstance(figure, Figure):
        return False, 0.0
    box, (across, up) = where["cax"].get_position(), figure.get_size_inches()
    return bool(box.width * across > box.height * up), float(box.width * across)
