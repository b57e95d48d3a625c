"""Metrics of a batch: those of (outputs, targets), and those of (model, batch).

Owns: `Measure` and its two kinds. What a loss or metric is called, and which functions have a name, is known in loss.py.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from landscape.data.split import Split
from landscape.data.structure import mapped, tensors_in
from landscape.errors import DataError, EvaluationError
from landscape.objective.batch_words import no_number
from landscape.objective.combined import Combined, with_parts
from landscape.objective.functions import accuracy, counted, cross_entropy, is_one_of, mae, mse, nll, plain, top
from landscape.objective.loss_copies import placed_loss
from landscape.objective.loss_modules import borrowed, module_behind
from landscape.objective.reading import Reading, called, main_part
from landscape.objective.weighted import IGNORED, TargetMean, ignores_targets, refuse_complex

# A net as a function of its inputs: a module, or a faster program for it.
Model = Callable[..., Any]


@dataclass(frozen=True)
class Settled:
    """How what the net returns is passed on, which the check finds on the first samples (settled.py).

    `whole`: the user's own functions that take all of it, not the main part; `classes_last`: classes are the last dimension, and
    another one is as long.
    """

    whole: frozenset[str] = frozenset()
    classes_last: bool = False


class Measure(Protocol):
    """(model, batch) -> metrics by name: (n,) values of the samples, () the mean over the batch, or a sum and its weight."""

    @property
    def reads_outputs(self) -> bool:
        """Whether it calls the model once, with the inputs as they are, and uses nothing of it but the outputs."""

    @property
    def only_calls(self) -> bool:
        """Whether it only calls the model, once or often, with gradients by the inputs or without, so that a faster program may
        take the model's place."""

    @property
    def reads_labels(self) -> bool:
        """Whether integer targets are class numbers, which must lie within the classes of the model."""

    @property
    def ignored(self) -> int | None:
        """The class number that means that a target does not count."""

    def __call__(self, model: Model, batch: Any) -> Mapping[str, Any]: ...

    @property
    def manner(self) -> str:
        """The word before its metrics in figures, where they are not those of the samples as they are; "" usually."""

    @property
    def over(self) -> str | None:
        """What its mean is over, as its author says: `described.OVER`; None if unspecified."""

    @property
    def combined(self) -> Mapping[str, Combined]:
        """The metrics that are put together from means over all data."""

    @property
    def settled(self) -> Settled:
        """How it is passed what the net returns."""

    def settle(self, settled: Settled) -> Measure:
        """The same for a net whose outputs are passed on in this way."""

    def read(self, splits: Mapping[str, Split], model: nn.Module) -> dict[str, Split]:
        """The splits with batches in the form that it reads."""

    def counting(self, splits: Mapping[str, Split]) -> Measure:
        """The same for these data: where targets are to be ignored, cross-entropy and accuracy count the others only."""

    def on(self, device: torch.device, dtype: torch.dtype) -> Measure:
        """The same with tensors of the loss on a device, in `dtype`, and with torch's means over targets as sums with weights."""


class OutputMeasure:
    """Metrics of (outputs, targets); `functions` by name, all applied to the same outputs."""

    reads_outputs = only_calls = True
    manner = ""

    def __init__(
        self,
        functions: Mapping[str, Any],
        reading: Reading | None = None,
        over: str | None = None,
        settled: Settled | None = None,
    ):
        self.functions, self.reading, self.over = functions, reading or Reading(), over
        self.settled = settled or Settled()
        self.combined = {name: each for name, each in functions.items() if isinstance(each, Combined)}
        self._is_usual = self.settled == Settled() and not self.combined
        means = [each for each in functions.values() if isinstance(each, TargetMean)]
        self.reads_labels = bool(means) or any(is_one_of(each, _READERS) for each in functions.values())
        self.ignored = means[0].ignore_index if means else None

    def read(self, splits: Mapping[str, Split], model: nn.Module) -> dict[str, Split]:
        return self.reading.splits(splits, model)

    def counting(self, splits: Mapping[str, Split]) -> OutputMeasure:
        index = self.ignored if self.ignored is not None else IGNORED
        found = [each for each in self.functions.values() if is_one_of(each, _COUNTING) or hasattr(each, "counting")]
        means = self.ignored is not None or any(not is_one_of(each, (accuracy, top)) for each in found)
        if not found or not means or not ignores_targets(splits, index):
            return self
        return self._with({name: counted(each, index) for name, each in self.functions.items()})

    def on(self, device: torch.device, dtype: torch.dtype) -> OutputMeasure:
        return self._with({name: placed_loss(each, device, dtype) for name, each in self.functions.items()})

    def twin(self) -> OutputMeasure:
        """The same with functions of its own, for another thread."""
        return self._with({name: copy.deepcopy(each) for name, each in self.functions.items()})

    def _with(self, functions: Mapping[str, Any]) -> OutputMeasure:
        return OutputMeasure(functions, self.reading, self.over, self.settled)

    def settle(self, settled: Settled) -> OutputMeasure:
        return OutputMeasure(self.functions, self.reading, self.over, settled)

    @property
    def own(self) -> list[str]:
        """The names of the functions that are the user's own."""
        return [
            name for name, each in self.functions.items() if not _module_of(each).startswith(("landscape", "torch"))
        ]

    def outputs_for(self, name: str, model: Model, inputs: Any) -> Any:
        """What its function of this name takes of the net's outputs."""
        return self._passed(name, raw := called(model, inputs), main_part(raw, inputs))

    def _passed(self, name: str, raw: Any, main: Any) -> Any:
        if name in self.settled.whole:
            return raw
        moves = self.settled.classes_last and name not in self.own and isinstance(main, Tensor) and main.ndim > 2
        return main.movedim(-1, 1) if moves else main

    def __call__(self, model: Model, batch: Any) -> dict[str, Any]:
        if not isinstance(batch, (tuple, list)) or len(batch) != 2:
            raise DataError(
                f"a batch of type {type(batch).__name__} is not (inputs, targets); "
                "give a loss of the form file.py:callable(model, batch)"
            )
        raw = called(model, batch[0])
        outputs = single(main_part(raw, batch[0]))
        if self._is_usual:
            return {name: function(outputs, batch[1]) for name, function in self.functions.items()}
        if any(each.dtype in _HALF for each in tensors_in(raw)):
            raw = mapped(raw, single)
        found: dict[str, Any] = {}
        for name, function in self.functions.items():
            found |= with_parts({name: function}, self._passed(name, raw, outputs), batch[1])
        return found


