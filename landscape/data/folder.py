"""Folders of images, one sub-folder per class.

Owns: the folder of each split, and decoding (large images on all cores). Only requested images are decoded: all at once when they
fit into memory, otherwise block by block in each pass. Images of equal size stay as they are; images of different sizes are
resized to 256 on the shorter side and cropped to the central 224, as is usual for ImageNet.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from landscape.callables import first_line
from landscape.errors import DataError
from landscape.regular import expanded, is_folder, reason_unreadable

T = TypeVar("T")
SPLIT_FOLDERS = {"train": ("train",), "test": ("test", "val", "valid", "validation")}
RESIZE, CROP = 256, 224
BLOCK = 256
# Files that a thread takes at a time, because to hand over a small image costs about as much as to decode it.
TAKEN = 32
# Bytes of an encoded image from which several threads decode; below, they wait for each other.
SMALL = 1 << 14
# Of the folders of one class; links among folders can make endless paths of a few.
FOLDERS = 100_000


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """Encoded images with one decoded size (height, width); `cropped`: decoding resizes and crops them to it."""

    files: tuple[str, ...]
    size: tuple[int, int]
    cropped: bool

    @classmethod
    def of(cls, files: Sequence[str], sizes: Collection[tuple[int, int]]) -> ImageFiles:
        """`sizes`: (height, width) of the images."""
        different = set(sizes)
        return cls(tuple(files), *((different.pop(), False) if len(different) == 1 else ((CROP, CROP), True)))

    @property
    def nbytes(self) -> int:
        """Bytes of the decoded images."""
        return len(self.files) * self.size[0] * self.size[1] * 3

    def blocks(self, length: int) -> Iterator[np.ndarray]:
        """Blocks uint8 (length, H, W, 3), the last one shorter; the next block is decoded while one is in use.

        Raises:
            DataError: an image cannot be decoded; the message names it.
        """
        decode = _cropped if self.cropped else _decoded
        with ThreadPoolExecutor(_threads(self.files)) as pool:
            ahead = _each(decode, self.files[:length], pool)
            for start in range(length, len(self.files) + length, length):
                block, ahead = ahead, _each(decode, self.files[start : start + length], pool)
                yield np.stack(list(block))

    def decoded(self) -> np.ndarray:
        """uint8 (N, H, W, 3)"""
        images = np.empty((len(self.files), *self.size, 3), dtype=np.uint8)
        for number, block in enumerate(self.blocks(BLOCK)):
            images[number * BLOCK : number * BLOCK + len(block)] = block
        return images


@dataclass(frozen=True, eq=False)
class Folder:
    """N images with labels int64 (N,), out of the `of` images of a folder; `fingerprint` is a hash of their files."""

    images: ImageFiles
    labels: np.ndarray
    of: int
    fingerprint: str


def read_image_folder(path: Path, split: str, subset: Callable[[int], np.ndarray]) -> Folder:
    """The images of a split at the indices `subset(n)` of all n; they are not decoded yet.

    Classes are numbered in the sorted order of their folders' names, as in torchvision's ImageFolder.

    Raises:
        DataError: no such folder or split, no images, a file that is not an image.
    """
    samples = _listed(_split_folder(expanded(path), split))
    taken = [samples[i] for i in subset(len(samples))]
    files = [file for file, _ in taken]
    labels = np.array([label for _, label in taken], dtype=np.int64)
    seen = _parallel(_looked_at, files)
    images = ImageFiles.of(files, {each.size for each in seen})
    return Folder(images, labels, len(samples), _fingerprint((each.digest for each in seen), labels))


def _split_folder(path: Path, split: str) -> Path:
    if not is_folder(path):
        raise DataError(f"data folder:{path}: no such folder")
    inside = [path / name for name in SPLIT_FOLDERS[split] if (path / name).is_dir()]
    if inside:
        return inside[0]
    if split == "train" and not any((path / name).is_dir() for name in SPLIT_FOLDERS["test"]):
        return path
    names = " or ".join(SPLIT_FOLDERS[split])
    raise DataError(f"data folder:{path}: no {names} folder in it for split {split}")


def _listed(folder: Path) -> list[tuple[str, int]]:
    """(image, class) in the order of torchvision's ImageFolder; links that lead back to a folder above end there."""
    from torchvision.datasets.folder import IMG_EXTENSIONS, find_classes

    try:
        _, numbers = find_classes(folder)
        found = {
            name: sorted(_images(os.path.join(folder, name), IMG_EXTENSIONS, [FOLDERS])) for name in sorted(numbers)
        }
        if empty := [name for name, images in found.items() if not images]:
            raise FileNotFoundError(f"no image in {', '.join(empty[:6])}")
    except OSError as error:
        raise DataError(
            f"data folder:{folder}: expected one sub-folder per class with images in each ({first_line(error)})"
        ) from error
    return [(file, numbers[name]) for name, images in found.items() for _, file in images]


