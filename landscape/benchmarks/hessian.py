"""`landscape bench --hessian`: both ends of the Hessian's spectrum, side by side with the original program's procedure.

Owns: that procedure (two runs of ARPACK to a tolerance of 1e-2, the second on the shifted operator, with products by double
backward in batches of 128, the images preloaded), and the comparison: the two alternate at each of a row of neighbouring
points, and a third computation, not timed, gives the error of both.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import nn

from landscape.benchmarks.data import tensors_of
from landscape.curvature.extremes import extremes
from landscape.curvature.operator import AUTO, CurvatureOperator
from landscape.errors import UsageError
from landscape.measurement.ends import MAX, MIN, EndsSettings, HessianEnds
from landscape.members import named_parameters
from landscape.objective.numerics import memory_budget
from landscape.options.groups import LossOptions
from landscape.options.option import Given
from landscape.slice.slice import Slice
from landscape.study.on_slice import Asked, OnSlice, on_plane
from landscape.subject.net import load_net
from landscape.sweep.sampler import Point
from landscape.sweep.world import World

BATCH, TOLERANCE = 128, 1e-2
# The row begins at the net; a step is that of 25 points on -1:1.
STEP = 1 / 12
TRUTH = 1e-5
# Where the original puts the second run's shift, as a share of the largest eigenvalue.
SHIFT = 0.51


def bench_hessian(checkpoint: Any, model: Any, *, rounds: int, options: dict[str, Any]) -> dict[str, Any]:
    """Seconds for a point of both procedures, over `rounds` neighbouring points.

    Returns:
        The machine; "original" and "ours": mean seconds, products, rough ones (in bfloat16) and largest relative error of
        either end; "speedup": the ratio of the sums of the seconds, and "speedups" at each point; "one_product": the ratio of
        the seconds of one product; ours are of both kinds.
    """
    # the references below have this loss, whatever the net was trained with
    chosen = {"model": model, "loss": LossOptions().loss, "metrics": ("loss",)}
    asked = Asked.of(checkpoint, Given({**chosen, **options}))
    on = on_plane(asked, {"x": (0, 1, 2)}, World(), "bench", plain=True)
    objective = on.subject.objective
    if not objective.measure.reads_outputs or objective.precision == "fp64":
        raise UsageError("bench --hessian times cross_entropy in single precision")
    products = CurvatureOperator(objective, budget=memory_budget(objective.device))
    ends = HessianEnds(on.subject, on.slice, products, EndsSettings(tolerance=TOLERANCE), search=AUTO)
    loaded = load_net(checkpoint, model or (on.provenance.model and on.provenance.model.spec))
    net = loaded.module.to(objective.device)
    net.eval()
    original = _Original(net, on)
    rows = [_point(on, (number * STEP,), original, ends, products) for number in range(rounds)]
    known = on.provenance
    return {
        "net": known.model_name,
        "data": known.data and known.data.name,
        "samples": objective.samples,
        "device": known.run and known.run.device,
        "threads": on.subject.threads,
        "points": rounds,
        "way": products.backend,
        "search": ends.choice(),
        "hessian": {name: _summary([row[name] for row in rows]) for name in ("original", "ours")},
        "speedup": sum(row["original"]["seconds"] for row in rows) / sum(row["ours"]["seconds"] for row in rows),
        "speedups": [row["original"]["seconds"] / row["ours"]["seconds"] for row in rows],
        "one_product": statistics.median(row["original"]["each"] / row["ours"]["each"] for row in rows),
    }


def _point(
    on: OnSlice, coords: tuple[float, ...], original: _Original, ends: HessianEnds, products: CurvatureOperator
) -> dict[str, dict[str, float]]:
    started = time.perf_counter()
    found = ends.evaluate(Point(0, coords))
    seconds = time.perf_counter() - started
    ours = _row(found[MAX], found[MIN], seconds, found["hessian_products"], found["hessian_rough"])
    original.move(on.slice, coords)
    started = time.perf_counter()
    largest, smallest = original.ends()
    theirs = _row(largest, smallest, time.perf_counter() - started, original.products, 0.0)
    truth = extremes(products, lambda k: products.gaussian(7, k), products.dimension, tolerance=TRUTH)
    for row in (ours, theirs):
        row["error"] = max(abs(row["largest"] / truth.largest - 1), abs(row["smallest"] / truth.smallest - 1))
    return {"ours": ours, "original": theirs}


def _row(largest: float, smallest: float, seconds: float, count: float, rough: float) -> dict[str, float]:
    each = seconds / (count + rough)
    return {
        "largest": largest, "smallest": smallest, "seconds": seconds, "products": count, "rough": rough, "each": each,
    }  # fmt: skip


def _summary(rows: list[dict[str, float]]) -> dict[str, float]:
    return {
        "seconds": statistics.mean(row["seconds"] for row in rows),
        "products": statistics.mean(row["products"] for row in rows),
        "rough": statistics.mean(row["rough"] for row in rows),
        "worst_error": max(row["error"] for row in rows),
    }


class _Original:
    """The original program's method: every product is a forward, a backward with its graph, and a backward through that."""

    def __init__(self, net: nn.Module, on: OnSlice):
        self._net, self._split = net, tensors_of(on.subject.objective)
        self._layout = on.subject.objective.layout
        self._parameters = [
            (entry, dict(named_parameters(net))[entry.name]) for entry in on.subject.objective.layout.entries
        ]
        self._counted = [pair for pair in self._parameters if len(pair[0].shape) > 1]
        for _, parameter in self._parameters:
            parameter.requires_grad_(True)
        self.products = 0

    def move(self, slice: Slice, coords: tuple[float, ...]) -> None:
        """Sets the net to a point."""
        views = self._layout.named(slice.at(coords))
        with torch.no_grad():
            for entry, parameter in self._parameters:
                parameter.copy_(views[entry.name])

    def ends(self) -> tuple[float, float]:
        """(largest, smallest) eigenvalue."""
        self.products = 0
        size = sum(parameter.numel() for _, parameter in self._counted)
        largest = self._largest_magnitude(size, 0.0)
        if largest < 0:
            return self._largest_magnitude(size, SHIFT * largest) + SHIFT * largest, largest
        return largest, self._largest_magnitude(size, SHIFT * largest) + SHIFT * largest

    def _largest_magnitude(self, size: int, shift: float) -> float:
        operator = LinearOperator((size, size), matvec=lambda v: self._product(v) - shift * v, dtype=np.float32)
        # by default ARPACK draws its start from numpy's global generator, which we must not change
        start = np.random.default_rng(0).standard_normal(size).astype(np.float32)
        return float(eigsh(operator, 1, tol=TOLERANCE, which="LM", return_eigenvectors=False, v0=start)[0])

    def _product(self, vector: np.ndarray) -> np.ndarray:
        self.products += 1
        flat = torch.from_numpy(np.asarray(vector, dtype=np.float32).reshape(-1)).to(self._parameters[0][1].device)
        parts = torch.split(flat, [parameter.numel() for _, parameter in self._counted])
        direction = {entry.name: part.view(entry.shape) for (entry, _), part in zip(self._counted, parts, strict=True)}
        parameters = [parameter for _, parameter in self._parameters]
        for parameter in parameters:
            parameter.grad = None
        for inputs, targets in self._split.batches(BATCH):
            loss = F.cross_entropy(self._net(inputs), targets, reduction="sum") / self._split.size
            gradients = torch.autograd.grad(loss, parameters, create_graph=True)
            along = [
                (gradient * direction[entry.name]).sum()
                for (entry, _), gradient in zip(self._parameters, gradients, strict=True)
                if entry.name in direction
            ]
            torch.stack(along).sum().backward()
        found = [torch.zeros_like(p) if p.grad is None else p.grad for _, p in self._counted]
        return torch.cat([tensor.reshape(-1) for tensor in found]).cpu().numpy()
