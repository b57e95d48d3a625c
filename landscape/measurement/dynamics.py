"""Training dynamics: what is measured at each net of a training run, on the same samples and batches.

Owns: `Dynamics`, and which samples form which batch; its settings are in dynamics_settings.py, the ends of the Hessian in
ends.py, the algebra on gradients in curvature/noise.py. All of it is of the net in eval mode, as at the centre of a surface.

Batch sharpness is the mean over batches of g' H g / g' g with gradient g and Hessian H of that batch: the curvature that a step
of SGD meets on its own batch (Andreyev and Beneventano, arXiv:2412.20553).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from landscape.curvature.extremes import extremes
from landscape.curvature.noise import cosines, covariance_eigenvalues, critical_length, gram_of, stiffness
from landscape.curvature.operator import Backend
from landscape.curvature.preconditioned import Preconditioner
from landscape.curvature.sharpness import critical_sharpness
from landscape.data.picking import can_pick, picked_split
from landscape.data.split import Split
from landscape.errors import UsageError
from landscape.measurement.dynamics_settings import (
    BATCH,
    COVARIANCE,
    COVARIANCE_BATCHES,
    COVARIANCE_SIZE,
    CRITICAL,
    DISTANCE,
    EIGEN_BATCHES,
    EIGEN_TOLERANCE,
    GRADIENT,
    HESSIAN,
    LAYERS,
    LEAST,
    PICKING,
    PRECONDITIONED,
    RELATIVE,
    STIFFNESS,
    DynamicsSettings,
)
from landscape.measurement.ends import HessianEnds
from landscape.measurement.evaluate import move, quantity_of
from landscape.measurement.measurement import Undivided, Values
from landscape.objective.objective import Objective
from landscape.quantity import DYNAMICS, Quantity, layer_quantity, quantity_named
from landscape.slice.slice import Slice
from landscape.subject.subject import Subject
from landscape.sweep.sampler import Point


class Dynamics(Undivided):
    """All chosen measures at a net of a run (`Addition`)."""

    group, label = DYNAMICS, "dynamics"

    def __init__(
        self,
        subject: Subject,
        slice: Slice,
        ends: HessianEnds,
        settings: DynamicsSettings,
        rates: Callable[[float], tuple[float, float]],
        others: Mapping[str, Split] | None = None,
        preconditioner: Callable[[float], Preconditioner | None] = lambda step: None,
    ):
        """`ends`: of all samples. `rates`: step -> (learning rate, stability threshold), NaN where unknown.

        `others`: the split whose loss `relative` follows. `preconditioner`: of the optimizer at a step, None where unknown.
        """
        self.subject, self.slice, self._ends, self._settings, self._rates = subject, slice, ends, settings, rates
        self._preconditioner = preconditioner
        self._name, self._split = next(iter(subject.objective.splits.items()))
        self._start: Tensor | None = None
        self.notes = ends.notes
        wanted, size = set(settings.measures), self._split.size
        if (picking := [name for name in PICKING if name in wanted]) and not can_pick(self._split):
            raise UsageError(
                f"{picking[0]} compares batches of its own, and these data come as ready-made batches or from disk; pass "
                "tensors or a Dataset, take --samples N of data on disk, or leave it out of --measures"
            )
        if COVARIANCE in wanted and size < LEAST:
            raise UsageError(
                f"covariance compares batches of {COVARIANCE_SIZE}, and of {size} samples these would be nearly the same: "
                f"take at least {LEAST}, or leave it out of --measures"
            )
        self._other = self._of_other(others or {}) if RELATIVE in wanted else (subject.objective, self._name)
        self._others = ends.operator.on(self._other[0]) if RELATIVE in wanted else None
        self._layers = layers_of(ends.operator.names) if LAYERS in wanted else {}
        own, large = min(settings.batch_size, size), min(COVARIANCE_SIZE, size)
        self._sharp = self._backends("batch", settings.batches, own) if BATCH in wanted else []
        self._covariance = self._backends("covariance", COVARIANCE_BATCHES, large) if COVARIANCE in wanted else []
        self._samples: list[Backend] = []
        if STIFFNESS in wanted:
            self._prepare_stiffness()

    def quantity(self, name: str) -> Quantity:
        if name in self._layers:
            return layer_quantity(name, self._layers[name][0])
        found = quantity_named(name)
        if name.startswith(f"{self._name}_"):
            found = quantity_of(self.subject.objective, name)
        return replace(found, group=DYNAMICS)

    def facts(self) -> dict[str, Any]:
        own = asdict(self._settings)
        return {**self._ends.facts(), **own, "measures": list(self._settings.measures)}

    def run_facts(self) -> dict[str, Any]:
        return self._ends.run_facts()

    def choice(self) -> str:
        return self._ends.choice()

    def choose(self, choice: str) -> None:
        self._ends.choose(choice)

    def passes(self, result: Mapping[str, float]) -> float:
        return result.get("hessian_products", 0.0) + 2.0

    def evaluate(self, point: Point) -> Values:
        """The loss, and the results of each measure that was chosen."""
        wanted, (step,) = self._settings.measures, point.coords
        move(self.subject, self.slice, point.coords)
        found = {name: value for name, value in self.subject.objective.evaluate().items()}
        lr, threshold = self._rates(step)
        found |= {"lr": lr, "stability_threshold": threshold}
        if not math.isfinite(found.get(f"{self._name}_loss", 0.0)):
            return found
        products = self._ends.operator
        if HESSIAN in wanted:
            found |= self._ends.evaluate(point)
        else:
            products.refresh()
        if {GRADIENT, CRITICAL, LAYERS, RELATIVE} & set(wanted):
            gradient = products.gradient()
            found |= self._by_layer(gradient)
            if GRADIENT in wanted:
                found["gradient_norm"] = float(gradient.double().norm())
            if CRITICAL in wanted:
                found["critical_sharpness"] = self._critical(gradient, self.subject.objective, self._name)
            if self._others:
                found["relative_sharpness"] = self._relative(gradient, self._others)
        if self._sharp:
            found |= self._batch(point)
        if self._covariance:
            gram = gram_of(map(self._gradient, self._covariance))
            first, *_, last = covariance_eigenvalues(gram) if np.isfinite(gram).all() else np.full(2, math.nan)
            found |= {"covariance_max": first, "covariance_ratio": last / first if first else math.nan}
        if self._samples:
            found |= self._stiffness()
        if PRECONDITIONED in wanted:
            found |= self._preconditioned(point)
        if DISTANCE in wanted:
            found["distance"] = self._distance()
        return {name: float(value) for name, value in found.items()}

    def _of_other(self, others: Mapping[str, Split]) -> tuple[Objective, str]:
        name = next(iter(others))
        return self.subject.objective.view(splits={name: others[name]}), name

    def _backends(self, what: str, count: int, size: int) -> list[Backend]:
        """Of `count` batches of `size` samples each, drawn without replacement within a batch, the same at every net."""
        chance = torch.Generator().manual_seed(self._settings.seed)
        drawn = [torch.randperm(self._split.size, generator=chance)[:size] for _ in range(count)]
        return [self._on(numbers, f"{what} {number}") for number, numbers in enumerate(drawn)]

    def _on(self, numbers: Tensor, mark: str) -> Backend:
        part = picked_split(self._split, numbers, f"{self._split.fingerprint} {mark}")
        return self._ends.operator.on(self.subject.objective.view(splits={self._name: part}))

    def _prepare_stiffness(self) -> None:
        targets = self._split.targets
        if targets is None or targets.ndim != 1 or targets.is_floating_point():
            raise UsageError(
                "stiffness compares samples of classes, and these data have no class for each; leave it out of --measures"
            )
        chance = torch.Generator().manual_seed(self._settings.seed)
        numbers = torch.randperm(self._split.size, generator=chance)[: self._settings.stiff_samples]
        self._samples = [self._on(numbers[i : i + 1], f"sample {i}") for i in range(len(numbers))]
        inputs, labels = self._split.take(numbers)  # type: ignore[attr-defined]
        self._labels = labels.cpu().numpy()
        self._inputs = inputs.double().cpu().numpy() if isinstance(inputs, Tensor) else None

    def _gradient(self, backend: Backend) -> Tensor:
        backend.refresh()  # the weight of a batch may depend on the net
        out = torch.zeros_like(self.subject.objective.weights)
        backend.gradient(out)
        return out

    def _batch(self, point: Point) -> Values:
        """Batch sharpness over all batches, and the largest eigenvalue of the first few."""
        curvatures, largest = [], []
        for number, backend in enumerate(self._sharp):
            gradient = self._gradient(backend)
            square = float(gradient.double().square().sum())
            if square > 0:
                curvatures.append(float(gradient.double() @ _product(backend, gradient).double()) / square)
            if number < EIGEN_BATCHES:
                apply = lambda vector, backend=backend: _product(backend, vector)  # noqa: E731
                random = self._ends.random_vectors(point.coords)
                found = extremes(apply, random, self._ends.operator.dimension, tolerance=EIGEN_TOLERANCE, upper=True)
                largest.append(found.largest)
        return {**_mean("batch_sharpness", curvatures), **_mean("batch_hessian_max", largest)}

    def _preconditioned(self, point: Point) -> Values:
        """The largest eigenvalue of the Hessian as the optimizer meets it, and at which of them its steps diverge."""
        (step,), products = point.coords, self._ends.operator
        if (found := self._preconditioner(step)) is None:
            return {}
        apply = found.applied(products, self.subject.objective.layout, self.subject.objective.weights)
        ends = extremes(
            apply,
            self._ends.random_vectors(point.coords),
            products.dimension,
            tolerance=self._ends.tolerance,
            upper=True,
        )
        return {
            "preconditioned_max": ends.largest,
            "preconditioned_max_error": ends.errors[1],
            "preconditioned_threshold": found.threshold,
        }

    def _critical(self, gradient: Tensor, objective: Objective, split: str) -> float:
        """Of the loss on a split along the gradient, which may be that of another."""
        weights, length = objective.weights.clone(), float(gradient.norm())
        if not length or not math.isfinite(length):
            return math.nan
        name = f"{split}_loss"

        def loss(step: float) -> float:
            torch.add(weights, gradient, alpha=-step, out=objective.weights)
            return objective.evaluate()[name]

        try:
            return critical_sharpness(loss, first=1.0 / length)[0]
        finally:
            objective.weights.copy_(weights)

    def _relative(self, gradient: Tensor, others: Backend) -> float:
        """Of the loss of the other split. Its own gradient says whether that rises at once; tiny steps show rounding alone."""
        if float(gradient.double() @ self._gradient(others).double()) <= 0:
            return math.inf if bool(gradient.any()) else math.nan
        return self._critical(gradient, *self._other)

    def _by_layer(self, gradient: Tensor) -> Values:
        """The norm of the gradient of each layer's parameters; a gradient that fades or explodes with depth shows here."""
        views = self.subject.objective.layout.named(gradient)
        squares = {
            name: [float(views[each].double().square().sum()) for each in names]
            for name, (_, names) in self._layers.items()
        }
        return {name: math.sqrt(sum(each)) for name, each in squares.items()}

    def _stiffness(self) -> Values:
        found = cosines(gram_of(map(self._gradient, self._samples)))
        within, between = stiffness(found, self._labels)
        values = {"stiffness_within": within, "stiffness_between": between}
        if self._inputs is not None:
            values["stiffness_length"] = critical_length(found, self._labels, self._inputs)
        return values

    def _distance(self) -> float:
        """Of all weights from those of the run's first net."""
        if self._start is None:
            self._start = self.slice.at((float(self.slice.grid.axes[0].values[0]),))
        return float((self.subject.objective.weights.double() - self._start.double()).norm())


def layers_of(names: Sequence[str]) -> dict[str, tuple[str, list[str]]]:
    """Name of a result -> (the layer, its parameters that count), in the order of the net.

    >>> layers_of(["0.weight", "0.bias", "2.weight"])
    {'layer_01_gradient': ('0', ['0.weight', '0.bias']), 'layer_02_gradient': ('2', ['2.weight'])}
    """
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(name.rpartition(".")[0] or name, []).append(name)
    return {f"layer_{number:02d}_gradient": (layer, found[layer]) for number, layer in enumerate(found, 1)}


def _product(backend: Backend, vector: Tensor) -> Tensor:
    out = torch.zeros_like(vector)
    backend.product(vector, out)
    return out


def _mean(name: str, values: list[float]) -> Values:
    """The mean over batches, with its standard error where there are several."""
    if not values:
        return {name: math.nan}
    error = float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan
    return {name: float(np.mean(values)), f"stderr/{name}": error}
