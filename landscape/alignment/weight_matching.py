"""Matching units of two nets by their weights: coordinate descent over groups (Ainsworth et al. 2023, arXiv:2209.04836).

Owns: the objective, the inner product of the weights of both nets; the descent, which solves one linear assignment problem per
group; and where it starts. From the identity it is caught by the first poor optimum in nets whose many blocks write into one
group. So the start assigns group after group by the most that two units could agree: weights toward inputs, outputs and groups
that are matched already are compared one by one; those toward others are sorted before, as an inner product is largest in sorted
order. In a net and a permuted copy of it no units can agree more than those that belong together, so the start finds them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from landscape.alignment.groups import Group, UnitPlace, identity, permuted

RESTARTS = 5
MAX_SWEEPS = 100
# A step must gain more than rounding, relative to the product of the norms.
LEAST_GAIN = 1e-12


@dataclass(frozen=True, eq=False)
class Matched:
    """The best permutations, and what each restart reached: the inner product of the weights."""

    permutations: list[np.ndarray]
    objectives: tuple[float, ...]


def match_weights(
    groups: Sequence[Group],
    first: Mapping[str, Tensor],
    second: Mapping[str, Tensor],
    *,
    restarts: int = RESTARTS,
    seed: int = 0,
) -> Matched:
    """Permutations of the second net's units that bring its parameters near those of the first.

    Args:
        first, second: the parameters of both nets, by name; places in other tensors do not count.
        restarts: the first starts from the groups that are known best, the second from the identity, others in random order.
    """
    most = sum(float(tensor.double().square().sum()) for tensor in first.values())
    scale = (most * sum(float(tensor.double().square().sum()) for tensor in second.values())) ** 0.5
    generator = np.random.default_rng(seed)
    plain = _Pair(groups, first, second)
    best, objectives = (plain.objective, plain.permutations), []
    for number in range(restarts):
        pair = _Pair(groups, first, second)
        if number != 1:
            pair.start(None if number == 0 else generator.permutation(len(groups)))
        pair.descend(generator, LEAST_GAIN * scale)
        objectives.append(pair.objective)
        if pair.objective > best[0] + LEAST_GAIN * scale:
            best = pair.objective, pair.permutations
        if scale - pair.objective <= LEAST_GAIN * scale:
            break  # the nets are one
    return Matched(best[1], tuple(objectives))


class _Pair:
    """Both nets, the second with its units in the present order."""

    def __init__(self, groups: Sequence[Group], first: Mapping[str, Tensor], second: Mapping[str, Tensor]):
        self._first, self._second = first, {name: second[name] for name in first}
        self._groups = [
            replace(group, places=tuple(place for place in group.places if place.tensor in first)) for group in groups
        ]
        self.permutations = identity(groups)
        self._shared = {name: self._product(name) for name in sorted(first)}

    @property
    def objective(self) -> float:
        """The inner product of all parameters."""
        return sum(self._shared.values())

    def _product(self, name: str) -> float:
        return float((self._first[name].double() * self._second[name].double()).sum())

    def start(self, order: np.ndarray | None) -> None:
        """Assigns all groups once, in an order; None: always the one most of whose weights lead to what is known."""
        left = list(range(len(self._groups))) if order is None else [int(number) for number in order]
        while left:
            unknown = frozenset(left)
            number = left[0] if order is not None else max(left, key=lambda n: self._known(n, unknown))
            left.remove(number)
            self._step(number, unknown)

    def _known(self, number: int, unknown: frozenset[int]) -> float:
        """The share of the weights of a group that lead to groups that are not unknown."""
        known = total = 0.0
        for place in self._groups[number].places:
            size = self._first[place.tensor].numel()
            others = [size for _ in self._sorted(place, unknown)]
            total += size
            known += 0 if others else size
        return known / max(total, 1.0)

    def descend(self, generator: np.random.Generator, least: float) -> None:
        """Assigns groups in random order until none gains anything."""
        for _ in range(MAX_SWEEPS):
            before = self.objective
            for number in generator.permutation(len(self._groups)):
                self._step(int(number), frozenset(), least)
            if self.objective <= before + least:
                return

    def _step(self, number: int, unknown: frozenset[int], least: float | None = None) -> None:
        """The best assignment of one group while all others rest; with `least`, only if it gains more."""
        group = self._groups[number]
        gain = np.zeros((group.size, group.size))
        for place in self._groups[number].places:
            a, b = (self._rows(tensors[place.tensor], place, unknown) for tensors in (self._first, self._second))
            gain += a @ b.T
        _, order = linear_sum_assignment(gain, maximize=True)
        if (order == np.arange(group.size)).all():
            return
        kept, shared = self._second, dict(self._shared)
        self._second = permuted(self._second, [group], [order])
        for name in {place.tensor for place in self._groups[number].places}:
            self._shared[name] = self._product(name)
        if least is not None and self.objective <= sum(shared.values()) + least:
            self._second, self._shared = kept, shared
            return
        self.permutations[number] = self.permutations[number][order]

    def _rows(self, tensor: Tensor, place: UnitPlace, unknown: frozenset[int]) -> np.ndarray:
        """(units, weights of each), sorted along what leads to unknown groups."""
        part = tensor if place.rows is None else tensor[slice(*place.rows)]
        values = np.moveaxis(part.detach().cpu().double().numpy(), place.axis, 0)[place.index]
        for axis, index in self._sorted(place, unknown):
            at = axis + 2 if axis < place.axis else axis + 1
            chosen = (slice(None),) * at + (index,)
            values[chosen] = np.sort(values[chosen], axis=at)
        return values.reshape(len(place.index), -1)

    def _sorted(self, place: UnitPlace, unknown: frozenset[int]) -> Iterator[tuple[int, np.ndarray]]:
        """The other axes of a place, and where along them units of unknown groups lie, position by position."""
        for number in sorted(unknown):
            for other in self._groups[number].places:
                if other.tensor != place.tensor or other.axis == place.axis:
                    continue
                index = _within(other, place)
                for column in index.T if index is not None else ():
                    yield other.axis, column


def _within(other: UnitPlace, place: UnitPlace) -> np.ndarray | None:
    """The entries of another axis, counted in the part of the tensor that a place is in; None if they are not there."""
    if other.rows is not None:  # filters of one group of a convolution
        inside = (place.index >= other.rows[0]) & (place.index < other.rows[1])
        return other.index if inside.all() else None
    if place.rows is None:
        return other.index
    index = other.index - place.rows[0]
    inside = (index >= 0) & (index < place.rows[1] - place.rows[0])
    return index if inside.all() else None
