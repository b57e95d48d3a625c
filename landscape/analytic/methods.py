"""The ways to go down: torch's optimizers by name and settings, and Newton's method.

Owns: the names, the settings that are ours where torch's would not do on two numbers, and Newton's step. Knows no surface.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor

from landscape.errors import UsageError
from landscape.options.call import call_of, call_text, is_plain_or_word
from landscape.training.optimizers import NESTEROV, optimizers

MOMENTUM, NEWTON, LBFGS = "momentum", "newton", "lbfgs"
USUAL_MOMENTUM = 0.9
# Their step comes from the curvature, so that 1 is the rate that the theory gives.
OF_SECOND_ORDER = (NEWTON, LBFGS)
EXPECTED = "name=value with numbers, lists of numbers, True, False or texts in quotes"
Value = Callable[[Tensor], Tensor]


class Newton(torch.optim.Optimizer):
    """Newton's method in one small vector; the second derivatives are those of `function`, differentiated twice.

    Where the Hessian is not positive definite its eigenvalues are replaced by their magnitudes, and those below `damping` times
    the largest magnitude by that, so that its direction leads down (Dauphin et al. 2014, saddle-free Newton). Where it is
    zero, the step is that of gradient descent.
    """

    def __init__(self, params: Any, function: Value, lr: float = 1.0, damping: float = 0.01):
        if not (lr > 0 and 0 < damping <= 1):
            raise ValueError(f"expected lr above 0 and damping above 0 and at most 1, not lr={lr}, damping={damping}")
        super().__init__(params, {"lr": lr, "damping": damping})
        self._function = function

    def step(self, closure: Any = None) -> Any:
        """One step from the gradient that the point has."""
        for group in self.param_groups:
            for point in group["params"]:
                values, vectors = torch.linalg.eigh(torch.autograd.functional.hessian(self._function, point.detach()))
                along = vectors.T @ point.grad
                with torch.no_grad():
                    point -= group["lr"] * (vectors @ (along / _positive(values, group["damping"])))


def _positive(values: Tensor, damping: float) -> Tensor:
    """Eigenvalues (n,), rising, to divide by."""
    largest = values.abs().max()
    if values[0] > torch.finfo(values.dtype).eps * largest:
        return values
    return values.abs().clamp(min=float(damping * largest)) if largest > 0 else torch.ones_like(values)


@dataclass(frozen=True)
class Method:
    """An optimizer with its settings; `kind` is its class."""

    name: str
    kind: type[torch.optim.Optimizer]
    settings: dict[str, Any]

    @property
    def text(self) -> str:
        """As it is typed: `adam(lr=0.01)`."""
        return call_text(self.name, self.settings)

    @property
    def takes_rate(self) -> bool:
        """Whether a learning rate is still to be chosen."""
        return "lr" not in self.settings and self.name not in OF_SECOND_ORDER

    def at_rate(self, lr: float) -> Method:
        """The same with this learning rate, written first."""
        return replace(self, settings={"lr": lr, **self.settings})

    def make(self, point: Tensor, function: Value) -> torch.optim.Optimizer:
        """The optimizer of a point, which is a vector, for Muon a matrix of one row.

        Raises:
            UsageError: it refuses a setting.
        """
        given = {**_OURS.get(self.name, {}), **self.settings}
        try:
            return Newton([point], function, **given) if self.kind is Newton else self.kind([point], **given)
        except (TypeError, ValueError, RuntimeError) as error:
            raise UsageError(f"optimizer '{self.text}': {' '.join(str(error).split())}") from error

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the parameter that it moves."""
        return (1, 2) if self.name == "muon" else (2,)


# What differs from torch's defaults.
_OURS: dict[str, dict[str, Any]] = {
    MOMENTUM: {"momentum": USUAL_MOMENTUM},
    NESTEROV: {"momentum": USUAL_MOMENTUM, "nesterov": True},
    # one iteration a step, as the others take, with room for its line search, without which it is not sure to go down; torch's
    # tolerances end it early in float64
    LBFGS: {
        "max_iter": 1,
        "max_eval": 26,
        "line_search_fn": "strong_wolfe",
        "tolerance_grad": 0.0,
        "tolerance_change": 1e-20,
    },  # fmt: skip
    # they would pull toward the origin, which is not a minimum of most surfaces
    "adamw": {"weight_decay": 0.0},
    "muon": {"weight_decay": 0.0},
}


def methods() -> dict[str, type[torch.optim.Optimizer]]:
    """Name -> class of every optimizer that can be asked for: whatever this torch has, and Newton's method."""
    return {
        **optimizers(),
        MOMENTUM: torch.optim.SGD,
        LBFGS: torch.optim.LBFGS,
        NEWTON: Newton,
    }


def method_of(text: str) -> Method:
    """The optimizer of a text such as `adam`, `sgd(lr=0.1, momentum=0.5)`.

    Raises:
        UsageError: an unknown name or setting, or settings of another form.

    >>> method_of("rmsprop( lr=0.01, alpha = 0.9)").text
    'rmsprop(lr=0.01, alpha=0.9)'
    """
    name, known = text.partition("(")[0].strip(), methods()
    if name not in known:
        near = get_close_matches(name.lower(), known, n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else f"expected one of {', '.join(known)}"
        raise UsageError(f"optimizer '{text}': {hint}")
    kind = known[name]
    _, settings = call_of("optimizer", text, is_plain_or_word, EXPECTED)
    takes = [each for each in inspect.signature(kind).parameters if each not in ("params", "function")]
    if unknown := [each for each in settings if each not in takes]:
        raise UsageError(f"optimizer '{text}': {kind.__name__} has {', '.join(takes)}, and no '{unknown[0]}'")
    rate = settings.get("lr", 1.0)
    if isinstance(rate, (bool, str, list, tuple)) or not 0 < rate < float("inf"):
        raise UsageError(f"optimizer '{text}': expected lr as a number above 0")
    return Method(name, kind, settings)


def methods_at(texts: Sequence[str], rates: Sequence[float]) -> list[Method]:
    """Every optimizer at every rate, except for those that state their own or have a natural one."""
    given = [method_of(text) for text in texts]
    return [
        each for method in given
        for each in ([method.at_rate(rate) for rate in rates] if method.takes_rate and rates else [method])
    ]  # fmt: skip
