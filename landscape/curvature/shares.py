"""A batch's share of the mean loss, as something to differentiate.

Owns: the loss as second derivatives see it, and the messages for a loss that has none.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from landscape.callables import explain
from landscape.data.split import Split
from landscape.data.structure import batch_length, mapped
from landscape.errors import EvaluationError, LandscapeError, UsageError
from landscape.objective.measure import OutputMeasure
from landscape.objective.objective import Objective
from landscape.objective.weighted import TargetMean, weighted
from landscape.randomness import forked


class BatchLoss:
    """The mean loss over a split of the objective, batch by batch.

    A `total` is what the sum over all batches is divided by: the number of samples, or the sum of the weights of a loss that
    returns (sum, weight).
    """

    def __init__(self, objective: Objective):
        self.split: Split = next(iter(objective.splits.values()))
        self._objective, self._measure, self._model = objective, objective.measure, objective.model
        measure = self._measure
        # one that takes all that the net returns hides what of it is the outputs
        named = isinstance(measure, OutputMeasure) and "loss" not in measure.settled.whole
        self._of_outputs = measure.functions.get("loss") if isinstance(measure, OutputMeasure) and named else None
        self.reads_outputs = self._of_outputs is not None
        """Whether the loss is one of (outputs, targets)."""
        self._total: float | None = None
        self._is_pair: bool | None = True if isinstance(self._of_outputs, TargetMean) else None

    @property
    def total(self) -> float:
        """That of all samples of the split."""
        if self._total is None:
            self._total = self._weight_of_all() if self._weighs() else self.split.size
        return self._total

    def refresh(self) -> None:
        """To be called when the weights of the net have changed: those of a user's loss may follow from its outputs."""
        if not isinstance(self._of_outputs, TargetMean):
            self._total = None

    def alone(self, batch: Any) -> float:
        """The `total` with which a batch's share is its own mean; 0 if nothing in it counts."""
        if not self._weighs():
            return batch_length(batch)
        return float(self._weight(batch))

    def of_batch(self, batch: Any, total: float) -> Tensor:
        """() the batch's share, through the net."""
        with _in_torch():
            found = self._measure(self._model, _fresh(batch))
        if "loss" not in found:
            raise UsageError(
                f"curvature is that of 'loss', and the values are {', '.join(found)}; name one of them loss"
            )
        return share(found["loss"], batch_length(batch), total)

    def outputs(self, batch: Any) -> Tensor:
        assert isinstance(self._measure, OutputMeasure)
        return self._measure.outputs_for("loss", self._model, batch[0])

    def of_outputs(self, outputs: Tensor, batch: Any, total: float) -> Tensor:
        """() the batch's share, from the net's outputs for it.

        Raises:
            UsageError: the loss is one of (model, batch).
        """
        if self._of_outputs is None:
            raise UsageError("this needs a loss of (outputs, targets); one of (model, batch) hides the outputs")
        with _in_torch():
            values = self._of_outputs(outputs, batch[1])
        return share(values, batch_length(batch), total)

    def _weighs(self) -> bool:
        """Whether the loss returns (sum, weight)."""
        if self._is_pair is None:
            batch = next(iter(self.split.batches(2)))
            with forked(self._objective.device), self._objective.steady(), self._objective.numbers():
                self._is_pair = isinstance(self._measure(self._model, batch).get("loss"), tuple)
        return self._is_pair

    def _weight_of_all(self) -> float:
        with self._objective.steady():
            return float(sum(self._weight(batch) for batch in self._objective.batches(self.split)))

    def _weight(self, batch: Any) -> float:
        if isinstance(self._of_outputs, TargetMean):
            return float(self._of_outputs.weigh(batch[1]))
        with self._objective.numbers():
            values = self._measure(self._model, _fresh(batch))
        return float(weighted("loss", values["loss"], batch_length(batch)).weight)


def _fresh(batch: Any) -> Any:
    """A new structure of the same tensors: a user's loss may take entries out of it."""
    return mapped(batch, lambda tensor: tensor)


def share(values: Tensor | tuple[Any, Any], length: int, total: float) -> Tensor:
    """() of values (n,) of samples, of their mean (), or of their sum with its weight."""
    if isinstance(values, tuple):
        if isinstance(values[1], Tensor) and values[1].requires_grad:
            raise UsageError(
                "the weight in (sum, weight) depends on the parameters, and curvature is that of a sum over fixed weights; "
                "compute the weight from the targets, or detach it"
            )
        weighted("loss", values, length)  # says what is wrong with another tuple
        values = values[0]
        if isinstance(values, Tensor):
            return values.sum() / total
    if not isinstance(values, Tensor):
        raise no_derivatives("it is a plain number")
    return values.sum() / total if values.ndim == 1 and len(values) == length else values.mean() * (length / total)


def no_derivatives(why: str) -> EvaluationError:
    return EvaluationError(
        f"the loss has no derivatives ({why}), so it has no curvature; does it round, count, or take an argmax? "
        "Give a loss that is smooth in the outputs, such as --loss cross_entropy"
    )


@contextlib.contextmanager
def _in_torch() -> Iterator[None]:
    """Within: arrays made of tensors with gradients are an error of the loss, in words; torch advises to drop the gradients."""
    try:
        yield
    except RuntimeError as error:
        if "call numpy()" not in str(error):
            raise
        raise no_derivatives("the loss or the net makes arrays of numpy out of tensors") from error


@contextlib.contextmanager
def in_words() -> Iterator[None]:
    """Within: what the net, its loss or torch raise while a gradient is computed becomes one line."""
    try:
        yield
    except (LandscapeError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise EvaluationError(
            f"the model and its loss have values, but no gradient ({explain(error)}), so there is no curvature; torch must be "
            "able to differentiate them by the parameters"
        ) from error


def check_depends(value: Tensor) -> None:
    """Raises EvaluationError when a loss cannot be differentiated by the parameters."""
    if not value.requires_grad:
        raise no_derivatives(
            "its value does not depend on the parameters that count through anything that can be differentiated"
        )


def check_smooth(gradient: Sequence[Tensor | None]) -> None:
    """Raises EvaluationError when a gradient beside the weights is zero as well."""
    if is_zero(gradient):
        raise no_derivatives("its gradient is exactly zero, also beside these weights")


def is_zero(gradient: Sequence[Tensor | None]) -> bool:
    return all(part is None or not bool(torch.count_nonzero(part)) for part in gradient)
