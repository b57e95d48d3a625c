"""The parts of a spectrum, each a separate task: the ends of a block, its trace, a probe of its density, the sharpness.

Owns: what a task computes, as a small dict of floats that can be sent and kept, and how it is put into a `Block`.

A spectrum is a list of tasks that the executor treats as points. A rank finds the ends of its block itself, because eigenvectors
are too large to send.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from landscape.curvature.estimates import Eigenpairs, density, eigenpairs, trace
from landscape.curvature.operator import MATRICES, CurvatureOperator
from landscape.curvature.sharpness import critical_sharpness
from landscape.curvature.unused import is_cut_off, unused_parameters
from landscape.direction.direction import Direction, signed
from landscape.direction.files import write_directions
from landscape.errors import EvaluationError, UsageError
from landscape.measurement.evaluate import move
from landscape.measurement.measurement import Undivided
from landscape.objective.numerics import memory_budget
from landscape.objective.objective import Objective
from landscape.options.option import check_whole
from landscape.printable import listed
from landscape.slice.slice import Here
from landscape.subject.subject import Subject
from landscape.surfaces.spectrum import Block
from landscape.sweep.sampler import Point

PER = ("net", "layer")
PAIRS, TRACE, PROBE, SHARPNESS = 0, 1, 2, 3
WHOLE = "all parameters"
SEED = 0
LISTED = 5


class SpectrumTask(NamedTuple):
    """A part of a spectrum: the number of its block, its kind, and the number of a probe."""

    block: int
    kind: int
    number: int


# Eigenvalues, products, probes and steps; each is a product with the Hessian or more.
MOST = 1_000_000


@dataclass(frozen=True)
class SpectrumParts:
    """The requested parts of the spectrum; `ignore`, `only`: which parameters count, as recorded."""

    matrix: str
    per: str
    top: int
    bottom: int
    tolerance: float
    trace_products: int
    probes: int
    steps: int
    index: float
    sharpness: bool
    ignore: str = "biasbn"
    only: str | None = None

    def check(self) -> None:
        """Raises UsageError for invalid values; the message names the option."""
        if self.matrix not in MATRICES:
            raise UsageError(f"matrix '{self.matrix}': expected hessian or ggn")
        if self.per not in PER:
            raise UsageError(f"per '{self.per}': expected net or layer")
        for name in ("top", "bottom", "probes", "trace_products", "steps"):
            check_whole(name.replace("_", "-"), getattr(self, name), 0, MOST)
        if self.top + self.bottom < 1 or self.steps < 2:
            raise UsageError("top and bottom: expected at least one of both; steps: at least 2")
        if not 0 < self.tolerance <= 0.5:
            raise UsageError(
                f"tolerance {self.tolerance:g}: expected a relative error above 0, up to 0.5, such as 0.01"
            )
        if not 0 <= self.index < 1:
            raise UsageError(
                f"index {self.index:g}: expected a share of the largest magnitude from 0 to 1, such as 0.001"
            )


class SpectrumTasks(Undivided):
    """`all` tasks of a spectrum. A rank that computes a probe finds the block's ends for itself."""

    def __init__(self, subject: Subject, here: Here, wanted: SpectrumParts, backend: str | None):
        self._subject, self._here, self._wanted, self._asked = subject, here, wanted, backend
        self._budget = memory_budget(subject.objective.device, subject.sharers)
        self._counted = subject.counted.moving(wanted.ignore)[1]
        whole = self._made(None)
        self.backend, self.notes = whole.backend, tuple(whole.notes)
        self._names: dict[str, tuple[str, ...] | None] = {WHOLE: None}
        self.blocks = {WHOLE: whole.dimension}
        layers = _layers(whole.names)
        if wanted.per == "layer":
            sizes = {entry.name: entry.numel for entry in subject.objective.layout.entries}
            self._names |= layers
            self.blocks |= {layer: sum(sizes[name] for name in own) for layer, own in layers.items()}
        self.notes += tuple(_unreached(subject.objective, layers))
        self.all = tuple(task for number in range(len(self.blocks)) for task in self._tasks_of(number))
        self._at: tuple[str, CurvatureOperator] | None = None
        self._pairs: dict[str, Eigenpairs] = {}

    def _tasks_of(self, number: int) -> list[SpectrumTask]:
        """The tasks of a block: first the ends, which its probes need."""
        wanted, tasks = self._wanted, [SpectrumTask(number, PAIRS, 0)]
        if wanted.trace_products:
            tasks.append(SpectrumTask(number, TRACE, 0))
        if wanted.sharpness and number == 0:
            tasks.append(SpectrumTask(number, SHARPNESS, 0))
        return tasks + [SpectrumTask(number, PROBE, probe) for probe in range(wanted.probes)]

    def evaluate(self, point: Point) -> dict[str, float]:
        """Does the task (block, kind, number)."""
        number, kind, probe = (int(value) for value in point.coords)
        name = list(self._names)[number]
        move(self._subject, self._here, ())
        products = self._products(name)
        before = products.count
        found = {
            PAIRS: lambda: self._ends(name),
            TRACE: lambda: self._trace(products),
            PROBE: lambda: self._probe(name, products, probe),
            SHARPNESS: lambda: self._sharpness(products),
        }[kind]()
        return {**found, "products": float(products.count - before)}

    def summary(self, task: SpectrumTask, result: Mapping[str, float]) -> str:
        """What a task did, in words."""
        words = {PAIRS: "ends", TRACE: "trace", PROBE: "a probe of the density", SHARPNESS: "critical sharpness"}
        return f"{words[task.kind]} ({result['products']:.0f} products)"

    def write_ends(self, path: Path) -> None:
        """The eigenvectors of the largest and the smallest eigenvalue of all parameters, as a direction file."""
        move(self._subject, self._here, ())
        pairs, layout = self._known(WHOLE), self._subject.objective.layout
        chosen = {"largest": -1, "smallest": 0}
        moving = {"only": self._wanted.only} if self._wanted.only else {}
        write_directions(
            path,
            [
                Direction.from_tensors(
                    layout, {name: view.cpu() for name, view in layout.named(signed(pairs.vectors[row])).items()},
                    {"kind": "hessian", "which": which, "eigenvalue": float(pairs.values[row]), "norm": "none", **moving},
                )
                for which, row in chosen.items()
            ],
        )  # fmt: skip

    def _made(self, only: tuple[str, ...] | None) -> CurvatureOperator:
        wanted = self._wanted
        return CurvatureOperator(
            self._subject.objective,
            ignore="none",
            matrix=wanted.matrix,
            only=only or self._counted,
            backend=self._asked,
            budget=self._budget,
            part=only is not None,
        )

    def _products(self, name: str) -> CurvatureOperator:
        """The operator of a block, ready at the weights; only one is held, because it keeps large tensors."""
        if self._at is None or self._at[0] != name:
            self._at = None
            made = self._made(self._names[name])
            loss = made.refresh()
            if not np.isfinite(loss):
                raise EvaluationError(f"the loss is {loss} at these weights, so it has no curvature there")
            self._at = (name, made)
        return self._at[1]

    def _known(self, name: str) -> Eigenpairs:
        if name not in self._pairs:
            products, wanted = self._products(name), self._wanted
            self._pairs = {
                name: eigenpairs(
                    products, lambda k: products.gaussian(SEED, k), products.dimension,
                    top=wanted.top, bottom=wanted.bottom, tolerance=wanted.tolerance,
                )
            }  # fmt: skip
        return self._pairs[name]

    def _ends(self, name: str) -> dict[str, float]:
        pairs = self._known(name)
        values = {f"value/{i}": float(value) for i, value in enumerate(pairs.values)}
        return {**values, **{f"error/{i}": float(error) for i, error in enumerate(pairs.errors)}}

    def _trace(self, products: CurvatureOperator) -> dict[str, float]:
        found, error = trace(
            products, lambda k: products.gaussian(SEED, k), products.dimension, products=self._wanted.trace_products
        )
        return {"trace": found, "trace_stderr": error}

    def _probe(self, name: str, products: CurvatureOperator, probe: int) -> dict[str, float]:
        wanted = self._wanted
        shift = probe * 1_000_000  # each probe has its own random numbers, on every rank
        found = density(
            products, lambda k: products.gaussian(SEED, k + shift), products.dimension,
            probes=1, steps=wanted.steps, known=self._known(name),
        )  # fmt: skip
        nodes = {f"node/{i}": float(node) for i, node in enumerate(found.nodes[0])}
        return {**nodes, **{f"weight/{i}": float(weight) for i, weight in enumerate(found.weights[0])}}

    def _sharpness(self, products: CurvatureOperator) -> dict[str, float]:
        objective = self._subject.objective
        center, gradient = objective.weights.clone(), products.gradient()
        name = f"{next(iter(objective.splits))}_loss"

        def loss(step: float) -> float:
            torch.add(center, gradient, alpha=-step, out=objective.weights)
            return objective.evaluate()[name]

        try:
            found, passes = critical_sharpness(loss)
        finally:
            objective.weights.copy_(center)
            self._at = None  # recomputed batch-norm statistics are now those of other weights
        return {"sharpness": found, "passes": float(passes)}


