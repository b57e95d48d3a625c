"""Directions from one net to another.

Owns: the difference of two nets; along it, coordinate 0 is the one net and coordinate 1 the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from landscape.layout import Entry, real_form
from landscape.stored import Stored


def weight_difference(origin: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """target - origin on the CPU in real form, under the names of `origin`, in float32; in float64 where one of the two is.

    The dtype is never half precision, so that origin + 1 * difference is the target.
    """
    vector = {}
    for name, tensor in origin.items():
        end = real_form(target[name].detach())
        dtype = _exact(tensor.dtype, end.dtype)
        vector[name] = end.cpu().to(dtype) - tensor.detach().cpu().to(dtype)
    return vector


@dataclass(frozen=True, eq=False)
class Difference:
    """The numbers of `weight_difference` as a source of a direction that is not kept (regenerated.py)."""

    origin: Stored
    target: Stored

    @property
    def dtype(self) -> torch.dtype:
        """float64 if a tensor of the two is."""
        kinds = {each.kind(name) for each in (self.origin, self.target) for name in each.tensors}
        return torch.float64 if torch.float64 in kinds else torch.float32

    def begin(self) -> Callable[[Entry, int, Tensor], None]:
        return self._fill

    def _fill(self, entry: Entry, start: int, out: Tensor) -> None:
        end, begin = (each.read(entry.name, start, start + len(out)) for each in (self.target, self.origin))
        dtype = _exact(begin.dtype, end.dtype)
        out.copy_(end.to(dtype) - begin.to(dtype))


def _exact(one: torch.dtype, other: torch.dtype) -> torch.dtype:
    return torch.promote_types(torch.promote_types(one, other), torch.float32)