_HALF = (torch.bfloat16, torch.float16)


def single(outputs: Any) -> Any:
    """Outputs in half precision in float32; others as they are."""
    return outputs.float() if isinstance(outputs, Tensor) and outputs.dtype in _HALF else outputs


def _module_of(function: Any) -> str:
    return getattr(plain(function), "__module__", None) or ""


class ModelMeasure:
    """A user's (model, batch) -> value or dict of values; `functions`: metrics of the outputs that it has asked the net for."""

    reads_outputs = only_calls = False
    reads_labels = False
    ignored = None
    manner = ""
    settled = Settled()

    def __init__(
        self,
        function: Callable,
        functions: Mapping[str, Any] | None = None,
        reading: Reading | None = None,
        over: str | None = None,
    ):
        self.function, self.functions, self.reading, self.over = function, functions or {}, reading or Reading(), over
        self.combined = {name: each for name, each in self.functions.items() if isinstance(each, Combined)}
        # of several targets for each sample, some may be padding
        self._of_several = {name: counted(each, IGNORED) for name, each in self.functions.items()}

    def read(self, splits: Mapping[str, Split], model: nn.Module) -> dict[str, Split]:
        return dict(splits)

    def counting(self, splits: Mapping[str, Split]) -> ModelMeasure:
        return self

    def settle(self, settled: Settled) -> ModelMeasure:
        return self

    def on(self, device: torch.device, dtype: torch.dtype) -> ModelMeasure:
        functions = {name: placed_loss(each, device, dtype) for name, each in self.functions.items()}
        return ModelMeasure(placed_loss(self.function, device, dtype), functions, self.reading, self.over)

    def __call__(self, model: Model, batch: Any) -> dict[str, Any]:
        if not self.functions:
            return self._of_model(model, batch)
        assert isinstance(model, nn.Module)
        given = mapped(batch, lambda tensor: tensor)  # the loss may take the batch apart
        with _Outputs(model) as kept:
            found = self._of_model(model, batch)
        outputs, targets = self.reading.compared(kept.first(), given, model)
        several = isinstance(targets, Tensor) and targets.ndim > 1 and not targets.is_floating_point()
        return found | with_parts(self._of_several if several else self.functions, outputs, targets)

    def _of_model(self, model: Model, batch: Any) -> dict[str, Any]:
        with borrowed(None if getattr(model, "training", False) else module_behind(self.function)):
            found = self.function(model, batch)
        return dict(found) if isinstance(found, Mapping) and not hasattr(found, "logits") else {"loss": found}


class _Outputs:
    """Keeps what the net returns within the block."""

    def __init__(self, model: nn.Module):
        self._model, self._found = model, []  # type: ignore[var-annotated]

    def __enter__(self) -> _Outputs:
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
        return self._found[0]


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
        hint = "; return its loss" if hasattr(values, "loss") else no_number(values)
        raise EvaluationError(
            f"{name} returned a {type(values).__name__}; expected a number or a tensor{hint}"
        ) from error
    found = found.detach() if found.requires_grad else found
    found = found.reshape(()) if found.numel() == 1 and found.shape != (length,) else found
    if found.shape in ((length,), ()):
        return found
    hint = ", such as its mean over the other dimensions, .flatten(1).mean(1)" if found.shape[:1] == (length,) else ""
    raise EvaluationError(
        f"{name} returned shape {tuple(found.shape)} for {length} samples; expected ({length},) or (){hint}"
    )
