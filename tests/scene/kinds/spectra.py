"""Spectra of known shape, and what a picture shows of them."""

import numpy as np

from landscape.scene.build import build_scenes
from landscape.surfaces.spectrum import Block, Spectrum

# As of a net: nodes 0.4 apart around 0, where nearly all of the mass is, then fewer and fewer, and outliers of both signs.
NODES = np.array([[-3.0, -1.2, -0.4, 0.0, 0.4, 1.2, 3.0, 9.0], [-2.9, -1.1, -0.4, 0.0, 0.4, 1.3, 3.1, 9.2]])
WEIGHTS = np.array(
    [[1e-4, 1e-3, 0.02, 0.95, 0.0259, 2e-3, 8e-4, 2e-4], [2e-4, 2e-3, 0.02, 0.95, 0.024, 2.6e-3, 1e-3, 2e-4]]
)
VALUES = np.array([-8.0, -7.0, 40.0, 162.0])
ERRORS = np.array([1e-9, 0.05, 1e-6, 0.002])
MADE = {
    "matrix": "hessian",
    "ignore": "biasbn",
    "per": "net",
    "top": 2,
    "bottom": 2,
    "probes": 2,
    "steps": 8,
    "index": 0.01,
}
PROVENANCE = {
    "model": {"name": "resnet20", "parameters": 272474},
    "checkpoint": {"path": "nets/resnet20.pt", "sha256": "0123456789abcdef"},
    "data": {"name": "cifar10", "splits": {"train": {"samples": 64, "of": 50000}}},
    "loss": "cross_entropy",
    "batchnorm": "keep",
}


def spectrum(
    nodes=NODES, weights=WEIGHTS, values=VALUES, errors=ERRORS, *, dimension=270896, source="", made=(), **other
):
    numbers = {"trace": 2074.1, "trace_stderr": 66.98, **other}
    block = Block(
        "all parameters", dimension, np.array(values), np.array(errors), np.array(nodes), np.array(weights), **numbers
    )
    return Spectrum({block.name: block}, {**PROVENANCE, "spectrum": {**MADE, **dict(made)}}, source)


def spread_out(**other):
    """Eigenvalues all over the axis, as of a random matrix."""
    nodes = np.tile(np.linspace(-2, 2, 40), (2, 1))
    return spectrum(nodes, np.full((2, 40), 1 / 40), [-2.0, 2.0], [0.0, 0.0], dimension=500, **other)


def positive():
    """A bulk at the very edge of the axis."""
    return spectrum(np.abs(NODES), WEIGHTS, np.abs(VALUES), ERRORS, made={"matrix": "ggn"})


def view(given, scale="auto", **options):
    return build_scenes([given], kind="spectrum", scale=scale, **options)[0].views[0]


def drawn(found):
    """(places, density) of the strong curves together."""
    strong = [curve for curve in found.curves if not curve.faint]
    return np.concatenate([c.x for c in strong]), np.concatenate([c.y for c in strong])


def area(density, places):
    return float(((density[1:] + density[:-1]) / 2 * np.diff(places)).sum())
