"""Batch-norm statistics away from the centre.

Owns: the policies. `keep`: the running statistics of the net stay. `interpolate`: they move along the directions, as
the weights do. `recompute`: at each point they are estimated anew on the training data, in batches of a size of our own,
so that results do not depend on `--batch-size`. A negative running variance, which `interpolate` reaches beyond the two
nets, is an error that says so: the loss there is not a number that means anything.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from landscape.errors import EvaluationError
from landscape.layout import Layout

POLICIES = ("keep", "interpolate", "recompute")
RECOMPUTE_BATCH = 256


def tracking_layers(model: nn.Module) -> list[_BatchNorm]:
    """The layers that keep running statistics."""
    return [m for m in model.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]


def recompute_batch(samples: int) -> int:
    """The size of nearly equal batches of at most RECOMPUTE_BATCH.

    >>> recompute_batch(100), recompute_batch(257)
    (100, 129)
    """
    batches = -(-samples // RECOMPUTE_BATCH)
    return -(-samples // batches)


def recompute(layers: Sequence[_BatchNorm], batches: Iterable[Any], run: Callable[[Any], Any]) -> None:
    """Sets the running statistics to those of all that reaches each layer while `run` takes the batches.

    Within each batch the layers normalize by that batch, as in training; all else stays in eval mode. One batch of all
    data gives exactly what torch computes on it.
    """
    pools = {layer: _Pool(layer) for layer in layers}
    momenta = [layer.momentum for layer in layers]
    hooks = [layer.register_forward_hook(pools[layer].add) for layer in layers]
    for layer in layers:
        layer.momentum = 1.0  # the running statistics are then those of the last batch
        layer.train()
    try:
        for batch in batches:
            run(batch)
    finally:
        for layer, momentum, hook in zip(layers, momenta, hooks, strict=True):
            hook.remove()
            layer.momentum = momentum
            layer.eval()
    for pool in pools.values():
        pool.store()


class _Pool:
    """Mean and variance of a layer's inputs over batches, pooled in float64 (Chan, Golub, LeVeque 1979)."""

    def __init__(self, layer: _BatchNorm):
        self.layer = layer
        self.count = 0
        self.mean: Tensor | float = 0.0
        self.squares: Tensor | float = 0.0

    def add(self, layer: _BatchNorm, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        count = inputs[0].numel() // layer.num_features
        mean, variance = layer.running_mean.double(), layer.running_var.double()
        total = self.count + count
        delta = mean - self.mean
        self.mean = self.mean + delta * (count / total)
        self.squares = self.squares + variance * (count - 1) + delta.square() * (self.count * count / total)
        self.count = total

    def store(self) -> None:
        if self.count:
            self.layer.running_mean.copy_(torch.as_tensor(self.mean))
            self.layer.running_var.copy_(self.squares / (self.count - 1))


def check_variances(
    layout: Layout, origin: Tensor, directions: Sequence[Tensor], corners: Sequence[Sequence[float]]
) -> None:
    """Raises EvaluationError when a running variance is negative anywhere in a grid.

    Variances are affine in the coordinates, so their minimum over the grid lies in a corner; `corners` holds (first,
    last) of each axis.
    """
    variances = [entry for entry in layout.entries if entry.name.endswith("running_var")]
    for coords in itertools.product(*corners):
        for entry in variances:
            part = slice(entry.offset, entry.offset + entry.numel)
            moved = origin[part].clone()
            for coordinate, direction in zip(coords, directions, strict=True):
                moved.add_(direction[part], alpha=coordinate)
            lowest = float(moved.min())
            if lowest < 0:
                place = ", ".join(f"{c:g}" for c in coords)
                raise EvaluationError(
                    f"batchnorm interpolate: {entry.name} becomes negative ({lowest:.3g}) at ({place}); "
                    "use a smaller range, or --batchnorm recompute or keep"
                )
