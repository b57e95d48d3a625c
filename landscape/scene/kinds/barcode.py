"""How deep each basin is: a bar from its minimum to the saddle at which it ends.

Owns: the kind `barcode`: the order of the bars, which are drawn, their axis, and the words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from landscape.quantity import risen
from landscape.scene.colors import LOSS_COLOR, OPEN_SIGN
from landscape.scene.facts.surface import brief, facts, subject
from landscape.scene.kinds.kind import NO_LEVELS, SURFACE, Kind, Options
from landscape.scene.kinds.plane import shared_metric
from landscape.scene.reach import LARGEST
from landscape.scene.scale import LINEAR, SYMLOG, Scale
from landscape.scene.scales import Limits, scales_for
from landscape.scene.scene import Frame, Scene
from landscape.scene.text import value_text
from landscape.scene.thin import thinned
from landscape.scene.views.barcode import Bar, Barcode
from landscape.scene.views.curve import share_axis, value_axis
from landscape.scene.views.lines import ValueAxis
from landscape.surfaces.surface import Surface
from landscape.topology.find import landform
from landscape.topology.landform import Landform
from landscape.topology.words import count_words, errors_words, gaps, limits, roughness_words

# More bars than that could not be told from each other.
MOST = 90
# The places of a panel with few bars, which would be too wide otherwise; and the numbers below one.
FEWEST, NUMBERS = 5, 10
X_LABEL = "basin, deepest first"
ENDLESS = "arrow: a basin that never ends; dash: where its ground reaches the edge"


class _Span(NamedTuple):
    """One bar before it is drawn; `core` (NaN, NaN) where the errors leave nothing."""

    low: float
    high: float
    core: tuple[float, float]
    edge: float


def _scenes(surfaces: Sequence[Surface], options: Options) -> list[Scene]:
    metric = shared_metric(surfaces, options.metric)
    found = [landform(thinned(surface, metric), metric) for surface in surfaces]
    spans = [_spans(each) for each in found]
    scales = _scales(spans, found[0].quantity.percent, options)
    return [_scene(*each, metric, scales, options) for each in zip(surfaces, found, spans, strict=True)]


def _scales(spans: Sequence[Sequence[_Span]], percent: bool, options: Options) -> list[Scale | None]:
    """None for shares, whose axis is that of percent; nothing is clipped unless limits are given."""
    if percent:
        return [None]
    ends = np.array([end for each in spans for span in each for end in (span.low, span.high, *span.core, span.edge)])
    ends = ends[np.abs(ends) <= LARGEST]
    low = float(ends.min()) if ends.size and (ends.min() > 0 or options.scale in (LINEAR, SYMLOG)) else None
    limits = options.limits.or_else(low, float(ends.max()) if ends.size else None)
    if limits.vmin is not None and limits.vmax is not None and limits.vmin >= limits.vmax:
        limits = Limits(options.vmin, options.vmax)
    return list(scales_for(ends, options.scale, limits))


def _spans(found: Landform) -> list[_Span]:
    """Those that count by their number, then the others, deepest first."""
    own = [
        _Span(each.value, each.saddle_value if each.joins else np.inf, each.sure, np.nan if each.closed else each.spill)
        for each in found.basins
    ]
    rest = sorted(found.within.tolist(), key=lambda bar: bar[0] - bar[1])
    return [*own, *(_Span(low, high, (np.nan, np.nan), np.nan) for low, high in rest)]


def _scene(
    surface: Surface,
    found: Landform,
    spans: Sequence[_Span],
    metric: str,
    scales: Sequence[Scale | None],
    options: Options,
) -> Scene:
    quantity = surface.quantity(metric)
    quantity = risen(quantity) if quantity.percent else quantity
    caption = options.caption(
        subject(surface), f"basins of the {quantity.label}", facts(surface, metric), brief(surface, metric)
    )
    unsure = bool(found.errors or found.bounded)
    names = (f"survives {errors_words(found)}", "does not") if unsure else ("", "")
    said = [count_words(found), roughness_words(found), *limits(found), *gaps(found), ENDLESS]
    said = said if found.points else [count_words(found)]
    said += [f"{MOST} of {len(spans)} bars drawn, the deepest"] if len(spans) > MOST else []
    views = []
    for scale in scales:
        axis = share_axis([quantity]) if scale is None else value_axis([quantity], scale)
        axis = axis if spans else _without_numbers(axis)
        bars = tuple(_bar(x, span, axis, found) for x, span in enumerate(spans[:MOST], 1))
        views.append(
            Barcode(
                bars=bars, axis=axis, colors=(LOSS_COLOR, OPEN_SIGN), names=names,
                ticks=_ticks(min(len(found.basins), MOST)), caption=caption, notes=tuple(said),
            )
        )  # fmt: skip
    ends = (views[0].axis.low, views[0].axis.high)
    places = (0.0, max(len(views[0].bars), FEWEST) + 1.0)
    return Scene(Frame(X_LABEL, views[0].axis.label, places, ends, equal=False), tuple(views))


def _without_numbers(axis: ValueAxis) -> ValueAxis:
    """Of a panel without bars: numbers would be those of no value."""
    return replace(axis, ticks=(axis.low,), tick_labels=("",))


def _ticks(count: int) -> tuple[int, ...]:
    """The numbers below the bars that count: all while there is room, then every second, fifth, tenth, ...

    >>> _ticks(3), _ticks(37)
    ((1, 2, 3), (1, 5, 10, 15, 20, 25, 30, 35))
    """
    step = next(step for step in (1, 2, 5, 10, 20, 50) if count <= step * NUMBERS)
    return tuple(number for number in range(1, count + 1) if number == 1 or number % step == 0)


def _bar(x: int, span: _Span, axis: ValueAxis, found: Landform) -> Bar:
    factor = 100.0 if axis.percent else 1.0

    def within(value: float) -> float:
        return float(np.clip(factor * value, axis.low, axis.high))

    core = None if np.isnan(span.core[0]) else (within(span.core[0]), within(span.core[1]))
    return Bar(
        float(x), within(span.low), within(span.high), core, bool(np.isposinf(span.high)), within(span.edge),
        _text(x, span, found),
    )  # fmt: skip


def _text(x: int, span: _Span, found: Landform) -> tuple[str, ...]:
    def shown(value: float) -> str:
        return value_text(value, percent=found.quantity.percent)

    counts = not np.isnan(span.core[0])
    ends = (
        "never ends"
        if np.isposinf(span.high)
        else f"{shown(span.low)} to {shown(span.high)}: {shown(span.high - span.low)} deep"
    )
    said = [f"basin {x}" if counts else "within the errors", ends]
    if counts and np.isfinite(span.core[1]) and (found.errors or found.bounded):
        said.append(f"within {errors_words(found)} at least: {shown(span.core[1] - span.core[0])}")
    return tuple(said)


KINDS = (Kind("barcode", SURFACE, _scenes, ndim=2, lines=True, unused={"levels": NO_LEVELS}),)
