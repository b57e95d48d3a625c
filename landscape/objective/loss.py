"""What is measured on a batch: loss, accuracy, and the user's own functions.

Owns: the meaning of `--loss` and `--metrics`, and turning each into values per sample. With values per sample, results
do not depend on the batches, and standard errors are known. Means over targets are sums with their weights (weighted.py).
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from landscape.callables import resolve_callable
from landscape.data.split import Split
from landscape.errors import DataError, EvaluationError, UsageError
from landscape.objective.functions import accuracy, counted, cross_entropy, mse, plain
from landscape.objective.loss_name import full_name, short_name
from landscape.objective.weighted import IGNORED, TargetMean, ignores_targets, refuse_complex, target_mean

# A net as a function of its inputs: a module, or a faster program for it.
Model = Callable[..., Any]
# (outputs, targets) -> (n,) values of the samples, () their mean, or a sum and the weight that it is to be divided by
OutputFunction = Callable[..., Any]
MODEL_ARGUMENTS = ("model", "net", "network", "module")


class Measure(Protocol):
    """(model, batch) -> metrics by name: (n,) values of the samples, () the mean over the batch, or a sum and its weight."""

    @property
    def reads_outputs(self) -> bool:
        """Whether it uses nothing of the model but its outputs, so that a faster program may take the model's place."""

    @property
    def reads_labels(self) -> bool:
        """Whether integer targets are class numbers, which must lie within the classes of the model."""

    @property
    def ignored(self) -> int | None:
        """The class number that means that a target does not count."""

    def __call__(self, model: Model, batch: Any) -> Mapping[str, Any]: ...

    def counting(self, splits: Mapping[str, Split]) -> Measure:
        """The same for these data: where targets are to be ignored, cross-entropy and accuracy count the others only."""

    def on(self, device: torch.device, dtype: torch.dtype) -> Measure:
        """The same with tensors of the loss on a device, in `dtype`, and with torch's means over targets as sums with weights."""


def make_measure(loss: str | Callable, metrics: Sequence[str | Callable] | None) -> tuple[Measure, str, list[str]]:
    """(measure, name of the loss, names of the metrics).

    Args:
        loss: cross_entropy, mse, a callable (outputs, targets) -> (n,) values, their mean (), or a pair (sum, weight); or
            a callable (model, batch) -> value or dict of values. The latter is recognized by the name of its first
            parameter. A mean over the batch is weighted by the number of samples in the batch.
        metrics: loss, accuracy, or callables (outputs, targets); by default the loss, with accuracy beside
            cross_entropy.

    Raises:
        UsageError: unknown loss or metric.
    """
    function, loss_name = _loss_function(loss)
    if _takes_model(function):
        if metrics and list(metrics) != ["loss"]:
            raise UsageError(f"metrics cannot be added to {loss_name}(model, batch); return them from it as a dict")
        return ModelMeasure(function), loss_name, ["loss"]
    wanted = list(metrics or (["loss", "accuracy"] if plain(function) is cross_entropy else ["loss"]))
    functions = {_metric_name(metric): _metric_function(metric, function) for metric in wanted}
    return OutputMeasure(functions), loss_name, list(functions)


def forward(model: Model, inputs: Any) -> Tensor:
    """The model's logits; tuples, lists and records with `logits`, as many models return, are unpacked."""
    outputs = model(inputs)
    if isinstance(outputs, Tensor):
        return outputs
    if hasattr(outputs, "logits"):
        return outputs.logits
    return outputs[0] if isinstance(outputs, (tuple, list)) else outputs


LOSSES = {"cross_entropy": cross_entropy, "mse": mse}


class OutputMeasure:
    """Metrics of (outputs, targets); `functions` by name, all applied to the same outputs."""

    reads_outputs = True

    def __init__(self, functions: Mapping[str, OutputFunction]):
        self.functions = functions
        means = [each for each in functions.values() if isinstance(each, TargetMean)]
        self.reads_labels = bool(means) or any(plain(each) in _READERS for each in functions.values())
        self.ignored = means[0].ignore_index if means and mse not in functions.values() else None

    def counting(self, splits: Mapping[str, Split]) -> OutputMeasure:
        index = self.ignored if self.ignored is not None else IGNORED
        found = [each for each in self.functions.values() if plain(each) in (cross_entropy, accuracy)]
        means = self.ignored is not None or any(plain(each) is cross_entropy for each in found)
        if not found or not means or not ignores_targets(splits, index):
            return self
        return OutputMeasure({name: counted(each, index) for name, each in self.functions.items()})

    def on(self, device: torch.device, dtype: torch.dtype) -> OutputMeasure:
        return OutputMeasure({name: _placed(each, device, dtype) for name, each in self.functions.items()})

    def __call__(self, model: Model, batch: Any) -> dict[str, Any]:
        if not isinstance(batch, (tuple, list)) or len(batch) != 2:
            raise DataError(
                f"a batch of type {type(batch).__name__} is not (inputs, targets); "
                "give a loss of the form file.py:callable(model, batch)"
            )
        outputs = forward(model, batch[0])
        outputs = outputs.float() if outputs.dtype in (torch.bfloat16, torch.float16) else outputs
        return {name: function(outputs, batch[1]) for name, function in self.functions.items()}


