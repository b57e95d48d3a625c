"""Units of a net, and what is known of which are the same.

Owns: `Slots`, the units along some axes of a tensor, and `Units`, which unites units (a disjoint-set forest) and keeps every
array of slots that an allowed permutation has to map onto itself. Knows no operation and no net.

A slot is (unit, position): channel c of a convolution, flattened with its 4 pixels, gives the slots (c, 0) .. (c, 3). The claim
that every array states, for a permutation p of units: in the permuted net the entry of slot (p(u), k) is what that of (u, k)
was. Positions have a meaning within their array only, so they may be renamed there, for all of its units alike.

Whatever is united on the way is tried again at the end (`settle`): where the claims do not follow, units are fixed, which is
always allowed. So a wrong guess costs freedom, never truth.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

FIXED, EMPTY = 0, 1
"""The unit of everything that stays where it is, and that of channels that are zero."""


class Slots(NamedTuple):
    """Units and positions, both integer arrays of one shape."""

    unit: np.ndarray
    position: np.ndarray

    def at(self, index: np.ndarray | tuple) -> Slots:
        return Slots(self.unit[index], self.position[index])

    @property
    def key(self) -> bytes:
        return self.unit.tobytes() + self.position.tobytes()


class Units:
    """`arrays`: what permutations must preserve, by number."""

    def __init__(self) -> None:
        self._parent, self._offset = [FIXED, EMPTY], [0, 0]
        self._positions: dict[tuple, int] = {}
        self.arrays: list[Slots] = []
        self._numbers: dict[bytes, int] = {}
        self._inside: list[set[int]] = [set(), set()]  # the arrays that a root occurs in
        self._equations: dict[bytes, tuple[Slots, Slots]] = {}
        self._known: dict[tuple[bytes, tuple[int, ...]], Slots] = {}  # what was resolved since the last join

    def fresh(self, *shape: int) -> Slots:
        """New units, one for each place."""
        first, count = len(self._parent), int(np.prod(shape))
        self._parent += range(first, first + count)
        self._offset += [0] * count
        self._inside += [set() for _ in range(count)]
        made = Slots(np.arange(first, first + count).reshape(shape), np.zeros(shape, int))
        self.keep(made)
        return made

    def keep(self, slots: Slots) -> int:
        """The number of an array of slots, which permutations must map onto itself from now on."""
        flat = Slots(np.ascontiguousarray(slots.unit).ravel(), np.ascontiguousarray(slots.position).ravel())
        if flat.key not in self._numbers:
            number = self._numbers[flat.key] = len(self.arrays)
            self.arrays.append(flat)
            for unit in np.unique(flat.unit):
                self._inside[self.find(int(unit))[0]].add(number)
        return self._numbers[flat.key]

    def position(self, *parts: int) -> int:
        """A number for a position within a position; 0 is the whole."""
        parts = tuple(part for part in parts if part)
        if len(parts) < 2:
            return parts[0] if parts else 0
        return self._positions.setdefault(parts, -1 - len(self._positions))

    def within(self, outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
        """`position` of each pair."""
        if not outer.any() or not inner.any():
            return outer + inner
        pairs, inverse = np.unique(np.stack([outer.ravel(), inner.ravel()]), axis=1, return_inverse=True)
        made = np.array([self.position(int(a), int(b)) for a, b in pairs.T])
        return made[inverse.ravel()].reshape(outer.shape)

    def find(self, unit: int) -> tuple[int, int]:
        """(root, position of the unit under it)."""
        path = []
        while self._parent[unit] != unit:
            path.append(unit)
            unit = self._parent[unit]
        offset = 0
        for each in reversed(path):
            offset = self.position(offset, self._offset[each])
            self._parent[each], self._offset[each] = unit, offset
        return unit, offset

    def resolved(self, slots: Slots) -> Slots:
        """The same with roots in place of units; what is fixed has no position."""
        key = slots.key, slots.unit.shape
        if key not in self._known:
            self._known[key] = self._resolved(slots)
        return self._known[key]

    def _resolved(self, slots: Slots) -> Slots:
        units, inverse = np.unique(slots.unit, return_inverse=True)
        found = np.array([self.find(int(unit)) for unit in units]).reshape(-1, 2)[inverse.ravel()]
        root = found[:, 0].reshape(slots.unit.shape)
        place = self.within(found[:, 1].reshape(root.shape), slots.position)
        return Slots(root, np.where(root <= EMPTY, 0, place))

    def plain(self, slots: Slots) -> Slots:
        """Resolved, with positions renamed 0, 1, ... as they come first."""
        root, place = self.resolved(slots)
        free = root > EMPTY
        values, first, inverse = np.unique(place[free], return_index=True, return_inverse=True)
        rank = np.argsort(np.argsort(first))
        named = np.zeros_like(place)
        named[free] = rank[inverse.ravel()] if len(values) else 0
        return Slots(root, named)

    def fix(self, slots: Slots) -> None:
        for unit in np.unique(slots.unit):
            self._join(int(unit), FIXED, 0)

    def _join(self, unit: int, other: int, position: int) -> None:
        """The root of a unit becomes what lies at a position of another root."""
        unit, other = self.find(unit)[0], self.find(other)[0]
        if unit == FIXED:
            unit, other, position = other, FIXED, 0
        if unit == other or unit <= EMPTY:
            return
        self._known.clear()
        self._parent[unit], self._offset[unit] = other, position if other > EMPTY else 0
        self._inside[other] |= self._inside[unit]
        self._inside[unit] = set()

    def unite(self, first: Slots, second: Slots, *, zeros: bool = False) -> Slots:
        """Two arrays of one shape become the same, entry by entry; what may not differ in `plain` is fixed.

        `zeros`: beside a channel that is zero, as in a sum, the other may be any.
        """
        a, b = self.resolved(first), self.resolved(second)
        if zeros:
            either = np.where(a.unit == EMPTY, b.unit, a.unit), np.where(a.unit == EMPTY, b.position, a.position)
            both = (a.unit != EMPTY) & (b.unit != EMPTY)
            a, b, result = a.at(both), b.at(both), Slots(*either)
        else:
            a, b = (Slots(np.where(s.unit == EMPTY, FIXED, s.unit), s.position) for s in (a, b))
            result = a
        stated = a.key + b"=" + b.key
        if a.key == b.key or stated in self._equations:
            return result
        self._equations[stated] = (a, b)
        for slots in (first, second, a, b):
            self.keep(slots)
        plain_a, plain_b = self.plain(a), self.plain(b)
        unlike = (plain_a.position != plain_b.position) & (plain_a.unit > EMPTY) & (plain_b.unit > EMPTY)
        if not unlike.any():
            self._unite_alike(a, b)
        elif _each_once(b):
            self._bind(b, a)
        elif _each_once(a):
            self._bind(a, b)
        else:
            self.fix(a)
            self.fix(b)
        return result

    def _unite_alike(self, a: Slots, b: Slots) -> None:
        pairs = {(int(u), int(v)) for u, v in zip(a.unit.ravel(), b.unit.ravel(), strict=True) if u != v}
        beside = any(self._inside[u] & self._inside[v] for u, v in pairs if min(u, v) > EMPTY)
        # two units of one array that become one, as the halves of a gate, keep their places by a position
        position = self.position(-1, len(self._equations) + 1) if beside else 0
        for u, v in sorted(pairs):
            self._join(v, u, position)

    def _bind(self, atoms: Slots, to: Slots) -> None:
        """Each atom becomes what lies at a position of another unit."""
        for unit, other, place in zip(atoms.unit.ravel(), to.unit.ravel(), to.position.ravel(), strict=True):
            self._join(int(unit), int(other), int(place))

    def settle(self) -> None:
        """Fixes units until every array and every equation is true of all permutations that remain."""
        while any([self._fix_ambiguous(), self._fix_unequal()]):
            pass

    def _fix_ambiguous(self) -> bool:
        """Units that fill two places of one array under one position."""
        again = False
        for slots in self.arrays:
            found = self.resolved(slots)
            free = found.at(found.unit > EMPTY)
            pairs, counts = np.unique(np.stack([free.unit, free.position]), axis=1, return_counts=True)
            twice = pairs[0, counts > 1]
            if len(twice):
                self.fix(Slots(twice, twice))
                again = True
        return again

    def _fix_unequal(self) -> bool:
        again = False
        for first, second in self._equations.values():
            a, b = self.plain(first), self.plain(second)
            if (a.unit != b.unit).any() or (a.position != b.position).any():
                self.fix(a)
                self.fix(b)
                again = True
        return again

    def alike(self) -> Iterator[list[int]]:
        """Roots that fill the same positions of the same arrays: the units that may be permuted among themselves."""
        signature: dict[int, list[tuple[int, int]]] = {}
        for number, slots in enumerate(self.arrays):
            found = self.resolved(slots)
            for unit, place in zip(found.unit.tolist(), found.position.tolist(), strict=True):
                if unit > EMPTY:
                    signature.setdefault(unit, []).append((number, place))
        groups: dict[tuple, list[int]] = {}
        for unit, where in signature.items():
            groups.setdefault(tuple(sorted(where)), []).append(unit)
        yield from (group for group in groups.values() if len(group) > 1)


def _each_once(slots: Slots) -> bool:
    """Whether each slot is one whole unit."""
    free = slots.unit[slots.unit > EMPTY]
    return len(np.unique(free)) == len(free) and not slots.position[slots.unit > EMPTY].any()
