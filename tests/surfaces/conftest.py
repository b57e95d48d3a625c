"""What these tests share: a small grid, and a run's provenance."""

from __future__ import annotations

import copy

import pytest

from landscape.grid import Grid, parse_range


@pytest.fixture
def grid() -> Grid:
    """4 x 3 points: (ny, nx) = (3, 4), so that a transposed array does not fit."""
    return Grid.of(parse_range("-1:1:4"), parse_range("0:1:3"), labels=("x: random direction", "y: random direction"))


PROVENANCE = {
    "command": "surface",
    "model": {"name": "resnet20", "parameters": 272474},
    "checkpoint": {"path": "/a/net.pt", "sha256": "ab12"},
    "data": {
        "name": "/data/images.npz",
        "spec": "npz:/data/images.npz",
        "root": None,
        "normalize": "cifar10",
        "splits": {"train": {"samples": 100, "of": 1000, "fingerprint": "ff00"}},
    },
    "loss": "cross_entropy",
    "metrics": ["loss", "accuracy"],
    "directions": {"kind": "random", "seed": 0, "norm": "filter", "ignore": "biasbn", "fingerprint": "0123"},
    "batchnorm": "keep",
    "precision": "fp32",
    "l2": None,
    "run": {"ranks": 1, "threads": 2, "versions": {"torch": "2.6"}, "started": "2025-01-01T00:00:00"},
}


@pytest.fixture
def provenance() -> dict:
    return copy.deepcopy(PROVENANCE)
