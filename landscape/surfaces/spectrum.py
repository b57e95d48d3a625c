"""What is known of spectra, as plain numpy, and the file it is kept in.

Owns: `Density`, `Block` (the spectrum of the Hessian's block for some parameters), `Spectrum` (all blocks of one net), and the
HDF5 layout `landscape-spectrum`, version 1 (docs/surface-file.md). Knows no torch: pictures are made from this.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from landscape.atomic import whole_file
from landscape.errors import SurfaceFileError
from landscape.plain_hdf5 import PlainGroup, format_of, plain_hdf5
from landscape.plain_json import parse_json
from landscape.surfaces.hdf5 import hdf5_image
from landscape.surfaces.provenance import Provenance
from landscape.surfaces.surface import of_file

# For files without the requested index.
USUAL_INDEX = 0.001
FORMAT, VERSION = "landscape-spectrum", 1
# Beyond these no eigenvalue of a file is believed, and no weight, which is a square of an eigenvector's entry.
LARGEST, ROUNDING = 1e38, 1e-3
_ARRAYS = ("values", "errors", "nodes", "weights")
_NUMBERS = ("dimension", "trace", "trace_stderr", "products", "sharpness")


@dataclass(frozen=True, eq=False)
class Density:
    """Where the eigenvalues lie: point masses of total 1.

    `nodes` and `weights` have shape (probes, steps): each row is one estimate, and their mean the density. `known` (k,) are
    eigenvalues that were found one by one, of mass 1 / dimension each; the rows stand for the others.
    """

    nodes: np.ndarray
    weights: np.ndarray
    known: np.ndarray
    dimension: int

    def mean(self) -> float:
        """The mean eigenvalue, which is the trace over the dimension."""
        return self._over(lambda values: values)[0]

    def share_below(self, bound: float) -> tuple[float, float]:
        """(share of eigenvalues below `bound`, its standard error).

        The error is that of the spread of the probes, and that of the quadrature: the mass of the two nodes beside the bound
        stands for eigenvalues on both sides of it, so half of either may be counted wrong, uniformly (hence the root of 12).
        Of 108 dense Hessians, two of these errors hold the true share in 95 %; those of the spread alone did in 58 %.
        """
        share, spread = self._over(lambda values: (values < bound).astype(float))
        rest = 1.0 - len(self.known) / self.dimension
        unresolved = rest * float(np.mean([_beside(*row, bound) for row in zip(self.nodes, self.weights, strict=True)]))
        return share, float(np.hypot(spread, unresolved / 12**0.5))

    def at(self, points: np.ndarray, width: float) -> np.ndarray:
        """(m,) the density at `points` (m,), each mass spread as a Gaussian of standard deviation `width`."""
        rest = 1.0 - len(self.known) / self.dimension
        nodes = np.concatenate([self.nodes.ravel(), self.known])
        masses = np.concatenate(
            [self.weights.ravel() * rest / len(self.nodes), np.full(len(self.known), 1.0 / self.dimension)]
        )
        found = np.zeros(len(points))
        for node, mass in zip(nodes, masses, strict=True):
            found += mass * np.exp(-0.5 * ((points - node) / width) ** 2)
        return found / (width * np.sqrt(2 * np.pi))

    def _over(self, function: Callable[[np.ndarray], np.ndarray]) -> tuple[float, float]:
        rest = 1.0 - len(self.known) / self.dimension
        rows = rest * (self.weights * function(self.nodes)).sum(axis=1) + function(self.known).sum() / self.dimension
        error = float(rows.std(ddof=1) / len(rows) ** 0.5) if len(rows) > 1 else float("nan")
        return float(rows.mean()), error


def _beside(nodes: np.ndarray, weights: np.ndarray, bound: float) -> float:
    """Half of the mass of the two nodes between which `bound` lies; 0 beyond all of them."""
    below, above = nodes < bound, nodes >= bound
    if not (below.any() and above.any()):
        return 0.0
    return float(weights[below][nodes[below].argmax()] + weights[above][nodes[above].argmin()]) / 2


@dataclass(frozen=True, eq=False)
class Block:
    """The spectrum of the block of some parameters; what was not computed is empty or NaN.

    `values` (k,) are the smallest and largest eigenvalues that were found one by one, rising, `errors` (k,) about how far off
    they may be. `nodes`, `weights` (probes, steps) are the quadrature of the others; rows that are not done yet are NaN.
    `trace` with its standard error; `products` says how many products with the Hessian all of this took. `sharpness` is the
    critical sharpness along the gradient.
    """

    name: str
    dimension: int
    values: np.ndarray = field(default_factory=lambda: np.zeros(0))
    errors: np.ndarray = field(default_factory=lambda: np.zeros(0))
    nodes: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    weights: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    trace: float = float("nan")
    trace_stderr: float = float("nan")
    products: int = 0
    sharpness: float = float("nan")

    @property
    def density(self) -> Density | None:
        """Of the probes that are done; None when there is none."""
        done = np.isfinite(self.weights).all(axis=1) if self.weights.size else np.zeros(0, dtype=bool)
        return Density(self.nodes[done], self.weights[done], self.values, self.dimension) if done.any() else None

    @property
    def is_zero(self) -> bool:
        """Whether all that was found is exactly zero."""
        found = [*self.values, *self.nodes[np.isfinite(self.nodes)], *([self.trace] if np.isfinite(self.trace) else [])]
        return bool(found) and not np.any(found)

    def negative(self, tolerance: float) -> tuple[float, float]:
        """(share of eigenvalues below minus `tolerance` times the largest magnitude, its standard error): the saddle index.

        NaN without a density and the ends.
        """
        if self.density is None or not len(self.values):
            return float("nan"), float("nan")
        largest = max(
            np.abs(self.values).max(), np.abs(self.density.nodes).max()
        )  # one end may not have been requested
        return self.density.share_below(-tolerance * float(largest))


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Blocks by name in the order of the net; the first is all parameters that count."""

    blocks: dict[str, Block]
    provenance: dict
    source: str = ""

    def __repr__(self) -> str:
        """One line, for a notebook or a terminal."""
        return f"Spectrum({', '.join(self.blocks)}{of_file(self.source)})"

    @property
    def whole(self) -> Block:
        return next(iter(self.blocks.values()))

    @property
    def known(self) -> Provenance:
        """The provenance as typed facts; what the file does not say is None."""
        return Provenance.read(self.provenance)

    @property
    def index(self) -> float:
        """The requested tolerance of the saddle index."""
        asked = self.known.spectrum
        return USUAL_INDEX if asked is None or asked.index is None else float(asked.index)


