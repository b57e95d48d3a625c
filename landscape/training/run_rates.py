"""The learning rate of each step of a run, from its folder; it is the same while the run grows and afterwards.

Owns: where a rate is known: from the settings of a run of `landscape train`, or with the net of that step where rates follow from
losses; else where the log says it. A rate between two rows of a log is not guessed, unless all rows of a finished run agree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from landscape.checkpoint.checkpoint import load_checkpoint
from landscape.errors import CheckpointError, SurfaceFileError
from landscape.surfaces.run_log import load_run
from landscape.training.run_folder import FINAL, RATE, net_of
from landscape.training.schedules import PLATEAU, SCHEDULES, make_schedule

Rate = Callable[[float], float]


def rate_of_run(folder: Path, config: Mapping[str, Any]) -> Rate:
    """step -> the learning rate there; NaN where it is not known."""
    return _scheduled(config) or (_with_nets(folder) if config.get("schedule") == PLATEAU else _logged(folder))


def _scheduled(config: Mapping[str, Any]) -> Rate | None:
    """By the schedule of `landscape train`; None for the settings of other runs, and for rates that follow from losses."""
    try:
        lr, steps, each = float(config["lr"]), int(config["steps"]), int(config["steps_per_epoch"])
        warmup = config["warmup"]
        share = make_schedule(
            str(config["schedule"]),
            steps=steps,
            warmup=None if warmup is None else round(float(warmup) * each),
            milestones=[float(mark) for mark in config["milestones"]],
            gamma=float(config["gamma"]),
        )
    except (KeyError, TypeError, ValueError):
        return None
    if config["schedule"] not in SCHEDULES or config["schedule"] == PLATEAU or not lr > 0 or steps < 1:
        return None
    return lambda step: lr * share(min(int(step), max(0, steps - 1)))


def _with_nets(folder: Path) -> Rate:
    """That which the net of a step was saved with; what the log says for nets without one."""
    logged = _logged(folder)

    def rate(step: float) -> float:
        try:
            found = load_checkpoint(net_of(folder, int(step))).meta.get(RATE)
        except CheckpointError:
            found = None
        return found if isinstance(found, float) else logged(step)

    return rate


def _logged(folder: Path) -> Rate:
    """Of the row at a step, or that of all rows once there will be no more."""
    try:
        log = load_run(folder)
    except SurfaceFileError:
        return lambda step: math.nan
    if not {"step", "lr"} <= log.columns.keys():
        return lambda step: math.nan
    rows = log.given["lr"]
    known = dict(zip(log.columns["step"][rows].tolist(), log.columns["lr"][rows].tolist(), strict=True))
    same = np.unique(list(known.values()))
    usual = float(same[0]) if len(same) == 1 and (folder / FINAL).exists() else math.nan
    return lambda step: known.get(float(step), usual)
