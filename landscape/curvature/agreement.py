"""Whether the derivatives that torch computes are those of the loss, tried on a few samples in float64.

Owns: the comparison with central differences along a random vector, at two steps. A net may have parts that are detached, or a
backward of its own (gradient reversal, clamping, straight-through rounding): its gradient is meant to train it, and is not the
slope of the surface. Differences say something only where both steps give the same; kinks, and numbers that stay in float32,
make them differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from landscape.curvature.differences import in_double
from landscape.curvature.graph import GraphBackend, probe_vector
from landscape.members import named_parameters
from landscape.objective.objective import Objective

# Steps as a share of the norm of the weights, and how far differences at both may be apart.
STEPS, REPEATED = (1e-4, 1e-5), 2e-3
# A share of a derivative that counts as another one; rounding in float64 and third derivatives are far below.
OTHER = 1e-2
DETACHED = (
    "part of the net or the loss is detached, rounds, or has a backward of its own, as F.embedding with padding_idx"
)
# Beyond this many parameters, a copy in float64 costs more than it says.
MOST = 50_000_000


class Agreement(NamedTuple):
    """What is wrong with the gradient and with its derivative, in words; "" where nothing was found.

    `cause`: why the gradient is another one.
    """

    gradient: str = ""
    product: str = ""
    cause: str = ""


def agreement(few: Objective, names: Sequence[str], *, plain_attention: bool) -> Agreement:
    """Of an objective on a few samples; `names`: the parameters that count. Nothing where it cannot be tried in float64."""
    if few.layout.size > MOST:
        return Agreement()
    try:
        return _compare(in_double(few), names, plain_attention)
    except Exception:  # whatever a stranger's net does with numbers that it does not expect, it says nothing of them
        return Agreement()


def _compare(double: Objective, names: Sequence[str], plain_attention: bool) -> Agreement:
    graph = GraphBackend(double, names, "hessian", 0.0, plain_attention=plain_attention, part=True)
    weights, vector = double.weights, torch.zeros_like(double.weights)
    views, drawn = double.layout.named(vector), double.layout.named(probe_vector(weights))
    for name in names:
        views[name].copy_(drawn[name])
    gradient, product = torch.zeros_like(weights), torch.zeros_like(weights)
    graph.gradient(gradient)
    reached = [name for name in names if name in graph.reached]
    for name in set(names) - set(reached):  # said elsewhere: what is below no_grad
        views[name].zero_()

    def differ(along: Tensor) -> str:
        return _compared(graph, weights, along, gradient)[0]

    wrong, changes = _compared(graph, weights, vector, gradient)
    left, causes = wrong, _of_embeddings(double, differ, vector)
    if causes:
        wrong = wrong or next(iter(causes.values()))
        left, changes = _compared(graph, weights, vector, gradient)
    if left:
        return Agreement(wrong, cause=", and ".join([*causes, DETACHED]))
    graph.product(vector, product)
    return Agreement(wrong, _other_product(product, changes), ", and ".join(causes))


def _compared(graph: GraphBackend, weights: Tensor, vector: Tensor, gradient: Tensor) -> tuple[str, list[Tensor]]:
    """What is wrong with the gradient along a vector, and the changes of gradients along it at both steps."""
    scale = max(1.0, float(weights.norm())) / max(float(vector.norm()), 1e-300)
    sides = [(step * scale, *_sides(graph, weights, vector, step * scale)) for step in STEPS]
    slopes = [float(after.loss - before.loss) / (2 * step) for step, before, after in sides]
    usual = float(gradient.norm() * vector.norm()) / len(vector) ** 0.5
    changes = [(after.gradient - before.gradient) / (2 * step) for step, before, after in sides]
    return _other_slope(float(gradient @ vector), slopes, usual), changes


def _of_embeddings(objective: Objective, differ: Callable[[Tensor], str], vector: Tensor) -> dict[str, str]:
    """The embeddings whose gradient torch changes, in words, and what is wrong; their part is taken out of the vector.

    `differ`: what is wrong with the gradient along a vector.
    """
    names, found = {id(each): name for name, each in named_parameters(objective.model)}, dict[str, str]()
    for layer in objective.model.modules():
        name = names.get(id(layer.weight), "") if isinstance(layer, nn.Embedding) else ""
        rows = slice(None) if getattr(layer, "scale_grad_by_freq", False) else getattr(layer, "padding_idx", None)
        views, alone = objective.layout.named(vector), torch.zeros_like(vector)
        if rows is None or name not in views:
            continue
        objective.layout.named(alone)[name][rows] = views[name][rows]
        if wrong := differ(alone):
            views[name][rows] = 0.0
            does = (
                "counts rows the less the more often they are taken (scale_grad_by_freq)"
                if isinstance(rows, slice)
                else f"gives row {rows} no gradient (padding_idx), though the loss depends on it"
            )
            found[f"the embedding {name} {does}"] = wrong
    return found


class _Side(NamedTuple):
    loss: float
    gradient: Tensor


def _sides(graph: GraphBackend, weights: Tensor, vector: Tensor, step: float) -> tuple[_Side, _Side]:
    """Loss and gradient at the weights before and after a step along the vector on either side; the weights are put back."""
    centre, found = weights.clone(), []
    try:
        for sign in (-1, 1):
            torch.add(centre, vector, alpha=sign * step, out=weights)
            gradient = torch.zeros_like(weights)
            graph.gradient(gradient)
            found.append(_Side(graph.refresh(), gradient))
    finally:
        weights.copy_(centre)
        graph.refresh()
    return found[0], found[1]


def _other_slope(said: float, slopes: Sequence[float], usual: float) -> str:
    """`usual`: the size of a derivative along a random vector."""
    first, second = slopes
    size = max(abs(second), abs(said), usual)
    repeated = abs(first - second) <= REPEATED * size
    if not size or not repeated or abs(said - second) <= OTHER * size:
        return ""
    return f"along a random direction torch's gradient says {said:.3g}, and the loss changes by {second:.3g}"


def _other_product(said: Tensor, changes: Sequence[Tensor]) -> str:
    first, second = changes
    size = float(second.norm())
    if not size or float((first - second).norm()) > REPEATED * size:
        return ""
    off = float((said - second).norm()) / size
    return f"off by {100 * off:.2g} % from differences of gradients" if off > OTHER else ""
