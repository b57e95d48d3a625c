"""Samples moved up their loss within a ball around them.

Owns: the steps of an attack, and which of the inputs that it passes is taken: the one of the largest loss, of the sample itself,
the start and every step. So the loss is never below that of the sample. Knows no batch and no metric.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from landscape.data.pixels import Pixels
from landscape.objective.attack import EUCLIDEAN, Attack
from landscape.objective.noise import normal, uniform

# (n, ...) inputs of the net -> (n,) losses that can be differentiated
Losses = Callable[[Tensor], Tensor]


def worst(losses: Losses, inputs: Tensor, attack: Attack, pixels: Pixels, *, aim: Losses | None = None) -> Tensor:
    """(n, ...) inputs of the largest loss within the attack's ball around `inputs` (n, ...), as far as it finds them.

    They are constants: the gradient of the loss there by the weights is that of the largest loss (Danskin 1967), where only one
    input has it. `aim`: what the steps go up, if that is not the loss. Call it where gradients are on.
    """
    best, most = inputs, losses(inputs.detach().requires_grad_()).detach()
    for seed in attack.seeds:
        for moved, value in passed(losses, inputs, attack, pixels, seed=seed, aim=aim):
            better = ~(value <= most) & ~most.isnan()  # NaN is taken, and stays
            most = torch.where(better, value, most)
            best = torch.where(_over(better, inputs), moved, best)
    return best


def last(losses: Losses, inputs: Tensor, attack: Attack, pixels: Pixels, *, aim: Losses | None = None) -> Tensor:
    """(n, ...) shifts of pixels at the end of the attack, whatever its losses; of several ends that of the largest loss."""
    best, most = torch.zeros_like(inputs), None
    for seed in attack.seeds:
        shift = _start(inputs, attack, pixels, seed)
        for _ in range(attack.steps):
            _, slope = _slope(losses, aim, inputs, shift, pixels)
            shift = _stepped(inputs, shift, slope, attack, pixels)
        if len(attack.seeds) == 1:
            return shift
        value = losses(_moved(inputs, shift, pixels)).detach()
        better = torch.ones_like(value, dtype=torch.bool) if most is None else value > most
        most = value if most is None else torch.where(better, value, most)
        best = torch.where(_over(better, inputs), shift, best)
    return best


def passed(
    losses: Losses, inputs: Tensor, attack: Attack, pixels: Pixels, *, seed: int, aim: Losses | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """(inputs (n, ...), losses (n,)) at the start that follows from `seed` and after every step."""
    shift = _start(inputs, attack, pixels, seed)
    for _ in range(attack.steps):
        value, slope = _slope(losses, aim, inputs, shift, pixels)
        yield _moved(inputs, shift, pixels), value
        shift = _stepped(inputs, shift, slope, attack, pixels)
    moved = _moved(inputs, shift, pixels)
    # by the same kernels as those before, which have gradients: losses are compared
    yield moved, losses(moved.detach().requires_grad_()).detach()


def _moved(inputs: Tensor, shift: Tensor, pixels: Pixels) -> Tensor:
    return inputs + pixels.scaled(shift)


def _slope(losses: Losses, aim: Losses | None, inputs: Tensor, shift: Tensor, pixels: Pixels) -> tuple[Tensor, Tensor]:
    """(losses (n,), gradients of what the steps go up by the pixels (n, ...))."""
    moved = _moved(inputs, shift, pixels).detach().requires_grad_()
    value = losses(moved)
    (slope,) = torch.autograd.grad((value if aim is None else aim(moved)).sum(), moved)
    return value.detach(), pixels.scaled(slope)


def _start(inputs: Tensor, attack: Attack, pixels: Pixels, seed: int) -> Tensor:
    """Uniform in the ball; see noise.py for what it follows from."""
    if not attack.start:
        return torch.zeros_like(inputs)
    samples = pixels.of(inputs)
    if attack.norm == EUCLIDEAN:
        towards = normal(samples, seed)
        share = uniform(samples, seed)
        radius = share.reshape(len(share), -1)[:, 0] ** (1 / share[0].numel())
        shift = towards * _over(attack.eps * radius / _norms(towards), towards)
    else:
        shift = (2 * uniform(samples, seed) - 1) * attack.eps
    return _within(inputs, shift.to(inputs.dtype), attack, pixels)


def _stepped(inputs: Tensor, shift: Tensor, slope: Tensor, attack: Attack, pixels: Pixels) -> Tensor:
    if attack.norm == EUCLIDEAN:
        length = _norms(slope)
        slope = slope * _over(torch.where(length > 0, 1 / length, length), slope)  # a zero gradient moves nothing
    else:
        slope = slope.sign()
    return _within(inputs, shift + attack.step * slope, attack, pixels)


def _within(inputs: Tensor, shift: Tensor, attack: Attack, pixels: Pixels) -> Tensor:
    """The nearest shift in the ball, then in the box. The box holds the sample, so what it cuts stays in the ball."""
    if attack.norm == EUCLIDEAN:
        length = _norms(shift)
        shift = shift * _over(torch.where(length > attack.eps, attack.eps / length, torch.ones_like(length)), shift)
    else:
        shift = shift.clamp(-attack.eps, attack.eps)
    room = pixels.room(inputs)
    return shift if room is None else torch.minimum(torch.maximum(shift, room[0]), room[1])


def _norms(rows: Tensor) -> Tensor:
    """(n, ...) -> (n,)."""
    return rows.reshape(len(rows), -1).norm(dim=1)


def _over(values: Tensor, like: Tensor) -> Tensor:
    """(n,) shaped to be broadcast over (n, ...)."""
    return values.reshape(-1, *[1] * (like.ndim - 1))
