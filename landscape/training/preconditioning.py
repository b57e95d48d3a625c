"""What torch's adaptive optimizers divide the steps of each weight by.

Owns: the preconditioner P of each optimizer that has one, from its state after a step: the step is -lr P^-1 times an average of
gradients. Corrections of biases, of learning rates that fall by themselves, and of momentum that still rises (NAdam) are part of
P, so that the threshold is that of the settled optimizer (curvature/stability.py).

Not here: SGD and ASGD (P is 1), and those whose steps do not grow with the gradient or depend on their own past: Adadelta,
Adafactor, Muon, Rprop, L-BFGS.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn, optim

from landscape.curvature.preconditioned import Preconditioner
from landscape.curvature.stability import averaged_threshold, threshold
from landscape.errors import UsageError
from landscape.layout import real_form
from landscape.members import named_parameters
from landscape.training.optimizers import optimizers

State = Mapping[str, Any]
Group = Mapping[str, Any]
# RAdam adapts once its variance is tractable; torch's bound.
TRACTABLE = 5.0


def _adam(state: State, group: Group) -> Tensor:
    beta1, beta2 = map(float, group["betas"])
    step = float(state["step"])
    squares = _entry(state, "max_exp_avg_sq" if group["amsgrad"] else "exp_avg_sq")
    return (squares.sqrt() / math.sqrt(1 - beta2**step) + group["eps"]) * (1 - beta1**step)


def _nadam(state: State, group: Group) -> Tensor:
    """Divided by how much more the step took of a gradient than it will once its momentum has risen."""
    beta1, beta2 = map(float, group["betas"])
    step, passed = float(state["step"]), float(state["mu_product"])
    now, coming = (beta1 * (1 - 0.5 * 0.96 ** ((step + i) * group["momentum_decay"])) for i in (0, 1))
    took = (1 - now) / (1 - passed) * (1 + beta1) + coming / (1 - passed * coming) * (1 - beta1)
    settled = (1 - beta1) * (1 + 2 * beta1)
    return (_entry(state, "exp_avg_sq").sqrt() / math.sqrt(1 - beta2**step) + group["eps"]) * (settled / took)


def _radam(state: State, group: Group) -> Tensor:
    beta1, beta2 = map(float, group["betas"])
    step, squares = float(state["step"]), _entry(state, "exp_avg_sq")
    most = 2 / (1 - beta2) - 1
    length = most - 2 * step * beta2**step / (1 - beta2**step)
    if length <= TRACTABLE:
        return torch.full_like(squares, 1 - beta1**step)
    rectified = math.sqrt((length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length))
    return (squares.sqrt() + group["eps"]) * ((1 - beta1**step) / (math.sqrt(1 - beta2**step) * rectified))


def _adamax(state: State, group: Group) -> Tensor:
    return _entry(state, "exp_inf") * (1 - _kept(group) ** float(state["step"]))


def _rmsprop(state: State, group: Group) -> Tensor:
    squares = _entry(state, "square_avg")
    if group["centered"]:
        squares = squares - _entry(state, "grad_avg").square()
    return squares.clamp(min=0).sqrt() + group["eps"]


def _adagrad(state: State, group: Group) -> Tensor:
    return (_entry(state, "sum").sqrt() + group["eps"]) * (1 + (float(state["step"]) - 1) * group["lr_decay"])


def _entry(state: State, name: str) -> Tensor:
    return real_form(state[name].detach()).double()


def _averaged(group: Group, lr: float, decay: float) -> float:
    return averaged_threshold(lr, _kept(group), decay=decay)


def _ahead(group: Group, lr: float, decay: float) -> float:
    return averaged_threshold(lr, _kept(group), ahead=True, decay=decay)


def _heavy(group: Group, lr: float, decay: float) -> float:
    return threshold(lr, _kept(group))


ADAPTIVE: dict[type[optim.Optimizer], tuple[Callable[[State, Group], Tensor], Callable[[Group, float, float], float]]] = {
    optim.Adam: (_adam, _averaged), optim.AdamW: (_adam, _averaged), optim.NAdam: (_nadam, _ahead),
    optim.RAdam: (_radam, _averaged), optim.Adamax: (_adamax, _averaged), optim.RMSprop: (_rmsprop, _heavy),
    optim.Adagrad: (_adagrad, _heavy),
}  # fmt: skip


def check_adaptive(kind: type[optim.Optimizer] | str) -> None:
    """Raises UsageError for an optimizer, or the name of one in `landscape train`, that has no preconditioner."""
    found = optimizers()[kind] if isinstance(kind, str) else kind
    if _kind_of(found) is None:
        known = ", ".join(each.__name__ for each in ADAPTIVE)
        raise UsageError(
            f"preconditioned: {found.__name__} has no preconditioner; expected one of {known}, or leave it out"
        )


def has_preconditioner(name: str) -> bool:
    """Whether the optimizer of that name in `landscape train` has one."""
    return _kind_of(optimizers()[name]) is not None


def preconditioner_of(optimizer: optim.Optimizer, model: nn.Module, lr: float | None = None) -> Preconditioner | None:
    """The preconditioner of the last step, with the threshold of the next one; None before the first.

    `lr`: of the next step; None: that of the optimizer. Groups of parameters may differ in their rates, which P then holds, and
    in their decay; those of rate 0 rest.

    Raises:
        UsageError: the optimizer has none, its groups differ in their momentum, or P is zero for want of an eps.
    """
    check_adaptive(type(optimizer))
    kind = _kind_of(type(optimizer))
    assert kind is not None
    scale_of, threshold_of = ADAPTIVE[kind]
    names = {parameter: name for name, parameter in named_parameters(model)}
    moving = [(group, float(group["lr"]) if lr is None else lr) for group in optimizer.param_groups]
    moving = [(group, own) for group, own in moving if own > 0]
    if not moving:
        return None
    like, first = moving[0]
    scales, decays, bounds = dict[str, Tensor](), dict[str, float](), set[float]()
    for group, own in moving:
        weight, apart = float(group.get("weight_decay", 0.0)), _is_apart(kind, group)
        moved = [each for each in group["params"] if each in names and optimizer.state.get(each, {}).get("step", 0) > 0]
        if not moved:
            continue
        _check_alike(kind, group, like)
        bounds.add(threshold_of(group, own, weight if apart else 0.0) * (own / first))
        for each in moved:
            scale = (scale_of(optimizer.state[each], group) * (first / own)).float().cpu()
            scales[names[each]] = _checked(scale, names[each], group)
            decays[names[each]] = 0.0 if apart else weight
    return Preconditioner(scales, min(bounds), decays) if scales else None


def _checked(scale: Tensor, name: str, group: Group) -> Tensor:
    """Raises UsageError for a P that is zero somewhere."""
    if (scale == 0).any():
        raise UsageError(
            f"preconditioned: eps {group['eps']:g} leaves steps of {name} divided by 0, as where a gradient was 0; expected an "
            "eps above 0, such as 1e-8"
        )
    return scale


def _kind_of(kind: type[optim.Optimizer]) -> type[optim.Optimizer] | None:
    return next((each for each in kind.__mro__ if each in ADAPTIVE), None)


def _is_apart(kind: type[optim.Optimizer], group: Group) -> bool:
    """Whether the weights decay by themselves, not by way of the gradient."""
    return kind is optim.AdamW or bool(group.get("decoupled_weight_decay", False))


def _check_alike(kind: type[optim.Optimizer], group: Group, first: Group) -> None:
    if group.get("maximize"):
        raise UsageError(f"preconditioned: {kind.__name__} with maximize climbs, and has no threshold; leave it out")
    if _kept(group) != _kept(first):
        raise UsageError(
            f"preconditioned: groups of parameters with momenta {_kept(first):g} and {_kept(group):g} have no common threshold; "
            "leave it out"
        )


def _kept(group: Group) -> float:
    """The share of the last average of gradients that a step keeps; of RMSprop, that of the last sum of steps."""
    return float(group["betas"][0]) if "betas" in group else float(group.get("momentum", 0.0))
