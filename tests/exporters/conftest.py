"""Surfaces to export, small enough to know every number."""

import numpy as np
import pytest

from landscape.grid import Grid, Range
from landscape.surfaces.surface import DONE, FAILED, PENDING, Surface, Trail


@pytest.fixture
def surface():
    """5 x 4 points; (1, 2) is infinite, (3, 4) is pending. A path crosses it and leaves it; two nets have names."""
    x, y = np.meshgrid(np.linspace(-1, 1, 5), np.linspace(0, 3, 4))
    loss, accuracy = 0.01 * np.exp(3 * x + y), 0.5 + 0.1 * x
    status = np.full(loss.shape, DONE, dtype=np.uint8)
    loss[1, 2] = np.inf
    loss[3, 4] = accuracy[3, 4] = np.nan
    status[3, 4] = PENDING
    path = Trail(
        np.array([-1.0, -0.75, -3.0, -0.5, -1.0]), np.array([2.0, 2.5, 2.0, 2.0, 3.0]), step=np.arange(5.0),
        metrics={"train_loss": np.arange(5.0) + 0.5},
    )  # fmt: skip
    return Surface(
        Grid.of(Range(-1, 1, 5), Range(0, 3, 4), labels=("größe <x>", "")),
        {"train_loss": loss, "train_accuracy": accuracy},
        stderr={"train_loss": 0.1 * loss},
        status={"evaluation": status},
        trails={"runs/a & b": path, "nets": Trail(np.array([-1.0, 1.0]), np.array([0.0, 0.0]), labels=("one", "two"))},
        provenance={"model": {"name": "tiny ‮\x1b net"}, "command": "surface"},
        source="s.h5",
    )


@pytest.fixture
def failed(surface):
    """The same with nothing that can be drawn."""
    surface.status["evaluation"][:] = FAILED
    return surface
