"""Which axes of a tensor carry units: bundles, and what becomes of them when a tensor is moved, spread or joined with others.

Owns: `Bundle`, the slots along one axis or jointly along several, as the heads and channels of attention lie; and the moving of
bundles through whatever only rearranges entries, found by rearranging their numbers. An axis in no bundle does not move.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from landscape.alignment.units import EMPTY, FIXED, Slots, Units


class NotUnderstood(Exception):
    """Nothing is known of how the units of its inputs pass through an operation, so they have to stay."""


class Bundle(NamedTuple):
    """`slots` has one axis for each of `dims`, which ascend."""

    dims: tuple[int, ...]
    slots: Slots

    def moved(self, dims: Mapping[int, int]) -> Bundle:
        """The same under other numbers of the axes."""
        new = [dims[dim] for dim in self.dims]
        order = np.argsort(new)
        return Bundle(tuple(sorted(new)), Slots(self.slots.unit.transpose(order), self.slots.position.transpose(order)))


Bundles = tuple[Bundle, ...]


class Operand(NamedTuple):
    """A tensor's sizes and bundles, by the axes of the result that it is spread over."""

    sizes: Mapping[int, int]
    bundles: Bundles

    @classmethod
    def of(cls, tensor: Tensor, bundles: Bundles, dims: Sequence[int]) -> Operand:
        """`dims`: for each axis of the tensor that of the result."""
        places = dict(enumerate(dims))
        sizes = {places[dim]: size for dim, size in enumerate(tensor.shape)}
        return cls(sizes, tuple(bundle.moved(places) for bundle in bundles))


def joined(units: Units, operands: Sequence[Operand], *, zeros: bool = False) -> Bundles:
    """The bundles of a result each entry of which is made of the entries at its place.

    Raises:
        NotUnderstood: an operand has two bundles where another has one.
    """
    found = []
    sizes = {dim: max(each.sizes.get(dim, 1) for each in operands) for dim in {d for o in operands for d in o.sizes}}
    for dims in _parts([bundle.dims for operand in operands for bundle in operand.bundles]):
        arrays = [_over(units, operand, dims, sizes) for operand in operands]
        known = [slots for slots in arrays if slots is not None]
        total = known[0]
        for slots in known[1:]:
            total = units.unite(total, slots, zeros=zeros)
        found.append(Bundle(dims, total))
    return tuple(found)


