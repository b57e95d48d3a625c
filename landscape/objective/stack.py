"""Several points of a slice in one pass of the net: the tensors that move are stacked, those that rest are read once.

Owns: `Stack`, rows of weights and a pass at all of them by torch.func; and, found on a few samples, whether a net can be
evaluated in that way and what memory it takes. Which points go together is the business of sweep/passes.py.

Every pass has the same number of rows, used or not. So the values of a row depend on how many there are and on its place among
them, but not on the other rows.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from torch import Tensor
from torch.func import functional_call, vmap

from landscape.callables import explain
from landscape.data.structure import batch_length
from landscape.errors import EvaluationError
from landscape.objective.adapt import few
from landscape.objective.chunks import Segment, taken
from landscape.objective.measure import OutputMeasure
from landscape.objective.objective import Objective
from landscape.objective.reading import forward
from landscape.objective.tally import PENALTY, MetricSum, Sums, Tally, fetch_sums
from landscape.objective.twins import LIVE, Largest
from landscape.randomness import forked

# How far outputs may lie from those of a net that is evaluated alone, relative to the largest of them.
EQUAL = {"fp64": 1e-9, "fp32": 1e-5, "tf32": 1e-3, "bf16": 2e-2, "bf16-true": 2e-2}
# The trial: the number of samples, the number of rows that are also computed alone, and the seed of random numbers.
SAMPLES, ALONE, SEED = 2, 4, 0
# torch says so of each operation that it passes row by row, as attention on a CPU; the values are the same.
ROW_BY_ROW = "There is a performance drop"


class Stack:
    """`rows` (size, layout.size): filling one moves it; the private net and its weights stay as they are."""

    def __init__(self, objective: Objective, size: int):
        self._objective, self.size = objective, size
        self.rows = objective.weights.new_zeros((size, objective.layout.size))
        self._moved = {
            entry.name: entry.own(self.rows[:, entry.offset : entry.offset + entry.numel].view(size, *entry.shape))
            for entry in objective.layout.entries
        }

    @property
    def nbytes(self) -> int:
        return self.rows.nbytes

    def sums(self, first: int, end: Callable[[int], int], used: Sequence[int]) -> list[list[Sums]]:
        """As `Objective.sums`: for each chunk the sums of each of the `used` rows."""
        objective = self._objective
        with objective.numbers(), objective.steady():
            chunks = taken(objective.segments, first, end, objective.device)
            found = iter(fetch_sums([*itertools.chain.from_iterable(self._tallies(chunk, used) for chunk in chunks)]))
        by_chunk: list[list[Sums]] = []
        while several := [*itertools.islice(found, len(used))]:
            if objective.l2 and not by_chunk and first == 0:
                for row, sums in zip(used, several, strict=True):
                    sums[PENALTY] = MetricSum(objective.penalty(self.rows[row]), 0.0, 1, False)
            by_chunk.append([*several])
        return by_chunk

    def _tallies(self, chunk: Sequence[Segment], used: Sequence[int]) -> list[Tally]:
        found = [Tally() for _ in used]
        for name, first, last in chunk:
            for batch in self._objective.batches(self._objective.splits[name], first, last):
                size = batch_length(batch)
                for tally, values in zip(found, self.values(batch, used), strict=True):
                    tally.add(name, values, size)
        return found

    def values(self, batch: Any, used: Sequence[int]) -> Iterator[dict[str, Any]]:
        """The metrics of a batch (inputs, targets) at each of the `used` rows, within `numbers` and `steady` of the objective."""
        outputs = self.outputs(batch[0])
        for row in used:
            alone = outputs[row]
            yield dict(self._objective.measure(lambda inputs, alone=alone: alone, (None, batch[1])))

    def outputs(self, inputs: Any) -> Tensor:
        """(size, ...) the net's outputs for a batch at all rows."""

        def alone(moved: dict[str, Tensor]) -> Tensor:
            def net(*arguments: Any, **named: Any) -> Any:
                return functional_call(self._objective.model, moved, arguments, named)

            return one_tensor(forward(net, inputs))

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ROW_BY_ROW)
            return vmap(alone, randomness="same")(self._moved)


def one_tensor(outputs: Any) -> Tensor:
    if not isinstance(outputs, Tensor):
        raise EvaluationError(f"the net returns a {type(outputs).__name__}, and one tensor is needed")
    return outputs


def obstacle(objective: Objective) -> str | None:
    """Why points go one after another, as far as that can be seen without trying; None if it cannot."""
    if not isinstance(objective.measure, OutputMeasure):
        return "the loss calls the net itself"
    if objective.measure.settled.whole:
        return "the loss takes all that the net returns"
    if objective.recomputes:
        return "batch-norm statistics are estimated at each point"
    if objective.conduct.gradients or objective.conduct.changes:
        return "an evaluation takes gradients, or changes the net"
    return None


def difference(stack: Stack, objective: Objective) -> str | None:
    """How passing a few samples at all rows fails, or differs from passing them at one row after another; None: it does not."""
    for split in objective.splits.values():
        batch, _ = few(objective, split, SAMPLES)
        try:
            with forked(objective.device, SEED), objective.numbers(), objective.steady():
                together = stack.outputs(batch[0])
        except Exception as error:  # whatever a stranger's net does that torch cannot pass in this way
            return f"torch.func does not pass the net ({explain(error)})"
        if found := _other_values(stack, objective, batch):
            return found
        for row in sorted({part * (stack.size - 1) // (ALONE - 1) for part in range(ALONE)}):
            if far := _distance(together[row], _alone(stack, objective, batch, row), EQUAL[objective.precision]):
                return f"outputs differ by {far} from those of one point"
    return None


def _other_values(stack: Stack, objective: Objective, batch: Any) -> str | None:
    """How the loss fails on outputs alone, where it takes more of a pass, such as what a hook stores."""
    try:
        with forked(objective.device, SEED), objective.numbers(), objective.steady():
            next(stack.values(batch, [0]))
    except Exception as error:  # an EvaluationError, or whatever torch says of a tensor of all points at once
        return f"the loss takes more of a pass than what the net returns, such as what a hook stores ({type(error).__name__})"
    return None


def memory_of_row(stack: Stack, objective: Objective) -> float:
    """About the bytes that one row takes while the largest batch is passed."""
    found = 0.0
    for split in objective.splits.values():
        (batch, length), whole = few(objective, split, SAMPLES), next(iter(split.batches(objective.batch_size)))
        with Largest() as largest:
            _alone(stack, objective, batch, 0)
        found = max(found, LIVE * largest.nbytes * batch_length(whole) / length)
    return found + stack.nbytes / stack.size


def _alone(stack: Stack, objective: Objective, batch: Any, row: int) -> Tensor:
    before = objective.weights.clone()
    try:
        objective.weights.copy_(stack.rows[row])
        with forked(objective.device, SEED), objective.numbers(), objective.steady():
            return one_tensor(forward(objective.model, batch[0]))
    finally:
        objective.weights.copy_(before)


def _distance(found: Tensor, wanted: Tensor, equal: float) -> str | None:
    """How far two outputs are apart, relative to the largest number; None if they count as equal."""
    if found.shape != wanted.shape:
        return f"their shape {tuple(found.shape)}"
    finite = wanted.isfinite()
    if not bool((found.isfinite() == finite).all()):
        return "numbers that are not finite"
    if not bool(finite.any()):
        return None
    scale = float(wanted[finite].abs().max())
    far = float((found - wanted)[finite].abs().max())
    return f"{far / scale:.1g}" if far > equal * scale else None
