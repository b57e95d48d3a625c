"""Symmetric matrices whose eigenvalues are known, and random vectors to start from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

# A bulk around 0 and outliers of both signs.
VALUES = np.concatenate([np.random.default_rng(4).standard_normal(300) * 0.1, [-2.0, -1.5, 3.0, 8.0, 30.0]])


def turned(values, seed: int = 0) -> tuple[Tensor, Tensor]:
    """(dense symmetric matrix with these eigenvalues, their eigenvectors as columns)."""
    generator = np.random.default_rng(seed)
    q, _ = np.linalg.qr(generator.standard_normal((len(values), len(values))))
    return torch.from_numpy((q * values) @ q.T), torch.from_numpy(q)


def draws(n: int, seed: int = 0) -> Callable[[int], Tensor]:
    return lambda k: torch.from_numpy(np.random.default_rng([seed, k]).standard_normal(n))
