"""Learning curves: what a training run wrote down, over its epochs or steps.

Owns: the kind `curves`: which columns become curves, the strip of the learning rate below, and the notes on values that are
not finite or not there yet. The words on the run itself are in facts/run.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from landscape.errors import SurfaceFileError, UsageError
from landscape.quantity import LOSS, SPLITS, Quantity
from landscape.scene.colors import RATE_COLOR
from landscape.scene.facts.run import progress, run_facts, run_subject
from landscape.scene.holes import BEYOND
from landscape.scene.kinds.kind import CURVES_ONLY, RUN, Kind, Options
from landscape.scene.scale import LINEAR, LOG, LOG_FROM_RATIO, SCALES, SYMLOG, Scale, clipping_notes
from landscape.scene.scales import Limits, scales_for
from landscape.scene.scene import Caption, Frame, Scene
from landscape.scene.views.curve import DOTS_UP_TO, axes_of, curve_of, drawing_order, scaled_axis
from landscape.scene.views.lines import Curve, Lines, Strip
from landscape.surfaces.run_log import RunLog

# The column of the learning rate.
RATE = "lr"
# A rate that keeps each value for this number of points on average goes down in steps.
POINTS_PER_STEP = 3
# The height of the strip, beside that of the curves, and about how many values are marked on its axis.
STRIP, STRIP_TICKS = 0.25, 3
TRAINING_MODE = "train: means over the steps since the point before, in training mode"
AUGMENTED = ", on augmented samples"
CUT = "a last line that was cut off is left out"


def _scenes(logs: Sequence[RunLog], options: Options) -> list[Scene]:
    drawn = _shared(logs, options.metric)
    left = [quantity.name for quantity in drawn if not quantity.percent]
    scales = _scales(logs, left, options.scale, options.limits)
    rate = _rate_scale(logs)
    return [_scene(log, drawn, scales, rate, options) for log in logs]


def _scene(
    log: RunLog, drawn: Sequence[Quantity], scales: Sequence[Scale | None], rate: Scale, options: Options
) -> Scene:
    what = drawn[0].label if len(drawn) == 1 else "learning curves"
    caption = options.caption(run_subject(log), what, run_facts(log))
    views = tuple(_lines(log, drawn, scale, rate, caption) for scale in scales)
    left = views[0].left
    return Scene(Frame(log.clock, left.label, _span(log), (left.low, left.high), equal=False), views)


def _lines(log: RunLog, drawn: Sequence[Quantity], scale: Scale | None, rate: Scale, caption: Caption) -> Lines:
    left, right = axes_of(drawn, scale)
    return Lines(
        curves=tuple(_curve(log, quantity, scale, on_right) for quantity, on_right in drawing_order(drawn)),
        left=left,
        right=right,
        strips=_strips(log, rate),
        notes=tuple(_notes(log, drawn, scale)),
        caption=caption,
    )


def _curve(log: RunLog, quantity: Quantity, scale: Scale | None, right: bool) -> Curve:
    times, values = log.series(quantity.name)
    values = np.where(np.isfinite(values), values, np.nan)
    return curve_of(quantity, times, values, scale, right=right, dots=_few(log))


def _strips(log: RunLog, scale: Scale) -> tuple[Strip, ...]:
    """The learning rate, if it was written down."""
    if RATE not in log.columns:
        return ()
    times, rate = log.series(RATE)
    rate = np.where(np.isfinite(rate), rate, np.nan)
    row = replace(log.quantity(RATE), label="learning rate")
    curve = replace(curve_of(row, times, rate, scale, dots=_few(log)), color=RATE_COLOR)
    return (Strip((curve,), scaled_axis(row.label, scale, RATE_COLOR, STRIP_TICKS), STRIP),)


def _few(log: RunLog) -> bool:
    return len(log.times) <= DOTS_UP_TO


def _rate_scale(logs: Sequence[RunLog]) -> Scale:
    """Never clipped. Steps are factors, so they show on a log axis; a smooth schedule is drawn on a linear one."""
    rates = _finite(logs, [RATE])
    low, high = (float(rates.min()), float(rates.max())) if rates.size else (0.0, 1.0)
    in_steps = len(np.unique(rates)) <= rates.size / POINTS_PER_STEP
    if in_steps and low > 0 and high > LOG_FROM_RATIO * low:
        return Scale(LOG, low, high)
    return Scale(LINEAR, min(0.0, low), high if high > min(0.0, low) else low + 1.0)


def _scales(logs: Sequence[RunLog], metrics: Sequence[str], scale: str, limits: Limits) -> list[Scale | None]:
    """The scale of the left axis, and after it the other one that makes sense."""
    if scale not in SCALES or scale == SYMLOG:
        raise UsageError(f"scale '{scale}': learning curves have auto, linear or log")
    if not metrics:
        return [None]
    values = _finite(logs, metrics)
    kept = [each for each in scales_for(values, scale, limits) if each.kind != SYMLOG]
    return [*(kept or scales_for(values, LINEAR, limits)[:1])]


def _finite(logs: Sequence[RunLog], names: Sequence[str]) -> np.ndarray:
    """(n,) all finite numbers of some columns together."""
    series = [log.series(name)[1] for log in logs for name in names if name in log.columns]
    values = np.concatenate([np.zeros(0), *series])
    return values[np.isfinite(values)]


def _shared(logs: Sequence[RunLog], metric: str | None) -> list[Quantity]:
    """The curves that all runs have.

    Raises:
        UsageError: a run lacks a metric that another has, or none has this name.
        SurfaceFileError: a run without a number to draw.
    """
    sets = [_drawn(log, metric) for log in logs]
    if any({q.name for q in each} != {q.name for q in sets[0]} for each in sets):
        shown = " and ".join(", ".join(quantity.name for quantity in each) for each in sets)
        raise UsageError(f"these runs hold different metrics ({shown}); choose one that all have")
    return sets[0]


def _drawn(log: RunLog, metric: str | None) -> list[Quantity]:
    """All losses and accuracies, or those of one name on both splits."""
    known = [log.quantity(name) for name in log.metrics]
    if metric is None:
        usual = [quantity for quantity in known if quantity.kind == LOSS or quantity.percent]
        if not usual:
            raise SurfaceFileError(f"{log.source}: the log holds no loss and no accuracy yet; try again after an epoch")
        return usual
    family = [quantity for quantity in known if metric in (quantity.name, quantity.metric)]
    if not family:
        raise UsageError(f"no metric '{metric}' in {log.source}: it has {', '.join(log.metrics) or 'none'}")
    return family


def _span(log: RunLog) -> tuple[float, float]:
    first, last = float(log.times.min()), float(log.times.max())
    return (first, last) if first < last else (first, first + 1.0)


def _notes(log: RunLog, drawn: Sequence[Quantity], scale: Scale | None) -> list[str]:
    """How far the run has come, what is not finite, what is clipped; the curves are distinguished by name."""
    notes = progress(log)
    if any(quantity.split == SPLITS[0] for quantity in drawn):
        notes.append(TRAINING_MODE + AUGMENTED * bool(log.config.get("augment")))
    for quantity in drawn:
        _, values = log.series(quantity.name)
        own = _not_finite(values)
        own += [] if scale is None or quantity.percent else clipping_notes(values[np.isfinite(values)], scale)
        notes += [f"{quantity.label}: {note}" for note in own]
    return notes + [CUT] * log.cut


def _not_finite(values: np.ndarray) -> list[str]:
    inf, nan = int(np.isinf(values).sum()), int(np.isnan(values).sum())
    if not inf + nan:
        return []
    parts = [f"{count} {name}" for count, name in ((inf, BEYOND), (nan, "nan")) if count]
    return [f"{inf + nan} of {values.size} points not finite ({', '.join(parts)})"]


KINDS = (
    Kind(
        "curves",
        RUN,
        _scenes,
        default=lambda log: True,
        unused=CURVES_ONLY,
    ),
)
