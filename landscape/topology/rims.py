"""Where the ground of a basin reaches the edge of what was computed.

Owns: the edge of a domain, and the level at which each basin spills, over a pass or over the edge. Beyond the edge of the grid,
and in a hole, nothing is known: there may be a lower way out.
"""

from __future__ import annotations

import numpy as np

from landscape.topology.elder_rule import Components
from landscape.topology.merge_tree import MergeTree, pairs

NOWHERE = -1


def edge_of(tree: MergeTree) -> np.ndarray:
    """Same shape: the points of the domain at the end of an axis or beside a hole."""
    edge = np.zeros(tree.values.shape, dtype=bool)
    for axis in range(edge.ndim):
        ends = np.moveaxis(edge, axis, 0)
        ends[[0, -1]] = True
    domain = tree.domain
    for (edge_a, edge_b), (in_a, in_b) in zip(
        pairs(edge, tree.neighbours), pairs(domain, tree.neighbours), strict=True
    ):
        edge_a |= ~in_b
        edge_b |= ~in_a
    return edge & domain


def spills(tree: MergeTree, age: np.ndarray) -> np.ndarray:
    """(k,) the point at which the component of each minimum first meets an older one (by `age`) or the edge, or `NOWHERE`."""
    ranks = _opening(tree)
    events = sorted(
        [(rank, -1, leaf) for leaf, rank in enumerate(ranks.tolist()) if rank < tree.rank.size]
        + [(int(tree.rank.flat[point]), number, 0) for number, point in enumerate(tree.saddles.tolist())]
    )
    sets, found = Components(age), np.full(len(tree.minima), NOWHERE)
    is_open = np.zeros(len(tree.minima), dtype=bool)
    order = np.full(tree.rank.size, NOWHERE)
    order[tree.rank.ravel()[tree.domain.ravel()]] = np.flatnonzero(tree.domain)
    for rank, number, leaf in events:
        met = [sets.oldest(leaf)] if number < 0 else [sets.oldest(int(end)) for end in tree.ends[number]]
        opens = number < 0 or bool(is_open[met].any())
        younger = -1 if number < 0 else sets.join(*met)[1]
        for each in met:
            if found[each] == NOWHERE and (opens or each == younger):
                found[each] = order[rank]
            is_open[each] |= opens
    return found


def _opening(tree: MergeTree) -> np.ndarray:
    """(k,) the rank of the lowest point of the edge that leads to each minimum; the number of points where there is none."""
    edge = edge_of(tree)
    ranks = np.full(len(tree.minima), tree.rank.size)
    np.minimum.at(ranks, tree.leaf[edge], tree.rank[edge])
    return ranks
