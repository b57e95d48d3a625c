"""Arrays of a page in few bytes.

Owns: the one block of bytes that holds every large array of a page, and the references to its parts. Each array is stored once.
The page's script reads it (unpack.js); the browser inflates it.
"""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np

# A float32 has 23 bits after the point. For heights 17 are kept: they are off by a part in 260,000 at most, a hundredth of a
# pixel, also where the heights are shown a hundred times enlarged near the floor.
BITS, FEWER_BITS = 23, 17
SMALLEST, LARGEST = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)


class Numbers:
    """The arrays of a page, one after the other."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._known: dict[tuple[str, int, bytes], int] = {}

    def add(self, values: np.ndarray, bits: int | None = None) -> dict[str, Any]:
        """A reference to the values: float32 with `bits` after the point; without, float64 if float32 cannot hold them."""
        drop = 0 if bits is None else BITS - bits
        if bits is None and not fits(values):
            return self.exact(values)
        return self._put("f4", packed(values, drop), values.shape, drop)

    def exact(self, values: np.ndarray) -> dict[str, Any]:
        """A reference to the values as float64."""
        return self._put("f8", values.astype("<f8").tobytes(), values.shape, 0)

    def _put(self, kind: str, part: bytes, shape: tuple[int, ...], drop: int) -> dict[str, Any]:
        if (kind, drop, part) not in self._known:
            self._known[kind, drop, part] = self._size
            self._parts.append(part)
            self._size += len(part)
        return {"kind": kind, "at": self._known[kind, drop, part], "shape": list(shape), "drop": drop}

    def text(self) -> str:
        """The whole block, deflated."""
        return deflated(b"".join(self._parts))


def fits(values: np.ndarray) -> bool:
    """Whether float32 has room for the finite values."""
    size = np.abs(values[np.isfinite(values) & (values != 0)])
    return not size.size or (size.min() >= SMALLEST and size.max() <= LARGEST)


def packed(values: np.ndarray, drop: int) -> bytes:
    """The bits of float32 numbers without the last `drop`, as differences from number to number, which are small.

    The signs of the differences come last (0, -1, 1, -2 become 0, 1, 2, 3), and all first bytes stand before all second ones:
    in that order they deflate best.
    """
    bits = values.astype("<f4").ravel().view("<u4").astype(np.uint64)
    rounded = (bits + (1 << drop >> 1)) >> drop
    rounded[np.isnan(values.ravel())] = 0x7FC00000 >> drop
    steps = np.diff(rounded.astype(np.uint32), prepend=np.uint32(0)).view(np.int32)
    folded = ((steps << 1) ^ (steps >> 31)).astype("<i4")
    return folded.view(np.uint8).reshape(-1, 4).T.tobytes()


def deflated(data: bytes) -> str:
    """Bytes as a page holds them, to be inflated by the browser."""
    return base64.b64encode(zlib.compress(data, 9)).decode("ascii")
