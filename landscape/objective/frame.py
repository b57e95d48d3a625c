"""What all points draw from: the strata of a split and what the census tells of each sample.

Owns: `SamplingFrame`, and `DrawnSamples`, the samples drawn at one point so far with their values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from landscape.objective.census import MAX_COLUMNS, Census
from landscape.objective.rare import rare
from landscape.objective.regression import auxiliary_variables
from landscape.objective.strata import Strata

Values = Mapping[str, np.ndarray]
# The fewest samples drawn from a stratum of samples that stand out.
FEWEST_RARE = 8


@dataclass(frozen=True, eq=False)
class SamplingFrame:
    """The strata, each sample's stratum (N,), its place in the order of that (N,), and its auxiliary variables (N, p).

    The auxiliary variables have mean 0 over the samples that are not taken whole, and are 0 for those that are.
    """

    strata: Strata
    stratum: np.ndarray
    place: np.ndarray
    auxiliary: np.ndarray
    census: Census

    @classmethod
    def of(cls, census: Census, driver: str, seed: int = 0) -> SamplingFrame:
        losses = _finite(census.metrics[driver])
        hardness = np.max(losses / np.maximum(np.abs(losses).mean(axis=1, keepdims=True), 1e-300), axis=0)
        strata = Strata(hardness, census.labels, seed, rare(census.metrics[driver]))
        stratum, place = np.empty(len(hardness), int), np.empty(len(hardness), int)
        for number, members in enumerate(strata.members):
            stratum[members], place[members] = number, np.arange(len(members))
        drawn = stratum >= strata.whole
        of_drawn = auxiliary_variables(_columns(losses, census)[drawn])
        auxiliary = np.zeros((len(hardness), of_drawn.shape[1]))
        auxiliary[drawn] = of_drawn
        return cls(strata, stratum, place, auxiliary, census)

    @property
    def sizes(self) -> np.ndarray:
        """(H,) the number of samples in each stratum."""
        return self.strata.sizes

    @property
    def size(self) -> int:
        return int(self.sizes.sum())

    @property
    def whole(self) -> int:
        """How many samples are taken at every point."""
        return int(self.sizes[: self.strata.whole].sum())

    def first(self, count: int, least: int) -> np.ndarray:
        """(H,) about `count` samples: half of them in proportion to the strata, half divided equally among them.

        Those that are taken whole come on top, and so do some of those that stand out.
        """
        sizes, whole, rare = self.sizes, self.strata.whole, self.strata.rare
        strata = len(sizes) - whole - rare
        counts = np.ceil(count / 2 * (sizes / sizes[whole + rare :].sum() + 1 / strata)).astype(int)
        counts[: whole + rare] = np.maximum(counts[: whole + rare], FEWEST_RARE)
        counts[:whole] = sizes[:whole]
        return np.minimum(sizes, np.maximum(counts, least))


class DrawnSamples:
    """The samples drawn at a point: their counts by stratum (H,), numbers (n,) and values (n,) of each metric."""

    def __init__(self, frame: SamplingFrame, measure: Callable[[np.ndarray], Values]):
        """`measure`: the values of samples with given numbers (n,)."""
        self.frame, self._measure = frame, measure
        self.counts = np.zeros_like(frame.sizes)
        self.numbers = np.empty(0, int)
        self.values: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def complete(self) -> bool:
        """Whether all samples are drawn."""
        return len(self) == self.frame.size

    @property
    def stratum(self) -> np.ndarray:
        """(n,) of each sample."""
        return self.frame.stratum[self.numbers]

    @property
    def rest(self) -> np.ndarray:
        """(n,) whether each sample is of a stratum that is not taken whole."""
        return self.stratum >= self.frame.strata.whole

    def extend(self, wanted: np.ndarray) -> None:
        """Evaluates those of the `wanted` (H,) samples of each stratum that are not drawn yet."""
        wanted = np.maximum(wanted, self.counts)
        new = self.frame.strata.draw(self.counts, wanted)
        if not len(new):
            return
        self.values = {key: np.append(self.values.get(key, v[:0]), v) for key, v in self._measure(new).items()}
        self.numbers, self.counts = np.append(self.numbers, new), wanted

    def in_order(self) -> dict[str, np.ndarray]:
        """The values in the order of the strata, and in each in the order of drawing, whatever the rounds were."""
        order = np.lexsort((self.frame.place[self.numbers], self.stratum))
        return {key: value[order] for key, value in self.values.items()}


def beginnings(values: np.ndarray, counts: np.ndarray, frame: SamplingFrame, numbers: np.ndarray) -> np.ndarray:
    """(n,) those of `values` that belong to the samples with these `numbers` (n,).

    `values` are in the order of `DrawnSamples.in_order`, with `counts` (H,) of each stratum.
    """
    start = np.cumsum(counts) - counts
    return values[start[frame.stratum[numbers]] + frame.place[numbers]]


def _finite(losses: np.ndarray) -> np.ndarray:
    """The losses (anchors, N) with the largest finite one in place of infinity, so that one sample does not hide the others."""
    largest = np.max(losses, axis=1, keepdims=True, initial=0.0, where=np.isfinite(losses))
    return np.where(np.isposinf(losses), largest, np.nan_to_num(losses, nan=0.0, posinf=0.0, neginf=0.0))


def _columns(losses: np.ndarray, census: Census) -> np.ndarray:
    """(N, k) the columns that the fit may use: losses at the anchors, classes, and outputs at the first anchor."""
    tiny = 1e-4 * max(float(losses.mean()), 1e-300)
    columns = [losses.T, np.log(np.maximum(losses, 0.0) + tiny).T]
    if census.labels is not None:
        classes = np.unique(census.labels)
        columns.append((census.labels[:, None] == classes[None, :]).astype(float))
    if census.outputs is not None and np.isfinite(census.outputs).all():
        columns.append(census.outputs)
    while len(columns) > 1 and sum(each.shape[1] for each in columns) > MAX_COLUMNS:
        columns.pop()
    return np.hstack(columns)