def _layers(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The parameters of each layer, in their order."""
    found: dict[str, tuple[str, ...]] = {}
    for name in names:
        layer = name.rpartition(".")[0] or name
        found[layer] = (*found.get(layer, ()), name)
    return found


def _unreached(objective: Objective, layers: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Names the layers of which the block is one of zeros, as autograd does not reach them."""
    unused = set(unused_parameters(objective, [name for own in layers.values() for name in own]))
    left = {layer: own for layer, own in layers.items() if unused.issuperset(own)}
    cut = [layer for layer, own in left.items() if is_cut_off(objective, own)]
    if rest := [layer for layer in left if layer not in cut]:
        yield f"the loss does not use {listed(rest, LISTED)}: a block of zeros"
    if cut:
        yield (
            f"gradients do not reach {listed(cut, LISTED)} (no_grad or detach), though the loss depends on it: its block of "
            "zeros is not its curvature"
        )


def merged(block: Block, task: SpectrumTask, result: Mapping[str, float], wanted: SpectrumParts) -> Block:
    """The block with what a task found."""
    kind, probe = task.kind, task.number
    block = replace(block, products=block.products + int(result["products"]))
    if kind == PAIRS:
        return replace(block, values=_row(result, "value"), errors=_row(result, "error"))
    if kind == TRACE:
        return replace(block, trace=result["trace"], trace_stderr=result["trace_stderr"])
    if kind == SHARPNESS:
        return replace(block, sharpness=result["sharpness"])
    nodes, weights = _row(result, "node"), _row(result, "weight")
    empty = np.full((wanted.probes, len(nodes)), np.nan)
    all_nodes, all_weights = (array.copy() if array.size else empty.copy() for array in (block.nodes, block.weights))
    all_nodes[probe], all_weights[probe] = nodes, weights
    return replace(block, nodes=all_nodes, weights=all_weights)


def _row(result: Mapping[str, float], name: str) -> np.ndarray:
    return np.array([result[f"{name}/{i}"] for i in range(sum(key.startswith(f"{name}/") for key in result))])
