"""Learning curves: what a training run wrote down, over its epochs.

Owns: which columns become curves, the strip of the learning rate below, and the notes on values that are not finite or
not there yet. The words on the run itself are run_facts.py's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from landscape.errors import SurfaceFileError, UsageError
from landscape.scene.axes import Curve, Strip
from landscape.scene.colors import RATE_COLOR
from landscape.scene.curve import DOTS_UP_TO, axes_of, curve_of, drawing_order, is_loss, scaled_axis
from landscape.scene.run_facts import progress, run_facts, run_subject
from landscape.scene.scale import LOG_FROM_RATIO, SCALES, clipping_notes
from landscape.scene.scene import LINEAR, LOG, SYMLOG, Caption, Frame, Lines, Scale, Scene
from landscape.scene.shared import scales_for
from landscape.scene.text import is_percent, metric_label
from landscape.surfaces.run_log import RunLog

CURVES = "curves"
RATE = "lr"
# A rate that keeps each of its values for so many points on average goes down in steps.
POINTS_PER_STEP = 3
# The height of the strip, beside that of the curves, and about how many values are marked on its axis.
STRIP, STRIP_TICKS = 0.25, 3
TRAINING_MODE = "train: means over the steps since the point before, in training mode"
AUGMENTED = ", on augmented samples"
CUT = "a last line that was cut off is left out"


def build_curves(
    logs: Sequence[RunLog],
    *,
    metric: str | None = None,
    scale: str = "auto",
    vmin: float | None = None,
    vmax: float | None = None,
    title: str | None = None,
) -> list[Scene]:
    """One picture per run, all on one scale; options as in `build_scene`.

    Raises:
        UsageError: no such metric, or runs that hold different ones.
        SurfaceFileError: a run that wrote down no number to draw.
    """
    metrics = _shared_metrics(logs, metric)
    scales = _scales(logs, [m for m in metrics if not is_percent(m)], scale, {"vmin": vmin, "vmax": vmax})
    rate = _rate_scale(logs)
    return [_scene(log, metrics, scales, rate, title) for log in logs]


def _scene(
    log: RunLog, metrics: Sequence[str], scales: Sequence[Scale | None], rate: Scale, title: str | None
) -> Scene:
    heading = ": ".join(filter(None, [run_subject(log), what_is_learned(metrics)])) if title is None else title
    caption = Caption(heading, tuple(run_facts(log)))
    lines = tuple(_lines(log, metrics, scale, rate, caption) for scale in scales)
    left = lines[0].left
    return Scene(CURVES, Frame("epoch", left.label, _epochs(log), (left.low, left.high), equal=False), lines=lines)


def _lines(log: RunLog, metrics: Sequence[str], scale: Scale | None, rate: Scale, caption: Caption) -> Lines:
    curves = tuple(_curve(log, metric, scale, right) for metric, right in drawing_order(metrics))
    left, right = axes_of(metrics, scale)
    return Lines(
        curves, left, right, notes=tuple(_notes(log, metrics, scale)), caption=caption, strips=_strips(log, rate),
        what=what_is_learned(metrics),
    )  # fmt: skip


def _curve(log: RunLog, metric: str, scale: Scale | None, right: bool) -> Curve:
    epoch, values = log.series(metric)
    values = np.where(np.isfinite(values), values, np.nan)
    return curve_of(metric, epoch, values, scale, right=right, dots=_few(log))


def _strips(log: RunLog, scale: Scale) -> tuple[Strip, ...]:
    """The learning rate, if it was written down."""
    if RATE not in log.columns:
        return ()
    epoch, rate = log.series(RATE)
    rate = np.where(np.isfinite(rate), rate, np.nan)
    curve = replace(curve_of(RATE, epoch, rate, scale, label="learning rate", dots=_few(log)), color=RATE_COLOR)
    return (Strip((curve,), scaled_axis("learning rate", scale, RATE_COLOR, STRIP_TICKS), STRIP),)


def _few(log: RunLog) -> bool:
    return len(log.columns["epoch"]) <= DOTS_UP_TO


def _rate_scale(logs: Sequence[RunLog]) -> Scale:
    """Never clipped. Steps are factors, so they show on a log axis; a smooth schedule is meant on a linear one."""
    rates = _finite(logs, [RATE])
    low, high = (float(rates.min()), float(rates.max())) if rates.size else (0.0, 1.0)
    in_steps = len(np.unique(rates)) <= rates.size / POINTS_PER_STEP
    if in_steps and low > 0 and high > LOG_FROM_RATIO * low:
        return Scale(LOG, low, high)
    return Scale(LINEAR, min(0.0, low), high if high > min(0.0, low) else low + 1.0)


def _scales(logs: Sequence[RunLog], metrics: Sequence[str], scale: str, limits: dict) -> list[Scale | None]:
    """The scale of the left axis, and after it the other one that makes sense."""
    if scale not in SCALES or scale == SYMLOG:
        raise UsageError(f"scale '{scale}': learning curves have auto, linear or log")
    if not metrics:
        return [None]
    found = scales_for(_finite(logs, metrics), scale, limits)
    kept = [each for each in found if each.kind != SYMLOG]
    return kept or scales_for(_finite(logs, metrics), LINEAR, limits)[:1]


def _finite(logs: Sequence[RunLog], names: Sequence[str]) -> np.ndarray:
    """(n,) all finite numbers of some columns together."""
    series = [log.series(name)[1] for log in logs for name in names if name in log.columns]
    values = np.concatenate([np.zeros(0), *series])
    return values[np.isfinite(values)]


def _shared_metrics(logs: Sequence[RunLog], metric: str | None) -> tuple[str, ...]:
    sets = [_metrics(log, metric) for log in logs]
    if any(set(s) != set(sets[0]) for s in sets):
        shown = " and ".join(", ".join(s) for s in sets)
        raise UsageError(f"these runs hold different metrics ({shown}); choose one that all have")
    return sets[0]


def _metrics(log: RunLog, metric: str | None) -> tuple[str, ...]:
    """All losses and accuracies, or those of one name on both splits."""
    if metric is None:
        usual = tuple(m for m in log.metrics if is_loss(m) or is_percent(m))
        if not usual:
            raise SurfaceFileError(f"{log.source}: the log holds no loss and no accuracy yet; try again after an epoch")
        return usual
    family = tuple(m for m in log.metrics if m in (metric, f"train_{metric}", f"test_{metric}"))
    if not family:
        raise UsageError(f"no metric '{metric}' in {log.source}: it has {', '.join(log.metrics) or 'none'}")
    return family


def what_is_learned(metrics: Sequence[str]) -> str:
    """The subject of a title."""
    return metric_label(metrics[0]) if len(metrics) == 1 else "learning curves"


def _epochs(log: RunLog) -> tuple[float, float]:
    epoch = log.columns["epoch"]
    first, last = float(epoch.min()), float(epoch.max())
    return (first, last) if first < last else (first, first + 1.0)


def _notes(log: RunLog, metrics: Sequence[str], scale: Scale | None) -> list[str]:
    """How far the run has come, what is not finite, what is clipped; the curves are told apart by name."""
    notes = progress(log)
    if any(m.startswith("train_") for m in metrics):
        notes.append(TRAINING_MODE + AUGMENTED * bool(log.config.get("augment")))
    for metric in metrics:
        _, values = log.series(metric)
        finite = values[np.isfinite(values)]
        own = _not_finite(values)
        own += [] if scale is None or is_percent(metric) else clipping_notes(finite, scale)
        notes += [f"{metric_label(metric)}: {note}" for note in own]
    return notes + [CUT] * log.cut


def _not_finite(values: np.ndarray) -> list[str]:
    inf, nan = int(np.isinf(values).sum()), int(np.isnan(values).sum())
    if not inf + nan:
        return []
    parts = [f"{count} {name}" for count, name in ((inf, "inf"), (nan, "nan")) if count]
    return [f"{inf + nan} of {values.size} points not finite ({', '.join(parts)})"]
