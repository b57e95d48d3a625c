"""One-dimensional pictures on matplotlib axes: curves on one or two vertical axes.

Owns: the drawing of `Lines`. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from landscape.options.looks import BANDS, LEGEND
from landscape.render.still import paper
from landscape.render.still.legend import ROW, draw_legend, handles_of, legend_rows, legend_size
from landscape.render.still.painter import Around, Measures, Painter, PanelPainter, Place, Sides, sheet_of
from landscape.scene.look import Look
from landscape.scene.scale import SYMLOG
from landscape.scene.scene import Scene
from landscape.scene.views.lines import Curve, Lines, Strip, ValueAxis

# The distance between the panels, in inches, and the height beside the curves up to which one is low.
GAP, LOW = 0.14, 0.4
# Of a curve that is one of many, and of one that stands for itself.
FAINT: dict[str, Any] = {"lw": 0.7, "alpha": 0.45, "zorder": 2.5}
STRONG: dict[str, Any] = {"lw": 1.5, "zorder": 3}
# Numbers on an axis with more signs than this need more room beside a label of two lines.
LONG = 5
# Inches between the names of two nets.
APART = 0.06
# The height of each ridge and of few of them, which does not shrink with the sheet: each has its name beside it.
EACH, LEAST = 0.34, 2.0
# Of ridges: how much of their colour fills them, and one more than the highest `front`.
RIDGE, FRONTS = 0.25, 100.0
# Inches of a label on a vertical axis that margins have room for, and of the longest one, such as a name; the share of a sheet of
# given width that it may take.
USUAL, NAMES, SHARE = 0.36, 3.2, 0.3
# From one number on a vertical axis to the next, over the height of its letters.
LEADING = 1.3
# The height of the curves: alone, over one strip, over more; and as a panel of a comparison.
ALONE, OVER_STRIP, OVER_STRIPS, PANEL = 3.1, 2.9, 2.3, 2.6


def single(scene: Scene, look: Look) -> Figure:
    """The curves, and the strips under them on the same horizontal axis."""
    lines, wide = scene.views_as(Lines)[0], 4.9
    long = any(
        len(label) > LONG for axis in (lines.left, *(s.axis for s in lines.strips)) for label in axis.tick_labels
    )
    ridges = any(curve.front for curve in lines.curves)
    tall = (ALONE, OVER_STRIP, OVER_STRIPS)[min(2, len(lines.strips))]
    tall = max(LEAST, EACH * len(lines.curves)) if ridges else tall
    # The gaps between the strips do not grow with the picture.
    gaps, share = GAP * len(lines.strips), 1 + sum(strip.height for strip in lines.strips)
    legend = look.has(LEGEND) and sum(bool(curve.label) for curve in lines.named) > 1
    named = legend_rows(lines.named, look, wide if look.width is None else look.width - 0.2) if legend else 0
    below = 0.5 + gaps + (0.3 + 0.17 * (named - 1) if named else 0.0)
    around = Around(
        0.72 + 0.2 * long,
        0.72 if lines.right else 0.72 if look.width is None else 0.2,
        below,
        0.2 if lines.marks else 0.0,
        exact=beyond(lines.left, look, (0.2 if long else 0.0) + USUAL),
    )
    figure, place = sheet_of(scene, look, wide, tall * share, around, rigid=False, rows=ridges)
    top = place.bottom + place.tall * (1 - 1 / share)
    tall = place.tall / share
    draw_lines(paper.place(figure, place.left, top, place.wide, tall), scene, look, bottom=not lines.strips)
    draw_strips(figure, scene, look, place.left, top, place.wide, tall)
    if named:
        low = place.bottom - (gaps + 0.63 + 0.085 * (named - 1)) * look.em
        draw_legend(
            figure, lines.named, look, place.left + place.wide / 2 if look.width is None else look.width / 2, low
        )
    return figure


def beyond(axis: ValueAxis, look: Look, usual: float) -> float:
    """The inches that the longest label of an axis, such as a name, needs beyond the usual ones."""
    widest = max((paper.text_width(label, look.letters.tick) for label in axis.tick_labels), default=0.0)
    return max(0.0, min(widest, _names_room(look)) - usual * look.em)


def _names_room(look: Look) -> float:
    """The inches that a label on a vertical axis may take."""
    return NAMES * look.em if look.width is None else SHARE * look.width


def into(axes: Axes, scene: Scene, look: Look) -> None:
    """The curves in axes of the user's, without the strips that would need axes of their own."""
    lines = scene.views_as(Lines)[0]
    draw_lines(axes, scene, look)
    if look.has(LEGEND) and sum(bool(curve.label) for curve in lines.named) > 1:
        axes.legend(handles=handles_of(lines.named, look), fontsize=look.letters.tick, frameon=False)


