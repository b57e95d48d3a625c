"""Everything a sweep needs, built from the options, the same on every rank.

Owns: the order in which the rooms are put together, and the provenance of a run.
"""

from __future__ import annotations

import functools
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import torch

from landscape.data.load import load_splits
from landscape.data.memory import host_budget
from landscape.errors import EvaluationError, UsageError
from landscape.grid import Grid, parse_range
from landscape.models.choose import ReadBatch
from landscape.objective.batchnorm import check_variances, tracking_layers
from landscape.objective.loss import make_measure
from landscape.objective.numerics import choose_device, memory_budget
from landscape.objective.objective import Objective
from landscape.objective.tally import Sums
from landscape.recipes.axes import Axes, lines, make_axes, moves_buffers, net_trail
from landscape.recipes.net import Net, load_net
from landscape.recipes.options import Options
from landscape.recipes.tolerance import Means
from landscape.recipes.trial import trial_batch
from landscape.slice.plane import Plane
from landscape.surfaces.surface import Trail
from landscape.sweep.launch import World

SPEED_SECONDS = 1.0


@dataclass(frozen=True, eq=False)
class Job:
    """Ready to evaluate: `evaluate(coords)` moves the private net to a point and measures there.

    It is `sweep.parts.Work`: a point can be shared among ranks, chunk by chunk.
    """

    objective: Objective
    plane: Plane
    grid: Grid
    axes: Axes
    provenance: dict
    trails: dict[str, Trail]
    threads: int
    means: Means | None = None

    def evaluate(self, coords: tuple[float, ...]) -> dict[str, float]:
        self.move(coords)
        return self.objective.evaluate()

    @property
    def chunks(self) -> int:
        return self.objective.chunks

    def part(self, coords: tuple[float, ...], first: int, end: Callable[[int], int]) -> list[Sums]:
        self.move(coords)
        return self.objective.sums(first, end)

    def join(self, chunks: Sequence[Sums]) -> dict[str, float]:
        return self.objective.join(chunks)

    def move(self, coords: tuple[float, ...]) -> None:
        """Sets the private net to a point, in the thread that will evaluate it."""
        if torch.get_num_threads() != self.threads:  # the count is a property of the calling thread
            torch.set_num_threads(self.threads)
        self.plane.at(coords, out=self.objective.weights)

    @property
    def anchors(self) -> list[tuple[float, ...]]:
        """Where nets lie: at 0, and at 1 of the axes that lead to another net."""
        made, ndim = self.provenance["directions"], self.plane.ndim
        ends = [axis for axis, key in enumerate(("to", "to_y")[:ndim]) if made.get(key)]
        return [(0.0,) * ndim, *(tuple(float(i == axis) for i in range(ndim)) for axis in ends)]

    @property
    def drivers(self) -> list[str]:
        """The metrics whose error a tolerance bounds: the loss of each split, or the first metric where there is none."""
        metrics = self.provenance["metrics"]
        name = "loss" if "loss" in metrics else metrics[0]
        return [f"{split}_{name}" for split in self.objective.splits]

    @property
    def weight_bytes(self) -> int:
        """What is held of weights and directions: origin, buffer, one vector per direction (or its seed), folded ones."""
        return self.objective.nbytes + self.plane.nbytes


def make_job(options: Options, ranges: dict[str, Any], world: World, command: str) -> Job:
    """Builds the job of this rank.

    Raises:
        LandscapeError: whatever is wrong with the input, before anything is computed.
    """
    options = options.completed(len(ranges))
    grid_ranges = [parse_range(spec, name=name) for name, spec in ranges.items()]
    threads = options.threads or default_threads(world)
    torch.set_num_threads(threads)
    device = choose_device(options.device, world.local_rank)
    net = load_net(options.checkpoint, options.model, _trial(options, device))
    options = _with_batchnorm(options, net)
    objective, loss_facts = _objective(options, net, device, world)
    origin = objective.weights.clone()
    axes = make_axes(options, net, objective.layout, origin, len(grid_ranges))
    plane = Plane(origin, lines(axes.directions, origin))
    if options.batchnorm == "interpolate":
        corners = [(r.start, r.stop) for r in grid_ranges]
        check_variances(objective.layout, plane.origin, plane.directions, corners)
    if options.batchnorm == "interpolate" and not moves_buffers(axes.directions, objective.layout):
        options = replace(options, batchnorm="keep")  # what happens is what the figure should say
    objective.check()
    means = Means.of(options, objective)
    if options.shard_data:
        _check_divisible(objective, means)
    provenance = {
        "command": command,
        **net.provenance,
        **loss_facts,
        "directions": axes.provenance,
        "batchnorm": options.batchnorm,
        "precision": options.precision,
        "l2": options.l2,
        **({"tolerance": means.facts()} if means else {}),
        "run": {**_run_facts(objective, threads, world), "lean": options.lean},
    }
    grid = Grid.of(*grid_ranges, labels=axes.labels)
    trails = net_trail(plane, net, axes.others, objective.layout)
    # from here on nobody reads other nets, nor directions in another form than the plane has them, but to save them
    axes = replace(axes, others=(), directions=axes.directions if options.save_directions else ())
    return Job(objective, plane, grid, axes, provenance, trails, threads, means)


