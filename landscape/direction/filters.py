"""What a filter is, layer kind by layer kind.

Owns: the rule that says which entries of a weight tensor belong to one output channel or neuron. Li et al. 2018
(section 4) normalize per filter; which dimension counts the filters differs between layer kinds, and taking dimension 0
for all of them is a common mistake.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class FilterRule:
    """Viewed as `shape`, the entries that differ only in `dims` form one filter."""

    shape: tuple[int, ...]
    dims: tuple[int, ...]

    def norms(self, tensor: Tensor) -> Tensor:
        """Euclidean norm of each filter in float64, with the reduced dimensions kept."""
        return torch.linalg.vector_norm(tensor.reshape(self.shape).double(), dim=self.dims, keepdim=True)

    def dots(self, a: Tensor, b: Tensor) -> Tensor:
        """Inner product of each filter of `a` with the same filter of `b`, in float64."""
        product = a.reshape(self.shape).double() * b.reshape(self.shape).double()
        return product.sum(dim=self.dims, keepdim=True)

    def scaled(self, tensor: Tensor, factors: Tensor) -> Tensor:
        """`tensor` with each filter multiplied by its factor, in the tensor's own shape and dtype."""
        return (tensor.reshape(self.shape).double() * factors).to(tensor.dtype).reshape(tensor.shape)

    @property
    def entries(self) -> int:
        """How many entries one filter has."""
        return math.prod(self.shape[dim] for dim in self.dims)


def rows(shape: tuple[int, ...]) -> FilterRule:
    """Dimension 0 counts the filters: Conv, Linear, Embedding, attention projections; single entries in one dimension."""
    first = shape[0] if shape else 1
    return FilterRule((first, math.prod(shape[1:])), (1,))


def filter_rules(model: nn.Module) -> dict[str, FilterRule]:
    """The rule for each floating-point parameter and buffer of the module, by name."""
    special: dict[str, FilterRule] = {}
    for path, module in model.named_modules():
        weight = getattr(module, "weight", None)
        if not isinstance(weight, Tensor) or weight.ndim < 2:
            continue
        name = f"{path}.weight" if path else "weight"
        if isinstance(module, nn.modules.conv._ConvTransposeNd):
            special[name] = _transposed(tuple(weight.shape), module.groups)
        elif type(module).__name__ == "Conv1D" and hasattr(module, "nf"):
            # Hugging Face's Conv1D is a Linear with its weight stored as (inputs, outputs)
            special[name] = FilterRule((weight.shape[0], weight.shape[1]), (0,))
    named = dict(model.named_parameters()) | dict(model.named_buffers())
    return {name: special.get(name) or rows(tuple(tensor.shape)) for name, tensor in named.items()}


def _transposed(shape: tuple[int, ...], groups: int) -> FilterRule:
    """ConvTranspose stores (inputs, outputs / groups, ...); output channel (g, o) is fed by the inputs of group g."""
    inputs, outputs, *kernel = shape
    return FilterRule((groups, inputs // groups, outputs, math.prod(kernel)), (1, 3))