def _measures(panels: Sequence[Scene], look: Look) -> Measures:
    lines = [panel.views_as(Lines)[0] for panel in panels]
    hang = max(sum(strip.height for strip in each.strips) for each in lines)
    under = 0.5 + GAP * max(len(each.strips) for each in lines)
    above = 0.52 if any(each.marks for each in lines) else 0.34
    right, inner = (0.72 if any(each.right for each in lines) else 0.2), under - 0.45
    _, tall = _legend_in(panels[0], look, 2 * 3.2 if look.width is None else look.width - 0.2)
    legend = 0.3 + max(0.0, tall / look.em - ROW) if look.has(LEGEND) and tall else 0.0
    return Measures(
        3.2, PANEL, left=0.72, gap=0.36, right=right, under=under, above=above, legend=legend, hang=hang, inner=inner
    )


def _panel(figure: Figure, scene: Scene, look: Look, place: Place, sides: Sides) -> None:
    axes = paper.place(figure, place.left, place.bottom, place.wide, place.tall)
    draw_lines(axes, scene, look, left=sides.left, right=sides.right, bottom=not scene.views_as(Lines)[0].strips)
    draw_strips(figure, scene, look, place.left, place.bottom, place.wide, place.tall, named=sides.left)
    for each in figure.axes[figure.axes.index(axes) :]:
        paper.show_sides(each, True, sides.below, small=sides.small, upright=False)


def _legend(figure: Figure, scene: Scene, look: Look, place: Place) -> None:
    middle = place.left + place.wide / 2, place.bottom + place.tall / 2
    draw_legend(figure, scene.views_as(Lines)[0].named, look, *middle, room=place.wide)


def _legend_in(scene: Scene, look: Look, room: float) -> tuple[float, float]:
    return legend_size(scene.views_as(Lines)[0].named, look, room)


def draw_lines(
    axes: Axes, scene: Scene, look: Look, *, left: bool = True, right: bool = True, bottom: bool = True
) -> None:
    """The curves of the first view; `left`, `right` and `bottom` say whether those axes are labelled."""
    lines, frame = scene.views_as(Lines)[0], scene.frame
    second = axes.twinx() if lines.right else None
    axes.set_xlim(frame.x_range)
    _x_axis(axes, frame.x_label, look, named=bottom)
    value_axis(axes, lines.left, look, named=left)
    if second is not None and lines.right is not None:
        value_axis(second, lines.right, look, named=right)
        second.spines["left"].set_visible(False)
    _marks(axes, lines.marks, look)
    for curve in lines.curves:
        draw_curve(second if second is not None and curve.right else axes, curve, look)
    for each in filter(None, (axes, second)):
        each.spines["top"].set_visible(False)
    if second is None:
        axes.spines["right"].set_visible(False)


def draw_strips(
    figure: Figure, scene: Scene, look: Look, left: float, top: float, wide: float, tall: float, *, named: bool = True
) -> None:
    """The panels below the curves, from `top` (inches) downwards; `tall` is the height of the curves.

    `named` says whether their axes are labelled.
    """
    strips = scene.views_as(Lines)[0].strips
    for number, strip in enumerate(strips):
        height = strip.height * tall
        top -= GAP * look.em + height
        axes = paper.place(figure, left, top, wide, height)
        _strip(axes, scene, strip, look, named=named, bottom=number == len(strips) - 1)


def _strip(axes: Axes, scene: Scene, strip: Strip, look: Look, *, named: bool, bottom: bool) -> None:
    low = strip.height < LOW
    axes.set_xlim(scene.frame.x_range)
    _x_axis(axes, scene.frame.x_label, look, named=bottom)
    value_axis(axes, strip.axis, look, named=named)
    if not strip.axis.ticks:
        axes.locator_params(axis="y", nbins=3 if low else 5)
    if named:
        size = smaller(look) if low else look.letters.tick
        paper.name_y(axes, strip.axis.label, size, look.letters.foot, color=look.shown(strip.axis.color), labelpad=2)
    if strip.zero:
        axes.axhline(0, color=look.palette.faint, lw=0.7, zorder=1)
    _marks(axes, tuple((x, "") for x, _ in scene.views_as(Lines)[0].marks), look)
    for curve in strip.curves:
        draw_curve(axes, curve, look)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def smaller(look: Look) -> float:
    """Letters one step below those of ticks, but not below those of the footer."""
    return max(look.letters.foot, look.letters.tick - look.em)


def _x_axis(axes: Axes, label: str, look: Look, *, named: bool) -> None:
    palette = look.palette
    axes.locator_params(axis="x", nbins=paper.tick_count(axes, look))
    axes.tick_params(
        axis="x", labelsize=look.letters.tick, length=3, width=0.6, color=palette.soft, labelcolor=palette.ink,
        labelbottom=named,
    )  # fmt: skip
    label = paper.number(axes.xaxis, axes.get_xlim(), label)
    if named:
        paper.name_x(axes, label, look)


