"""The estimator of a run under a tolerance, from where all samples are evaluated.

Owns: the census at the nets, the look at the far ends (far.py), how the ranks share both, and whether samples pass in bfloat16.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from landscape.measurement.evaluate import Coords, Sampled, drivers, move
from landscape.objective.census import Census, added, measure_together, take_census
from landscape.objective.objective import Objective
from landscape.objective.rough import BF16, EXACT, in_bf16, pays, rough_obstacle
from landscape.objective.sampled import SampledObjective
from landscape.study import far
from landscape.study.on_slice import OnSlice
from landscape.study.ranks import shared
from landscape.surfaces.provenance import DirectionFacts
from landscape.sweep.progress import Progress, note
from landscape.sweep.sampler import Point
from landscape.sweep.world import World


def anchors(on: OnSlice) -> list[Coords]:
    """Where nets lie: at 0, and at 1 of the axes that lead to another net."""
    made, ndim = on.provenance.directions or DirectionFacts(), on.slice.grid.ndim
    ends = [axis for axis, other in enumerate((made.to, made.to_y)[:ndim]) if other]
    return [(0.0,) * ndim, *(tuple(float(i == axis) for i in range(ndim)) for axis in ends)]


def looked(on: OnSlice) -> int:
    """How many evaluations of samples the look at the far ends takes."""
    places = len(far.corners(on.slice.grid, anchors(on)))
    return sum(len(each) for split in on.subject.objective.splits.values() for each in far.shares(split.size, places))


def sampled(on: OnSlice, world: World, label: str, quiet: bool, earlier: str | None = None) -> Sampled:
    """Evaluates all samples at the nets, each rank its part, and then estimates at any point.

    Of a net that is divided among the ranks each evaluates all samples, and decides from the leader's values. `earlier`: on the
    leader, the `sampling` of the run that goes on, which is kept to.
    """
    assert on.reduction is not None, "only a run under a tolerance comes here"
    objective, nets = on.subject.objective, anchors(on)
    rough, driver = _rough(on, world, earlier), drivers(on.subject)[0].split("_", 1)[1]
    measured = _Measured(on, world, label, quiet)
    census = measured.all_at(nets)
    if ends := measured.far_ends(census, rough or objective, driver):
        said = f"samples that count little at the net carry much of the loss elsewhere: all are evaluated at {len(ends)} ends too"
        note(said, label=label, quiet=quiet or not world.leads)
        nets = [*nets, *ends]
        census = added(census, measured.all_at(ends))
    agreed = _leaders(world) if world.lockstep else None
    estimator = SampledObjective(objective, census, on.reduction.stderr, driver, rough=rough, agreed=agreed)
    return Sampled(on.subject, on.slice, estimator, nets)


class _Measured:
    """Evaluates samples at places of the slice, each rank its part, and shows how far it is."""

    def __init__(self, on: OnSlice, world: World, label: str, quiet: bool):
        self._on, self._world, self._label, self._quiet = on, world, label, quiet or not world.leads
        rank, size = (0, 1) if world.lockstep else (world.rank, world.size)
        self._shared = (_gather(world), rank, size)

    def all_at(self, places: Sequence[Coords]) -> dict[str, Census]:
        """Every sample at each of these places."""
        objective, moves = self._on.subject.objective, [functools.partial(self._move, coords) for coords in places]
        with self._progress(objective.samples * len(places)) as progress:
            return take_census(objective, moves, *self._shared, lambda samples: progress.update(count=samples))

    def far_ends(self, census: Mapping[str, Census], objective: Objective, metric: str) -> list[Coords]:
        """Where all samples are to be evaluated besides, from a look at some of them with `objective` (far.py)."""
        corners = far.corners(self._on.slice.grid, anchors(self._on))
        parts = {name: far.shares(split.size, len(corners)) for name, split in objective.splits.items()}
        found = False
        with self._progress(sum(len(each) for part in parts.values() for each in part)) as progress:
            for place, coords in enumerate(corners):
                self._move(coords)
                for name, part in parts.items():
                    measured = measure_together(
                        objective,
                        name,
                        part[place],
                        *self._shared,
                        lambda samples: progress.update(count=samples),
                        where=f"at {Point(0, coords).place}",
                    )
                    losses = np.concatenate([each.metrics[metric] for each in measured])
                    found |= far.dominates(far.Seen(part[place], losses), census[name].metrics[metric])
        return corners if shared(self._world, lambda: found) else []

    def _move(self, coords: Coords) -> None:
        move(self._on.subject, self._on.slice, coords)

    def _progress(self, total: int) -> Progress:
        return Progress(total, 0, 1, label=self._label, quiet=self._quiet, unit="samples")


def _rough(on: OnSlice, world: World, earlier: str | None) -> Objective | None:
    """The objective in bfloat16, if most samples pass in it: on all ranks as the leader has chosen, since values depend on it."""
    objective, asked = on.subject.objective, on.tolerance.sampling
    if asked == EXACT or rough_obstacle(objective):
        return None
    choice = asked if asked == BF16 else shared(world, lambda: earlier or (BF16 if pays(objective) else EXACT))
    return in_bf16(objective) if choice == BF16 else None


def _gather(world: World) -> Callable[[Any], list[Any]]:
    if world.size == 1:
        return lambda value: [value]
    from landscape.sweep.mpi import gather

    return lambda value: gather(world, value)


def _leaders(world: World) -> Callable[[Any], Any]:
    from landscape.sweep.mpi import broadcast

    return lambda value: broadcast(world, value)
