"""Groups of units that may be permuted, and the same net with its units in another order.

Owns: `Group`, `UnitPlace`, `Symmetry` (all groups of a net, found by following one pass), and permuting tensors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from landscape.alignment.trace import LayerInput, Run, UnitTrace
from landscape.alignment.units import Slots, Units

# For each group the number of the unit that is to come to each place.
Permutations = Sequence[np.ndarray]


@dataclass(frozen=True, eq=False)
class UnitPlace:
    """Where units lie in a tensor: `index` (units, entries of each) along an axis; `rows`: in these rows only."""

    tensor: str
    axis: int
    index: np.ndarray
    rows: tuple[int, int] | None = None


@dataclass(frozen=True, eq=False)
class Group:
    """Units that may be permuted among themselves: their `places` in tensors, and their `roots` in the units of the net."""

    size: int
    places: tuple[UnitPlace, ...]
    roots: tuple[int, ...]

    @property
    def name(self) -> str:
        """The weight that makes its units, or what else comes first."""
        return min(self.places, key=lambda place: (place.axis, not place.tensor.endswith("weight"))).tensor


@dataclass(frozen=True, eq=False)
class Symmetry:
    """The groups of a net; `fixed`: the operators that kept units in place, with how many."""

    groups: tuple[Group, ...]
    fixed: Mapping[str, int]
    readings: tuple[LayerInput, ...]
    units: Units

    @property
    def count(self) -> int:
        """All units that may move."""
        return sum(group.size for group in self.groups)


def symmetry_of(net: nn.Module, run: Run, inputs: object) -> Symmetry:
    """The groups of a net in eval mode, from one pass over a few samples; whatever the net raises is passed on."""
    trace = UnitTrace(net)
    trace.run(run, inputs)
    places = _places(trace)
    found = [group for alike in trace.units.alike() if (group := _group(alike, places)) is not None]
    found.sort(key=lambda group: [(p.tensor, p.axis, int(p.index.min())) for p in group.places])
    return Symmetry(tuple(found), dict(trace.fixed), tuple(trace.readings), trace.units)


# root -> (tensor, axis, rows) -> position -> where along the axis
_Where = dict[int, dict[tuple[str, int, tuple[int, int] | None], dict[int, int]]]


def _places(trace: UnitTrace) -> _Where:
    found: _Where = {}
    for name, axis, rows, slots in _arrays(trace):
        known = trace.units.resolved(slots)
        for number, (unit, position) in enumerate(zip(known.unit.tolist(), known.position.tolist(), strict=True)):
            found.setdefault(unit, {}).setdefault((name, axis, rows), {})[position] = number
    return found


def _arrays(trace: UnitTrace) -> Iterable[tuple[str, int, tuple[int, int] | None, Slots]]:
    for name, axes in sorted(trace.axes.items()):
        for axis, slots in enumerate(axes):
            if slots is not None and not (axis == 1 and name in trace.pieces):
                yield name, axis, None, slots
        pieces = trace.pieces.get(name, [])
        height = len(axes[0].unit) // len(pieces) if pieces and axes[0] is not None else 0
        for number, slots in enumerate(pieces):
            yield name, 1, (number * height, (number + 1) * height), slots


def _group(alike: Sequence[int], where: _Where) -> Group | None:
    """The group of some roots, in the order in which they lie in its first place; None if no tensor has them."""
    keys = sorted(where.get(alike[0], {}), key=lambda key: (key[0], key[1], key[2] or ()))
    if not keys:
        return None
    order = sorted(alike, key=lambda unit: min(where[unit][keys[0]].values()))
    places = []
    for key in keys:
        positions = sorted(where[order[0]][key])
        index = np.array([[where[unit][key][position] for position in positions] for unit in order])
        places.append(UnitPlace(key[0], key[1], index, key[2]))
    return Group(len(order), tuple(places), tuple(order))


def permuted(tensors: Mapping[str, Tensor], groups: Sequence[Group], permutations: Permutations) -> dict[str, Tensor]:
    """New tensors in which unit i of each group is what unit `permutation[i]` was; those that nothing moves are passed on."""
    found = dict(tensors)
    for (name, axis, rows), index in _gathered(tensors, groups, permutations).items():
        order = torch.from_numpy(index).to(found[name].device)
        if rows is None:
            found[name] = found[name].index_select(axis, order)
        else:
            part = found[name][slice(*rows)].index_select(axis, order)
            found[name] = torch.cat([found[name][: rows[0]], part, found[name][rows[1] :]])
    return found


def _gathered(
    tensors: Mapping[str, Tensor], groups: Sequence[Group], permutations: Permutations
) -> dict[tuple[str, int, tuple[int, int] | None], np.ndarray]:
    """For each axis that moves, where its entries come from."""
    found: dict[tuple[str, int, tuple[int, int] | None], np.ndarray] = {}
    for group, order in zip(groups, permutations, strict=True):
        for place in group.places:
            key = (place.tensor, place.axis, place.rows)
            index = found.setdefault(key, np.arange(tensors[place.tensor].shape[place.axis]))
            index[place.index] = place.index[order]
    return found


def identity(groups: Sequence[Group]) -> list[np.ndarray]:
    return [np.arange(group.size) for group in groups]
