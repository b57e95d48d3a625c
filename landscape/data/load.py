"""Loads the splits that a data spec names.

Owns: `load_splits`, the seeded subset of `--samples`, and the provenance of data.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from landscape.callables import resolve_callable
from landscape.data.folder import SPLIT_FOLDERS, ImageFiles
from landscape.data.memory import host_budget
from landscape.data.normalize import Normalize, is_images, parse_normalize
from landscape.data.npz import npz_names
from landscape.data.rows import RowsSplit
from landscape.data.sources import SPLITS, Arrays, Request, read_arrays
from landscape.data.split import Split, StreamSplit, TensorSplit, tensor_split
from landscape.data.structure import is_pair
from landscape.data.user import TellBatches, call_user, has_splits, of_split, user_split
from landscape.errors import UsageError
from landscape.randomness import forked
from landscape.regular import expanded

# Of the subset, of a shuffled order and of an augmentation. It is not --seed: repeats over directions should differ only in the
# direction.
SUBSET_SEED = 0
DIVIDED = "images of uint8 are divided by 255 before the net gets them; give floats to a net that divides them itself"


@dataclass(frozen=True, eq=False)
class Data:
    """Splits by name, and their provenance. `notes`: what the user should know of them."""

    splits: dict[str, Split]
    provenance: dict
    notes: tuple[str, ...] = ()
    returned: Mapping[str, Any] = field(default_factory=dict)
    """What a callable without a parameter `split` has returned, by its spec."""


def load_splits(
    data: Any,
    *,
    split: Sequence[str] = ("train",),
    samples: int | None = None,
    normalize: str | None = None,
    recorded: str | None = None,
    data_root: str | None = None,
    download: bool = False,
    budget: float | None = None,
    seed: int | None = SUBSET_SEED,
    two_batches: TellBatches | None = None,
    before: Data | None = None,
) -> Data:
    """Reads the named splits.

    Args:
        data: a spec (digits, cifar10, folder:PATH, npz:PATH, file.py:callable, ...) or Python data (user.py).
        normalize: how pixels are normalized; default `recorded`, else the preset of the data set, else not at all.
        recorded: the normalization that the net was trained with. It applies to the files that a spec names and to a user's
            bytes; a user's other tensors come ready for the net.
        samples: the number of samples to draw from each split, without replacement and with a fixed seed; default all.
        budget: image folders and Datasets that take more bytes are streamed; default half of the free memory.
        seed: of the random numbers that a user's data draw while they are read; None leaves the generators alone.
        two_batches: tells whether data of two tensors alike are two batches; by default they are inputs and targets.
        before: another split of the same data; what a callable has returned for it is not asked for twice.

    Raises:
        UsageError: unknown split, spec or normalization, or samples below 1.
        DataError: unreadable or empty data.
    """
    if unknown := [name for name in split if name not in SPLITS]:
        raise UsageError(f"split '{unknown[0]}': expected train or test")
    if samples is not None and samples < 1:
        raise UsageError(f"samples {samples}: expected at least 1")
    budget = host_budget() if budget is None else budget
    loaded: dict[str, Split] = {}
    returned: dict[str, Any] = dict(before.returned) if before else {}
    preset = parse_normalize(normalize)
    for name in dict.fromkeys(split):
        request = Request(name, data_root, download, lambda n: subset(n, samples), budget / len(split))
        with forked(seed=seed) if seed is not None else contextlib.nullcontext():
            loaded[name], preset = _load_one(
                data, request, normalize, recorded, samples is not None, returned, two_batches
            )
    facts = {
        "name": data.replace("folder:", "").replace("npz:", "") if isinstance(data, str) else type(data).__name__,
        "spec": data if isinstance(data, str) else None,
        "root": data_root,
        "normalize": preset.name,
        "pixels": _has_pixels(data, preset, loaded),
        "splits": {
            name: {"samples": part.size, "of": part.of, "fingerprint": part.fingerprint}
            for name, part in loaded.items()
        },
    }
    said = dict.fromkeys(part.note for part in loaded.values() if isinstance(part, RowsSplit) and part.note)
    short = short_notes(samples, {name: part.of for name, part in loaded.items()})
    divided = not _is_own(data) and any(isinstance(part, TensorSplit) and _are_bytes(part) for part in loaded.values())
    return Data(loaded, facts, (*said, *short, *([DIVIDED] if divided else [])), returned)


def short_notes(samples: int | None, sizes: Mapping[str, int]) -> tuple[str, ...]:
    """What to say where more samples were asked for than there are; `sizes`: how many, by split.

    >>> short_notes(500, {"train": 1438, "test": 359})
    ('samples 500: there are 359 test samples, and all are taken',)
    """
    short = [f"{size:,} {name}" for name, size in sizes.items() if samples is not None and size < samples]
    return (f"samples {samples:,}: there are {' and '.join(short)} samples, and all are taken",) if short else ()


def _has_pixels(data: Any, preset: Normalize, loaded: Mapping[str, Split]) -> bool:
    """Whether the inputs are pixels, as those of our own sources and bytes of a user's are; other tensors come ready."""
    tensors = (part.inputs for part in loaded.values() if isinstance(part, TensorSplit))
    return _is_own(data) or preset.name != "none" or any(each.dtype == torch.uint8 for each in tensors)


