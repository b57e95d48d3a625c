"""Flatness: what is measured around each of several nets, on the same training samples and with the same random numbers.

Owns: `Flatness`, its settings, and which results belong to which measure. The measures themselves are in sharpness/. A net
is read at its point and forgotten after it, since nets may be of several architectures. Nothing passes from net to net.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from landscape.curvature.operator import CurvatureOperator
from landscape.curvature.sharpness import critical_sharpness
from landscape.errors import UsageError
from landscape.measurement.measurement import Undivided, Values
from landscape.members import named_parameters
from landscape.objective.numerics import memory_budget
from landscape.objective.objective import Objective
from landscape.options.groups import MAX_SEED
from landscape.options.option import check_whole
from landscape.quantity import (
    AROUND,
    FLATNESS,
    FLATNESS_QUANTITIES,
    GAP_QUANTITIES,
    HYPER,
    MEASURES,
    Quantity,
    quantity_named,
)
from landscape.sharpness import cases, norms, second
from landscape.sharpness.neighbourhood import Neighbourhood
from landscape.sharpness.worst import adaptive_ball, ball, box, filter_balls, keskar, worst
from landscape.subject.subject import Subject
from landscape.sweep.sampler import Point

# The radii of the curves of most and worst cases, in units of the radius; and their quantiles.
REACHES, QUANTILES, MOST = (0.25, 0.5, 1.0, 2.0, 4.0), (0.5, 0.9), 0.9
LARGE = 1_000_000
_OWN = {row.name: row for row in (*FLATNESS_QUANTITIES, *GAP_QUANTITIES)}


@dataclass(frozen=True)
class FlatnessSettings:
    """`rho`, `adaptive_rho`, `epsilon`, `radius`: of the neighbourhoods of SAM, adaptive SAM, Keskar et al. and of filters.

    `steps` of ascent; random `directions`; `products` with the Hessian for a trace; `tolerance` of the largest eigenvalue.
    """

    measures: tuple[str, ...] = MEASURES
    rho: float = 0.05
    adaptive_rho: float = 0.5
    epsilon: float = 1e-3
    radius: float = 0.1
    steps: int = 20
    directions: int = 20
    products: int = 30
    tolerance: float = 0.01
    seed: int = 0

    def checked(self) -> FlatnessSettings:
        """Raises UsageError for invalid values."""
        if unknown := [name for name in self.measures if name not in MEASURES]:
            raise UsageError(f"measures '{unknown[0]}': expected one or more of {', '.join(MEASURES)}")
        if not self.measures:
            raise UsageError(f"measures: expected one or more of {', '.join(MEASURES)}")
        for name in ("rho", "adaptive_rho", "epsilon", "radius"):
            if not 0 < (value := getattr(self, name)) < math.inf:
                raise UsageError(f"{name.replace('_', '-')} {value:g}: expected a radius above 0, such as 0.05")
        if not 0 < self.tolerance <= 0.5:
            raise UsageError(
                f"tolerance {self.tolerance:g}: expected a relative error above 0, up to 0.5, such as 0.01"
            )
        check_whole("steps", self.steps, 1, LARGE)
        check_whole("directions", self.directions, 2, LARGE)
        check_whole("products", self.products, 6, LARGE)
        check_whole("seed", self.seed, 0, MAX_SEED)
        return self

    @property
    def radii(self) -> list[float]:
        """Of the curves, the radius itself among them."""
        return [self.radius * reach for reach in REACHES]


@dataclass(frozen=True, eq=False)
class Ready:
    """A net, its objective on the samples that are measured on, its weights before training, and its hyper-parameters."""

    subject: Subject
    objective: Objective
    first: Mapping[str, Tensor] | None
    hypers: Mapping[str, float]


class Flatness(Undivided):
    """All chosen measures of a net; the point of a net is its number."""

    def __init__(self, read: Callable[[int], Ready], settings: FlatnessSettings):
        """`read` makes net k ready, from its file alone."""
        self._read, self._settings = read, settings

    def facts(self) -> dict[str, Any]:
        """What must agree before more nets are measured into the same file."""
        return {**asdict(self._settings), "measures": list(self._settings.measures), "radii": self._settings.radii}

    def quantity(self, name: str) -> Quantity:
        if name.startswith(f"{HYPER}_"):
            label = name.removeprefix(f"{HYPER}_").replace("_", " ")
            return Quantity(name, label, group=FLATNESS, aside=True, role=HYPER)
        if name.startswith("rise_"):
            _, what, radius = name.split("_")
            label = {"q50": "median", "q90": "90 % quantile"}.get(what, what)
            return Quantity(
                name, f"{label} rise at radius {radius}", group=FLATNESS, aside=True, role=AROUND, metric=what
            )
        return _OWN.get(name) or replace(quantity_named(name), group=FLATNESS)

    def evaluate(self, point: Point) -> Values:
        """Losses, gaps and hyper-parameters, and the results of each chosen measure; of a loss that is not finite none."""
        net = self._read(point.index)
        if torch.get_num_threads() != net.subject.threads:  # the count is a property of the calling thread
            torch.set_num_threads(net.subject.threads)
        own = net.subject.objective.evaluate()
        if "train_loss" not in own:
            there = ", ".join(name.removeprefix("train_") for name in own if name.startswith("train_"))
            raise UsageError(f"flatness is that of 'loss', and the values are {there}; name one of them loss")
        found = {**own, **gaps(own), **{f"{HYPER}_{name}": value for name, value in net.hypers.items()}}
        if math.isfinite(own["train_loss"]) and bool(net.objective.weights.isfinite().all()):
            found |= self._measured(net)
        return {name: float(value) for name, value in found.items()}

    def _measured(self, net: Ready) -> Values:
        objective, settings = net.objective, self._settings
        wanted = set(settings.measures)
        found = self._norms(net)
        budget = memory_budget(objective.device, net.subject.sharers)
        operator = CurvatureOperator(objective, ignore="none", budget=budget)
        around = Neighbourhood(objective, operator, settings.seed)
        if "fisher_rao" in wanted:
            with around.home():
                found["fisher_rao"] = norms.fisher_rao(objective, operator.names)
        gradient = around.gradient
        found["gradient_norm"] = float(gradient.double().norm())
        if not math.isfinite(found["gradient_norm"]):  # there is nowhere to go from here
            return self._given(found)
        if "critical_sharpness" in wanted:
            found["critical_sharpness"] = _critical(around, gradient)
        found |= self._second(around, wanted) | self._worst(around, wanted) | self._cases(around, wanted)
        return self._given(found)

    def _given(self, found: Values) -> Values:
        """What was asked for, and the curves that came with it, in the order of MEASURES."""
        wanted = self._settings.measures
        kept = [name for name in found if name.removeprefix("stderr/") in wanted or name.startswith("rise_")]
        return {name: found[name] for name in sorted(kept, key=_order)}

    def _norms(self, net: Ready) -> Values:
        objective = net.objective
        own = objective.layout.named(objective.weights)
        weights = {name: own[name] for name, _ in named_parameters(objective.model) if name in own}
        batch: Any = next(iter(next(iter(objective.splits.values())).batches(1)))
        inputs = batch[0] if isinstance(batch, (tuple, list)) else None
        found: dict[str, Callable[[], float]] = {
            "parameters": lambda: sum(weight.numel() for weight in weights.values()),
            "weight_norm": lambda: math.sqrt(sum(float(w.double().square().sum()) for w in weights.values())),
            "distance": lambda: norms.distance(weights, net.first),
            "path_norm": lambda: norms.path_norm(objective.model, inputs),
            "spectral_product": lambda: norms.spectral_product(weights.values()),
        }
        return {name: float(norm()) for name, norm in found.items() if name in self._settings.measures}

    def _second(self, around: Neighbourhood, wanted: set[str]) -> Values:
        settings, found = self._settings, Values()
        if "trace" in wanted:
            found |= _with_error("trace", second.hessian_trace(around, settings.products))
        if "weighted_trace" in wanted:
            found |= _with_error("weighted_trace", second.weighted_trace(around, settings.products))
        if "largest_eigenvalue" in wanted:
            found["largest_eigenvalue"] = second.largest_eigenvalue(around, settings.tolerance)[0]
        return found

    def _worst(self, around: Neighbourhood, wanted: set[str]) -> Values:
        settings, found = self._settings, Values()
        sam, adaptive = ball(settings.rho), adaptive_ball(around, settings.adaptive_rho)
        for name, place, steps in (
            ("sam_step", sam, 1),
            ("sam", sam, settings.steps),
            ("adaptive_step", adaptive, 1),
            ("adaptive", adaptive, settings.steps),
        ):
            if name in wanted:
                found[name] = worst(around, place, steps)
        if "keskar" in wanted:
            found["keskar"] = keskar(worst(around, box(around, settings.epsilon), settings.steps), around.loss)
        return found

    def _cases(self, around: Neighbourhood, wanted: set[str]) -> Values:
        settings, found = self._settings, Values()
        if wanted & {"average", "most", "worst"}:
            found |= self._curves(around, wanted)
        for name, by_magnitude in (("noise", False), ("magnitude_noise", True)):
            if name in wanted:
                rises = cases.noise(around, settings.directions, by_magnitude=by_magnitude)
                found |= _with_error(name, cases.withstood(rises))
        return found

    def _curves(self, around: Neighbourhood, wanted: set[str]) -> Values:
        """Rises along random directions, and the worst case, over radii; at the radius itself they are measures."""
        settings, found = self._settings, Values()
        directions = [around.direction(k) for k in range(settings.directions)] if wanted & {"average", "most"} else []
        for reach, radius in zip(REACHES, settings.radii, strict=True):
            if directions:
                rises = cases.rises_along(around, directions, radius)
                for share in QUANTILES:
                    found[f"rise_q{100 * share:g}_{radius:g}"] = cases.quantile(rises, share)
                if reach == 1.0:
                    found |= _with_error("average", cases.mean_of(rises))
                    found |= _with_error("most", cases.quantile_of(rises, MOST, settings.seed))
            if "worst" in wanted:
                found[f"rise_worst_{radius:g}"] = worst(around, filter_balls(around, radius), settings.steps)
                if reach == 1.0:
                    found["worst"] = found[f"rise_worst_{radius:g}"]
        return found


def gaps(own: Mapping[str, float]) -> Values:
    """How much worse a net is on test samples: of the loss, and of the accuracy where there is one."""
    found = {}
    if "test_loss" in own:
        found["loss_gap"] = own["test_loss"] - own["train_loss"]
    if "test_accuracy" in own and "train_accuracy" in own:
        found["accuracy_gap"] = own["train_accuracy"] - own["test_accuracy"]
    return found


def _critical(around: Neighbourhood, gradient: Tensor) -> float:
    length = float(gradient.norm())
    if not length:
        return math.nan
    return critical_sharpness(lambda step: around.rise(gradient * -step), first=1.0 / length)[0]


def _with_error(name: str, found: tuple[float, float]) -> Values:
    return {name: found[0], f"stderr/{name}": found[1]}


def _order(name: str) -> int:
    known = name.removeprefix("stderr/")
    return MEASURES.index(known) if known in MEASURES else len(MEASURES)
