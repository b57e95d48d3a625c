"""The first batch of a run: whether net, loss and data go together, before anything is computed.

Owns: the messages, and the check of labels. Whether the loss needs gradients is found in gradients.py.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from landscape.callables import OF_USERS, staying
from landscape.data.split import Split, copied, giving_copies
from landscape.data.structure import batch_length, tensors_in
from landscape.errors import DataError, EvaluationError, LandscapeError, UsageError
from landscape.members import named_parameters
from landscape.objective.foreign import callers_apart
from landscape.objective.functions import accuracy, class_count, cross_entropy, is_one_of, plain, top
from landscape.objective.gradients import switch_on_where_they_count, tried
from landscape.objective.measure import ModelMeasure
from landscape.objective.misfit import misfit
from landscape.objective.places import in_their_places
from landscape.objective.probe import first_samples, heard, numbers_of, passes
from landscape.objective.reading import forward
from landscape.objective.settled import settle
from landscape.objective.steady import SEED, same
from landscape.objective.tally import Tally, fetch_sums, means
from landscape.objective.weighted import IGNORED
from landscape.randomness import forked

if TYPE_CHECKING:
    from landscape.objective.objective import Objective

# How far from 1 probabilities may sum: they may be in bfloat16.
NEARLY = 2e-2


def try_all(objective: Objective, *, lenient: bool) -> None:
    """`try_one` for each split; whether the caller's module has no part in it (foreign.py), and weights stay (places.py).

    `lenient`: weights may be replaced, as in training, which finds them by their names.
    """
    with (
        staying(OF_USERS),
        callers_apart(objective, trained=lenient),
        contextlib.nullcontext() if lenient else in_their_places(objective),
    ):
        for name, split in objective.splits.items():
            try_one(objective, name, split)


def try_one(objective: Objective, name: str, split: Split) -> None:
    """Passes a batch of the split `name` through the net and the loss, and checks all its labels.

    The net and its state are left as they were. What is learnt of both is kept as the objective's `conduct`.

    Raises:
        See `Objective.check`.
    """
    given = first_samples(objective, split)
    if given is None:
        raise DataError(f"split {name} is empty")
    batch = copied(given)
    try:
        results, outputs = _results(objective, batch, name, split.targets)
    except LandscapeError:
        raise
    except Exception as error:
        raise EvaluationError(misfit(error, batch, reads_outputs=objective.measure.reads_outputs)) from error
    if _is_written(batch, given):
        _give_copies(objective)
    if not objective.lent:  # a layer of a divided net may return a part of its outputs
        _keep(objective, name, split, _Passed(results, [outputs], [batch_length(given)]))
    undefined = {name: value for name, value in results.items() if not math.isfinite(value) and "/" not in name}
    if undefined and not objective.conduct.undefined:
        found = tuple(f"{name.replace('_', ' ')} ({value:g})" for name, value in undefined.items())
        objective.conduct = replace(objective.conduct, undefined=found, source=_not_finite(objective.model, batch))
    loss = f"{name}_loss"
    if loss in results and f"stderr/{loss}" not in results and batch_length(batch) > 1 and not objective.conduct.pairs:
        objective.conduct = replace(objective.conduct, averaged=True)
    if objective.l2 and f"{name}_loss" not in results:
        raise UsageError(f"l2 adds to the loss, and none is among the values: {', '.join(results)}")


def _is_written(batch: Any, given: Any) -> bool:
    """Whether the net or the loss has written into a copy of the samples."""
    pairs = zip(tensors_in(batch), tensors_in(given), strict=False)
    plain_ones = [(one, other) for one, other in pairs if one.layout == torch.strided and not one.is_quantized]
    versions = any(not one.is_inference() and one._version for one, _ in plain_ones)
    return versions or any(not one.is_nested and not same(one, other) for one, other in plain_ones)


def _give_copies(objective: Objective) -> None:
    """From here on batches are copies: they may share memory with the caller's tensors, which must not change."""
    objective.splits = {name: giving_copies(split) for name, split in objective.splits.items()}
    if (recompute := objective._recompute) is not None:
        objective._recompute = replace(recompute, split=giving_copies(recompute.split))


def _not_finite(model: Any, batch: Any) -> str | None:
    """The first parameter of the net, tensor of the batch or buffer that holds NaN or infinities, in words."""
    net = model if isinstance(model, nn.Module) else nn.Module()
    data = [("the first batch of the data", tensor) for tensor in tensors_in(batch)]
    # buffers come last: a mask of attention holds infinities, and means them
    for name, tensor in [*named_parameters(net), *data, *net.named_buffers()]:
        values = tensor.float() if tensor.is_floating_point() else tensor
        if wrong := int((~values.isfinite()).sum()):
            return f"{name} holds NaN or inf ({wrong:,} of {tensor.numel():,} numbers)"
    return None


