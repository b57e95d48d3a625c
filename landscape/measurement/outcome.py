"""What a net makes of an input at a point of a plane of inputs: loss, predicted class and margin.

Owns: `Outcome`. The weights rest; one input is passed at a time, so values depend on no other point.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from landscape.data.split import TensorSplit
from landscape.measurement.measurement import Undivided, Values
from landscape.objective.measure import OutputMeasure
from landscape.objective.reading import forward
from landscape.objective.weighted import mean_of
from landscape.quantity import INPUT_QUANTITIES, Quantity
from landscape.slice.inputs import Inputs
from landscape.subject.subject import Subject
from landscape.sweep.sampler import Point

# How far from 1 probabilities may sum: they may be in bfloat16.
NEARLY = 2e-2
_ROWS = {row.name: row for row in INPUT_QUANTITIES}


class Outcome(Undivided):
    """`loss`; of a net with an output for each class `class`, the number of the largest output, `lead`, by how much it is the
    largest, and `margin`, the output of the sample's own class less the largest of the others; for pixels `outside`, the share of
    pixels that are not valid.
    """

    def __init__(self, subject: Subject, slice: Inputs, sample: TensorSplit):
        """`sample`: a split of the one sample, resident on the device of the objective."""
        self.subject, self.slice, self._sample = subject, slice, sample

    def evaluate(self, point: Point) -> Values:
        if torch.get_num_threads() != self.subject.threads:
            torch.set_num_threads(self.subject.threads)
        moved = self.slice.at(point.coords).reshape(self._sample.inputs.shape).to(self._sample.inputs.device)
        found = self._measured(replace(self._sample, inputs=moved))
        if (share := self.slice.outside(point.coords)) is not None:
            found["outside"] = share
        return found

    def quantity(self, name: str) -> Quantity:
        return _ROWS[name]

    def _measured(self, split: TensorSplit) -> Values:
        objective = self.subject.objective
        with objective.numbers(), objective.steady():
            batch = next(iter(objective.batches(split)))
            if not isinstance(objective.measure, OutputMeasure):  # a loss of (model, batch) hides the outputs
                return {"loss": float(mean_of(objective.measure(objective.model, batch)["loss"]))}
            outputs = forward(objective.net, batch[0])
            # what takes all that the net returns is not passed its outputs alone
            given = objective.net if objective.measure.settled.whole else lambda inputs: outputs
            loss = objective.measure(given, batch)["loss"]
            return {"loss": float(mean_of(loss)), **_classified(outputs, self._sample.targets)}


def _classified(outputs: Any, targets: Tensor) -> Values:
    count, target = classes_in(outputs, targets), class_of(targets)
    if count is None:
        return {}
    values = outputs.reshape(-1).double()
    if bool(values.isnan().any()):
        return dict.fromkeys(("class", "lead", "margin"), float("nan"))
    first, second = values.topk(2).values.tolist()
    found = {"class": float(values.argmax()), "lead": first - second}
    if target is not None and 0 <= target < count:
        others = torch.cat([values[:target], values[target + 1 :]])
        found["margin"] = float(values[target] - others.max())
    return found


def classes_in(outputs: Any, targets: Tensor) -> int | None:
    """How many classes the outputs of one sample are scores of; None where its target is neither a class nor their shares."""
    if not isinstance(outputs, Tensor) or outputs.ndim != 2 or outputs.shape[1] < 2:
        return None
    one = targets[:1]
    return int(outputs.shape[1]) if class_of(one) is not None or _are_shares(one, outputs.shape) else None


def _are_shares(targets: Tensor, shape: torch.Size) -> bool:
    """Whether the targets of one sample are the probabilities of its classes."""
    if targets.shape != shape or not targets.is_floating_point():
        return False
    return bool((targets >= 0).all()) and abs(float(targets.sum()) - 1) < NEARLY


def class_of(targets: Tensor) -> int | None:
    """The class of the only sample; None where its target is none."""
    is_class = targets.numel() == 1 and not targets.is_floating_point() and not targets.is_complex()
    return int(targets.reshape(())) if is_class else None