def _placed(function: Callable, device: torch.device, dtype: torch.dtype) -> Callable:
    if found := function if isinstance(function, TargetMean) else target_mean(function):
        return found.on(device)
    if not isinstance(function, nn.Module):
        return function
    own = copy.deepcopy(function).to(device, dtype)
    for module in own.modules():  # tensors that are no buffers
        for name, value in vars(module).items():
            if isinstance(value, Tensor):
                setattr(module, name, value.to(device, dtype if value.is_floating_point() else None))
    return own


class ModelMeasure:
    """A user's (model, batch) -> value or dict of values."""

    reads_outputs = False
    reads_labels = False
    ignored = None

    def __init__(self, function: Callable):
        self.function = function

    def counting(self, splits: Mapping[str, Split]) -> ModelMeasure:
        return self

    def on(self, device: torch.device, dtype: torch.dtype) -> ModelMeasure:
        return self

    def __call__(self, model: Model, batch: Any) -> dict[str, Any]:
        found = self.function(model, batch)
        return dict(found) if isinstance(found, Mapping) else {"loss": found}


_READERS = (cross_entropy, mse, accuracy)


def check_values(name: str, values: Any, length: int) -> Tensor:
    """A metric's values for a batch as float64: (length,) for the samples, or () for the whole batch.

    Raises:
        EvaluationError: the values are not numeric, or have another shape.
    """
    refuse_complex(name, values)
    try:
        found = values.double() if isinstance(values, Tensor) else torch.as_tensor(values, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise EvaluationError(f"{name} returned a {type(values).__name__}; expected a number or a tensor") from error
    found = found.detach() if found.requires_grad else found
    if found.shape in ((length,), ()):
        return found
    if found.numel() == 1:
        return found.reshape(())
    raise EvaluationError(
        f"{name} returned shape {tuple(found.shape)} for {length} samples; expected ({length},) or ()"
    )


def _loss_function(loss: str | Callable) -> tuple[Callable, str]:
    if isinstance(loss, str):
        if loss in LOSSES:
            return LOSSES[loss], loss
        if ":" not in loss:
            raise UsageError(
                f"loss '{loss}': expected {', '.join(LOSSES)}, package.module:callable or file.py:callable"
            )
        return resolve_callable(loss, "loss"), loss
    _check_callable("loss", loss)
    if getattr(loss, "reduction", "mean") == "sum":
        raise UsageError(f"loss {full_name(loss)}: a sum over the batch depends on its size; use reduction='mean'")
    return _own_cross_entropy(loss) or loss, full_name(loss)


def _check_callable(what: str, given: Any) -> None:
    """Raises UsageError for what cannot be called with a batch, such as a class of losses."""
    if isinstance(given, type) and issubclass(given, nn.Module):
        raise UsageError(f"{what} {given.__name__} is a class: expected an object of it, such as {given.__name__}()")
    if not callable(given):
        raise UsageError(f"{what} of type {type(given).__name__}: expected a name or a callable")


def _own_cross_entropy(loss: Callable) -> Callable | None:
    """`cross_entropy` in place of torch's, which averages over the batch; values per sample give the standard error."""
    if loss is F.cross_entropy:
        return cross_entropy
    # a subclass may compute something else
    if not isinstance(loss, nn.CrossEntropyLoss) or type(loss).forward is not nn.CrossEntropyLoss.forward:
        return None
    if loss.weight is not None or loss.ignore_index != IGNORED:
        return None
    smoothing = loss.label_smoothing
    return functools.partial(cross_entropy, label_smoothing=smoothing) if smoothing else cross_entropy


def _takes_model(function: Callable) -> bool:
    try:
        first = next(iter(inspect.signature(function).parameters), None)
    except (TypeError, ValueError):
        return False
    return first in MODEL_ARGUMENTS


def _metric_name(metric: str | Callable) -> str:
    if not isinstance(metric, str):
        return short_name(metric)
    return metric.rpartition(":")[2] if ":" in metric else metric


def _metric_function(metric: str | Callable, loss: Callable) -> Callable:
    if not isinstance(metric, str):
        _check_callable("metric", metric)
        return metric
    known = {"loss": loss, "accuracy": accuracy, **LOSSES}
    if metric in known:
        return known[metric]
    if ":" not in metric:
        raise UsageError(f"metric '{metric}': expected {', '.join(known)}, package.module:callable or file.py:callable")
    return resolve_callable(metric, "metric")
