"""Flatness of several nets: each measure against what it is to predict, and how the loss rises around the nets.

Owns: the kinds `flatness` and `mostcase`: which measures have a panel, what the dots are coloured by, and which curves of rises
there are. Kendall's tau comes from surfaces/flatness.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from landscape.correlation import LEAST, Tau, kendall
from landscape.errors import UsageError
from landscape.quantity import COUNT, FLATNESS, HYPER, MEASURE, Quantity
from landscape.scene.colors import ACCURACY_COLOR, INK, LIGHT, LOSS_COLOR, OTHER_COLOR, PATH_COLORS
from landscape.scene.facts.surface import facts, subject
from landscape.scene.few_nets import COLUMNS, PLAIN, of_nets
from landscape.scene.kinds.kind import CURVES_ONLY, SURFACE, Kind, Options, one_by_one
from landscape.scene.palettes import DEPTH, inked, stops
from landscape.scene.scale import LINEAR, LOG, LOG_FROM_RATIO, Scale
from landscape.scene.scene import Frame, Scene
from landscape.scene.text import labels_of, short
from landscape.scene.views.curve import scaled_axis
from landscape.scene.views.lines import Curve, Lines, ValueAxis
from landscape.scene.views.scatter import DotPanel, Scatter
from landscape.surfaces.bounds import ERRORS
from landscape.surfaces.flatness import categories, curves, is_flatness, names, rankings, rows, targets
from landscape.surfaces.surface import Surface

TICKS = 3
# In a small panel a few decades apart are crowded into a corner sooner than in a large picture.
LOG_FROM = 6.0
# Of all labels below a panel.
LETTERS = 20
WHAT, RISES = "measures of flatness and generalization", "how the loss rises around the nets"
NOTHING = "{source} holds no {what}; landscape flatness computes them"
# Values of a hyper-parameter up to which each has a colour of its own in the legend.
SEVERAL = 6
CURVES = (
    ("q50", "median of random directions", LOSS_COLOR), ("q90", "90 % of random directions", OTHER_COLOR),
    ("worst", "worst direction", ACCURACY_COLOR),
)  # fmt: skip
TAUS = (
    "τ: Kendall's rank correlation with its 95 % bootstrap interval over nets, over each panel to scale from −1 to 1, bold where "
    "the interval leaves out 0"
)
BARS = "bars at dots: two standard errors"
# Of fewer nets a percentile interval of the bootstrap covers less than it says.
FEW = 20
ROUGH = "{count} nets are few: the intervals of τ are rough, and those of fewer than {few} nets tend to be too narrow"


def _scene(surface: Surface, options: Options) -> Scene:
    if surface.grid.size < LEAST:
        return _few(surface, options)
    measures = [row for row in rows(surface, MEASURE) if row.kind != COUNT and _differs(surface.values[row.name])]
    against = targets(surface)
    if not measures or not against:
        raise UsageError(
            NOTHING.format(source=surface.source or "this surface", what="measures of nets with test samples")
        )
    target, hyper = _chosen(surface, against, options.metric)
    y = surface.values[target.name] * (100.0 if target.percent else 1.0)
    known = np.isfinite(y)
    axis = _axis(y[known], f"{target.label} (%)" if target.percent else target.label)
    colors, legend = _colors(surface, hyper)
    panels = tuple(
        _panel(surface, ranking.measure, ranking.tau, known) for ranking in rankings(surface, target, measures)
    )
    y_ends = _ends(surface, target, axis, 100.0 if target.percent else 1.0)
    bars = y_ends is not None or any(panel.ends is not None for panel in panels)
    view = Scatter(
        panels=panels, columns=COLUMNS, y=np.where(known, y, np.nan), axis=axis, names=tuple(names(surface)), colors=colors,
        legend_title=_label(hyper) if hyper else "", legend=legend, y_ends=y_ends,
        notes=(*_notes(surface, measures, known), *[BARS] * bars),
        caption=options.caption(subject(surface), WHAT, facts(surface, centers=[])),
    )  # fmt: skip
    frame = Frame("measure", axis.label, (0.0, 1.0), (axis.low, axis.high), equal=False)
    return Scene(frame, (view,))


def _few(surface: Surface, options: Options) -> Scene:
    against = targets(surface)
    chosen = [_chosen(surface, against, options.metric)[0]] if options.metric else against
    view = of_nets(surface, [*chosen, *(row for row in rows(surface, MEASURE) if row.kind != COUNT)])
    if not view.panels:
        raise UsageError(NOTHING.format(source=surface.source or "this surface", what="measures of nets"))
    notes = (*view.notes, *measured_on(surface), *[BARS] * any(panel.ends is not None for panel in view.panels))
    caption = options.caption(subject(surface), WHAT, facts(surface, centers=[]))
    frame = Frame("value", "net", (0.0, 1.0), (view.axis.low, view.axis.high), equal=False)
    return Scene(frame, (replace(view, notes=notes, caption=caption),))


def _chosen(surface: Surface, against: Sequence[Quantity], metric: str | None) -> tuple[Quantity, Quantity | None]:
    """(what is on the vertical axis, what the dots are coloured by): those named, else the first and the most telling one."""
    hypers = rows(surface, HYPER)
    found = {row.name: row for row in against}
    colored = {row.name.removeprefix(f"{HYPER}_"): row for row in hypers}
    target, hyper = against[0], None
    for word in filter(None, (metric or "").split(",")):
        if word in found:
            target = found[word]
        elif word in colored:
            hyper = colored[word]
        else:
            raise UsageError(
                f"metric '{word}': expected one of {', '.join([*found, *colored])}, or one of each with a comma"
            )
    return target, hyper or _telling(surface, target, hypers)


def _telling(surface: Surface, target: Quantity, hypers: Sequence[Quantity]) -> Quantity | None:
    """The hyper-parameter that goes along with the target most."""
    found = [(abs(kendall(*_both(surface, row, target))), row) for row in hypers]
    known = [(tau, row) for tau, row in found if tau == tau]
    return max(known, key=lambda pair: pair[0])[1] if known else (hypers[0] if hypers else None)


def _both(surface: Surface, row: Quantity, target: Quantity) -> tuple[np.ndarray, np.ndarray]:
    x, y = surface.values[row.name], surface.values[target.name]
    known = ~(np.isnan(x) | np.isnan(y))
    return x[known], y[known]


def _panel(surface: Surface, row: Quantity, tau: Tau, known: np.ndarray) -> DotPanel:
    values = np.where(known, surface.values[row.name], np.nan)
    values = np.where(np.isfinite(values), values, np.nan)
    axis, told = _axis(values[np.isfinite(values)], ""), _tau_text(tau)
    gauge = (tau.value, tau.low, tau.high) if told and tau.low == tau.low else None
    return DotPanel(row.label, told, tau.excludes_zero, values, axis, _ends(surface, row, axis), gauge)


def _ends(surface: Surface, row: Quantity, axis: ValueAxis, factor: float = 1.0) -> np.ndarray | None:
    """(2, n) two standard errors below and above the values, within the axis; None where none is known."""
    errors = surface.stderr.get(row.name)
    if errors is None or not (np.isfinite(errors) & (errors > 0)).any():
        return None
    values, reach = factor * surface.values[row.name], factor * ERRORS * np.where(np.isfinite(errors), errors, 0.0)
    return np.clip(np.stack([values - reach, values + reach]), axis.low, axis.high)


def _tau_text(tau: Tau) -> str:
    if tau.value != tau.value or tau.count < LEAST:
        return ""
    interval = f" [{tau.low:.2f}, {tau.high:.2f}]" if tau.low == tau.low else ""
    return f"τ = {tau.value:.2f}{interval}".replace("-", "−")


def _axis(values: np.ndarray, label: str) -> ValueAxis:
    """Logarithmic for positive values that are spread widely; from the least to the greatest, with some room."""
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    if low > 0 and high > LOG_FROM * low:
        axis = replace(scaled_axis(label, Scale(LOG, low, high), INK, TICKS), label=label)
        while sum(len(text) + 1 for text in axis.tick_labels) > LETTERS:  # longer ones would touch
            axis = replace(axis, ticks=axis.ticks[::2], tick_labels=axis.tick_labels[::2])
        return axis
    room = 0.06 * (high - low or abs(high) or 1.0)
    return ValueAxis(label, LINEAR, low - room, high + room, INK)


def _colors(surface: Surface, hyper: Quantity | None) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """(the colour of each net, the legend): texts have the colours of paths, numbers run from dark to light."""
    count = surface.grid.size
    if hyper is None:
        return (PLAIN,) * count, ()
    values = surface.values[hyper.name]
    texts, levels = categories(surface, hyper.name), np.unique(values[np.isfinite(values)])
    if texts:
        palette = [PATH_COLORS[1 + k % (len(PATH_COLORS) - 1)] for k in range(len(levels))]
        labels = [texts[int(level)] if 0 <= level < len(texts) else short(level) for level in levels]
    else:
        scale = stops(inked(DEPTH))
        palette = [scale[round(k * (len(scale) - 1) / max(1, len(levels) - 1))] for k in range(len(levels))]
        labels = list(labels_of(levels.tolist()))
    of_level = dict(zip(levels.tolist(), palette, strict=True))
    colors = tuple(of_level.get(float(value), LIGHT.faint) for value in values)
    shown = range(len(levels)) if len(levels) <= SEVERAL else (0, len(levels) // 2, len(levels) - 1)
    return colors, tuple((labels[k], palette[k]) for k in shown)


def _label(hyper: Quantity) -> str:
    return {"lr": "learning rate"}.get(hyper.label, hyper.label)


def _differs(values: np.ndarray) -> bool:
    known = values[np.isfinite(values)]
    return known.size > 1 and bool(known.min() < known.max())


def measured_on(surface: Surface) -> list[str]:
    """The samples of the measures, where they are fewer than those of the losses."""
    made, train = surface.provenance.get(FLATNESS), surface.known.splits.get("train")
    count = made.get("samples") if isinstance(made, dict) else None
    if not isinstance(count, int) or train is None or train.samples in (None, count):
        return []
    return [f"measures: of {count:,} of the train samples"]


def _notes(surface: Surface, measures: Sequence[Quantity], known: np.ndarray) -> list[str]:
    enough = int(known.sum()) >= LEAST
    count = int(known.sum())
    notes = [TAUS if enough else f"Kendall's rank correlation takes at least {LEAST} nets", *measured_on(surface)]
    notes += [ROUGH.format(count=count, few=FEW)] if LEAST <= count < FEW else []
    if not known.all():
        notes.append(
            f"{int((~known).sum())} of {len(known)} nets are not drawn: what is on the vertical axis is not finite"
        )
    for row in measures:
        odd = int((~np.isfinite(surface.values[row.name][known])).sum())
        notes += [f"{row.label}: not finite or not known of {odd} nets"] if odd else []
    return notes


@dataclass(frozen=True)
class _Rise:
    label: str
    color: str
    radii: np.ndarray
    middle: np.ndarray
    low: np.ndarray
    high: np.ndarray


def _rises(surface: Surface) -> list[_Rise]:
    """The median over nets of each curve, with its quartiles."""
    found, known = [], curves(surface)
    for what, label, color in CURVES:
        if what not in known:
            continue
        radii, rises = known[what]
        finite = [column[np.isfinite(column)] for column in rises.T]
        kept = [k for k, column in enumerate(finite) if column.size]
        if kept:
            low, middle, high = (np.array([np.quantile(finite[k], share) for k in kept]) for share in (0.25, 0.5, 0.75))
            found.append(_Rise(label, color, radii[kept], middle, low, high))
    return found


def _most(surface: Surface, options: Options) -> Scene:
    found = _rises(surface)
    if not found:
        raise UsageError(NOTHING.format(source=surface.source or "this surface", what="rises along directions"))
    values = np.concatenate([each for rise in found for each in (rise.middle, rise.low, rise.high)])
    views = [_rise_view(surface, found, scale, options) for scale in _rise_scales(values, options.scale)]
    radii = np.concatenate([rise.radii for rise in found])
    left = views[0].left
    frame = Frame(
        "radius, as a share of the norm of each filter",
        left.label,
        (float(radii.min()), float(radii.max())),
        (left.low, left.high),
        equal=False,
    )
    return Scene(frame, tuple(views))


def _rise_scales(values: np.ndarray, wanted: str) -> list[Scale]:
    positive = values[values > 0]
    straight = Scale(LINEAR, min(0.0, float(values.min())), float(values.max()) or 1.0)
    if not positive.size or wanted == LINEAR:
        return [straight]
    log = Scale(LOG, float(positive.min()), float(positive.max()))
    wide = log.vmax > LOG_FROM_RATIO * log.vmin or wanted == LOG
    return [log, straight] if wide else [straight]


def _rise_view(surface: Surface, found: Sequence[_Rise], scale: Scale, options: Options) -> Lines:
    several = surface.grid.size > 1
    notes = ["lines are medians over nets, bands reach from the lower to the upper quartile"] if several else []
    return Lines(
        curves=tuple(_curve(rise, scale, banded=several) for rise in found),
        left=scaled_axis("rise of the training loss", scale, INK, 5),
        right=None,
        notes=(*notes, *measured_on(surface)),
        caption=options.caption(subject(surface), RISES, facts(surface, centers=[])),
    )


def _curve(rise: _Rise, scale: Scale, *, banded: bool) -> Curve:
    low, middle, high = (
        np.where(each > 0, each, np.nan) if scale.kind == LOG else each for each in (rise.low, rise.middle, rise.high)
    )
    edge = np.where(np.isnan(low) & np.isfinite(high), scale.vmin, low)  # a band that reaches below the axis
    return Curve(
        metric=rise.label, label=rise.label, x=rise.radii, y=middle, low=edge if banded else None, high=high if banded else None,
        color=rise.color, dashed=False, right=False, percent=False, dots=True,
    )  # fmt: skip


KINDS = (
    Kind("flatness", SURFACE, one_by_one(_scene), ndim=1, default=is_flatness, unused=CURVES_ONLY),
    Kind("mostcase", SURFACE, one_by_one(_most), ndim=1, unused=CURVES_ONLY),
)
