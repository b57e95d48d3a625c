"""The loss after an attack on the inputs, as a measure like any other.

Owns: `RobustMeasure`, which attacks each batch at the present weights and measures on what was found. What the loss and the
metrics are is known by the measure within.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from landscape.data.normalize import PRESETS
from landscape.data.pixels import UNIT, Pixels
from landscape.data.split import Split
from landscape.data.structure import batch_length, mapped
from landscape.errors import EvaluationError, UsageError
from landscape.objective.adversarial import Losses, worst
from landscape.objective.attack import Attack
from landscape.objective.measure import Measure, Model, Settled
from landscape.objective.reading import forward

INSTEAD = "attack needs a loss with one value for each sample"


class RobustMeasure:
    """`inner` at inputs that an attack moved; every metric is taken at the input of the largest loss."""

    reads_outputs = False  # it calls the net at other inputs too
    over = None
    manner = "robust"

    def __init__(self, inner: Measure, attack: Attack, pixels: Pixels):
        self.inner, self.attack, self.pixels = inner, attack, pixels
        self.only_calls = inner.only_calls
        self.reads_labels, self.ignored, self.combined = inner.reads_labels, inner.ignored, inner.combined
        self.functions: Mapping[str, Any] = getattr(inner, "functions", {})
        self.settled = inner.settled

    @property
    def no_hessian(self) -> str | None:
        """Why the Hessian at fixed inputs is not that of the loss; None where it is."""
        return self.attack.no_hessian

    def read(self, splits: Mapping[str, Split], model: nn.Module) -> dict[str, Split]:
        return self.inner.read(splits, model)

    def counting(self, splits: Mapping[str, Split]) -> RobustMeasure:
        return self._with(self.inner.counting(splits))

    def on(self, device: torch.device, dtype: torch.dtype) -> RobustMeasure:
        return self._with(self.inner.on(device, dtype))

    def settle(self, settled: Settled) -> RobustMeasure:
        return self._with(self.inner.settle(settled))

    def _with(self, inner: Measure) -> RobustMeasure:
        return RobustMeasure(inner, self.attack, self.pixels)

    def __call__(self, model: Model, batch: Any) -> Mapping[str, Any]:
        inputs = _inputs(batch)
        with torch.inference_mode(False), torch.enable_grad():
            given, targets = mapped((inputs, batch[1]), _usual)
            found = worst(
                lambda moved: self._losses(model, (moved, targets)), given, self.attack, self.pixels,
                aim=aimed(lambda to: lambda moved: self._losses(model, (moved, to)), model, given, targets, self.attack),
            )  # fmt: skip
        return self.inner(model, (found, batch[1]))

    def _losses(self, model: Model, batch: Any) -> Tensor:
        found = self.inner(model, batch)
        if "loss" not in found:
            raise UsageError("attack goes up the loss, and there is none among the metrics; include loss")
        values = found["loss"]
        if not isinstance(values, Tensor) or values.shape != (batch_length(batch),):
            raise UsageError(f"{INSTEAD}, and this one returns {_form(values)}")
        return values


def aimed(losses: Callable[[Any], Losses], model: Model, inputs: Tensor, targets: Any, attack: Attack) -> Losses | None:
    """What the steps of a targeted attack go up: the loss for its class with the other sign; None for an untargeted one.

    `losses`: of targets like the given ones (n,), which are the class numbers of inputs (n, ...).

    Raises:
        UsageError: the targets are not class numbers, or the net has no such class.
    """
    if attack.target is None:
        return None
    with torch.no_grad():
        outputs = forward(model, inputs[:1])
    if isinstance(outputs, Tensor) and outputs.ndim == 2 and attack.target >= outputs.shape[1]:
        raise UsageError(f"attack: target={attack.target}: the net has {outputs.shape[1]} classes, counted from 0")
    if not isinstance(targets, Tensor) or targets.ndim != 1 or targets.is_floating_point():
        raise UsageError(
            f"attack: target={attack.target} is a class, and the targets of these data are not class numbers"
        )
    of_class = losses(torch.full_like(targets, attack.target))
    return lambda moved: -of_class(moved)


def attacked(measure: Measure, attack: Attack, splits: Mapping[str, Split], *, pixels: bool) -> Measure:
    """The measure after an attack; unchanged where its ball is a point. `pixels`: whether inputs are pixels from 0 to 1."""
    if attack.eps == 0:
        return measure
    normalize = next((getattr(split, "normalize", None) for split in splits.values()), None) or PRESETS["none"]
    if attack.box is None and pixels:
        attack = replace(attack, box=UNIT)
    return RobustMeasure(measure, attack, Pixels(normalize, attack.box))


def _inputs(batch: Any) -> Tensor:
    """The inputs that can be moved.

    Raises:
        EvaluationError: there are none.
    """
    found = batch[0] if isinstance(batch, (tuple, list)) and len(batch) == 2 else None
    if isinstance(found, Tensor) and found.is_floating_point():
        return found
    shown = (
        f"inputs of type {found.dtype}"
        if isinstance(found, Tensor)
        else "inputs that are passed by name or are several"
    )
    raise EvaluationError(f"attack moves inputs that are real numbers, in batches (inputs, targets), and not {shown}")


def _usual(tensor: Tensor) -> Tensor:
    """One that autograd can keep."""
    return tensor.clone() if tensor.is_inference() else tensor


def _form(values: Any) -> str:
    if isinstance(values, tuple):
        return "a sum and its weight"
    return f"shape {tuple(values.shape)}" if isinstance(values, Tensor) else f"a {type(values).__name__}"
