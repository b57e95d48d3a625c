"""From the conduct of a net and its loss to how they are evaluated: the batches, and their description.

Owns: which batches are used where values depend on them, and what is refused. The user's own batches come first, then
a batch size that was asked for; a default is the same on every device.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from landscape.callables import explain
from landscape.data.rows import RowsSplit
from landscape.data.split import BatchSplit, Split, TensorSplit, fingerprint_of
from landscape.data.structure import batch_length
from landscape.errors import LandscapeError, UsageError
from landscape.objective.conduct import (
    Conduct,
    Values,
    batch_statistics,
    loss_first,
    mixes,
    parts_of,
    randomness_of,
    read,
    which_mixes,
)
from landscape.objective.described import BATCHES
from landscape.objective.measure import OutputMeasure, check_values, single
from landscape.objective.mixing import measured, mixed_by
from landscape.objective.probe import TRIED
from landscape.objective.reading import forward
from landscape.objective.reducible import (
    SPREAD,
    SPREAD_OF_LOSS,
    SPREAD_OF_MODEL,
    means_in_pair,
    not_a_mean,
    outputs_not_a_mean,
    spread,
)
from landscape.objective.steady import Held
from landscape.objective.weighted import TargetMean, mean_of, weighted
from landscape.printable import listed

if TYPE_CHECKING:
    from landscape.objective.objective import Objective

FIXED_BATCH = 128
# Relative differences of a mean over samples that are more than rounding.
MEANS = {"fp64": 1e-7, "fp32": 1e-4, "tf32": 1e-3, "bf16": 2e-2, "bf16-true": 2e-2}
INSTEAD = "return one value per sample, or a pair (sum, weight) of the batch, which are added over all of them"


class NotAMean(UsageError):
    """The mean that a loss or metric returns is not one over samples; `of`: its name."""

    of = "loss"


class IsASum(NotAMean):
    """The value that a loss returns is a sum over samples."""


def adapt(objective: Objective, *, lenient: bool = False) -> None:
    """Finds the conduct of an objective that accepts its data, and adapts to it; `lenient` as in `Objective.check`.

    Raises:
        EvaluationError: evaluations cannot be repeated. UsageError: a loss that is not a mean over samples, without batches.
    """
    split = next(iter(objective.splits.values()))
    held = Held(objective.model)
    try:
        try:
            found = _conduct(objective, split)
        except NotAMean as error:
            at_once = all(each.size <= objective.batch_size for each in objective.splits.values())
            if isinstance(error, IsASum) or not (lenient or at_once):
                raise
            found = replace(objective.conduct, whole=error.of)
    finally:
        held.put_back()
    splits, size = dict(objective.splits), objective.batch_size
    if found.depends_on_batches and not lenient:
        splits, size = _batches(objective, found)
    objective.conform(found, splits, size)
    if found.mixes and not lenient:
        _check_last(objective)


def _conduct(objective: Objective, split: Split) -> Conduct:
    model, precision, conduct = objective.model, objective.precision, objective.conduct
    batch, length = _first(objective, split, TRIED)

    values: dict[str, Any] = {}

    def evaluate(batch: Any) -> Values:
        values.update(measured(objective, batch))
        return read(values, batch_length(batch))

    random = randomness_of(evaluate, batch, model, objective.device, precision)
    layers, pairs = batch_statistics(model), isinstance(values.get("loss"), tuple)
    objective.conduct = conduct = replace(  # known also where an error ends this
        conduct, random=random, pairs=pairs, mixes=f"batch statistics of {listed(layers, 1)}" if layers else None
    )
    if objective.measure.over == BATCHES:
        return replace(conduct, whole="loss")
    if random or layers:
        return conduct
    _check_pairs(objective, split, values)  # noise, or other statistics, may let a sum look as a mean does
    if isinstance(objective.measure, OutputMeasure):
        if mixed := mixed_by(objective, batch, length, values, lambda: spread(split, SPREAD_OF_LOSS, classes=False)):
            return replace(conduct, mixes=mixed)
        doubtful = [name for name, value in values.items() if length > 1 and _is_mean(name, value, length)]
        if doubtful and objective.measure.over is None:
            _check_means(objective, objective.measure, split, doubtful)
        return conduct
    whole = None if objective.measure.over is not None else _whole(objective, split, evaluate)
    if whole and conduct.changes:  # a pass in train mode, of which batch norm keeps the statistics
        return replace(conduct, mixes="what the loss changes in the net")
    return replace(conduct, whole=whole)


def few(objective: Objective, split: Split, most: int) -> tuple[Any, int]:
    """The first samples of a split and their number, as `_first`; all of the first batch where values depend on batches."""
    if not objective.conduct.depends_on_batches:
        return _first(objective, split, most)
    batch = next(iter(split.batches(objective.batch_size)))
    return batch, batch_length(batch)


def _first(objective: Objective, split: Split, most: int) -> tuple[Any, int]:
    """The first samples of a split, and their number; a ready-made batch that cannot be cut is taken whole."""
    batch = next(iter(split.batches(min(objective.batch_size, most))))
    length = batch_length(batch)
    part, size = next(iter(parts_of(batch, length, most)), (batch, length))
    if size == length:
        return batch, length
    try:
        measured(objective, part)
    except Exception:  # what belongs to the whole batch, such as a matrix of its samples, cannot be cut
        return batch, length
    return part, size


def _check_means(objective: Objective, measure: OutputMeasure, split: Split, doubtful: list[str]) -> None:
    """Raises UsageError for a loss or metric of outputs, one of `doubtful`, whose mean is not one over samples."""
    batch, length = spread(split, SPREAD) or _first(objective, split, SPREAD)
    inputs = [part[0] for part, _ in parts_of(batch, length, objective.batch_size)] or [batch[0]]
    with objective.numbers():
        found = [forward(objective.model, part) for part in inputs]
    doubles = measure.on(torch.device("cpu"), torch.float64)
    for name in loss_first(doubtful):
        if all(isinstance(each, Tensor) for each in found) and name not in measure.settled.whole:
            pair = single(torch.cat([each.detach() for each in found])), batch[1]
            why = outputs_not_a_mean(measure.functions[name], doubles.functions[name], pair, length)
        else:  # a structure, which the user's loss takes apart
            why = not_a_mean(_metric(objective, name), batch, length, MEANS[objective.precision])
        if why:
            error = (IsASum if why.startswith("it is a sum") else NotAMean)(
                f"{name} is not a mean over samples ({why}), so it would depend on the batch size; {INSTEAD}; "
                "a loss of whole batches takes (model, batch)"
            )
            error.of = name
            raise error


def _check_pairs(objective: Objective, split: Split, values: Mapping[str, Any]) -> None:
    """Raises UsageError for a pair of means, such as (loss, accuracy): pairs are read as (sum, weight)."""
    own = {name: each for name, each in values.items() if type(each) is tuple}  # of ours they are `Weighted`
    if not own or (batch := spread(split, SPREAD_OF_MODEL)) is None:
        return
    for name in loss_first(own):

        def pair(part: Any, name: str = name) -> tuple[float, float]:
            total, weight = weighted(name, measured(objective, part)[name], batch_length(part))
            return float(total), float(weight)

        if why := means_in_pair(pair, *batch):
            raise UsageError(
                f"{name} returned a pair, which is read as (sum, weight), but {why}; return the sum over the batch with its "
                "weight, or one value per sample, and give other values as metrics (a loss of (model, batch) may return a dict)"
            )


def _is_mean(name: str, value: Any, length: int) -> bool:
    return not isinstance(value, tuple) and check_values(name, value, length).ndim == 0


def _whole(objective: Objective, split: Split, evaluate: Callable[[Any], Values]) -> str | None:
    """The name of a value of (model, batch) that is one of whole batches; None if all are means over samples.

    Raises:
        UsageError: it is a sum over samples.
    """
    batch, length = spread(split, SPREAD_OF_MODEL) or _first(objective, split, SPREAD_OF_MODEL)
    values, of_batches = measured(objective, batch), list[str]()
    for name in loss_first(values):
        if length > 1 and _is_mean(name, values[name], length):
            why = not_a_mean(_metric(objective, name), batch, length, MEANS[objective.precision])
            if name == "loss" and why and why.startswith("it is a sum"):
                raise IsASum(f"{name} depends on the batch size ({why}); {INSTEAD}")
            if why:
                of_batches.append(name)
    if mixes(evaluate, batch, length, objective.precision):
        return which_mixes(evaluate, loss_first(values), batch, length, objective.precision)
    return of_batches[0] if of_batches else None


def _metric(objective: Objective, name: str) -> Callable[[Any], Any]:
    return lambda batch: mean_of(measured(objective, batch)[name])


def _batches(objective: Objective, conduct: Conduct) -> tuple[dict[str, Split], int]:
    """The splits and the batch size of an objective whose values depend on its batches."""
    if objective.size_is_given:
        return dict(objective.splits), objective.batch_size
    splits = {name: _as_given(split) for name, split in objective.splits.items()}
    unclear = [name for name, split in splits.items() if not is_given(split) and split.size > FIXED_BATCH]
    if conduct.whole and unclear:
        raise UsageError(
            f"{conduct.whole_value} is not a mean over samples, so its value on the {unclear[0]} data depends on the batches; "
            f"{INSTEAD}; if it is one of whole batches, give these (a DataLoader) or batch-size"
        )
    sizes = [split.size for split in splits.values() if not is_given(split)]
    usual = (size for size in range(FIXED_BATCH, 1, -1) if all(count % size != 1 for count in sizes))
    return splits, next(usual, FIXED_BATCH)


def _as_given(split: Split) -> Split:
    return replace(split, as_given=True) if isinstance(split, TensorSplit) and split.given else split


def is_given(split: Split) -> bool:
    return isinstance(split, BatchSplit) or (isinstance(split, (TensorSplit, RowsSplit)) and split.as_given)


def has_given_batches(objective: Objective) -> bool:
    """Whether all batches are the user's own."""
    return all(is_given(split) for split in objective.splits.values())


