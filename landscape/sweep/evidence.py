"""What is known of a surface so far, and how well it foretold what came next.

Owns: the values seen at grid points, the prediction of others from them, and the error of each prediction once the
point was computed. Only what has been shown to it counts, so that a continued run predicts as the first one did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from landscape.sweep.cells import Cell
from landscape.sweep.predict import Scale, predict
from landscape.sweep.sampler import Result

Expected = dict[str, np.ndarray]
STDERR = "stderr/"
# Two-sided 95 % of a normal distribution, times the root of 1 + 0.4: the variance of interpolation between independent
# values is about 0.4 of theirs.
NOISE = 1.96 * 1.4**0.5


class Evidence:
    """Of the metrics `drivers` on a grid of `shape`; points are told by their numbers.

    `errors` (shape): how far the worst driver was off its prediction, relative to its value (scale: predict.py); infinite
    where it was not finite or could not be predicted; NaN where nothing was predicted. `surprises` are the same, less what
    the values' own standard errors explain when they are `noisy`.
    """

    def __init__(self, shape: tuple[int, ...], drivers: Sequence[str], *, noisy: bool = False):
        self.shape, self.drivers, self.noisy = shape, tuple(drivers), noisy
        self.seen = np.zeros(shape, bool)
        self.errors, self.surprises = np.full(shape, np.nan), np.full(shape, np.nan)
        self._values = {name: np.full(shape, np.nan) for name in self.drivers}

    def expect(self, numbers: Sequence[int]) -> Expected:
        """(len(numbers),) predictions of each driver, on its scale."""
        known, wanted = np.argwhere(self.seen), self.places(numbers)
        expected = {}
        for name, values in self._values.items():
            scale = Scale.of(values[self.seen])
            expected[name] = predict(known, scale.to(values[self.seen]), wanted)
        return expected

    def learn(self, numbers: Sequence[int], results: Mapping[int, Result], expected: Expected | None = None) -> None:
        """Takes in results, and what was expected of them; points seen before keep their error."""
        numbers = np.asarray(numbers, int)
        new = ~self.seen.flat[numbers]
        found = {name: np.array([results[number][name] for number in numbers], float) for name in self.drivers}
        if expected is not None and len(numbers):
            errors = {name: self._off(name, expected[name], found[name]) for name in self.drivers}
            explained = {name: self._noise(name, numbers, found[name], results) for name in self.drivers}
            surprises = [np.sqrt(np.maximum(errors[n] ** 2 - explained[n] ** 2, 0.0)) for n in self.drivers]
            self.errors.flat[numbers[new]] = np.max(list(errors.values()), axis=0)[new]
            self.surprises.flat[numbers[new]] = np.max(surprises, axis=0)[new]
        for name, values in found.items():
            self._values[name].flat[numbers] = values
        self.seen.flat[numbers] = True

    def surprise(self, numbers: Sequence[int]) -> np.ndarray:
        """(len(numbers),) of `surprises`; 0 where nothing was predicted."""
        return _known(self.surprises.flat[list(numbers)])

    def around(self, cell: Cell) -> float:
        """The largest surprise in the cell and its neighbours."""
        reach = [(b - a + 1) // 2 for a, b in zip(cell.low, cell.high, strict=True)]
        window = tuple(slice(max(a - r, 0), b + r + 1) for a, b, r in zip(cell.low, cell.high, reach, strict=True))
        return float(_known(self.surprises[window]).max())

    def odd(self, cell: Cell) -> bool:
        """Whether a corner of the cell has a value that is not finite."""
        corners = [corner for corner in cell.corners() if self.seen[corner]]
        return any(not np.isfinite(values[corner]) for values in self._values.values() for corner in corners)

    def _off(self, name: str, expected: np.ndarray, found: np.ndarray) -> np.ndarray:
        difference = np.abs(self._scale(name, found).to(found) - expected)
        return np.where(np.isfinite(difference), difference, np.inf)

    def _noise(self, name: str, numbers: np.ndarray, found: np.ndarray, results: Mapping[int, Result]) -> np.ndarray:
        """How far values as noisy as these, and predictions from them, are apart by chance, but in 5 % of cases."""
        if not self.noisy:
            return np.zeros(len(numbers))
        own = np.array([results[number].get(STDERR + name, 0.0) for number in numbers])
        scale = self._scale(name, found)
        with np.errstate(invalid="ignore", divide="ignore"):
            return NOISE * np.nan_to_num(own / (np.abs(found) if scale.logarithmic else scale.unit), posinf=0.0)

    def _scale(self, name: str, found: np.ndarray) -> Scale:
        return Scale.of(np.append(self._values[name][self.seen], found))

    def places(self, numbers: Iterable[int]) -> np.ndarray:
        """(n, ndim) grid indices of points."""
        return np.stack(np.unravel_index(np.asarray(list(numbers), int), self.shape), axis=1)


def _known(errors: np.ndarray) -> np.ndarray:
    return np.nan_to_num(errors, nan=0.0, posinf=np.inf)
