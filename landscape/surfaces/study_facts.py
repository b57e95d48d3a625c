"""What a run other than a plain surface asked for: curvature, spectra, checkpoints of a run, optimizers, paths between nets.

Owns: their dataclasses, each a group of `Provenance`. Whether an entry only describes a run is said at the entry.
"""

from __future__ import annotations

from dataclasses import dataclass

from landscape.surfaces.facts import NUMBER, Facts, entry


@dataclass(frozen=True, kw_only=True)
class CurvatureFacts(Facts):
    """What the curvature in a surface file is."""

    split: str | None = entry()
    precision: str | None = entry()
    samples: int | None = entry(int)
    fingerprint: str | None = entry()
    ignore: str | None = entry()
    only: str | None = entry()
    parameters: int | None = entry(int)
    tolerance: float | None = entry(NUMBER)
    index: float | None = entry(NUMBER)
    products: str | None = entry()


@dataclass(frozen=True, kw_only=True)
class SpectrumFacts(Facts):
    """The requested parts of a spectrum."""

    matrix: str | None = entry()
    ignore: str | None = entry()
    only: str | None = entry()
    per: str | None = entry()
    top: int | None = entry(int)
    bottom: int | None = entry(int)
    tolerance: float | None = entry(NUMBER)
    trace_products: int | None = entry(int)
    probes: int | None = entry(int)
    steps: int | None = entry(int)
    index: float | None = entry(NUMBER)
    sharpness: bool | None = entry(bool)
    split: str | None = entry()
    products: str | None = entry()


@dataclass(frozen=True, kw_only=True)
class TrainingFacts(Facts):
    """The training run whose checkpoints are the points."""

    seed: int | None = entry(int)
    init_seed: int | None = entry(int)
    steps: int | None = entry(int)


@dataclass(frozen=True, kw_only=True)
class DescentFacts(Facts):
    """Optimizers on a function of two variables."""

    function: str | None = entry()
    label: str | None = entry(describes=True)
    source: str | None = entry(describes=True)
    fingerprint: str | None = entry()
    """Hash of its values, where the function is the user's."""
    start: list[float] | None = entry(list)
    steps: int | None = entry(int)
    noise: float | None = entry(NUMBER)
    seed: int | None = entry(int)
    optimizers: list[str] | None = entry(list, of=str)
    """One for each path, with its settings."""
    rates: list[float] | None = entry(list)
    """The learning rates of which each took the best, or that were swept; None where they were given."""
    swept: bool | None = entry(bool)
    minimum: float | None = entry(NUMBER, describes=True)


@dataclass(frozen=True, kw_only=True)
class ConnectFacts(Facts):
    """The paths between nets in a file, row by row; a file grows by further ones, so they do not identify it."""

    nets: list[str] | None = entry(list, describes=True, of=str)
    weights: list[str] | None = entry(list, describes=True, of=str)
    """A hash of the weights of each net."""
    paths: list[str] | None = entry(list, describes=True, of=str)
    """For each path its kind, the hashes of its nets, and of its bends if it has any."""
    lengths: list[float] | None = entry(list, describes=True, of=NUMBER)
    curve: str | None = entry(describes=True)
    """How its bends were trained; in files of earlier versions what `repair` says, too."""
    repair: str | None = entry(describes=True)
    """What is repaired on its repaired lines, and on which samples."""
    branches: list[float] | None = entry(list, describes=True, of=NUMBER)
    """For each path the training step at which its nets parted."""
