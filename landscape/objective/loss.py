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
from landscape.objective.combined import Combined, with_parts
from landscape.objective.described import MODEL, Loss
from landscape.objective.functions import accuracy, counted, cross_entropy, mae, mse, nll, plain, top
from landscape.objective.loss_name import full_name, short_name
from landscape.objective.named import named_loss, named_metric
from landscape.objective.reading import Reading, forward
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

    @property
    def over(self) -> str | None:
        """What its mean is over, as its author says: `described.OVER`; None if he says nothing."""

    @property
    def combined(self) -> Mapping[str, Combined]:
        """The metrics that are put together from means over all data."""

    def read(self, splits: Mapping[str, Split], model: nn.Module) -> dict[str, Split]:
        """The splits with batches in the form that it reads."""

    def counting(self, splits: Mapping[str, Split]) -> Measure:
        """The same for these data: where targets are to be ignored, cross-entropy and accuracy count the others only."""

    def on(self, device: torch.device, dtype: torch.dtype) -> Measure:
        """The same with tensors of the loss on a device, in `dtype`, and with torch's means over targets as sums with weights."""


def make_measure(
    loss: str | Callable | Loss, metrics: Sequence[str | Callable] | None
) -> tuple[Measure, str, list[str]]:
    """(measure, name of the loss, names of the metrics).

    Args:
        loss: a name (named.py), a callable (outputs, targets) -> (n,) values, their mean (), or a pair (sum, weight); or
            a callable (model, batch) -> value or dict of values. The latter is recognized by the name of its first
            parameter, or described as a `Loss`. A mean over the batch is weighted by the number of samples in the batch.
        metrics: names, or callables (outputs, targets); by default the loss, with accuracy beside cross_entropy.

    Raises:
        UsageError: unknown loss or metric.
    """
    given = _described(loss)
    function, loss_name = _loss_function(given.function)
    loss_name = loss if isinstance(loss, str) and ":" in loss else loss_name + given.shown
    reading, over = given.reading, given.over
    if given.of == MODEL or (given.of is None and _takes_model(function)):
        others = _functions([each for each in metrics or () if each != "loss"], cross_entropy)
        return ModelMeasure(function, others, reading, over), loss_name, ["loss", *others]
    wanted = list(metrics or (["loss", "accuracy"] if plain(function) is cross_entropy else ["loss"]))
    functions = _functions(wanted, function)
    return OutputMeasure(functions, reading, over), loss_name, list(functions)


def _functions(metrics: Sequence[str | Callable], loss: Callable) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, function in (_metric(metric, loss) for metric in metrics):
        if found.setdefault(name, function) != function and name == "loss":
            continue  # the loss of the run comes first
        if found[name] != function:
            raise UsageError(f"metrics: two of them are called '{name}'; give one as a function of another name")
    return found


