"""The samples that a run has of its own: of the training split those that it was trained on, of others all.

Owns: how many these are by the settings of the run, and reading them. Which few of them are measured is decided elsewhere.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from landscape.data.load import Data
from landscape.options.groups import DataOptions
from landscape.subject.net import Net
from landscape.subject.subject import ReadSplits, reader_of
from landscape.sweep.world import World

TRAIN = "train"


def is_count(value: object) -> bool:
    """Whether a value of a run's config.json is a number of things.

    >>> [is_count(value) for value in (50, 50.0, 0, 1.5, True, "all", None)]
    [True, True, False, False, False, False, False]
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return value >= 1 and (isinstance(value, int) or (math.isfinite(value) and value == int(value)))


def trained_on(settings: Mapping[str, Any]) -> int | None:
    """How many training samples a run took, by its settings; None for all of them, and where the settings do not say it."""
    count = settings.get("samples")
    return int(count) if is_count(count) else None  # type: ignore[arg-type]


def reader_of_run(net: Net, data: DataOptions, world: World, count: int | None) -> ReadSplits:
    """Reads splits as `reader_of`, each once: `count` training samples, as a run takes them (None: all), and all of the others.

    Raises:
        UsageError: see `reader_of`.
    """
    whole = reader_of(net, replace(data, samples=None), world)
    few = reader_of(net, replace(data, samples=count), world)

    @functools.cache
    def split(name: str) -> Data:
        return few((name,)) if name == TRAIN else whole((name,))

    def read(names: Sequence[str]) -> Data:
        parts = [split(name) for name in names]
        splits = {name: each for part in parts for name, each in part.splits.items()}
        facts = {name: each for part in parts for name, each in part.provenance["splits"].items()}
        return Data(splits, {**parts[0].provenance, "splits": facts})

    return read
