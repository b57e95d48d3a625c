"""Batch-norm statistics away from the centre.

Owns: the policies. `keep`: the running statistics of the net stay as they are. `interpolate`: they move along the
directions, as the weights do. `recompute`: they are estimated on the training data at each point, in batches of a fixed
size, so that results do not depend on `--batch-size`. `interpolate` can make a running variance negative beyond the two
nets; the loss there is meaningless, so this is an error.

The policy is always explicit: it has a default for each kind of direction, is recorded, and is written on the figure. A negative
variance is an error that names the layer, not NaN.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from landscape.data.split import Split
from landscape.errors import EvaluationError, UsageError
from landscape.layout import Layout

POLICIES = ("keep", "interpolate", "recompute")
RECOMPUTE_BATCH = 256


def tracking_layers(model: nn.Module) -> list[_BatchNorm]:
    """The layers that keep running statistics."""
    return [m for m in model.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]


@dataclass(frozen=True, eq=False)
class Recompute:
    """The policy `recompute`: the layers with statistics, and the data that they are estimated on."""

    layers: Sequence[_BatchNorm]
    split: Split

    def __call__(self, run: Callable[[Any], Any]) -> None:
        """Estimates the statistics at the present weights; `run` passes a batch through the net."""
        recompute(self.layers, self.split.batches(recompute_batch(self.split.size)), run)


def recompute_on(model: nn.Module, training: Split | None) -> Recompute:
    """The policy for a net; raises UsageError without training data."""
    if training is None:
        raise UsageError("batchnorm recompute: needs the training data, which are not among the splits")
    return Recompute(tracking_layers(model), training)


def recompute_batch(samples: int) -> int:
    """A batch size of at most RECOMPUTE_BATCH that gives nearly equal batches.

    >>> recompute_batch(100), recompute_batch(257)
    (100, 129)
    """
    batches = -(-samples // RECOMPUTE_BATCH)
    return -(-samples // batches)


def recompute(layers: Sequence[_BatchNorm], batches: Iterable[Any], run: Callable[[Any], Any]) -> None:
    """Sets the running statistics of each layer to those of its inputs while `run` passes the batches.

    The layers normalize by the statistics of each batch, as in training; all other layers stay in eval mode. A single
    batch of all data gives exactly the statistics that torch computes on it.
    """
    pools = {layer: _PooledStatistics(layer) for layer in layers}
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


class _PooledStatistics:
    """Mean and variance of a layer's inputs over batches, pooled in float64 (Chan, Golub, LeVeque 1979)."""

    def __init__(self, layer: _BatchNorm):
        self.layer = layer
        self.count = 0
        self.mean: Tensor | float = 0.0
        self.squares: Tensor | float = 0.0

    def add(self, layer: _BatchNorm, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """A forward hook: takes the statistics of one batch, which torch has just stored in the layer."""
        count = inputs[0].numel() // layer.num_features
        running_mean, running_var = _statistics(layer)
        mean, variance = running_mean.double(), running_var.double()
        total = self.count + count
        delta = mean - self.mean
        self.mean = self.mean + delta * (count / total)
        self.squares = self.squares + variance * (count - 1) + delta.square() * (self.count * count / total)
        self.count = total

    def store(self) -> None:
        if self.count:
            running_mean, running_var = _statistics(self.layer)
            running_mean.copy_(torch.as_tensor(self.mean))
            running_var.copy_(torch.as_tensor(self.squares / (self.count - 1)))


def _statistics(layer: _BatchNorm) -> tuple[Tensor, Tensor]:
    """Running mean and variance, both (features,), of one of the `tracking_layers`."""
    assert layer.running_mean is not None and layer.running_var is not None
    return layer.running_mean, layer.running_var


def check_variances(
    layout: Layout, origin: Tensor, directions: Sequence[Tensor], corners: Sequence[Sequence[float]]
) -> None:
    """Checks that no running variance is negative on a grid; `corners` holds (first, last) of each axis.

    Variances are affine in the coordinates, so their minimum over the grid lies in a corner.

    Raises:
        EvaluationError: a variance is negative; names the layer and the corner.
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
