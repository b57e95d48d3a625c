"""Directions from one net to another.

Owns: the difference of two nets, so that the coordinates 0 and 1 of an axis are the two.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def difference(origin: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """target - origin on the CPU under the names of `origin`, in float32, or float64 where one of them is.

    Never in half precision, however the nets are stored: origin + 1 * difference is to be the target.
    """
    vector = {}
    for name, tensor in origin.items():
        dtype = torch.promote_types(torch.promote_types(tensor.dtype, target[name].dtype), torch.float32)
        vector[name] = target[name].detach().cpu().to(dtype) - tensor.detach().cpu().to(dtype)
    return vector
