"""Matching units of two nets by what they do: correlations of activations on the same samples (Li et al. 2015, arXiv:1511.07543).

Owns: where activations are taken, which is wherever a layer with weights reads units, and the sums over batches. A group that no
layer reads, such as the channels of queries and keys, is matched by its weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from landscape.alignment.groups import Group, Symmetry, identity, permuted
from landscape.alignment.trace import LayerInput, Mode, Run, followed
from landscape.alignment.weight_matching import Matched, match_weights
from landscape.members import named_parameters


def match_activations(
    symmetry: Symmetry, first: nn.Module, second: nn.Module, run: Run, batches: Iterable[Any], *, seed: int = 0
) -> Matched:
    """Permutations of the second net's units by which they correlate most with those of the first.

    Args:
        first, second: the nets in eval mode; `batches`: what `run` passes through both.

    Its one objective is the mean correlation of matched units.
    """
    sums = [_Sums(group.size) for group in symmetry.groups]
    wanted = _wanted(symmetry)
    for batch in batches:
        seen = [_activations(net, run, batch, wanted) for net in (first, second)]
        for key in sorted(set(seen[0]) & set(seen[1])):
            sums[key[1]].add(key, seen[0][key], seen[1][key])
    permutations, correlations, lonely = identity(symmetry.groups), [], []
    for number, each in enumerate(sums):
        if not each.parts:
            lonely.append(number)
            continue
        gain = each.correlations()
        rows, order = linear_sum_assignment(gain, maximize=True)
        permutations[number] = order
        correlations.append(gain[rows, order])
    _by_weights(symmetry.groups, permutations, lonely, first, second, seed)
    return Matched(permutations, (float(np.concatenate(correlations).mean()) if correlations else float("nan"),))


def _by_weights(
    groups: Sequence[Group],
    permutations: list[np.ndarray],
    lonely: Sequence[int],
    first: nn.Module,
    second: nn.Module,
    seed: int,
) -> None:
    """Fills in the permutations of groups without activations."""
    if not lonely:
        return
    tensors = [{name: value.detach() for name, value in named_parameters(net)} for net in (first, second)]
    found = match_weights(
        [groups[number] for number in lonely], tensors[0], permuted(tensors[1], groups, permutations), seed=seed
    )
    for number, order in zip(lonely, found.permutations, strict=True):
        permutations[number] = order


# (number of the call, number of the group) -> where its units lie in the tensor that is read: (units, entries of each)
_Wanted = Mapping[tuple[int, int], tuple[LayerInput, np.ndarray]]


def _wanted(symmetry: Symmetry) -> _Wanted:
    group_of = {root: number for number, group in enumerate(symmetry.groups) for root in group.roots}
    found = {}
    for reading in symmetry.readings:
        slots = symmetry.units.resolved(reading.bundle.slots)
        where: dict[int, dict[int, int]] = {}
        for place, (unit, position) in enumerate(zip(slots.unit.ravel(), slots.position.ravel(), strict=True)):
            where.setdefault(int(unit), {})[int(position)] = place
        for number in sorted({group_of[unit] for unit in where if unit in group_of}):
            roots = symmetry.groups[number].roots
            positions = sorted(where[roots[0]])
            found[reading.number, number] = (
                reading, np.array([[where[root][position] for position in positions] for root in roots])
            )  # fmt: skip
    return found


def _activations(net: nn.Module, run: Run, batch: Any, wanted: _Wanted) -> dict[tuple[int, int], Tensor]:
    """For each of `wanted` the activations (units, samples and places)."""
    keeping = _Keeping(wanted)
    with followed(), keeping:
        run(net, batch)
    return keeping.found


class _Keeping(Mode):
    """Keeps what certain calls read."""

    def __init__(self, wanted: _Wanted):
        super().__init__()
        self.found: dict[tuple[int, int], Tensor] = {}
        self._by_number: dict[int, list[tuple[tuple[int, int], LayerInput, np.ndarray]]] = {}
        for key, (reading, index) in wanted.items():
            self._by_number.setdefault(key[0], []).append((key, reading, index))
        self._number = -1

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self._number += 1
        for key, reading, index in self._by_number.get(self._number, ()):
            tensor = args[reading.argument]
            sizes = tuple(tensor.shape[dim] for dim in reading.bundle.dims)
            # joint axes may hold samples, whose number is another now
            if func._schema.name.removeprefix("aten::") == reading.name and sizes == reading.bundle.slots.unit.shape:
                rest = [dim for dim in range(tensor.ndim) if dim not in reading.bundle.dims]
                rows = tensor.detach().permute(*reading.bundle.dims, *rest).reshape(int(np.prod(sizes)), -1)
                self.found[key] = rows[torch.from_numpy(index)].reshape(len(index), -1).double()
        return func(*args, **(kwargs or {}))


class _Sums:
    """Sums over batches for one group, for each place where it is read."""

    def __init__(self, size: int):
        self._size = size
        self.parts: dict[tuple[int, int], list[Any]] = {}

    def add(self, key: tuple[int, int], a: Tensor, b: Tensor) -> None:
        new = [a.shape[1], a.sum(1), b.sum(1), a.square().sum(1), b.square().sum(1), a @ b.T]
        old = self.parts.get(key)
        self.parts[key] = new if old is None else [x + y for x, y in zip(old, new, strict=True)]

    def correlations(self) -> np.ndarray:
        """(units, units) the mean over all places; a unit that is constant correlates with none."""
        total = np.zeros((self._size, self._size))
        for count, a, b, aa, bb, ab in self.parts.values():
            spread = torch.outer((aa - a * a / count).clamp(min=0).sqrt(), (bb - b * b / count).clamp(min=0).sqrt())
            found = (ab - torch.outer(a, b) / count) / spread
            total += torch.nan_to_num(found, nan=0.0, posinf=0.0, neginf=0.0).numpy()
        return total / len(self.parts)
