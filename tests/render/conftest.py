"""Surfaces that have something of everything a renderer meets."""

import functools

import numpy as np
import pytest

from landscape.grid import Grid, Range
from landscape.surfaces.surface import Surface, Trail
from tests.browser import browser


def once(scenes):
    """Each scene is built when it is first asked for; none is changed by drawing it."""
    return {name: functools.cache(build) for name, build in scenes.items()}


def formats(scenes):
    """(scene, suffix): the first scene in every format, the others as one picture and as a page; the rest is slow."""
    first = next(iter(scenes))
    every = [(name, suffix) for name in scenes for suffix in (".png", ".pdf", ".svg", ".html")]
    slow = [name != first and suffix in (".pdf", ".svg") for name, suffix in every]
    return [pytest.param(*each, marks=pytest.mark.slow if left else ()) for each, left in zip(every, slow, strict=True)]


PROVENANCE = {"model": {"name": "resnet56"}, "data": {"name": "digits"}, "directions": {"kind": "random", "seed": 0}}


def bowl(nx=13, ny=11, x=(-1.0, 1.0), y=(-1.0, 1.0), **other):
    grid = Grid.of(Range(*x, nx), Range(*y, ny))
    across, along = np.meshgrid(*(axis.values for axis in grid.axes))
    loss = 0.05 * np.exp(6 * (across**2 + along**2))
    values = {"train_loss": loss, "train_accuracy": np.exp(-loss)}
    return Surface(grid, values, provenance=PROVENANCE, **other)


def chaos():
    """Holes of all kinds, spikes, nets, and a path that leaves the plane."""
    surface = bowl()
    loss, status = surface.values["train_loss"].copy(), np.ones((11, 13), np.uint8)
    loss[2, 3], loss[2, 4], loss[8, 8] = np.inf, np.nan, 1e12
    status[10], status[0, 0], status[1, 1] = 0, 2, 3
    trails = {
        "nets": Trail(np.array([0.0, 0.5]), np.array([0.0, -0.5]), labels=("A", "B")),
        "training": Trail(np.array([0.9, 0.3, 0.0, 4.0]), np.array([0.6, 0.2, 0.0, 0.0])),
    }
    return Surface(surface.grid, {"train_loss": loss}, status={"evaluation": status}, trails=trails)


def behind_a_ridge():
    """The centre lies low; a ridge at y = -0.5, 4 high, hides it from one who looks along y from below."""
    grid = Grid.of(Range(-1, 1, 21), Range(-1, 1, 41))
    across, along = np.meshgrid(*(axis.values for axis in grid.axes))
    loss = 1.0 + across**2 + along**2 + 4 * np.exp(-(((along + 0.5) / 0.15) ** 2))
    return Surface(grid, {"train_loss": loss}, provenance=PROVENANCE)


def flat(value):
    grid = Grid.of(Range(-1, 1, 5), Range(-1, 1, 4))
    return Surface(grid, {"train_loss": np.full((4, 5), value)})


def line(low=-0.5, high=1.5):
    grid = Grid.of(Range(low, high, 21))
    x = grid.axes[0].values
    loss = 0.01 + 100 * (x * (x - 1)) ** 2
    values = {"train_loss": loss, "test_loss": loss + 0.2, "train_accuracy": np.exp(-loss)}
    nets = {"nets": Trail(np.array([0.0, 1.0]), labels=("small batch", "large batch"))}
    return Surface(grid, values, stderr={"test_loss": 0.1 + 0 * x}, trails=nets, provenance=PROVENANCE)


@pytest.fixture
def surfaces():
    return {
        "bowl": bowl(),
        "oblong": bowl(9, 7, (-0.5, 1.5), (-1, 0.25)),
        "chaos": chaos(),
        "constant": flat(2.3),
        "missing": flat(np.nan),
        "line": line(),
    }


@pytest.fixture
def hot():
    """value[3, 9] is 5, all others are 1; 7 rows, 11 columns, uneven ranges."""
    grid = Grid.of(Range(-0.5, 1.5, 11), Range(-1.0, 0.25, 7))
    values = np.ones((7, 11))
    values[3, 9] = 5.0
    return Surface(grid, {"train_loss": values})


@pytest.fixture(scope="session")
def opened():
    """One browser for all pages."""
    with browser() as one:
        yield one
