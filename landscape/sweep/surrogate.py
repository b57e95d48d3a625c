"""A surrogate of the surface: values at computed points, predictions for others, and the errors of these predictions.

Owns: the values so far, the prediction of further ones, and the error of each prediction once the point is computed. It
uses only the results passed to `update`, in that order, so that a continued run predicts the same values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from landscape.sweep.cells import Cell
from landscape.sweep.predict import MetricScale, predict
from landscape.sweep.sampler import Result

Predictions = dict[str, np.ndarray]
STDERR = "stderr/"
# The two-sided 95 % quantile of a normal distribution, times sqrt(1 + 0.4): a value interpolated between independent
# values has about 0.4 of their variance.
NOISE = 1.96 * 1.4**0.5


class Surrogate:
    """A surrogate for the metrics `drivers` on a grid of `shape`; points are given by their numbers.

    `errors` (shape): the largest error of prediction of any driver, relative to its value (on the scale of predict.py);
    infinite where a value was not finite or could not be predicted, NaN where nothing was predicted. `excess` (shape):
    the same, minus the part that the standard errors of `noisy` values explain.
    """

    def __init__(self, shape: tuple[int, ...], drivers: Sequence[str], *, noisy: bool = False):
        self.shape, self.drivers, self.noisy = shape, tuple(drivers), noisy
        self.seen = np.zeros(shape, bool)
        self.errors, self.excess = np.full(shape, np.nan), np.full(shape, np.nan)
        self._values = {name: np.full(shape, np.nan) for name in self.drivers}

    def predict(self, numbers: Sequence[int]) -> Predictions:
        """(len(numbers),) predictions of each driver, on its scale."""
        known, wanted = np.argwhere(self.seen), self.indices(numbers)
        predicted = {}
        for name, values in self._values.items():
            scale = MetricScale.of(values[self.seen])
            predicted[name] = predict(known, scale.to(values[self.seen]), wanted)
        return predicted

    def update(
        self, numbers: Sequence[int], results: Mapping[int, Result], predicted: Predictions | None = None
    ) -> None:
        """Takes results, and their predictions if any; points seen before keep their error."""
        index = np.asarray(numbers, int)
        new = ~self.seen.flat[index]
        found = {name: np.array([results[number][name] for number in numbers], float) for name in self.drivers}
        if predicted is not None and len(numbers):
            errors = {name: self._error(name, predicted[name], found[name]) for name in self.drivers}
            noise = {name: self._noise(name, numbers, found[name], results) for name in self.drivers}
            excess = [np.sqrt(np.maximum(errors[n] ** 2 - noise[n] ** 2, 0.0)) for n in self.drivers]
            self.errors.flat[index[new]] = np.max(list(errors.values()), axis=0)[new]
            self.excess.flat[index[new]] = np.max(excess, axis=0)[new]
        for name, values in found.items():
            self._values[name].flat[index] = values
        self.seen.flat[index] = True

    def excess_at(self, numbers: Sequence[int]) -> np.ndarray:
        """(len(numbers),) values of `excess`; 0 where nothing was predicted."""
        return _known(self.excess.flat[list(numbers)])

    def excess_around(self, cell: Cell) -> float:
        """The largest `excess` in the cell and its neighbours."""
        reach = [(b - a + 1) // 2 for a, b in zip(cell.low, cell.high, strict=True)]
        window = tuple(slice(max(a - r, 0), b + r + 1) for a, b, r in zip(cell.low, cell.high, reach, strict=True))
        return float(_known(self.excess[window]).max())

    def has_nonfinite_corner(self, cell: Cell) -> bool:
        """Whether a computed corner of the cell has a value that is not finite."""
        corners = [corner for corner in cell.corners() if self.seen[corner]]
        return any(not np.isfinite(values[corner]) for values in self._values.values() for corner in corners)

    def _error(self, name: str, predicted: np.ndarray, found: np.ndarray) -> np.ndarray:
        difference = np.abs(self._scale(name, found).to(found) - predicted)
        return np.where(np.isfinite(difference), difference, np.inf)

    def _noise(self, name: str, numbers: Sequence[int], found: np.ndarray, results: Mapping[int, Result]) -> np.ndarray:
        """The difference between a noisy value and its prediction that noise alone exceeds in 5 % of cases."""
        if not self.noisy:
            return np.zeros(len(numbers))
        own = np.array([results[number].get(STDERR + name, 0.0) for number in numbers])
        scale = self._scale(name, found)
        with np.errstate(invalid="ignore", divide="ignore"):
            return NOISE * np.nan_to_num(own / (np.abs(found) if scale.logarithmic else scale.unit), posinf=0.0)

    def _scale(self, name: str, found: np.ndarray) -> MetricScale:
        return MetricScale.of(np.append(self._values[name][self.seen], found))

    def indices(self, numbers: Iterable[int]) -> np.ndarray:
        """(n, ndim) grid indices of points."""
        return np.stack(np.unravel_index(np.asarray(list(numbers), int), self.shape), axis=1)


def _known(errors: np.ndarray) -> np.ndarray:
    return np.nan_to_num(errors, nan=0.0, posinf=np.inf)
