"""Batch-norm statistics away from the centre.

Owns: the policies. `keep`: the running statistics of the net stay. `interpolate`: they move along the directions, as
the weights do. `recompute`: at each point they are estimated anew on the training data. A negative running variance,
which `interpolate` reaches beyond the two nets, is an error that says so: the loss there is not a number that means
anything.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from landscape.errors import EvaluationError
from landscape.layout import Layout

POLICIES = ("keep", "interpolate", "recompute")


def tracking_layers(model: nn.Module) -> list[_BatchNorm]:
    """The layers that keep running statistics."""
    return [m for m in model.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]


def recompute(model: nn.Module, layers: Sequence[_BatchNorm], inputs: Iterable[Any]) -> None:
    """Sets the running statistics to their plain average over the batches; everything else stays in eval mode."""
    before = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a cumulative average, so that no batch counts more than another
        layer.train()
    try:
        for batch in inputs:
            model(batch)
    finally:
        for layer, momentum in zip(layers, before, strict=True):
            layer.momentum = momentum
            layer.eval()


def check_variances(
    layout: Layout, origin: Tensor, directions: Sequence[Tensor], corners: Sequence[Sequence[float]]
) -> None:
    """Raises EvaluationError when a running variance is negative anywhere in a grid.

    Variances are affine in the coordinates, so their minimum over the grid lies in a corner; `corners` holds (first,
    last) of each axis.
    """
    variances = [entry for entry in layout.entries if entry.name.endswith("running_var")]
    for coords in itertools.product(*corners):
        moved = origin.clone()
        for coordinate, direction in zip(coords, directions, strict=True):
            moved.add_(direction, alpha=coordinate)
        for entry in variances:
            lowest = float(moved[entry.offset : entry.offset + entry.numel].min())
            if lowest < 0:
                place = ", ".join(f"{c:g}" for c in coords)
                raise EvaluationError(
                    f"batchnorm interpolate: {entry.name} becomes negative ({lowest:.3g}) at ({place}); "
                    "use a smaller range, or --batchnorm recompute or keep"
                )
