"""Small surfaces whose values are known in closed form."""

import numpy as np
import pytest

from landscape.grid import Axis, Grid, Range
from landscape.surfaces.surface import Surface

PROVENANCE = {
    "command": "surface",
    "model": {"name": "resnet56", "parameters": 855770},
    "checkpoint": {"path": "nets/resnet56_digits.pt", "sha256": "0123456789abcdef"},
    "data": {
        "name": "digits",
        "normalize": "digits",
        "splits": {"train": {"samples": 1000, "of": 1437}, "test": {"samples": 360, "of": 360}},
    },
    "loss": "cross_entropy",
    "directions": {"kind": "random", "seed": 7, "norm": "filter", "ignore": "biasbn", "cosine": 0.0031},
    "batchnorm": "keep",
    "precision": "fp32",
}


def plane(nx=25, ny=21, x=(-1.0, 1.0), y=(-1.0, 1.0)):
    """A grid and its coordinates X, Y of shape (ny, nx)."""
    grid = Grid.of(Range(*x, nx), Range(*y, ny))
    return grid, *np.meshgrid(grid.axes[0].values, grid.axes[1].values)


def bowl_values(x, y):
    """From 0.05 at the origin to about 300: needs a log scale, and nothing in it is an outlier."""
    return 0.05 * np.exp(8.7 * np.sqrt((x**2 + y**2) / 2 + 1e-4))


@pytest.fixture
def make_surface():
    """make(values, ...) -> Surface; `values` (ny, nx) or (nx,), or a function of X and Y."""

    def make(
        values=bowl_values, *, nx=25, ny=21, x=(-1.0, 1.0), y=(-1.0, 1.0), metric="train_loss", more=None, **other
    ):
        if callable(values):
            grid, across, along = plane(nx, ny, x, y)
            values = values(across, along)
        else:
            values = np.asarray(values, dtype=float)
            ranges = [Range(*x, values.shape[-1])] + ([Range(*y, values.shape[0])] if values.ndim == 2 else [])
            grid = Grid.of(*ranges)
        return Surface(grid, {metric: values, **(more or {})}, **other)

    return make


@pytest.fixture
def provenance():
    return PROVENANCE


@pytest.fixture
def uneven_grid():
    return Grid((Axis("x", np.array([0.0, 1.0, 3.0, 3.5])), Axis("y", np.array([-1.0, 0.0, 4.0]))))


def curvature_values(x, y):
    """(largest, smallest) eigenvalue: convex near the centre, and a ratio of 0.4 (r^2 - 0.1) away from it."""
    largest = 10 * np.exp(x**2 + y**2)
    return largest, -0.4 * largest * (x**2 + y**2 - 0.1)


@pytest.fixture
def make_curved():
    """make(nx, ny, every=k, done=share, told=...) -> Surface with a loss everywhere and curvature at every k-th point.

    Points are done row by row, as `landscape hessian` does them; `told` is the thinning that the file names, if any.
    """

    def make(nx=21, ny=17, *, every=4, done=1.0, told="every", more=None, **other):
        grid, x, y = plane(nx, ny)
        largest, smallest = curvature_values(x, y)
        rows, columns = np.arange(ny // 2 % every, ny, every), np.arange(nx // 2 % every, nx, every)
        points = [(row, column) for row in rows for column in columns]
        status = np.zeros((ny, nx), np.uint8)
        for point in points[: round(done * len(points))]:
            status[point] = 1
        curved = {
            "hessian_max": largest, "hessian_min": smallest, "hessian_max_error": 0.01 * largest,
            "hessian_min_error": 0.02 * np.abs(smallest), "hessian_products": np.full((ny, nx), 20.0), **(more or {}),
        }  # fmt: skip
        known = {name: np.where(status == 1, array, np.nan) for name, array in curved.items()}
        values = {"train_loss": bowl_values(x, y), "train_accuracy": np.exp(-(x**2) - y**2), **known}
        run = {} if told is None else {"run": {"hessian": {"every": every if told == "every" else told}}}
        provenance = {**run, **other.pop("provenance", {})}
        marks = {"evaluation": np.ones((ny, nx), np.uint8), "hessian": status}
        return Surface(grid, values, status=marks, provenance=provenance, **other)

    return make
