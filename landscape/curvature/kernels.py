"""Kernels that can be differentiated twice.

Owns: which of torch's faster kernels are avoided while a gradient is differentiated, and putting torch's choice back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel


@contextlib.contextmanager
def differentiable(model: nn.Module, *, plain_attention: bool) -> Iterator[None]:
    """Within: torch's own kernels for recurrent layers, and with `plain_attention` the math kernel of attention.

    cuDNN's recurrent layers cannot be differentiated in eval mode, nor twice in any mode; fused attention cannot be
    differentiated twice.
    """
    cudnn = torch.backends.cudnn
    before = cudnn.enabled
    cudnn.enabled = before and not any(isinstance(part, nn.RNNBase) for part in model.modules())
    try:
        with sdpa_kernel([SDPBackend.MATH]) if plain_attention else contextlib.nullcontext():
            yield
    finally:
        cudnn.enabled = before
