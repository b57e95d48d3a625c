"""A batch's share of the mean loss, as something to differentiate.

Owns: the loss as second derivatives see it, and the messages for a loss that has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from landscape.data.split import Split, batch_length
from landscape.errors import EvaluationError, UsageError
from landscape.objective.loss import OutputMeasure, forward
from landscape.objective.objective import Objective


class Loss:
    """The mean loss over a split of the objective, batch by batch."""

    def __init__(self, objective: Objective):
        self.split: Split = next(iter(objective.splits.values()))
        self._measure, self._model = objective.measure, objective.model
        measure = self._measure
        self._of_outputs = measure.functions.get("loss") if isinstance(measure, OutputMeasure) else None
        self.reads_outputs = self._of_outputs is not None
        """Whether the loss is one of (outputs, targets)."""

    def of_batch(self, batch: Any, total: int) -> Tensor:
        """() the batch's share, through the net."""
        found = self._measure(self._model, batch)
        if "loss" not in found:
            raise UsageError(
                f"curvature is that of 'loss', and the values are {', '.join(found)}; name one of them loss"
            )
        return share(found["loss"], batch_length(batch), total)

    def outputs(self, batch: Any) -> Tensor:
        return forward(self._model, batch[0])

    def of_outputs(self, outputs: Tensor, batch: Any, total: int) -> Tensor:
        """() the batch's share, from the net's outputs for it.

        Raises:
            UsageError: the loss is one of (model, batch).
        """
        if self._of_outputs is None:
            raise UsageError("this needs a loss of (outputs, targets); one of (model, batch) hides the outputs")
        return share(self._of_outputs(outputs, batch[1]), batch_length(batch), total)


def share(values: Tensor, length: int, total: int) -> Tensor:
    """() of values (n,) of samples, or of their mean ()."""
    if not isinstance(values, Tensor):
        raise no_derivatives("it is a plain number")
    return values.sum() / total if values.ndim == 1 and len(values) == length else values.mean() * (length / total)


def no_derivatives(why: str) -> EvaluationError:
    return EvaluationError(
        f"the loss has no derivatives ({why}), so it has no curvature; does it round, count, or take an argmax? "
        "Give a loss that is smooth in the outputs, such as --loss cross_entropy"
    )


def check_depends(value: Tensor) -> None:
    """Raises EvaluationError when a loss cannot be differentiated by the parameters."""
    if not value.requires_grad:
        raise no_derivatives("its value does not depend on the parameters through anything that can be differentiated")


def check_smooth(gradient: Sequence[Tensor | None]) -> None:
    """Raises EvaluationError when a gradient beside the weights is zero as well."""
    if is_zero(gradient):
        raise no_derivatives("its gradient is exactly zero, also beside these weights")


def is_zero(gradient: Sequence[Tensor | None]) -> bool:
    return all(part is None or not bool(torch.count_nonzero(part)) for part in gradient)
