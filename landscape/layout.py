"""The weights of a net, or those that move, as one flat vector with named views.

Owns: which tensors of a module can move (the parameters, or those that are named; with `states` also the floating-point
buffers, such as BN running statistics), and the place of each in the vector. Moving to a point of the landscape then takes
one or two vector operations, for any number of layers.

There is one vector of one dtype, not one for each dtype: a landscape is evaluated in one precision, so the private copy
of the net is converted as a whole. Complex tensors take their places in real form: a last dimension of real and imaginary part.
So filters have the norms of |w|, a Gaussian direction has independent parts, and curvature is that of both parts.
Of a tensor that is divided among processes, the vector holds this process's part (shards.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from landscape.errors import LandscapeError
from landscape.members import named_buffers, named_parameters, state_of
from landscape.shards import part_of

# Every tensor starts at a multiple of 16 floats (64 bytes), for vectorized kernels; the gaps stay zero.
ALIGNMENT = 16


def names_by_tensor(named: Iterable[tuple[str, Tensor]]) -> dict[int, list[str]]:
    """The names of each tensor in their order, by its id: several where layers share it."""
    found: dict[int, list[str]] = {}
    for name, tensor in named:
        found.setdefault(id(tensor), []).append(name)
    return found


def real_form(tensor: Tensor) -> Tensor:
    """The tensor; a complex one with a last dimension of real and imaginary part, without a copy."""
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def placed(module: nn.Module, device: torch.device, dtype: torch.dtype | None) -> nn.Module:
    """The module on a device, its floating-point tensors in `dtype`, complex ones with parts in `dtype`; None: in their own.

    torch's own `to` would drop the imaginary parts.
    """
    if dtype is None:
        return module.to(device)
    wide = torch.promote_types(dtype, torch.complex64)

    def moved(tensor: Tensor) -> Tensor:
        return tensor.to(device, wide if tensor.is_complex() else dtype if tensor.is_floating_point() else None)

    return module._apply(moved)


@dataclass(frozen=True)
class Entry:
    """One tensor: `shape` and `numel` of its real form, and its `offset` in the flat vector, in elements."""

    name: str
    shape: tuple[int, ...]
    offset: int
    numel: int
    is_buffer: bool
    is_complex: bool = False

    def own(self, view: Tensor) -> Tensor:
        """A view of the flat vector of this shape, as the module has the tensor."""
        return torch.view_as_complex(view) if self.is_complex else view


@dataclass(frozen=True)
class Layout:
    """Names, shapes and offsets; `size` is the length of the flat vector, gaps included."""

    entries: tuple[Entry, ...]
    size: int

    @classmethod
    def of(cls, model: nn.Module, *, state: str = "weights", names: Collection[str] | None = None) -> Layout:
        """The layout of a module's floating-point and complex parameters, with `states` also of its floating-point buffers.

        A parameter that several layers share has one entry. `names`: those that move, for a layout without the others.

        Raises:
            LandscapeError: the module has no floating-point parameters, or has uninitialized ones.
        """
        named: list[tuple[str, Tensor, bool]] = [(name, tensor, False) for name, tensor in named_parameters(model)]
        if state == "states":
            stored = set(state_of(model))
            named += [(name, tensor, True) for name, tensor in named_buffers(model) if name in stored]
        entries, offset = [], 0
        for name, tensor, is_buffer in named:
            if nn.parameter.is_lazy(tensor):
                raise LandscapeError(f"parameter {name} is not initialized yet: run the model once before passing it")
            is_number = tensor.is_floating_point() or tensor.is_complex()
            if not is_number or (names is not None and name not in names):
                continue
            real = real_form(part_of(tensor))
            entries.append(Entry(name, tuple(real.shape), offset, real.numel(), is_buffer, tensor.is_complex()))
            offset += -(-real.numel() // ALIGNMENT) * ALIGNMENT
        if not any(not entry.is_buffer for entry in entries):
            raise LandscapeError("the model has no floating-point parameters, so it has no loss landscape")
        return cls(tuple(entries), offset)

    def only(self, names: Collection[str] | None) -> Layout:
        """The same vector with the named entries alone; what lies between is not looked at. None: with all."""
        return self if names is None else replace(self, entries=tuple(e for e in self.entries if e.name in names))

    @property
    def has_complex(self) -> bool:
        return any(entry.is_complex for entry in self.entries)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(entry.name for entry in self.entries)

    def views(self, flat: Tensor) -> Iterator[tuple[Entry, Tensor]]:
        """Each entry with its shaped view of `flat`: writing to one writes to the other."""
        for entry in self.entries:
            yield entry, flat[entry.offset : entry.offset + entry.numel].view(entry.shape)

    def flatten(
        self, tensors: Mapping[str, Tensor], *, dtype: torch.dtype, device: torch.device | str = "cpu"
    ) -> Tensor:
        """(size,) vector of the named tensors; entries without a tensor are zero."""
        given = next(iter(tensors.values()), None)  # put together where they are, and moved in one piece
        flat = torch.zeros(self.size, dtype=dtype, device=None if given is None else given.device)
        for entry, view in self.views(flat):
            if entry.name in tensors:
                view.copy_(real_form(tensors[entry.name].detach()))
        return flat.to(device)

    def tensors(self, model: nn.Module) -> dict[str, Tensor]:
        """The module's own tensors, or its parts of them, under the names of the layout, in real form (no copies)."""
        found = dict(named_parameters(model)) | dict(named_buffers(model))
        return {entry.name: real_form(part_of(found[entry.name])) for entry in self.entries}

    def named(self, flat: Tensor) -> dict[str, Tensor]:
        """The views of `flat` by name."""
        return {entry.name: view for entry, view in self.views(flat)}

    def attach(self, model: nn.Module, flat: Tensor) -> None:
        """Makes the module's tensors views of `flat`; their old storage is dropped, so the module must be a private copy."""
        found = dict(named_parameters(model)) | dict(named_buffers(model))
        for entry, view in self.views(flat):
            found[entry.name].data = entry.own(view)
