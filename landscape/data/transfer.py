"""Tensors on their way to a GPU, and back.

Owns: which copies are queued and which are waited for. A copy to a GPU is queued behind what it still has to do, and is in order
with what follows. A copy back is always waited for: one that is not would be read before it has arrived, without an error.
"""

from __future__ import annotations

import torch
from torch import Tensor


def moved(tensor: Tensor, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """The tensor on the device; queued from the CPU to a GPU."""
    return tensor.to(device, dtype, non_blocking=_is_queued(tensor, device))


def sent(small: Tensor, device: torch.device) -> Tensor:
    """`moved` for a tensor that was just made on the CPU: from ordinary memory even a queued copy holds up the CPU.

    It is read from a pinned twin that nobody else holds, which torch keeps until the copy has been made.
    """
    if not _is_queued(small, device):
        return small.to(device)
    with torch.cuda.device(device):  # memory is pinned in the context of this GPU, not of the first one
        return small.contiguous().pin_memory().to(device, non_blocking=True)


def _is_queued(tensor: Tensor, device: torch.device) -> bool:
    return tensor.device.type == "cpu" and device.type == "cuda"
