"""From a data spec to the splits to evaluate on.

Owns: `load_splits`, the seeded subset of `--samples`, and what the provenance says about data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape.data.normalize import Normalize, parse_normalize
from landscape.data.sources import SPLITS, Request, read_arrays, to_tensors
from landscape.data.split import Split, TensorSplit, fingerprint_of
from landscape.data.user import call_user, of_split, user_split
from landscape.errors import UsageError

# The subset does not follow --seed: repeats over directions should differ in the direction alone.
SUBSET_SEED = 0


@dataclass(frozen=True, eq=False)
class Data:
    """Splits by name, and the facts about them that go into the provenance."""

    splits: dict[str, Split]
    provenance: dict


def load_splits(
    data: Any,
    *,
    split: Sequence[str] = ("train",),
    samples: int | None = None,
    normalize: str | None = None,
    data_root: str | None = None,
    download: bool = False,
) -> Data:
    """Reads the named splits; `samples` takes that many of each, drawn without replacement by a fixed seed.

    Raises:
        UsageError: unknown split, spec or normalization, or samples below 1. DataError: unreadable or empty data.
    """
    if unknown := [name for name in split if name not in SPLITS]:
        raise UsageError(f"split '{unknown[0]}': expected train or test")
    if samples is not None and samples < 1:
        raise UsageError(f"samples {samples}: expected at least 1")
    loaded, preset = {}, parse_normalize(normalize)
    for name in dict.fromkeys(split):
        request = Request(name, data_root, download, lambda n: subset(n, samples))
        loaded[name], preset = _load_one(data, request, normalize, samples is not None)
    facts = {
        "name": data.replace("folder:", "").replace("npz:", "") if isinstance(data, str) else type(data).__name__,
        "spec": data if isinstance(data, str) else None,
        "root": data_root,
        "normalize": preset.name,
        "splits": {
            name: {"samples": part.size, "of": part.of, "fingerprint": part.fingerprint}
            for name, part in loaded.items()
        },
    }
    return Data(loaded, facts)


def subset(n: int, samples: int | None) -> np.ndarray:
    """Sorted indices of `samples` out of n; all of them when there are no more than that."""
    if samples is None or samples >= n:
        return np.arange(n)
    return np.sort(np.random.Generator(np.random.Philox(SUBSET_SEED)).choice(n, samples, replace=False))


def _load_one(data: Any, request: Request, normalize: str | None, sampled: bool) -> tuple[Split, Normalize]:
    if isinstance(data, str) and not _is_callable(data):
        arrays = read_arrays(data, request)
        preset = parse_normalize(normalize, arrays.normalize)
        images, labels = to_tensors(arrays)
        return TensorSplit(images, labels, preset, arrays.of, fingerprint_of((images, labels))), preset
    preset = parse_normalize(normalize)
    found = call_user(data, request.split) if isinstance(data, str) else of_split(data, request.split)
    return user_split(found, preset, request.subset, sampled), preset


def _is_callable(spec: str) -> bool:
    kind, colon, _ = spec.partition(":")
    return bool(colon) and kind not in ("folder", "npz")
