"""Norms of a net: sizes of its weights, and of its gradients sample by sample.

Owns: the path norm, the product of spectral norms, the distance from the first weights, and the Fisher-Rao norm. The first three
look at no loss.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from landscape.curvature.graph import GraphBackend
from landscape.data.structure import batch_length
from landscape.objective.objective import Objective

_LINEAR = (nn.Linear, nn.modules.conv._ConvNd)
_NORM = nn.modules.batchnorm._BatchNorm
# Modules without parameters that pass on what is positive; a path through them is a product of weights.
_PASSING = (
    nn.ReLU, nn.ReLU6, nn.Identity, nn.Flatten, nn.Unflatten, nn.Dropout, nn.Dropout2d, nn.AvgPool1d, nn.AvgPool2d, nn.MaxPool1d,
    nn.MaxPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.ZeroPad2d,
)  # fmt: skip


def path_norm(model: nn.Module, inputs: object) -> float:
    """The sum over all paths from an input or a bias to an output of the product of their squared weights.

    It is one forward pass of ones through the net with squared weights (Neyshabur et al. 2015, arXiv:1503.00036; Jiang et al.
    2020), in float64. Batch norm counts as the linear layer that it is in eval mode. `inputs`: one or more samples, of which the
    shape is taken. NaN for a net with other layers, such as attention, where paths are not products of weights, and for batch
    norm without running statistics.
    """
    if not isinstance(inputs, Tensor) or not all(_has_paths(module) for module in model.modules()):
        return math.nan
    squared = copy.deepcopy(model).double()
    squared.eval()
    with torch.no_grad():
        for module in squared.modules():
            if isinstance(module, _NORM):
                _square_norm(module)
            else:
                for parameter in (each for each in module._parameters.values() if each is not None):
                    parameter.square_()
        found = squared(torch.ones_like(inputs[:1], dtype=torch.float64))
    return float(found.sum()) if isinstance(found, Tensor) else math.nan


def _has_paths(module: nn.Module) -> bool:
    if isinstance(module, _NORM):
        return module.running_mean is not None
    if isinstance(module, (*_LINEAR, *_PASSING)) or (type(module) is nn.Sequential and not len(module)):
        return True  # an empty sequence passes on what it gets, as many shortcuts do
    return any(True for _ in module.children()) and all(each is None for each in module._parameters.values())


def _square_norm(module: Any) -> None:
    """Batch norm y = s x + t with s and t squared."""
    mean, variance, epsilon = module.running_mean, module.running_var, module.eps
    weight = torch.ones_like(mean) if module.weight is None else module.weight
    bias = torch.zeros_like(mean) if module.bias is None else module.bias
    scale = weight / (variance + epsilon).sqrt()
    shift = bias - mean * scale
    module.running_mean, module.running_var = torch.zeros_like(mean), torch.ones_like(variance) - epsilon
    module.weight, module.bias = nn.Parameter(scale.square()), nn.Parameter(shift.square())


def spectral_product(weights: Iterable[Tensor]) -> float:
    """The product of the largest singular values of all weights of two or more dimensions, each as a matrix (first, rest).

    Of a convolution that is the norm of the reshaped kernel, not of the map between images.
    """
    matrices = [weight.double().flatten(1) for weight in weights if weight.ndim > 1 and weight.numel()]
    return math.prod(float(torch.linalg.matrix_norm(matrix, 2)) for matrix in matrices)


def distance(weights: Mapping[str, Tensor], first: Mapping[str, Tensor] | None) -> float:
    """The Euclidean distance of the weights from those at the start of training; NaN where these are not known."""
    if first is None:
        return math.nan
    squares = [
        float((weight.double().cpu() - first[name].double().cpu()).square().sum()) for name, weight in weights.items()
    ]
    return math.sqrt(sum(squares))


def fisher_rao(objective: Objective, names: Iterable[str]) -> float:
    """The mean over samples of (w . gradient of the loss of the sample)^2, or w' F w with the empirical Fisher matrix F.

    The square of the Fisher-Rao norm of Liang et al. 2019 (arXiv:1711.01530, definition 2), from its definition, so it holds for
    every net; for one of L + 1 homogeneous layers without biases it is (L + 1)^2 times the mean of (dl/df . f)^2, their theorem.
    NaN for a loss that has no value for each sample. Takes two backward passes.
    """
    graph = GraphBackend(objective, tuple(names), "hessian", 0.0)
    split = next(iter(objective.splits.values()))
    total, count = 0.0, 0
    with graph.leaves() as parameters:
        for batch in objective.batches(split):
            values = objective.measure(objective.model, batch)["loss"]
            size = batch_length(batch)
            if not isinstance(values, Tensor) or values.shape != (size,):
                return math.nan
            cotangent = torch.zeros_like(values, requires_grad=True)
            pulled = torch.autograd.grad(values, parameters, cotangent, create_graph=True, allow_unused=True)
            parts = [(p.detach() * g).sum() for p, g in zip(parameters, pulled, strict=True) if g is not None]
            along = torch.stack(parts).sum()
            (products,) = torch.autograd.grad(along, cotangent)
            total += float(products.double().square().sum())
            count += size
    return total / count
