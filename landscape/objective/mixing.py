"""Whether the value of a sample depends on the others of its batch: by the net, or by a loss or metric that contrasts samples.

Owns: the trial in halves, of the outputs and of values per sample, and how a batch is measured in a trial. Batch statistics
are seen in conduct.py without one; means of whole batches are the business of reducible.py.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from landscape.data.structure import batch_length, mapped, tensors_in
from landscape.objective.conduct import Values, mixes, read
from landscape.objective.history import moved
from landscape.objective.reading import forward
from landscape.objective.steady import Held

if TYPE_CHECKING:
    from landscape.objective.objective import Objective


def mixed_by(
    objective: Objective,
    batch: Any,
    length: int,
    values: Mapping[str, Any],
    wider: Callable[[], tuple[Any, int] | None],
) -> str | None:
    """What lets values depend on the batches, in words; None if nothing does.

    `values`: those of the batch. `wider` gives a batch of samples from all over the data, and its length, if they can be picked.
    """
    if _net_mixes(objective, batch, length):
        return "the net"
    own = getattr(objective.measure, "own", ()) if objective.measure.over is None else ()
    names = [name for name in own if isinstance(values.get(name), Tensor) and values[name].ndim]
    found = _mixing(objective, names, batch, length, values)
    if found or not names or (more := wider()) is None:
        return found
    return _mixing(objective, names, *more, measured(objective, more[0]))


def _mixing(
    objective: Objective, names: Sequence[str], batch: Any, length: int, values: Mapping[str, Any]
) -> str | None:
    """The first of these losses and metrics that gives a sample another value beside others, in words."""
    name = next((name for name in names if _own_mixes(objective, batch, length, name, values)), None)
    return f"the metric {name}" if name and name != "loss" else "the loss" if name else None


def _own_mixes(objective: Objective, batch: Any, length: int, name: str, values: Mapping[str, Any]) -> bool:
    """Whether the user's own loss or metric gives a sample another value beside others, though the net does not."""

    def evaluate(part: Any) -> Values:
        return read({name: measured(objective, part)[name]}, batch_length(part))

    return mixes(evaluate, batch, length, objective.precision, whole=read({name: values[name]}, length))


def _net_mixes(objective: Objective, batch: Any, length: int) -> bool:
    """Whether outputs depend on the other samples of a batch, at the net's own weights or elsewhere."""
    outputs, precision = functools.partial(_outputs, objective), objective.precision
    if mixes(outputs, batch, length, precision):
        return True
    if objective.lent:
        return False
    with moved(objective.parameters):
        return mixes(outputs, batch, length, precision, lenient=True)


def measured(objective: Objective, batch: Any) -> Mapping[str, Any]:
    """The values of a batch; buffers and modes that an evaluation changes are put back."""
    held = Held(objective.model) if objective.conduct.changes else None
    try:
        with objective.numbers():
            return objective.measure(objective.model, mapped(batch, Tensor.detach))  # which a loss may take apart
    finally:
        if held:
            held.put_back()


def _outputs(objective: Objective, batch: Any) -> Values:
    with objective.numbers():
        outputs = list(tensors_in(forward(objective.model, batch[0])))
        return {f"outputs {i}": each.detach().double().cpu() for i, each in enumerate(outputs)}