def write_spectrum(spectrum: Spectrum, path: str | Path) -> None:
    """Whole or not at all.

    Raises:
        OSError: the disk is full, or the place not writable.
    """
    image = hdf5_image(lambda file: _fill(file, spectrum))
    with whole_file(Path(path)) as scratch:
        scratch.write_bytes(image)


def _fill(file: h5py.File, spectrum: Spectrum) -> None:
    file.attrs["format"], file.attrs["version"] = FORMAT, VERSION
    file.attrs["provenance"] = json.dumps(spectrum.provenance, default=str)
    for number, block in enumerate(spectrum.blocks.values()):
        group = file.create_group(f"blocks/{number}", track_order=True)
        group.attrs["name"] = block.name
        for name in _NUMBERS:
            group.attrs[name] = getattr(block, name)
        for name in _ARRAYS:
            group[name] = getattr(block, name)


def is_spectrum(path: str | Path) -> bool:
    """Whether a file is one of ours with spectra in it; false if it cannot be read."""
    return format_of(path) == FORMAT


def load_spectrum(path: str | Path) -> Spectrum:
    """Reads a file that `landscape spectrum` wrote.

    Raises:
        SurfaceFileError: missing, damaged, of another kind, or one that leads out of itself.
    """
    path = Path(path)
    with plain_hdf5(path, "spectrum file", SurfaceFileError, "a file that landscape spectrum wrote") as file:
        if file.facts().get("format") != FORMAT:
            raise SurfaceFileError(f"spectrum file {path}: is HDF5, but not a spectrum of landscape")
        if int(file.number("version")) > VERSION:
            raise SurfaceFileError(f"spectrum file {path}: is of version {file.number('version')}; update landscape")
        group = file.group("blocks")
        blocks = [_read(group.group(str(number))) for number in range(len(group.names()))]
        provenance = parse_json(file.text("provenance"))
        if not blocks or not isinstance(provenance, dict):
            raise ValueError("it holds no block" if not blocks else "its provenance is not a mapping")
    return Spectrum({block.name: block for block in blocks}, provenance, str(path))


def _read(group: PlainGroup) -> Block:
    """A block whose arrays fit together, so that nobody who uses them has to check."""
    numbers: dict[str, Any] = {name: group.number(name) for name in _NUMBERS}
    arrays: dict[str, Any] = {name: group.array(name).astype(np.float64, copy=False) for name in _ARRAYS}
    values, nodes = arrays["values"], arrays["nodes"]
    if values.ndim != 1 or arrays["errors"].shape != values.shape:
        raise ValueError(f"eigenvalues of shape {values.shape} have errors of shape {arrays['errors'].shape}")
    if nodes.ndim != 2 or arrays["weights"].shape != nodes.shape:
        raise ValueError(f"nodes of shape {nodes.shape} have weights of shape {arrays['weights'].shape}")
    dimension, products = numbers["dimension"], numbers["products"]
    if not (isinstance(dimension, int) and dimension > 0 and len(values) <= dimension and isinstance(products, int)):
        raise ValueError(f"a block of dimension {dimension} has {len(values)} eigenvalues and {products} products")
    block = Block(group.text("name"), **numbers, **arrays)
    _check_numbers(block)
    return block


def _check_numbers(block: Block) -> None:
    """Raises ValueError unless the eigenvalues are numbers of a Hessian and the weights shares; probes not done are left out."""
    for name, found in (
        ("eigenvalues", block.values),
        ("nodes", block.density.nodes if block.density else np.zeros(0)),
    ):
        if not (np.abs(found) <= LARGEST).all():
            raise ValueError(f"'{block.name}' has {name} that are not finite, or beyond {LARGEST:g}")
    if (np.abs(block.errors) > LARGEST).any():
        raise ValueError(f"'{block.name}' has errors of its eigenvalues beyond {LARGEST:g}")
    weights = block.density.weights if block.density else np.zeros(0)
    if not ((weights >= -ROUNDING) & (weights <= 1 + ROUNDING)).all():
        raise ValueError(f"'{block.name}' has weights that are not shares, 0 to 1")