def _trial(options: Options, device: torch.device) -> ReadBatch | None:
    if options.data is None:
        return None
    source = {"normalize": options.normalize, "data_root": options.data_root, "download": options.download}
    return functools.partial(trial_batch, options.data, options.split[0], device, **source)


def _check_divisible(objective: Objective, means: Means | None) -> None:
    sampled = "tolerance draws samples at each point until they are enough" if means and means.samples else None
    if reason := objective.indivisible or sampled:
        raise UsageError(
            f"shard-data: expected data that several ranks can share, but {reason}; "
            "drop shard-data, and whole points are dealt out"
        )


def default_threads(world: World) -> int:
    """All cores of a process alone; a share of them beside other ranks."""
    if world.size == 1:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    from landscape.sweep.mpi import threads_here

    return threads_here(world)


def _with_batchnorm(options: Options, net: Net) -> Options:
    """The policy when none is named: `interpolate` toward other nets, so that 1 is that net; else `keep`."""
    if not tracking_layers(net.module):
        if options.batchnorm == "recompute":
            raise UsageError(f"batchnorm recompute: {net.name} has no batch-norm statistics; drop the option")
        return replace(options, batchnorm="interpolate" if options.state == "states" else "keep")
    if options.batchnorm:
        return options
    moves = options.state == "states" or options.to is not None
    return replace(options, batchnorm="interpolate" if moves else "keep")


def _objective(options: Options, net: Net, device: torch.device, world: World) -> tuple[Objective, dict]:
    source = options.data if options.data is not None else net.meta.get("data")
    if source is None:
        raise UsageError(
            f"no data: the checkpoint of {net.name} does not name its data set; give --data, such as digits, cifar10, "
            "folder:PATH or npz:PATH"
        )
    measure, loss_name, metrics = make_measure(options.loss, options.metrics)
    if options.l2 is not None and "loss" not in metrics:
        raise UsageError("l2 adds to the loss; have loss among the metrics")
    keywords: dict[str, Any] = {
        "samples": options.samples,
        "normalize": options.normalize or (net.meta.get("normalize") if options.data is None else None),
        "data_root": options.data_root,
        "download": options.download,
        "budget": host_budget(world.local_size),
    }
    wanted = load_splits(source, split=options.split, **keywords)
    extra = None
    if options.batchnorm == "recompute" and "train" not in wanted.splits:
        extra = load_splits(source, split=("train",), **keywords).splits["train"]
    objective = Objective(
        net.module,
        wanted.splits,
        measure,
        device=device,
        precision=options.precision,
        batch_size=options.batch_size,
        batchnorm=options.batchnorm,
        recompute_on=extra,
        l2=options.l2,
        budget=memory_budget(device, world.local_size),
        fast=not options.plain,
        own=net.own,
    )
    return objective, {"data": wanted.provenance, "loss": loss_name, "metrics": metrics}


def versions_used() -> dict[str, str]:
    """Of this program, Python and the libraries that decide results."""
    import landscape

    versions = {"landscape": landscape.__version__, "python": platform.python_version()}
    return versions | {name: version(name) for name in ("torch", "numpy", "h5py")}


def _run_facts(objective: Objective, threads: int, world: World) -> dict:
    device = objective.device
    return {
        "versions": versions_used(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "program": "plain" if objective.net is objective.model else "folded",
        "ranks": world.size,
        "threads": threads,
        "batch_size": objective.batch_size,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def measure_speed(job: Job, clock: Callable[[], float] = time.perf_counter) -> float:
    """Samples per second of this rank, from about a second of batches at the centre.

    Raises:
        EvaluationError: not one batch could be evaluated.
    """
    from landscape.data.split import batch_length
    from landscape.objective.numerics import numerics

    objective = job.objective
    split = next(iter(objective.splits.values()))
    with numerics(objective.precision, objective.device):
        done, started, warm = 0, 0.0, False
        while True:
            for batch in split.batches(objective.batch_size):
                for value in objective.measure(objective.net, batch).values():
                    value.sum().item()  # waits for the device
                if not warm:
                    warm, started = True, clock()
                    continue
                done += batch_length(batch)
                if clock() - started > SPEED_SECONDS:
                    return done / (clock() - started)
            if not warm:
                raise EvaluationError("no batch to time: the data are empty")
