"""The filters of each kind of layer.

Owns: the rules that say which entries of a weight tensor belong to one output channel or neuron. Li et al. 2018 (section
4) normalize per filter. The dimension that counts the filters differs between kinds of layers; using dimension 0 for all
of them is a common mistake. Large tensors are processed block by block (blocks.py), so that float64 intermediates never
take a multiple of the tensor.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from landscape.direction.blocks import spans
from landscape.layout import real_form
from landscape.members import named_buffers, named_parameters


@dataclass(frozen=True)
class FilterRule:
    """In the tensor viewed as `shape`, entries that differ only in their indices along `dims` form one filter."""

    shape: tuple[int, ...]
    dims: tuple[int, ...]

    @property
    def spans(self) -> list[tuple[int, int]]:
        """(start, stop) of each block in the flattened tensor; a block has whole rows.

        A transposed convolution, whose filters extend over all rows, has a single block.
        """
        return spans(self.shape) if len(self.shape) == 2 else [(0, math.prod(self.shape))]

    def norms(self, tensor: Tensor) -> Tensor:
        """Euclidean norm of each filter in float64, with the reduced dimensions kept."""
        flat = tensor.reshape(-1)
        return self.norms_of(flat[start:stop] for start, stop in self.spans)

    def norms_of(self, blocks: Iterable[Tensor]) -> Tensor:
        """`norms` from the flattened blocks of a tensor in the order of `spans`; each is read once, in its turn."""
        kept = [1 if dim in self.dims else size for dim, size in enumerate(self.shape)]
        across = 0 in self.dims  # each block then has a part of every filter
        # allocated beforehand: small tensors between large temporary ones would fragment the heap, which then grows with
        # every block
        found = torch.empty([len(self.spans), *kept] if across else kept, dtype=torch.float64)
        row = 0
        for i, block in enumerate(blocks):
            norms = torch.linalg.vector_norm(self._shaped(block).double(), dim=self.dims, keepdim=True)
            if across:
                found[i] = norms
            else:
                found[row : row + len(norms)] = norms
            row += len(norms)
        return found if not across else torch.linalg.vector_norm(found, dim=0) if len(found) > 1 else found[0]

    def dots(self, a: Tensor, b: Tensor) -> Tensor:
        """Inner product of each filter of `a` with the same filter of `b`, in float64."""
        product = a.reshape(self.shape).double() * b.reshape(self.shape).double()
        return product.sum(dim=self.dims, keepdim=True)

    def scale_(self, tensor: Tensor, factors: Tensor) -> None:
        """Multiplies each filter of a contiguous tensor by its factor, in place."""
        flat = tensor.view(-1)
        for span in self.spans:
            self.scale_block_(flat[span[0] : span[1]], factors, span)

    def scale_block_(self, block: Tensor, factors: Tensor, span: tuple[int, int]) -> None:
        """`scale_` for one block of the flattened tensor; rounds once, from float64 to the tensor's dtype."""
        if len(self.shape) == 2 and 0 not in self.dims:
            width = max(1, self.shape[1])
            factors = factors[span[0] // width : -(-span[1] // width)]
        block.copy_((self._shaped(block).double() * factors).view(-1))

    def _shaped(self, block: Tensor) -> Tensor:
        return block.view(-1, self.shape[1]) if len(self.shape) == 2 and self.shape[1] else block.view(self.shape)

    @property
    def entries(self) -> int:
        """The number of entries of one filter."""
        return math.prod(self.shape[dim] for dim in self.dims)


def rows(shape: tuple[int, ...]) -> FilterRule:
    """Dimension 0 counts the filters (Conv, Linear, Embedding, attention); in one dimension every entry is a filter."""
    first = shape[0] if shape else 1
    return FilterRule((first, math.prod(shape[1:])), (1,))


def filter_rules(model: nn.Module) -> dict[str, FilterRule]:
    """The rule for each parameter and buffer of the module, by name; of complex ones for their real form."""
    special: dict[str, FilterRule] = {}
    for path, module in model.named_modules():
        for name, tensor in _weights_of(module):
            shape = tuple(real_form(tensor).shape)
            if isinstance(module, nn.modules.conv._ConvTransposeNd):
                special[f"{path}.{name}".lstrip(".")] = _transposed(shape, module.groups)
            else:
                # Hugging Face's Conv1D is a Linear with its weight stored as (inputs, outputs)
                special[f"{path}.{name}".lstrip(".")] = FilterRule((shape[0], shape[1]), (0,))
    named = dict(named_parameters(model)) | dict(named_buffers(model))
    return {name: special.get(name) or rows(tuple(real_form(tensor).shape)) for name, tensor in named.items()}


def _weights_of(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The tensors of the shape of a layer's weight, by their names in it, where dimension 0 counts something else than filters.

    As they are stored: where a weight is computed from them, as under weight or spectral norm and pruning, to ask for it in
    training mode changes the module.
    """
    if isinstance(module, nn.modules.conv._ConvTransposeNd):
        wanted: tuple[int, ...] = (module.in_channels, module.out_channels // module.groups, *module.kernel_size)
    elif type(module).__name__ in ("Conv1D", "ParametrizedConv1D") and hasattr(module, "nf"):
        wanted = (-1, int(module.nf))  # type: ignore[arg-type]
    else:
        return
    own = [(name, tensor) for held in (module._parameters, module._buffers) for name, tensor in held.items()]
    parts = module._modules.get("parametrizations")
    if isinstance(parts, nn.ModuleDict) and "weight" in parts:
        held_there = (parts["weight"]._parameters, parts["weight"]._buffers)
        own += [(f"parametrizations.weight.{name}", each) for held in held_there for name, each in held.items()]
    for name, tensor in own:
        if tensor is None or nn.parameter.is_lazy(tensor) or tensor.ndim != len(wanted):
            continue
        if tuple(tensor.shape[1:]) == wanted[1:] and wanted[0] in (-1, tensor.shape[0]):
            yield name, tensor


def _transposed(shape: tuple[int, ...], groups: int) -> FilterRule:
    """ConvTranspose stores (inputs, outputs / groups, ...); output channel (g, o) gets the inputs of group g."""
    inputs, outputs, *kernel = shape
    return FilterRule((groups, inputs // groups, outputs, math.prod(kernel)), (1, 3))
