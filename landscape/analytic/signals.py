"""What an optimizer makes of a gradient over time: its steps along one number, whose gradient is a given signal.

Owns: the signals, the steps in answer to them, and their `Surface` of one dimension. Knows no function: the gradient does not
depend on where the steps have led.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from landscape.analytic.compare import names_of
from landscape.analytic.descent import noise_of
from landscape.analytic.methods import OF_SECOND_ORDER, Method, methods_at
from landscape.errors import UsageError
from landscape.grid import Axis, Grid
from landscape.quantity import EVALUATION, RESPONSE, SIGNAL, VALUE, Quantity
from landscape.subject.subject import started, versions_used
from landscape.surfaces.provenance import Provenance, RunFacts
from landscape.surfaces.same_run import plain
from landscape.surfaces.study_facts import DescentFacts
from landscape.surfaces.surface import DONE, Surface

# Steps are divided by it, so for most it does not matter.
RATE = 0.01


def _rectangle(count: int, seed: int) -> np.ndarray:
    """1 in the second quarter, else 0."""
    return ((np.arange(count) >= count // 4) & (np.arange(count) < count // 2)).astype(np.float64)


def _spikes(count: int, seed: int) -> np.ndarray:
    """1 at each eighth, else 0."""
    return (np.arange(count) % max(1, count // 8) == max(1, count // 8) // 2).astype(np.float64)


def _noise(count: int, seed: int) -> np.ndarray:
    """Gaussian, of standard deviation 1."""
    return noise_of(1.0, count, seed)[:, 0].numpy()


SIGNALS: dict[str, tuple[str, Callable[[int, int], np.ndarray]]] = {
    "rectangle": ("Rectangle", _rectangle),
    "spikes": ("Spikes", _spikes),
    "noise": ("Noise", _noise),
}


@dataclass(frozen=True, kw_only=True)
class SignalAsked:
    """`rates` None: `RATE` for all."""

    signal: str
    optimizers: Sequence[str]
    rates: Sequence[float] | None
    steps: int
    seed: int


def response(method: Method, signal: np.ndarray) -> np.ndarray:
    """(n,) steps down, in units of the learning rate, in answer to the gradients (n,).

    Raises:
        UsageError: the optimizer asks for more than a gradient, or refuses a setting.
    """
    if method.name in OF_SECOND_ORDER:
        raise UsageError(f"optimizer '{method.text}': asks for more than the gradient, so it has no answer to a signal")
    point = torch.zeros((1,) * len(method.shape), dtype=torch.float64, requires_grad=True)
    optimizer, steps = method.make(point, lambda place: place.sum()), []
    for gradient in signal:
        with torch.no_grad():
            point.zero_()  # no optimizer asks where it is, and steps from zero are not rounded
        point.grad = torch.full_like(point, gradient)
        optimizer.step()
        steps.append(-float(point.detach()))
    return np.array(steps) / method.settings["lr"]


def responses(asked: SignalAsked) -> Surface:
    """The signal, and for each optimizer its steps, over time."""
    label, make = SIGNALS[asked.signal]
    signal = make(asked.steps, asked.seed)
    chosen = methods_at(asked.optimizers, asked.rates or (RATE,))
    found = {name: response(method, signal) for name, method in zip(names_of(chosen), chosen, strict=True)}
    quantities = {"signal": Quantity("signal", "gradient", VALUE, role=SIGNAL)}
    quantities |= {name: Quantity(name, name, VALUE, role=RESPONSE) for name in found}
    facts = DescentFacts(
        function=asked.signal, label=f"{label} as gradient", source="steps of one number, divided by the learning rate",
        steps=asked.steps, seed=asked.seed if asked.signal == "noise" else None, optimizers=[each.text for each in chosen],
    )  # fmt: skip
    provenance = Provenance(
        command="optimizers", descent=facts, run=RunFacts(versions=versions_used(), started=started())
    )
    grid = Grid((Axis("x", np.arange(1.0, asked.steps + 1), "step", "step"),))
    status = {EVALUATION: np.full(grid.shape, DONE, np.uint8)}
    return Surface(grid, {"signal": signal, **found}, {}, status, {}, plain(provenance.json()), "", quantities)