def _parts(groups: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Groups of axes that have one in common become one group."""
    parts: list[set[int]] = []
    for group in groups:
        touching = [part for part in parts if part & set(group)]
        parts = [part for part in parts if part not in touching] + [set(group).union(*touching)]
    return sorted(tuple(sorted(part)) for part in parts)


def _over(units: Units, operand: Operand, dims: tuple[int, ...], sizes: Mapping[int, int]) -> Slots | None:
    """The slots of an operand over some axes; None where it is the same along all of them."""
    own = [bundle for bundle in operand.bundles if set(bundle.dims) & set(dims)]
    wide = [dim for dim in dims if operand.sizes.get(dim, 1) > 1]
    if len(own) > 1:
        raise NotUnderstood
    if not own:
        if not wide:
            return None
        if len(wide) < len(dims):
            raise NotUnderstood
        shape = tuple(sizes[dim] for dim in dims)
        return Slots(np.full(shape, FIXED), np.zeros(shape, int))
    (bundle,) = own
    slots, missing = bundle.slots, [dim for dim in dims if dim not in bundle.dims]
    # where a unit is the same, or stands still, along another axis, the place there is a position within it
    for axis, dim in enumerate(dims):
        if dim in missing:
            spread = [1] * (slots.unit.ndim + 1)
            spread[axis] = sizes[dim]
            step = np.arange(1, sizes[dim] + 1).reshape(spread)
            unit, place = np.broadcast_arrays(np.expand_dims(slots.unit, axis), step)
            outer = np.broadcast_to(np.expand_dims(slots.position, axis), unit.shape)
            slots = Slots(unit, units.within(outer, place))
    return slots


def apart(units: Units, bundle: Bundle, dims: Sequence[int]) -> None:
    """From now on what lies at one place along `dims`, such as a head or a group that is normalized, stays at that place."""
    shared = [axis for axis, dim in enumerate(bundle.dims) if dim in dims]
    for place in np.ndindex(*(bundle.slots.unit.shape[axis] for axis in shared)):
        index: list = [slice(None)] * len(bundle.dims)
        for axis, at in zip(shared, place, strict=True):
            index[axis] = at
        units.keep(bundle.slots.at(tuple(index)))


def rearranged(
    units: Units, tensor: Tensor, bundles: Bundles, move: Callable[[Tensor], Sequence[Tensor]], padded: int = EMPTY
) -> list[Bundles]:
    """The bundles of each result of `move`, which only takes entries of a tensor from place to place, or pads with zeros.

    `padded`: the unit of what is padded.

    Raises:
        NotUnderstood: two bundles meet in one axis.
    """
    each = [_rearranged_one(units, tensor, bundle, move, padded) for bundle in bundles]
    results = [tuple(found for found in row if found is not None) for row in zip(*each, strict=True)]
    for row in results:
        dims = [dim for bundle in row for dim in bundle.dims]
        if len(set(dims)) < len(dims):
            raise NotUnderstood
    return results


def _rearranged_one(
    units: Units, tensor: Tensor, bundle: Bundle, move: Callable[[Tensor], Sequence[Tensor]], padded: int
) -> list[Bundle | None]:
    """Moves for each entry the number of its slot, and the number of its place along all other axes."""
    rest = [dim for dim in range(tensor.ndim) if dim not in bundle.dims]
    numbers = move(_numbers(tensor.shape, bundle.dims))
    places = move(_numbers(tensor.shape, rest))
    return [_read(units, bundle, *pair, padded) for pair in zip(numbers, places, strict=True)]


def _numbers(shape: Sequence[int], dims: Sequence[int]) -> Tensor:
    """The number of each entry along `dims`, from 1 on; 0 is what may be padded."""
    sizes = [shape[dim] if dim in dims else 1 for dim in range(len(shape))]
    return torch.arange(1, math.prod(sizes) + 1).reshape(sizes).expand(*shape).clone()


def _read(units: Units, bundle: Bundle, numbers: Tensor, places: Tensor, padded: int) -> Bundle | None:
    along = [dim for dim in range(numbers.ndim) if _varies(numbers, dim)]
    if not along:
        if not numbers.numel() or not bool(numbers.reshape(-1)[0]):
            return None
        units.fix(bundle.slots.at(np.unravel_index(int(numbers.reshape(-1)[0]) - 1, bundle.slots.unit.shape)))
        return None  # one unit alone
    rest = [dim for dim in range(numbers.ndim) if dim not in along]
    shape = [numbers.shape[dim] for dim in along]
    number = numbers.permute(*along, *rest).reshape(*shape, -1)[..., 0].numpy()
    rows = places.permute(*along, *rest).reshape(math.prod(shape), -1).numpy()
    place = _numbered_rows(rows).reshape(shape)
    index = np.unravel_index(np.maximum(number - 1, 0), bundle.slots.unit.shape)
    unit = np.where(number == 0, padded, bundle.slots.unit[index])
    outer = np.where(number == 0, 0, bundle.slots.position[index])
    place = np.where(number == 0, 0, place)
    twice = _occurrence(number, place)
    within = units.within(units.within(outer, place), twice)
    return _narrowed(units, Bundle(tuple(along), Slots(unit, within)))


def _varies(numbers: Tensor, dim: int) -> bool:
    return numbers.shape[dim] > 1 and bool((numbers != numbers.narrow(dim, 0, 1)).any())


def _numbered_rows(rows: np.ndarray) -> np.ndarray:
    """A number from 0 on for each different row, in the order in which they come."""
    if not rows.shape[1] or (rows == rows[:1]).all():
        return np.zeros(len(rows), int)
    _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse.ravel()]


def _occurrence(number: np.ndarray, place: np.ndarray) -> np.ndarray:
    """How many times the same entry has come before; its copies are equal, so any order of them is true."""
    flat = np.stack([number.ravel(), place.ravel()])
    _, inverse, counts = np.unique(flat, axis=1, return_inverse=True, return_counts=True)
    if counts.max() == 1:
        return np.zeros_like(number)
    inverse = inverse.ravel()
    order = np.argsort(inverse, kind="stable")
    starts = np.cumsum(counts) - counts
    seen = np.empty(len(inverse), int)
    seen[order] = np.arange(len(inverse)) - starts[inverse[order]]
    return seen.reshape(number.shape)


def _narrowed(units: Units, bundle: Bundle) -> Bundle:
    """Without the axes along which the units are the same and only positions differ, all in one manner."""
    for axis in range(len(bundle.dims)):
        unit = np.moveaxis(bundle.slots.unit, axis, 0)
        place = np.moveaxis(bundle.slots.position, axis, 0)
        if len(bundle.dims) < 2 or (unit != unit[:1]).any():
            continue
        first = units.plain(Slots(unit[0], place[0])).position
        if all((units.plain(Slots(unit[k], place[k])).position == first).all() for k in range(len(unit))):
            dims = bundle.dims[:axis] + bundle.dims[axis + 1 :]
            return _narrowed(units, Bundle(dims, Slots(unit[0], place[0])))
    return bundle