class OutputMeasure:
    """Metrics of (outputs, targets); `functions` by name, all applied to the same outputs."""

    reads_outputs = True

    def __init__(self, functions: Mapping[str, Any], reading: Reading | None = None, over: str | None = None):
        self.functions, self.reading, self.over = functions, reading or Reading(), over
        self.combined = {name: each for name, each in functions.items() if isinstance(each, Combined)}
        means = [each for each in functions.values() if isinstance(each, TargetMean)]
        self.reads_labels = bool(means) or any(plain(each) in _READERS for each in functions.values())
        self.ignored = means[0].ignore_index if means and not {mse, mae} & {*map(plain, functions.values())} else None

    def read(self, splits: Mapping[str, Split], model: nn.Module) -> dict[str, Split]:
        return self.reading.splits(splits, model)

    def counting(self, splits: Mapping[str, Split]) -> OutputMeasure:
        index = self.ignored if self.ignored is not None else IGNORED
        found = [each for each in self.functions.values() if plain(each) in _COUNTING or hasattr(each, "counting")]
        means = self.ignored is not None or any(plain(each) not in (accuracy, top) for each in found)
        if not found or not means or not ignores_targets(splits, index):
            return self
        return self._with({name: counted(each, index) for name, each in self.functions.items()})

    def on(self, device: torch.device, dtype: torch.dtype) -> OutputMeasure:
        return self._with({name: _placed(each, device, dtype) for name, each in self.functions.items()})

    def twin(self) -> OutputMeasure:
        """The same with functions of its own, for another thread."""
        return self._with({name: copy.deepcopy(each) for name, each in self.functions.items()})

    def _with(self, functions: Mapping[str, Any]) -> OutputMeasure:
        return OutputMeasure(functions, self.reading, self.over)

    def __call__(self, model: Model, batch: Any) -> dict[str, Any]:
        if not isinstance(batch, (tuple, list)) or len(batch) != 2:
            raise DataError(
                f"a batch of type {type(batch).__name__} is not (inputs, targets); "
                "give a loss of the form file.py:callable(model, batch)"
            )
        outputs = forward(model, batch[0])
        if isinstance(outputs, Tensor) and outputs.dtype in (torch.bfloat16, torch.float16):
            outputs = outputs.float()
        if self.combined:
            return with_parts(self.functions, outputs, batch[1])
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
    """A user's (model, batch) -> value or dict of values; `functions`: metrics of the outputs that it has asked the net for."""

    reads_outputs = False
    reads_labels = False
    ignored = None

    def __init__(
        self,
        function: Callable,
        functions: Mapping[str, Any] | None = None,
        reading: Reading | None = None,
        over: str | None = None,
    ):
        self.function, self.functions, self.reading, self.over = function, functions or {}, reading or Reading(), over
        self.combined = {name: each for name, each in self.functions.items() if isinstance(each, Combined)}

    def read(self, splits: Mapping[str, Split], model: nn.Module) -> dict[str, Split]:
        return dict(splits)

    def counting(self, splits: Mapping[str, Split]) -> ModelMeasure:
        return self

    def on(self, device: torch.device, dtype: torch.dtype) -> ModelMeasure:
        functions = {name: _placed(each, device, dtype) for name, each in self.functions.items()}
        return ModelMeasure(self.function, functions, self.reading, self.over)

    def __call__(self, model: Model, batch: Any) -> dict[str, Any]:
        if not self.functions:
            return self._of_model(model, batch)
        targets = self.reading.targets_of(batch)  # before the loss, which may take the batch apart
        with _Outputs(model) as kept:
            found = self._of_model(model, batch)
        return found | with_parts(self.functions, kept.first(), targets)

    def _of_model(self, model: Model, batch: Any) -> dict[str, Any]:
        found = self.function(model, batch)
        return dict(found) if isinstance(found, Mapping) and not hasattr(found, "logits") else {"loss": found}


class _Outputs:
    """Keeps what the net returns within the block."""

    def __init__(self, model: Model):
        self._model, self._found = model, []  # type: ignore[var-annotated]

    def __enter__(self) -> _Outputs:
        assert isinstance(self._model, nn.Module)
        self._hook = self._model.register_forward_hook(lambda module, inputs, outputs: self._found.append(outputs))
        return self

    def __exit__(self, *exception: object) -> None:
        self._hook.remove()

    def first(self) -> Any:
        """The outputs of the first call.

        Raises:
            EvaluationError: the net was not called as a whole.
        """
        if not self._found:
            raise EvaluationError(
                "metrics of (outputs, targets) need a loss that calls model(...) itself; return them from it"
            )
        return forward(lambda _: self._found[0], None)


_READERS = (cross_entropy, nll, mse, mae, accuracy, top)
_COUNTING = (cross_entropy, nll, accuracy, top)


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


def _described(loss: str | Callable | Loss) -> Loss:
    if isinstance(loss, str) and ":" in loss:
        found = resolve_callable(loss, "loss")
        return found if isinstance(found, Loss) else Loss(loss)
    return loss if isinstance(loss, Loss) else Loss(loss)


def _loss_function(loss: str | Callable) -> tuple[Callable, str]:
    if isinstance(loss, str):
        return (resolve_callable(loss, "loss"), loss) if ":" in loss else named_loss(loss)
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


def _metric(metric: str | Callable, loss: Callable) -> tuple[str, Any]:
    """(name in results, function)."""
    if not isinstance(metric, str):
        _check_callable("metric", metric)
        return short_name(metric), metric
    if ":" in metric:
        return metric.rpartition(":")[2], resolve_callable(metric, "metric")
    found, name = named_metric(metric, loss)
    return name, found