def has_test(data: Any, train: Data | None = None) -> bool:
    """Whether there is a test split beside the training split; reads no samples. `train`: that split, if it has been read.

    Raises:
        UsageError, LandscapeError: a callable that cannot be found.
    """
    if isinstance(data, Mapping):
        return "test" in data
    if not isinstance(data, str):
        return False
    if train and data in train.returned:
        return has_splits(train.returned[data]) and "test" in train.returned[data]
    if _is_callable(data):
        return "split" in inspect.signature(resolve_callable(data, "data")).parameters
    kind, _, path = data.partition(":")
    if kind == "folder":
        return any((expanded(path) / name).is_dir() for name in SPLIT_FOLDERS["test"])
    if kind == "npz":
        return "test_images" in npz_names(expanded(path))
    return True


def usual_splits(data: Any) -> tuple[str, ...]:
    """Train, and test where there is one."""
    return SPLITS if data is not None and has_test(data) else SPLITS[:1]


def subset(n: int, samples: int | None) -> np.ndarray:
    """Sorted indices of `samples` out of n; all n when `samples` is None or at least n."""
    if samples is None or samples >= n:
        return np.arange(n)
    return np.sort(np.random.Generator(np.random.Philox(SUBSET_SEED)).choice(n, samples, replace=False))


def _load_one(
    data: Any,
    request: Request,
    normalize: str | None,
    recorded: str | None,
    sampled: bool,
    returned: dict[str, Any],
    two: TellBatches | None,
) -> tuple[Split, Normalize]:
    if _is_own(data):
        arrays = read_arrays(data, request)
        pictures = isinstance(arrays.images, ImageFiles) or arrays.images.ndim == 4
        preset = parse_normalize(normalize or (recorded if pictures else None), arrays.normalize)
        return _split_of(arrays, preset), preset
    preset = parse_normalize(normalize)
    found = call_user(data, request.split, returned) if isinstance(data, str) else of_split(data, request.split)
    split = user_split(found, preset, request.subset, sampled=sampled, budget=request.budget, two_batches=two)
    if not normalize and recorded and isinstance(split, (TensorSplit, StreamSplit)) and _are_bytes(split):
        preset = parse_normalize(recorded)
        split = replace(split, normalize=preset)
    return split, preset


def _are_bytes(split: TensorSplit | StreamSplit) -> bool:
    """Whether the inputs are images as they are stored."""
    first = (split.inputs, split.targets) if isinstance(split, TensorSplit) else next(iter(split.read(1)))
    return is_pair(first) and is_images(first[0]) and first[0].dtype == torch.uint8


def _split_of(arrays: Arrays, preset: Normalize) -> Split:
    labels = torch.from_numpy(np.ascontiguousarray(arrays.labels))
    if not isinstance(arrays.images, ImageFiles):
        images = torch.from_numpy(np.ascontiguousarray(arrays.images))
        return tensor_split(images, labels, preset, of=arrays.of, fingerprint=arrays.fingerprint)
    files = arrays.images

    def read(batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        blocks = files.blocks(batch_size)
        return ((torch.from_numpy(images), part) for images, part in zip(blocks, labels.split(batch_size), strict=True))

    return StreamSplit(read, len(labels), arrays.of, arrays.fingerprint, preset, targets=labels)


def _is_own(data: Any) -> bool:
    """Whether it names a source that this program reads by itself."""
    return isinstance(data, str) and not _is_callable(data)


def _is_callable(spec: str) -> bool:
    kind, colon, _ = spec.partition(":")
    return bool(colon) and kind not in ("folder", "npz")
