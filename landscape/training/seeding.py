"""The seeds of a training run: each follows from the seed of the run and its purpose.

Owns: the seeds for the order of an epoch, for label noise, and for each step (augmentation, dropout). No generator state
is carried from step to step, so a continued run draws the same numbers as an uninterrupted one.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator

import torch


def seed_for(seed: int, what: str, number: int = 0) -> int:
    """A seed of 63 bits that depends on each argument."""
    digest = hashlib.blake2b(f"{seed} {what} {number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def generator_for(seed: int, what: str, number: int = 0) -> torch.Generator:
    """A generator on the CPU, so that all devices draw the same numbers."""
    return torch.Generator().manual_seed(seed_for(seed, what, number))


@contextlib.contextmanager
def isolated_rng(device: torch.device) -> Iterator[None]:
    """Restores the state of torch's generators after the block."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield
