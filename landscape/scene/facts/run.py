"""What was trained and how, in a few words: the small lines under learning curves.

Owns: the reading of a run's settings for people. Every key is optional; what is not known is not mentioned.
"""

from __future__ import annotations

from pathlib import PurePath

import numpy as np

from landscape.quantity import LOSS, SHARE
from landscape.scene.text import data_title, model_label, short
from landscape.surfaces.run_log import EPOCH, RunLog

_OPTIMIZERS = {"sgd": "SGD", "nesterov": "SGD with Nesterov's momentum", "adam": "Adam", "adamw": "AdamW"}
_SCHEDULES = {"constant": "constant", "onecycle": "one-cycle schedule"}
# In epochs: the last row of a finished run may miss the end by rounding.
ENDED = 1e-6


def run_subject(log: RunLog) -> str:
    """Model and data, as a title begins: "ResNet-56 on CIFAR-10"; the folder's name when neither is known."""
    model, data = _text(log, "model"), _text(log, "data")
    parts = [model_label(_tail(model)) if model else "", data_title(data) if data else ""]
    return " on ".join(filter(None, parts)) or PurePath(log.source).name


def run_facts(log: RunLog) -> list[str]:
    """One short phrase per fact, in the order of a figure's footer."""
    return [
        *_optimizer(log),
        *_number(log, "batch_size", "batch of {}"),
        *_rate(log),
        *_number(log, "weight_decay", "weight decay {}"),
        *_noise(log),
        *_epochs(log),
        *_number(log, "seed", "seed {}"),
        *_last(log),
    ]


def progress(log: RunLog) -> list[str]:
    """How far an unfinished run has come."""
    planned, reached = _value(log, "epochs"), float(log.times.max())
    if planned is None or log.clock != EPOCH or reached >= planned - ENDED:
        return []
    return [f"{short(reached)} of {short(planned)} epochs so far"]


def _last(log: RunLog) -> list[str]:
    """The final test error, or the latest one of a run that is not finished."""
    tested = [log.quantity(name) for name in log.metrics if log.quantity(name).split == "test"]
    for kind in (SHARE, LOSS):
        for quantity in tested:
            if quantity.kind == kind:
                latest = float(log.series(quantity.name)[1][-1])
                text = (
                    f"test error {100 * (1 - latest):.4g} %"
                    if quantity.percent
                    else f"{quantity.label} {short(latest)}"
                )
                return [("latest " if progress(log) else "final ") + text]
    return []


def _optimizer(log: RunLog) -> list[str]:
    name, momentum = _text(log, "optimizer"), _value(log, "momentum")
    label = _OPTIMIZERS.get(name.lower(), _tail(name))
    if momentum and "momentum" in label:
        return [f"{label} {short(momentum)}"]
    # The setting has a value for every optimizer, and only these use it.
    return [label + (f", momentum {short(momentum)}" if momentum and label == "SGD" else "")] if name else []


def _rate(log: RunLog) -> list[str]:
    rate, schedule = _value(log, "lr"), _text(log, "schedule")
    words = _SCHEDULES.get(schedule, f"{schedule} schedule" if schedule else "")
    parts = [f"learning rate {short(rate)}" if rate is not None else "", words]
    return [", ".join(filter(None, parts))] if any(parts) else []


def _number(log: RunLog, key: str, form: str) -> list[str]:
    value = _value(log, key)
    return [] if value is None else [form.format(_count(value))]


def _noise(log: RunLog) -> list[str]:
    share = _value(log, "label_noise")
    return [f"label noise {short(100 * share)} %"] if share else []


def _epochs(log: RunLog) -> list[str]:
    count = _value(log, "epochs")
    return [] if count is None else [f"{_count(count)} epoch{'s' * (count != 1)}"]


def _count(value: float) -> str:
    """Whole numbers with all their digits, others in short."""
    return str(int(value)) if value == int(value) else short(value)


def _value(log: RunLog, key: str) -> float | None:
    value = log.config.get(key)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not np.isfinite(value):
        return None
    return value


def _text(log: RunLog, key: str) -> str:
    """A setting that is a name, or the `name` of an object."""
    value = log.config.get(key)
    value = value.get("name") if isinstance(value, dict) else value
    return value.strip() if isinstance(value, str) else ""


def _tail(spec: str) -> str:
    """`npz:/long/way/images.npz` -> `images.npz`; a spec without folders stays."""
    return PurePath(spec).name or spec
