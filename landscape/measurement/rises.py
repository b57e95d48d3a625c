"""The objective along paths between nets, with the error of its rise over the ends.

Owns: `Rises`. All points of a path are measured on the same samples, so the error of a difference is that of the differences of
single samples, which is far below the errors of its parts. Values and their own errors are those of `Evaluate`, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from landscape.measurement.evaluate import move, quantity_of
from landscape.measurement.measurement import Undivided
from landscape.objective.rounds import have_error
from landscape.quantity import RISE, Quantity, rise_of
from landscape.slice.paths import Path, Paths
from landscape.subject.subject import Subject
from landscape.sweep.sampler import Point, Result

Samples = Mapping[str, np.ndarray]


class Rises(Undivided):
    """All metrics at a point, and as `NAME_rise_stderr` the standard error of value - (value at first + at last) / 2.

    There is none for metrics that have no value for each sample.
    """

    def __init__(self, subject: Subject, slice: Paths):
        self.subject, self.slice = subject, slice
        self._ends: dict[int, Samples] = {}

    def evaluate(self, point: Point) -> Result:
        path = self.slice.paths[round(point.coords[1])]
        assert path is not None  # points of other paths are not asked for
        move(self.subject, self.slice, point.coords)
        found, here = self._measured()
        first, last = (self._end(path, number, point.coords[0], here) for number in (0, -1))
        for name, values in here.items():
            # parts of a metric that is put together from means over all data have no rise of their own
            if name in found and len(values) > 1 and name in first and name in last:
                rise = values - (first[name] + last[name]) / 2
                known = have_error(rise)
                found[f"{name}{RISE}"] = float(np.std(rise, ddof=1) / np.sqrt(len(rise))) if known else float("nan")
        return found

    def quantity(self, name: str) -> Quantity:
        if name.endswith(RISE):
            return rise_of(self.quantity(name.removesuffix(RISE)))
        return quantity_of(self.subject.objective, name)

    def _end(self, path: Path, number: int, place: float, here: Samples) -> Samples:
        """Single samples at an end of a path, which is evaluated once on each rank."""
        net = path.points[number]
        if id(net) not in self._ends:
            if place == (0.0 if number == 0 else 1.0):
                self._ends[id(net)] = here
            else:
                self.subject.objective.weights.copy_(net)
                self._ends[id(net)] = self._measured()[1]
        return self._ends[id(net)]

    def _measured(self) -> tuple[dict[str, float], Samples]:
        """Metrics at the present weights, and those of single samples (n,) in the order of the data."""
        objective = self.subject.objective
        kept: dict[tuple[str, int], dict[str, Tensor]] = {}

        def keep(name: str, number: int, values: Mapping[str, Any], size: int) -> None:
            single = {f"{name}_{key}": value for key, value in values.items() if _is_single(value, size)}
            kept[name, number] = {key: value.detach().double().cpu() for key, value in single.items()}

        found = objective.join(objective.sums(0, lambda chunk: objective.chunks, keep=keep))
        samples: dict[str, list[Tensor]] = {}
        for place in sorted(kept):
            for key, value in kept[place].items():
                samples.setdefault(key, []).append(value)
        whole = {key: torch.cat(parts).numpy() for key, parts in samples.items()}
        sizes = {name: split.size for name, split in objective.splits.items()}
        return found, {key: each for key, each in whole.items() if len(each) == sizes[_split(key, sizes)]}


def _split(key: str, sizes: Mapping[str, int]) -> str:
    return next(name for name in sizes if key.startswith(f"{name}_"))


def _is_single(value: Any, size: int) -> bool:
    return isinstance(value, Tensor) and value.shape == (size,)
