"""The generators of random numbers that a user's code may draw from.

Owns: the default generators of torch, numpy and Python: seeding them, telling whether something was drawn from them, and putting
them back; and the generators that a user has given to a loader. Any other generator of the user's own is out of reach.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch


@contextlib.contextmanager
def forked(device: torch.device | None = None, seed: int | None = None) -> Iterator[None]:
    """After the block the generators are where they were before; within it they start from `seed`, if there is one."""
    python, legacy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[device] if _is_gpu(device) else []):
        try:
            if seed is not None:
                seed_all(seed, device)
            yield
        finally:
            random.setstate(python)
            np.random.set_state(legacy)


def seed_all(seed: int, device: torch.device | None = None) -> None:
    """Seeds the generators that a computation on this device uses, and those of no other GPU."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    seed_torch(seed, device)


def seed_torch(seed: int, device: torch.device | None = None) -> None:
    """The same for torch alone."""
    torch.default_generator.manual_seed(seed)
    if device is not None and _is_gpu(device):
        torch.cuda.init()
        torch.cuda.default_generators[device.index or 0].manual_seed(seed)


def states(device: torch.device | None = None) -> tuple[bytes, ...]:
    """Where the generators are; two calls differ when something was drawn between them."""
    legacy = np.random.get_state(legacy=False)["state"]  # of whichever bit generator is set
    found = [repr(random.getstate()).encode()]
    found += [value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode() for value in legacy.values()]
    found.append(torch.get_rng_state().numpy().tobytes())
    if device is not None and _is_gpu(device):
        found.append(torch.cuda.get_rng_state(device).numpy().tobytes())
    return tuple(found)


def _is_gpu(device: torch.device | None) -> bool:
    return device is not None and device.type == "cuda"


@contextlib.contextmanager
def rewound(loader: Any) -> Iterator[None]:
    """After it the generators of a `DataLoader` are as before, so that it has the same order each time."""
    holders = [loader, getattr(loader, "sampler", None), getattr(loader, "batch_sampler", None)]
    holders.append(getattr(holders[-1], "sampler", None))
    found = [getattr(each, "generator", None) for each in holders]
    states = [(each, each.get_state()) for each in found if isinstance(each, torch.Generator)]
    yield
    for each, state in states:
        each.set_state(state)
