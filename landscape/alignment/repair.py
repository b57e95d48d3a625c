"""A net between two others, with the statistics of its units repaired: REPAIR (Jordan et al. 2023, arXiv:2211.08403).

Owns: `repaired`, and `Repair`, which does it in place. Means of weights of aligned nets give units whose activations vary less
than in either net, and less from layer to layer. Rescaling each unit to the mean and deviation between those of both nets mends
that. Where batch norm does the scaling, recomputing its statistics is the same and is what is done.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from landscape.alignment.align import Aligned, fill
from landscape.alignment.trace import Run, plain_run
from landscape.errors import LandscapeError
from landscape.members import tensors_in
from landscape.objective.batchnorm import recompute, tracking_layers
from landscape.objective.private import evaluating, private_copy
from landscape.subject.net import Net

Layer = nn.Linear | _ConvNd


def between(first: Mapping[str, Tensor], second: Mapping[str, Tensor], t: float) -> dict[str, Tensor]:
    """(1 - t) times the first plus t times the second; what is not floating-point is that of the first."""
    return {
        name: torch.lerp(a.double(), second[name].to(a.device).double(), t).to(a.dtype) if a.is_floating_point() else a
        for name, a in first.items()
    }


def repaired(
    net: Net, to: Aligned, t: float, batches: Callable[[], Iterable[Any]], run: Run = plain_run
) -> dict[str, Tensor]:
    """The state dict at a point of the line from `net` (t = 0) to the aligned net (t = 1), repaired.

    Layers of `nn.Linear` and convolutions are rescaled if they have a bias and units that may be permuted, which leaves out the
    last layer.

    Args:
        batches: gives the samples that statistics are taken from, as `run` passes them through a net; the same each time.

    Raises:
        LandscapeError: there is neither a batch norm with statistics nor such a layer.
    """
    model = evaluating(private_copy(net.module).cpu())
    first = {name: value.cpu() for name, value in tensors_in(net.module).items()}
    mixed = between(first, to.tensors, t)
    fill(model, mixed)
    if norms := tracking_layers(model):
        with torch.no_grad():
            recompute(norms, batches(), lambda batch: run(model, batch))
        return _stored(model)
    repair = Repair(model, to.movable, batches, run, name=net.name)
    ends = []
    for tensors in (first, to.tensors):
        fill(model, tensors)
        ends.append(repair.statistics())
    fill(model, mixed)
    repair((ends[0], ends[1]), t)
    return _stored(model)


Moments = tuple[Tensor, ...]
"""Mean and standard deviation of each unit, in float64."""
Statistics = dict[str, Moments]
"""Those of the outputs of each layer, in the order of their calls."""


class Repair:
    """Rescales the units of a module in place, whatever weights it has at the time."""

    def __init__(
        self,
        model: nn.Module,
        movable: Collection[str],
        batches: Callable[[], Iterable[Any]],
        run: Run = plain_run,
        *,
        name: str = "the net",
    ):
        """`movable`: the tensors whose units may be permuted; the rest as in `repaired`.

        Raises:
            LandscapeError: there is no layer to rescale.
        """
        self._model, self._batches, self._run = model, batches, run
        self._layers = _layers(model, movable)
        if not self._layers:
            raise LandscapeError(
                f"repair: {name} has neither batch norm nor a linear layer or convolution with a bias and units to rescale"
            )

    def statistics(self) -> Statistics:
        """Of all layers, with the present weights."""
        return _statistics(self._model, self._layers, self._batches(), self._run)

    def __call__(self, ends: tuple[Statistics, Statistics], t: float) -> None:
        """Brings each unit to the mean and the deviation at t between those of both ends."""
        first, last = ends
        # in the order of their calls: each layer reads what those before it give once they are repaired
        for name in first:
            layer = self._layers[name]
            found = _statistics(self._model, {name: layer}, self._batches(), self._run)[name]
            wanted = tuple(torch.lerp(a, b, t) for a, b in zip(first[name], last[name], strict=True))
            _rescale(layer, found, wanted)


def _stored(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in tensors_in(model).items()}


def _layers(model: nn.Module, movable: Collection[str]) -> dict[str, Layer]:
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, (nn.Linear, _ConvNd))
        and not getattr(module, "transposed", False)
        and module.bias is not None
        and f"{name}.bias" in movable
    }


def _statistics(model: nn.Module, layers: Mapping[str, Layer], batches: Iterable[Any], run: Run) -> Statistics:
    """Of the outputs of each layer over all batches, in the order of their calls."""
    sums: dict[str, list[Tensor]] = {}

    def hook(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def note(layer: nn.Module, inputs: Any, output: Tensor) -> None:
            axis = _channels(layer, output)
            rows = output.movedim(axis, 0).reshape(output.shape[axis], -1).double()
            new = [torch.tensor(float(rows.shape[1])), rows.sum(1), rows.square().sum(1)]
            sums[name] = [a + b for a, b in zip(sums[name], new, strict=True)] if name in sums else new

        return note

    handles = [layer.register_forward_hook(hook(name)) for name, layer in layers.items()]
    try:
        with torch.no_grad():
            for batch in batches:
                run(model, batch)
    finally:
        for handle in handles:
            handle.remove()
    if silent := next((name for name in layers if name not in sums), None):
        raise LandscapeError(f"repair: {silent} was not called on any sample; give samples that pass through it")
    return {name: _moments(each) for name, each in sums.items()}


def _channels(layer: nn.Module, output: Tensor) -> int:
    return output.ndim - 1 - len(layer.kernel_size) if isinstance(layer, _ConvNd) else output.ndim - 1


def _moments(sums: list[Tensor]) -> Moments:
    count, total, squares = sums
    mean = total / count
    return mean, (squares / count - mean.square()).clamp(min=0).sqrt()


def _affine(found: Moments, wanted: Moments) -> tuple[Tensor, Tensor]:
    """What brings one mean and deviation to another; a unit that does not vary is shifted only."""
    (mean, deviation), (to_mean, to_deviation) = found, wanted
    still = deviation <= 1e-12 * (1 + mean.abs())
    scale = torch.where(still, 1.0, to_deviation / deviation.clamp(min=1e-300))
    return scale, to_mean - scale * mean


def _rescale(layer: Layer, found: Moments, wanted: Moments) -> None:
    scale, shift = _affine(found, wanted)
    assert layer.bias is not None
    layer.weight.copy_(layer.weight.double() * scale.reshape(-1, *[1] * (layer.weight.ndim - 1)))
    layer.bias.copy_(layer.bias.double() * scale + shift)