def _check_probabilities(targets: Any, outputs: Any, where: str) -> None:
    """Raises DataError where cross-entropy would mean nothing: one class, or targets that are not probabilities."""
    if not isinstance(targets, Tensor) or not isinstance(outputs, Tensor) or outputs.ndim < 2:
        return
    if outputs.shape[1] == 1 and targets.ndim <= outputs.ndim:
        raise DataError(
            f"cross_entropy: the net has one output for each sample, shape {tuple(outputs.shape)}, and of one class the loss is "
            "0; give bce for two classes, mse for values"
        )
    if not targets.is_floating_point():
        return
    if targets.shape[1:] != outputs.shape[1:]:  # which the loss itself refuses
        return
    sums = targets.sum(dim=1)
    if outputs.shape[1] > 1 and bool((targets >= 0).all()) and bool((sums - 1).abs().max() < NEARLY):
        return
    raise DataError(
        f"cross_entropy: the targets of the {where} data are {targets.dtype} of shape {tuple(targets.shape)}, and not "
        "probabilities that sum to 1; give bce for several labels per sample, mse for values"
    )


class _Passed(NamedTuple):
    """Means over batches, with their standard errors; what the net returned for each batch, and the samples of each."""

    means: dict[str, float]
    outputs: list[list[Tensor]]
    sizes: list[int]


def _keep(objective: Objective, name: str, split: Split, first: _Passed) -> None:
    """Keeps what the first samples of the split `name` gave.

    `first`: of its first batch alone. That is kept too where it is shorter, as earlier versions of files have no more.
    """
    parts = [] if objective.measure.manner else passes(objective, split)
    if len(parts) > 1:
        # a net may be made for one size of batch
        with contextlib.suppress(Exception):
            found = _passed(objective, name, [copied(part) for part in parts])
            objective.tried |= _numbers(name, found, name) | _numbers(name, first, f"{name}/{first.sizes[0]}")
            return
    objective.tried |= _numbers(name, first, name)


def _numbers(name: str, found: _Passed, known_as: str) -> dict[str, float]:
    values = {key.removeprefix(f"{name}_"): value for key, value in found.means.items() if "/" not in key}
    if (spread := found.means.get(f"stderr/{name}_loss")) is not None:
        values["loss spread"] = spread
    return numbers_of(known_as, found.outputs, values, found.sizes)


def _passed(objective: Objective, name: str, batches: Sequence[Any]) -> _Passed:
    """Evaluates batches one after another, as every run does."""
    tally, outputs, sizes, measure, model = Tally(), [], [], objective.measure, objective.model
    with forked(objective.device, SEED):  # so that a later run draws the same
        for batch in batches:
            sizes.append(batch_length(batch))  # before the loss, which may take the batch apart
            with heard(model) as found:
                tally.add(name, tried(objective, batch, lambda given: measure(model, given)), sizes[-1])
            outputs.append(found)
    return _Passed(means(fetch_sums([tally])[0]), outputs, sizes)


def _results(
    objective: Objective, batch: Any, name: str, targets: Tensor | None
) -> tuple[dict[str, float], list[Tensor]]:
    """(means of the first batch, what the net returns for it)."""
    settle(objective, batch)
    measure, model = objective.measure, objective.model
    if measure.reads_labels and has_targets(batch):
        outputs = tried(objective, batch, lambda given: forward(model, given[0]))
        if measure.settled.classes_last and isinstance(outputs, Tensor) and outputs.ndim > 2:
            outputs = outputs.movedim(-1, 1)
        classes = class_count(outputs, batch[1])
        check_labels(batch[1] if targets is None else targets, classes, name, measure.ignored)
        if any(plain(each) is cross_entropy for each in getattr(measure, "functions", {}).values()):
            _check_probabilities(batch[1] if targets is None else targets, outputs, name)
        if targets is not None and measure.ignored is not None and bool((targets == measure.ignored).all()):
            raise DataError(
                f"all targets of the {name} data are {measure.ignored}, which is to be ignored: there is nothing to average; "
                "check ignore_index"
            )
    tried(objective, batch, lambda given: measure(model, given))  # fails in its own words, if it does
    if (
        isinstance(measure, ModelMeasure)
        and has_targets(batch)
        and any(map(_counts_classes, measure.functions.values()))
    ):
        classes = None
        with contextlib.suppress(Exception):  # a net that the loss calls in another way
            classes = class_count(tried(objective, batch, lambda given: forward(model, given[0])), batch[1])
        check_labels(batch[1] if targets is None else targets, classes, name, IGNORED)
    switch_on_where_they_count(objective, batch)
    found = _passed(objective, name, [batch])
    return found.means, found.outputs[0]


def _counts_classes(metric: Any) -> bool:
    """Whether a metric beside a loss of the model counts a target outside the classes as wrong."""
    return is_one_of(metric, (accuracy, top))


def has_targets(batch: Any) -> bool:
    """Whether a batch is (inputs, targets), whatever the inputs are."""
    return isinstance(batch, (tuple, list)) and len(batch) == 2 and isinstance(batch[1], Tensor)


def check_labels(targets: Tensor, classes: int | None, where: str, ignored: int | None = None) -> None:
    """Raises DataError when a label is not one of 0 .. classes - 1, or `ignored`; with `classes` None nothing is checked."""
    if ignored is not None:
        targets = targets[targets != ignored]
    if classes is None or not targets.numel():
        return
    low, high = int(targets.min()), int(targets.max())
    if low < 0 or high >= classes:
        wrong = high if high >= classes else low
        raise DataError(
            f"label {wrong} in {where} is outside the model's {classes} classes (0 to {classes - 1}); "
            "check that data and model belong together"
        )
