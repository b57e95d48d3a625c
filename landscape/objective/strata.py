"""The samples in groups of like loss, and in which order each group is drawn on.

Owns: the partition and the order. Near a minimum few samples carry most of the loss, so samples are grouped by their
loss at the anchors (points where all of them were evaluated), and a group can be drawn on as densely as its share of
the error asks for. Every point draws from the front of the same order, so that errors of neighbouring points are alike
and the surface stays smooth.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Of the samples in falling order of loss: the first group holds 0.5 %, then always twice the one before.
FIRST_SHARE = 0.005


class Strata:
    """`members[h]`: the sample numbers of group h in the order in which they are drawn; `sizes` (H,) their counts."""

    def __init__(self, hardness: np.ndarray, labels: np.ndarray | None = None):
        """`hardness` (N,): the higher, the more of the loss a sample is expected to carry; `labels` (N,) or None."""
        groups = np.split(np.argsort(-hardness, kind="stable"), _cuts(len(hardness)))
        self.members = [_spread(group, hardness, labels) for group in groups if len(group)]
        self.sizes = np.array([len(group) for group in self.members])

    def draw(self, start: Sequence[int], stop: Sequence[int]) -> np.ndarray:
        """Sample numbers start[h] .. stop[h] - 1 of every group's order, group after group."""
        return np.concatenate([group[a:b] for group, a, b in zip(self.members, start, stop, strict=True)])

    def of(self, start: Sequence[int], stop: Sequence[int]) -> np.ndarray:
        """The group of each sample that `draw` gives."""
        return np.repeat(np.arange(len(self.sizes)), np.asarray(stop) - np.asarray(start))


def _cuts(count: int) -> list[int]:
    cuts, share, total = [], FIRST_SHARE, 0.0
    while total + share < 1:
        total += share
        share *= 2
        cuts.append(round(total * count))
    return cuts


def _spread(group: np.ndarray, hardness: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    """The group in an order of which every beginning has about the labels and losses of the whole.

    Sorted by label and loss, then visited in van der Corput's order (numbers with their bits reversed).
    """
    keys = (hardness[group],) if labels is None else (hardness[group], labels[group])
    return group[np.lexsort(keys)][_bit_reversed(len(group))]


def _bit_reversed(count: int) -> np.ndarray:
    """0 .. count - 1 in the order of their bits read backwards.

    >>> _bit_reversed(6).tolist()
    [0, 4, 2, 1, 5, 3]
    """
    bits = max(count - 1, 1).bit_length()
    numbers, backwards = np.arange(2**bits), np.zeros(2**bits, int)
    for bit in range(bits):
        backwards |= ((numbers >> bit) & 1) << (bits - 1 - bit)
    return backwards[backwards < count]
