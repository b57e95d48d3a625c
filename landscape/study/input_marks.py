"""What is marked on a plane of inputs: its samples by name, and where all pixels are valid.

Owns: the names of samples and classes, the trails, and the note on the valid part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from landscape.data.single import class_names
from landscape.data.split import TensorSplit
from landscape.measurement.outcome import class_of, classes_in
from landscape.objective.measure import OutputMeasure
from landscape.objective.reading import forward
from landscape.polygon import area
from landscape.slice.inputs import Inputs
from landscape.subject.subject import Subject
from landscape.surfaces.surface import NETS, VALID, Trail

# Of the grid's rectangle: a smaller valid part is a point or a line.
LEAST = 1e-6


@dataclass(frozen=True)
class SampleNames:
    """What figures call the classes, and the samples of a plane; `target`: of the first one."""

    classes: list[str] | None
    samples: list[str]
    target: str


def names_of(
    subject: Subject, split: TensorSplit, targets: Tensor, numbers: Sequence[int], given: Sequence[str] | None
) -> SampleNames:
    """`split`: the first sample; `targets` (k, ...) of all with their `numbers`; `given`: the names of the classes, if any."""
    objective = subject.objective
    count = None
    if isinstance(objective.measure, OutputMeasure):  # a loss of (model, batch) calls the net as only it knows
        with objective.numbers(), objective.steady():
            count = classes_in(forward(objective.model, next(iter(objective.batches(split)))[0]), targets)
    data = subject.facts.data
    classes = class_names((data and data.name) or "", given, count) if count else None

    def named(target: Tensor) -> str:
        number = class_of(target)
        if number is None:
            return "" if target.numel() > 1 else f"{float(target.reshape(())):.4g}"
        return classes[number] if classes and 0 <= number < len(classes) else str(number)

    words = [named(target) for target in targets]
    kind = "class " if classes and class_of(targets[0]) is not None and words[0].isdecimal() else ""
    shown = [f"{number} ({kind}{word})" if word else str(number) for number, word in zip(numbers, words, strict=True)]
    return SampleNames(classes, [f"sample {each}" for each in shown], words[0])


def trails_of(plane: Inputs, numbers: Sequence[int]) -> tuple[dict[str, Trail], list[str]]:
    """The samples and the outline of the valid part; notes on what of it cannot be drawn."""
    places = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])[: len(numbers)]
    trails = {NETS: Trail(places[:, 0], places[:, 1], labels=tuple(f"sample {number}" for number in numbers))}
    corners = plane.valid()
    if corners is None:
        return trails, []
    x, y = (axis.values for axis in plane.grid.axes)
    whole = (x[-1] - x[0]) * (y[-1] - y[0])
    share = area(corners) / whole
    if share <= LEAST:
        return trails, [
            "no part of the plane around the sample has all pixels within their range: some are at an end already"
        ]
    if share < 1 - LEAST:
        ring = np.concatenate([corners, corners[:1]])
        trails[VALID] = Trail(ring[:, 0], ring[:, 1])
    return trails, []
