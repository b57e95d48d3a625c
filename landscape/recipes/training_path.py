"""The checkpoints of a training run as points of a path, with the training step as coordinate.

Owns: the list of nets in a run folder, and loading each of them, with its batch-norm statistics, into the net of an
objective. The path is a one-dimensional surface whose axis is the step.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from landscape.checkpoint.checkpoint import load_checkpoint
from landscape.checkpoint.fit import fitting
from landscape.errors import LandscapeError, UsageError
from landscape.grid import Axis, Grid
from landscape.objective.objective import Objective
from landscape.recipes.job import Job, make_job
from landscape.recipes.options import Options
from landscape.surfaces import load_surface
from landscape.surfaces.provenance import difference, plain
from landscape.surfaces.run_log import CONFIG
from landscape.surfaces.surface import Surface
from landscape.sweep.launch import World

STEP = re.compile(r"step_(\d+)\.pt$")


@dataclass(frozen=True, eq=False)
class TrainingPath:
    """The nets of a run in `files`, by step; `surface` holds the results along the path so far."""

    surface: Surface
    objective: Objective
    files: Mapping[float, Path]
    threads: int
    marks: dict[str, str]

    def move(self, coords: tuple[float, ...]) -> None:
        """Sets the net of the objective to that of step coords[0]."""
        if torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)
        model = self.objective.model
        found = fitting(model, load_checkpoint(self.files[coords[0]]))
        own: dict[str, Tensor] = dict(model.named_parameters(remove_duplicate=False)) | dict(model.named_buffers())
        for name, tensor in found.items():
            own[name].data.copy_(tensor)


def training_path(
    folder: Path, given: Mapping[str, Any], world: World, *, split: str | None, precision: str | None
) -> TrainingPath:
    """The path of the run in `folder`, with the results in FOLDER/hessian.h5 if there is such a file.

    `given`: options that replace those of the run.

    Raises:
        LandscapeError: there is no run, it has fewer than two nets, or the file is of another run.
    """
    files = _nets(folder)
    steps = np.array(sorted(files))
    try:
        config = json.loads((folder / CONFIG).read_text())
    except (OSError, ValueError) as error:
        raise LandscapeError(f"{folder}: not a run folder, because {CONFIG} cannot be read ({error})") from None
    stored = {name: config.get(name) for name in ("model", "data", "normalize", "loss")}
    options = {**stored, **{name: value for name, value in given.items() if value is not None}}
    for name in ("checkpoint", "to", "to_y", "directions"):
        if given.get(name) is not None:
            raise UsageError(
                f"{name.replace('_', '-')}: the points of {folder} are its own checkpoints; drop the option"
            )
    options.pop("checkpoint", None)
    job = make_job(
        Options(
            checkpoint=files[steps[-1]], split=(split or "train",), metrics=("loss",), plain=True, batchnorm=None,
            precision=precision or "fp32", **{k: v for k, v in options.items() if k not in ("to", "to_y", "directions")},
        ),
        {"x": (0, 1, 2)},
        world,
        "hessian",
    )  # fmt: skip
    grid = Grid((Axis("x", steps, "training step", "step"),))
    provenance = _provenance(job, folder, config, steps)
    surface = _surface(folder / "hessian.h5", grid, provenance)
    marks = {"run": str(folder.resolve()), "data": str(provenance["data"]["splits"])}
    return TrainingPath(surface, job.objective, files, job.threads, marks)


def _nets(folder: Path) -> dict[float, Path]:
    nets = [(STEP.search(path.name), path) for path in sorted((folder / "checkpoints").glob("step_*.pt"))]
    found = {float(step[1]): path for step, path in nets if step}
    if len(found) < 2:
        raise UsageError(
            f"{folder}: {len(found)} nets in {folder / 'checkpoints'}; a path needs at least two; train with --save-every"
        )
    return found


def _provenance(job: Job, folder: Path, config: Mapping, steps: np.ndarray) -> dict:
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
    known = {name: value for name, value in job.provenance.items() if name not in ("directions", "batchnorm")}
    return plain(
        {
            **known,
            "command": "hessian",
            # a run is a function of its settings, so their hash stands for its nets
            "checkpoint": {"path": str(folder), "sha256": digest},
            "run_of": {"seed": config.get("seed"), "init_seed": config.get("init_seed"), "steps": len(steps)},
        }
    )


def _surface(path: Path, grid: Grid, provenance: dict) -> Surface:
    if not path.exists():
        return Surface(grid, {}, {}, {}, {}, provenance, str(path))
    surface = load_surface(path)
    if not surface.grid.same_as(grid):
        raise UsageError(f"{path} has other steps than the nets of the run; remove it")
    if found := difference(surface.provenance, provenance):
        raise UsageError(f"{path} is of another run: {found}; remove it")
    return surface
