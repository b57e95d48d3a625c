"""Tensors and arrays that code of the user's reads, as short texts: hashes of their values.

Owns: how sparse ones are read, and how much is read of a very large one.
"""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Tensor

from landscape.data.split import fingerprint_of

HASHED, DIGITS = "#", 8
# Of a larger array blocks are read, evenly spaced: it may be a mapped file larger than the memory.
WHOLE, BLOCK = 2**28, 2**20


def array_text(value: Tensor | np.ndarray | np.generic) -> str:
    """`#` and a hash of shape, type and values; of a tensor without values its shape and type."""
    if isinstance(value, Tensor):
        return (
            f"{tuple(value.shape)} {value.dtype}" if value.is_meta else HASHED + fingerprint_of(_dense(value))[:DIGITS]
        )
    found = np.ascontiguousarray(value)
    if found.dtype.hasobject:
        return HASHED + hashlib.sha256(f"{found.shape} {found.dtype} {found.tolist()!r}".encode()).hexdigest()[:DIGITS]
    hashed, content = hashlib.sha256(f"{found.shape} {found.dtype}".encode()), found.reshape(-1).view(np.uint8)
    step = BLOCK if content.size <= WHOLE else content.size // (WHOLE // BLOCK)
    for start in range(0, content.size, step):
        hashed.update(content[start : start + BLOCK].data)
    return HASHED + hashed.hexdigest()[:DIGITS]


def _dense(value: Tensor) -> list[Tensor]:
    """The tensors that a sparse one is made of."""
    if value.layout == torch.strided:
        return [value]
    if value.layout == torch.sparse_coo:
        found = value.detach().coalesce()
        return [found.indices(), found.values()]
    rows = value.layout in (torch.sparse_csr, torch.sparse_bsr)
    ends = (value.crow_indices(), value.col_indices()) if rows else (value.ccol_indices(), value.row_indices())
    return [*ends, value.values()]
