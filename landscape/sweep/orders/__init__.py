"""The samplers that a user may choose, by name: the orders in which all points of a grid are computed.

Owns: finding the one of a name; the names are `ORDERS` in options/groups.py. A file of this folder has `sampler(grid, known)`, of
which `known` are the results of an earlier run by point number.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from landscape.grid import Grid
from landscape.sweep.sampler import Result, Sampler


def ordered(name: str, grid: Grid, known: Mapping[int, Result]) -> Sampler:
    """The sampler of a name, which continues what is known."""
    made: Sampler = import_module(f"{__name__}.{name}").sampler(grid, known)
    return made