def _images(
    folder: str, suffixes: tuple[str, ...], left: list[int], above: frozenset[tuple[int, int]] = frozenset()
) -> Iterator[Any]:
    """((folder, name) to sort by, path) of the images in a folder and the folders in it.

    Raises:
        OSError: a folder cannot be read, or there are more of them than are `left`.
    """
    place, left[0] = os.stat(folder), left[0] - 1
    if (place.st_dev, place.st_ino) in above:
        return
    if left[0] < 0:
        raise OSError(f"{folder}: more than {FOLDERS:,} folders, links included")
    above |= {(place.st_dev, place.st_ino)}
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _images(entry.path, suffixes, left, above)
            elif entry.name.lower().endswith(suffixes):
                yield (folder, entry.name), entry.path


def _fingerprint(digests: Iterable[bytes], labels: np.ndarray) -> str:
    """A hash of the encoded files, not of the pixels, so that kept and streamed images have the same one."""
    digest = hashlib.blake2b(labels.tobytes(), digest_size=16)
    for each in digests:
        digest.update(each)
    return digest.hexdigest()


class _Seen(NamedTuple):
    """Of an encoded image: a hash of its file, and its (height, width)."""

    digest: bytes
    size: tuple[int, int]


def _looked_at(file: str) -> _Seen:
    """What is known of an image without decoding it.

    Raises:
        DataError: the file cannot be read, or is not an image.
    """
    if reason := reason_unreadable(file):
        raise DataError(f"image {file}: {reason}; remove it or copy it again")
    try:
        encoded = Path(file).read_bytes()
    except OSError as error:
        raise DataError(f"image {file}: cannot be read ({error.strerror}); remove it or copy it again") from error
    size = _read(file, lambda image: (image.height, image.width), io.BytesIO(encoded))
    return _Seen(hashlib.blake2b(encoded, digest_size=16).digest(), size)


def _decoded(file: str) -> np.ndarray:
    return _read(file, lambda image: np.asarray(image.convert("RGB")))


def _cropped(file: str) -> np.ndarray:
    return _read(file, _central)


def _central(image: Any) -> np.ndarray:
    """Resized and cropped with the rounding of torchvision's Resize and CenterCrop."""
    from PIL import Image

    image = image.convert("RGB")
    short = min(image.size)
    width, height = (int(RESIZE * side / short) for side in image.size)
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - CROP) / 2), round((height - CROP) / 2)
    return np.asarray(image.crop((left, top, left + CROP, top + CROP)))


def _read(file: str, look: Callable[[Any], Any], encoded: io.BytesIO | None = None) -> Any:
    """What `look` sees in the image in a file, or in its bytes if these are given."""
    from PIL import Image

    if encoded is None and (reason := reason_unreadable(file)):
        raise DataError(f"image {file}: {reason}; remove it or copy it again")
    try:
        with Image.open(encoded or file) as image:
            return look(image)
    except Exception as error:  # for damaged files PIL raises OSError, SyntaxError, ValueError and types of its own
        raise DataError(f"image {file}: cannot be decoded ({first_line(error)}); remove it or copy it again") from error


def _parallel(work: Callable[[str], T], files: Sequence[str]) -> list[T]:
    with ThreadPoolExecutor(_threads(files)) as pool:
        return list(_each(work, files, pool))


def _each(work: Callable[[str], T], files: Sequence[str], pool: ThreadPoolExecutor) -> Iterator[T]:
    """`work(file)` for each file, in order; it begins at once. Raises what `work` raised first."""
    parts = [files[start : start + TAKEN] for start in range(0, len(files), TAKEN)]
    return itertools.chain.from_iterable(pool.map(lambda part: [work(file) for file in part], parts))


def _threads(files: Sequence[str]) -> int:
    """One for small images, of which Python does most of the work: two threads take twice as long as one then."""
    return _cores() if files and os.path.getsize(files[0]) >= SMALL else 1


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
