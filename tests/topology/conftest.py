"""Results made of arrays."""

import numpy as np
import pytest

from landscape.grid import Axis, Grid
from landscape.surfaces.surface import Surface


@pytest.fixture
def result():
    """result(values, stderr=..., status=...) -> Surface on [-1, 1], or of one point along an axis."""

    def make(values, *, stderr=None, status=None, metric="train_loss", reach=1.0):
        values = np.asarray(values, dtype=float)
        names = ("x", "y")[: values.ndim]
        axes = [
            Axis(name, np.linspace(-reach, reach, n) if n > 1 else np.zeros(1))
            for name, n in zip(names, reversed(values.shape), strict=True)
        ]
        errors = {} if stderr is None else {metric: np.broadcast_to(np.asarray(stderr, dtype=float), values.shape)}
        known = {} if status is None else {"evaluation": np.asarray(status, dtype=np.uint8)}
        return Surface(Grid(tuple(axes)), {metric: values}, stderr=errors, status=known)

    return make
