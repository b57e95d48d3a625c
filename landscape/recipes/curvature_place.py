"""Where curvature is computed: the surface that is extended, and how to get to its points.

Owns: a surface with its own job made anew from its provenance (revive.py), or a training run with its checkpoints as points
(training_path.py), both as a `Place`; and which samples are taken.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from landscape.data.load import subset
from landscape.data.split import TensorSplit
from landscape.errors import UsageError
from landscape.objective.objective import Objective
from landscape.recipes.revive import revived
from landscape.recipes.run import marks_of
from landscape.recipes.training_path import training_path
from landscape.surfaces import load_surface
from landscape.surfaces.run_log import is_run_folder
from landscape.surfaces.surface import Surface
from landscape.sweep.launch import World


@dataclass(frozen=True, eq=False)
class Place:
    """A surface to be extended, its file, and how to get to its points; `loss`: the metric that the loss is kept as too."""

    surface: Surface
    path: Path | None
    objective: Objective
    move: Callable[[tuple[float, ...]], Any]
    marks: dict[str, str]
    facts: dict
    loss: str | None = None


def place_of(
    source: Surface | str | Path, given: dict, world: World, *, split: str | None, precision: str | None
) -> Place:
    """The place of a surface, of a surface file, or of the folder of a training run; `given`: what has moved since.

    Raises:
        LandscapeError: what it was computed from is gone or no longer the same.
    """
    loaded = _loaded(source)
    place = _run_place if isinstance(loaded, Path) else _surface_place
    return place(loaded, given, world, split, precision)


def few_of(split: Any, samples: int | None) -> Any:
    """The same few samples of a split every time; all of them for None.

    Raises:
        UsageError: fewer than one, or of data that cannot be picked from.
    """
    if samples is None or samples >= split.size:
        return split
    if samples < 1:
        raise UsageError(f"samples {samples}: expected at least 1")
    if not isinstance(split, TensorSplit):
        raise UsageError(f"samples {samples}: these data come as ready-made batches or from disk; leave samples out")
    numbers = torch.from_numpy(subset(split.size, samples)).to(split.inputs.device)
    return replace(
        split, inputs=split.inputs[numbers], targets=split.targets[numbers],
        fingerprint=f"{split.fingerprint} {samples}",
    )  # fmt: skip


def _loaded(source: Surface | str | Path) -> Surface | Path:
    if isinstance(source, Surface):
        return replace(
            source, values=deepcopy(source.values), stderr=deepcopy(source.stderr), status=deepcopy(source.status),
            provenance=deepcopy(source.provenance), source="",
        )  # fmt: skip
    return Path(source) if is_run_folder(source) else load_surface(source)


def _surface_place(surface: Surface, given: dict, world: World, split, precision) -> Place:
    job = revived(surface, given, world, split=split, precision=precision)
    facts = {"split": next(iter(job.objective.splits)), "precision": job.provenance["precision"]}
    path = Path(surface.source) if surface.source else None
    return Place(surface, path, job.objective, job.move, marks_of(job), facts)


def _run_place(folder: Path, given: dict, world: World, split, precision) -> Place:
    path = training_path(folder, given, world, split=split, precision=precision)
    facts = {"split": next(iter(path.objective.splits)), "precision": path.objective.precision}
    return Place(
        path.surface, folder / "hessian.h5", path.objective, path.move, path.marks, facts, f"{facts['split']}_loss"
    )