def _check_last(objective: Objective) -> None:
    """Raises UsageError when the net does not accept the shortest batch."""
    for name, split in objective.splits.items():
        count = split.count(objective.batch_size)
        if count is None:
            continue
        last = next(iter(split.batches(objective.batch_size, count - 1, count)))
        try:
            measured(objective, last)
        except LandscapeError:
            raise
        except Exception as error:
            size = "" if is_given(split) else f"batch-size {objective.batch_size}: "
            raise UsageError(
                f"{size}the last batch of the {name} data has {batch_length(last)} of "
                f"{split.size} samples, which the net does not accept ({explain(error)}); give another batch size"
            ) from error


def batches_text(objective: Objective) -> str:
    """The batches that values depend on, as `128 samples` or `62 x 16, 1 x 8 samples as given`."""
    texts = []
    for split in objective.splits.values():
        if not is_given(split):
            texts.append(f"{min(objective.batch_size, split.size)} samples")
            continue
        lengths = list(_lengths(objective, split))
        counts = Counter(lengths)
        shown = [f"{number} x {length}" for length, number in sorted(counts.items(), reverse=True)]
        mark = fingerprint_of([torch.tensor(lengths)])[:8]
        texts.append(f"{', '.join(shown)} samples as given" if len(shown) < 3 else f"{len(lengths)} as given ({mark})")
    return "; ".join(dict.fromkeys(texts))


def _lengths(objective: Objective, split: Split) -> Iterator[int]:
    if isinstance(split, (TensorSplit, RowsSplit)):
        return iter(split.given)
    return (batch_length(batch) for batch in split.batches(objective.batch_size))


def mean_text(objective: Objective) -> str | None:
    """What the loss is a mean over, where that is not samples."""
    measure = objective.measure
    function = measure.functions.get("loss") if isinstance(measure, OutputMeasure) else None
    if objective.conduct.whole == "loss":
        return "batches"
    if isinstance(function, TargetMean):
        return "targets, weighted by class" if function.weight is not None else "targets"
    return "weights that it returns" if objective.conduct.pairs else None
