"""Directions from one net to another.

Owns: the difference of two nets; along it, coordinate 0 is the one net and coordinate 1 the other.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from landscape.layout import real_form


def weight_difference(origin: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """target - origin on the CPU in real form, under the names of `origin`, in float32; in float64 where one of the two is.

    The dtype is never half precision, so that origin + 1 * difference is the target.
    """
    vector = {}
    for name, tensor in origin.items():
        end = real_form(target[name].detach())
        dtype = torch.promote_types(torch.promote_types(tensor.dtype, end.dtype), torch.float32)
        vector[name] = end.cpu().to(dtype) - tensor.detach().cpu().to(dtype)
    return vector
