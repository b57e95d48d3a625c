"""How what a net returns is passed to the loss and the metrics, where that is not known before it was called.

Owns: two findings of the check, which hold for all batches of a run. A user's own function of (outputs, targets) gets what the
net returned; where it does not take that, the main part. And where classes can be the second or the last dimension, because
there are as many positions as classes, the layer that returns the outputs or other batches tell; else the run is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from landscape.callables import explain
from landscape.data.split import BatchSplit, StreamSplit
from landscape.data.structure import batch_length
from landscape.errors import DataError, EvaluationError
from landscape.objective.conduct import Values, read
from landscape.objective.gradients import tried
from landscape.objective.measure import Measure, OutputMeasure, Settled
from landscape.objective.probe import apart
from landscape.objective.reading import Call, called, forward, main_part
from landscape.objective.weighted import class_targets

if TYPE_CHECKING:
    from landscape.objective.objective import Objective

SECOND, LAST = "second", "last"


def settle(objective: Objective, batch: Any) -> None:
    """Settles for the objective's measure, from here on, how outputs are passed on; `batch`: first samples of a split.

    Raises:
        DataError: classes are the second or the last dimension of the outputs, and nothing says which.
    """
    measure: Measure = getattr(objective.measure, "inner", objective.measure)
    if not isinstance(measure, OutputMeasure) or not _is_pair(batch):
        return
    settled = measure.settled
    if measure.own and not objective.tried:  # the first split settles it
        settled = replace(settled, whole=frozenset(_whole(objective, measure, batch)))
    if len(measure.own) < len(measure.functions) and not settled.classes_last:
        settled = replace(settled, classes_last=_classes_last(objective, batch))
    if settled != measure.settled:
        objective.measure = objective.measure.settle(settled)


def _is_pair(batch: Any) -> bool:
    return isinstance(batch, (tuple, list)) and len(batch) == 2


def _whole(objective: Objective, measure: OutputMeasure, batch: Any) -> Iterator[str]:
    """The names of the user's functions that take all that the net returns, and give other values for it than for its part."""
    before = objective.conduct
    raw = tried(objective, batch, lambda given: called(objective.model, given[0]))
    if isinstance(raw, Tensor) or main_part(raw, batch[0]) is raw:
        objective.conduct = before
        return
    for name in measure.own:
        whole, main = (
            _values(objective, measure, name, names, batch) for names in (frozenset({name}), frozenset[str]())
        )
        if isinstance(whole, Exception) and isinstance(main, Exception):
            raise _taken_by_none(name, raw, batch, whole, main) from main
        if not isinstance(whole, Exception) and (
            isinstance(main, Exception) or apart(whole, main, objective.precision)
        ):
            yield name
    objective.conduct = before


def _taken_by_none(name: str, raw: Any, batch: Any, whole: Exception, main: Exception) -> EvaluationError:
    hint = (
        "; the loss that the net computes is loss=lambda model, batch: model(**batch).loss"
        if hasattr(raw, "loss")
        else ""
    )
    part = main_part(raw, batch[0])
    shown = f"of shape {tuple(part.shape)}" if isinstance(part, Tensor) else f"a {type(part).__name__}"
    return EvaluationError(
        f"{name} takes neither what the net returns, a {type(raw).__name__} ({explain(whole)}), nor its main part alone, {shown} "
        f"({explain(main)}){hint}"
    )


def _values(
    objective: Objective, measure: OutputMeasure, name: str, whole: frozenset[str], batch: Any
) -> Values | Exception:
    """The values of one function for the batch; the error where it does not take what it is passed."""
    alone = OutputMeasure({name: measure.functions[name]}, settled=Settled(whole=whole))
    length, before = batch_length(batch), objective.conduct
    try:
        return tried(objective, batch, lambda given: read(alone(objective.model, given), length))
    except Exception as error:
        return error
    finally:
        objective.conduct = before


def _classes_last(objective: Objective, batch: Any) -> bool:
    """Whether classes must be taken from the last dimension where they could be the second as well."""
    targets = batch[1]
    if not isinstance(targets, Tensor) or targets.is_floating_point() or targets.ndim < 2 or _says(batch):
        return False
    outputs = tried(objective, batch, lambda given: forward(objective.model, given[0]))
    found = _order(outputs, targets)
    if found == LAST:
        return _is_unclear_elsewhere(objective, outputs.shape[-1])
    if (
        found
        or not isinstance(outputs, Tensor)
        or outputs.ndim != targets.ndim + 1
        or outputs.shape[:-1] != targets.shape
    ):
        return False
    found = _by_layer(objective, batch) or _by_other_batches(objective)
    if found or outputs.ndim > 3:  # of pictures torch's order is usual
        return found == LAST
    raise DataError(
        f"the outputs have the shape {tuple(outputs.shape)}, the targets {tuple(targets.shape)}: the classes can be the second "
        "or the last dimension, and nothing says which; give a loss of your own, such as loss=lambda outputs, targets: "
        "torch.nn.functional.cross_entropy(outputs.transpose(1, 2), targets) where they are the last"
    )


def _says(batch: Any) -> bool:
    """Whether the way in which the net is called says where its classes stand."""
    return isinstance(batch[0], Call) and batch[0].classes_last


def _order(outputs: Any, targets: Tensor) -> str | None:
    """Where the classes of outputs stand beside class numbers; None where both dimensions fit, or none."""
    if not isinstance(outputs, Tensor) or outputs.ndim != targets.ndim + 1:
        return None
    shape = tuple(targets.shape)
    last, second = outputs.shape[:-1] == shape, (outputs.shape[0], *outputs.shape[2:]) == shape
    return None if last == second else LAST if last else SECOND


def _is_unclear_elsewhere(objective: Objective, classes: int) -> bool:
    """Whether some targets are as long in each dimension as there are classes."""
    every = (targets for split in objective.splits.values() for targets in class_targets(split))
    return any(all(length == classes for length in targets.shape[1:]) for targets in every)


def _by_layer(objective: Objective, batch: Any) -> str | None:
    """Where the layer that has made the outputs has its features: a linear one last, a convolution second."""
    made: list[tuple[Tensor, int]] = []

    def keep(module: nn.Module, inputs: Any, outputs: Any) -> None:
        made.append((outputs, -1 if isinstance(module, nn.Linear) else 1))

    layers = [each for each in objective.model.modules() if isinstance(each, (nn.Linear, _ConvNd))]
    hooks = [each.register_forward_hook(keep) for each in layers]
    try:
        outputs = tried(objective, batch, lambda given: forward(objective.model, given[0]))
    finally:
        for hook in hooks:
            hook.remove()
    for each, dim in reversed(made):  # a view of the layer's outputs keeps their memory, in whatever order
        if each.untyped_storage().data_ptr() == outputs.untyped_storage().data_ptr():
            steps = [outputs.stride(at) == each.stride(dim) for at in (1, -1)]
            if sum(steps) == 1 and each.shape[dim] == outputs.shape[-1]:
                return SECOND if steps[0] else LAST
    return None


def _by_other_batches(objective: Objective) -> str | None:
    """Where the classes stand in the first batch of another shape that tells."""
    tested = set()
    for split in objective.splits.values():
        if not isinstance(split, (BatchSplit, StreamSplit)):
            continue  # all its samples have one shape
        for batch in split.batches(objective.batch_size):
            targets = batch[1] if _is_pair(batch) else None
            if not isinstance(targets, Tensor) or targets.shape[1:] in tested:
                continue
            tested.add(targets.shape[1:])
            if found := _order(tried(objective, batch, lambda given: forward(objective.model, given[0])), targets):
                return found
    return None