def value_axis(axes: Axes, axis: ValueAxis, look: Look, *, named: bool) -> None:
    """A vertical axis; `named` says whether it is labelled."""
    color = look.shown(axis.color)
    # With this width, matplotlib's own scale is that of `Scale`, up to a factor.
    axes.set_yscale(
        **({"value": "asinh", "linear_width": 2 * axis.unit} if axis.kind == SYMLOG else {"value": axis.kind})
    )
    axes.set_ylim(axis.low, axis.high)
    if axis.ticks:
        axes.set_yticks(axis.ticks, labels=_spaced(axes, axis, look), parse_math=False)
        axes.minorticks_off()
    else:
        tall = paper.inches(axes)[1]
        axes.locator_params(axis="y", nbins=max(2, min(8, int(tall / (LEADING * look.letters.tick / 72)))))
    if named:
        paper.name_y(axes, axis.label, look.letters.label, look.letters.foot, color=color)
    else:
        axes.tick_params(axis="y", which="both", labelleft=False, labelright=False)
    axes.tick_params(axis="y", which="both", labelsize=look.letters.tick, width=0.6, colors=color)
    axes.tick_params(axis="y", length=3)
    for spine in axes.spines.values():
        spine.set(linewidth=0.7, color=look.palette.soft)


def _spaced(axes: Axes, axis: ValueAxis, look: Look) -> list[str]:
    """The labels of the ticks, without those that a low panel has no room for: every second one, every third, ..."""
    tall = paper.inches(axes)[1]
    places = axes.transScale.transform(
        np.column_stack([np.zeros(len(axis.ticks) + 2), (axis.low, *axis.ticks, axis.high)])
    )[:, 1]
    apart = np.diff(np.sort(places[1:-1])).min(initial=np.inf) * tall / (places[-1] - places[0])
    every = max(1, int(np.ceil(LEADING * look.letters.tick / 72 / max(apart, 1e-6)))) if np.isfinite(apart) else 1
    return [
        paper.shortened(label, look.letters.tick, _names_room(look)) if number % every == 0 else ""
        for number, label in enumerate(axis.tick_labels)
    ]


def draw_curve(axes: Axes, curve: Curve, look: Look) -> None:
    """The line, its points if they are marked, and its band."""
    style: dict[str, Any] = {"ls": paper.DASHES if curve.dashed else "-", **(FAINT if curve.faint else STRONG)}
    style["lw"] *= look.stroke
    dots: dict[str, Any] = {"marker": "o", "ms": 2.8 * look.stroke} if curve.dots else {}
    color = look.shown(curve.color)
    if curve.front and curve.low is not None and curve.high is not None:
        order: dict[str, Any] = {"zorder": 2 + curve.front / FRONTS}
        axes.fill_between(curve.x, curve.low, curve.high, color=look.palette.ground, alpha=1.0, lw=0, **order)
        axes.fill_between(curve.x, curve.low, curve.high, color=color, alpha=RIDGE, lw=0, **order)
        axes.plot(curve.x, curve.y, color=color, lw=1.1 * look.stroke, zorder=order["zorder"], **dots)
        return
    axes.plot(curve.x, curve.y, color=color, label=curve.label, clip_on=not curve.dots, **style, **dots)
    if curve.low is not None and curve.high is not None and look.has(BANDS):
        alpha = 0.28 if look.palette.dark else 0.16
        axes.fill_between(curve.x, curve.low, curve.high, color=color, alpha=alpha, lw=0, zorder=2)


def _marks(axes: Axes, marks: tuple[tuple[float, str], ...], look: Look) -> None:
    low, high = axes.get_xlim()
    wide = paper.inches(axes)[0]
    marks = tuple(sorted(marks))
    needed = [(paper.text_width(name, look.letters.tick) + APART * look.em) / wide for _, name in marks]
    places = [(x - low) / (high - low) for x, _ in marks]
    rooms = _rooms(places, needed)
    fitted = [
        paper.fitted(name, look.letters.tick, look.letters.foot, room * wide - APART * look.em)
        for (_, name), (room, _) in zip(marks, rooms, strict=True)
    ]
    size = min((size for _, size in fitted), default=0.0)
    for (x, _), (text, _), (_, side) in zip(marks, fitted, rooms, strict=True):
        axes.axvline(x, color=look.palette.faint, lw=0.8, ls=(0, (1, 2)), zorder=1)
        axes.annotate(
            text, (x, 1.0), (0, 3), xycoords=("data", "axes fraction"), textcoords="offset points", ha=side,
            va="bottom", fontsize=size, color=look.palette.soft, parse_math=False,
        )  # fmt: skip


def _rooms(places: Sequence[float], needed: Sequence[float]) -> list[tuple[float, str]]:
    """(width, side) of the name at each of some places, rising, all in shares of the axis; neighbours share what is between them.

    A name stands over its place if what it needs is there; else to the side that has most room, as at the ends of the axis.
    """
    ends = [0.0, *((a + b) / 2 for a, b in zip(places, places[1:], strict=False)), 1.0]
    found = []
    for place, need, low, high in zip(places, needed, ends, ends[1:], strict=False):
        sides = {"center": 2 * min(place - low, high - place), "left": high - place, "right": place - low}
        side = "center" if need <= sides["center"] else max(sides, key=lambda each: sides[each])
        found.append((sides[side], side))
    return found


PAINTER = Painter(single, PanelPainter(_measures, _panel, legend=_legend, compact=_legend_in), into)
