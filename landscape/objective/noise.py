"""Random numbers that belong to a sample: they follow from a seed and its own values, and from nothing else.

Owns: the hash and the two distributions. A batch, a rank or a device changes none of them, and all points of a surface have the
same. The mixing function is splitmix64 (Steele, Lea and Flood 2014), in whole numbers that wrap at 64 bits.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

# Values are told apart by steps of 1/255, so that the rounding of a device changes no number of a pixel's.
STEPS = 255
GOLDEN, FIRST, SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def uniform(samples: Tensor, seed: int, stream: int = 0) -> Tensor:
    """(n, ...) float64 in [0, 1), independent of each other, for samples (n, ...) in pixels; streams are independent too."""
    flat = samples.detach().reshape(len(samples), -1).double().mul(STEPS).round()
    whole = torch.nan_to_num(flat, nan=0.0, posinf=0.0, neginf=0.0).clamp(-(2.0**52), 2.0**52).long()
    places = torch.arange(1, whole.shape[1] + 1, device=whole.device) * _signed(GOLDEN)
    keys = _mixed(_mixed(whole + places) + places).sum(dim=1, keepdim=True)
    keys = _mixed(keys + _signed(seed * GOLDEN + stream * SECOND + FIRST))
    return (_right(_mixed(keys + places), 11).double() * 2.0**-53).reshape(samples.shape)


def normal(samples: Tensor, seed: int) -> Tensor:
    """(n, ...) float64 of the standard normal distribution (Box and Muller 1958)."""
    radius = (-2 * (1 - uniform(samples, seed, 1)).log()).sqrt()
    return radius * (2 * math.pi * uniform(samples, seed, 2)).cos()


def _mixed(numbers: Tensor) -> Tensor:
    numbers = (numbers ^ _right(numbers, 30)) * _signed(FIRST)
    numbers = (numbers ^ _right(numbers, 27)) * _signed(SECOND)
    return numbers ^ _right(numbers, 31)


def _right(numbers: Tensor, places: int) -> Tensor:
    """Shifted to the right with zeros, where torch repeats the sign."""
    return (numbers >> places) & ((1 << (64 - places)) - 1)


def _signed(number: int) -> int:
    number &= 2**64 - 1
    return number - 2**64 if number >= 2**63 else number
