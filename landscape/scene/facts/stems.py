"""Short names of a result, by which several are distinguished: its file, the file of its net, the seed of its directions.

Owns: `WithProvenance`, what a result must say of itself for words on it, and these names.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Protocol

from landscape.surfaces.provenance import Provenance


class WithProvenance(Protocol):
    """A result of any type that says how it was computed: a surface or a spectrum."""

    @property
    def known(self) -> Provenance: ...

    @property
    def source(self) -> str: ...


def file_stem(result: WithProvenance) -> str:
    """The name of the result's file without its suffix, or ""."""
    return PurePath(result.source).stem if result.source else ""


def checkpoint_stem(result: WithProvenance) -> str:
    """The name of the checkpoint's file without its suffix, or ""."""
    checkpoint = (result.known.json()).get("checkpoint")
    return PurePath(str(checkpoint.get("path") or "")).stem if isinstance(checkpoint, dict) else ""


def seed_name(result: WithProvenance) -> str:
    """The seed of the random directions, as "seed 3", or ""."""
    made = result.known.json().get("directions")
    seed = made.get("seed") if isinstance(made, dict) and "random" in str(made.get("kind")) else None
    return "" if seed is None else f"seed {seed}"
