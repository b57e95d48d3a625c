"""Where a run's chance comes from: all of it follows from the seed and what it is for.

Owns: seeds of the order of an epoch, of the wrong labels, and of each step (augmentation, dropout). No generator's state
is carried from step to step, so a continued run draws what the unbroken one would have drawn.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator

import torch


def seed_for(seed: int, what: str, number: int = 0) -> int:
    """A seed of 63 bits that differs with each argument."""
    digest = hashlib.blake2b(f"{seed} {what} {number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def generator_for(seed: int, what: str, number: int = 0) -> torch.Generator:
    """A generator on the CPU, so that all devices draw alike."""
    return torch.Generator().manual_seed(seed_for(seed, what, number))


def seed_globals(device: torch.device, seed: int) -> None:
    """Sets the generators that a net on this device draws from when it asks for none of its own, and no others."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.init()
        torch.cuda.default_generators[device.index or 0].manual_seed(seed)


@contextlib.contextmanager
def own_chance(device: torch.device) -> Iterator[None]:
    """Within, those generators are ours; afterwards they are as the caller had them."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield
