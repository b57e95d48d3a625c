"""Folders of images, one sub-folder per class.

Owns: which folder holds which split, and decoding: only the images asked for, on all cores. Images of one size are
taken as they are; images of different sizes are resized to 256 on the shorter side and cropped to the central 224, as
is usual for ImageNet.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from landscape.errors import DataError

SPLIT_FOLDERS = {"train": ("train",), "test": ("test", "val", "valid", "validation")}
RESIZE, CROP = 256, 224


def read_folder(path: Path, split: str, subset: Callable[[int], np.ndarray]) -> tuple[np.ndarray, np.ndarray, int]:
    """(images uint8 (N, H, W, 3), labels int64 (N,), number of images in the folder).

    Classes are numbered in the sorted order of their folders' names, as torchvision's ImageFolder does.

    Raises:
        DataError: no such folder or split, no images, an image that cannot be decoded.
    """
    folder = _split_folder(path.expanduser(), split)
    samples = _listed(folder)
    taken = [samples[i] for i in subset(len(samples))]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        images = list(pool.map(_decoded, [file for file, _ in taken]))
    if len({image.shape for image in images}) > 1:
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            images = list(pool.map(_cropped, [file for file, _ in taken]))
    return np.stack(images), np.array([label for _, label in taken], dtype=np.int64), len(samples)


def _split_folder(path: Path, split: str) -> Path:
    if not path.is_dir():
        raise DataError(f"data folder:{path}: no such folder")
    inside = [path / name for name in SPLIT_FOLDERS[split] if (path / name).is_dir()]
    if inside:
        return inside[0]
    if split == "train" and not (path / "test").is_dir():
        return path
    names = " or ".join(SPLIT_FOLDERS[split])
    raise DataError(f"data folder:{path}: split {split} asked for, but there is no {names} folder in it")


def _listed(folder: Path) -> list[tuple[str, int]]:
    from torchvision.datasets.folder import IMG_EXTENSIONS, find_classes, make_dataset

    try:
        _, numbers = find_classes(folder)
        return make_dataset(folder, numbers, extensions=IMG_EXTENSIONS)
    except (FileNotFoundError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"data folder:{folder}: expected one sub-folder per class with images in each ({reason})"
        ) from error


def _decoded(file: str) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(file) as image:
            return np.asarray(image.convert("RGB"))
    except OSError as error:
        raise DataError(f"image {file}: cannot be decoded ({error}); remove it or copy it again") from error


def _cropped(file: str) -> np.ndarray:
    from PIL import Image

    with Image.open(file) as image:
        image = image.convert("RGB")
        scale = RESIZE / min(image.size)
        width, height = (max(CROP, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
        left, top = (width - CROP) // 2, (height - CROP) // 2
        return np.asarray(image.crop((left, top, left + CROP, top + CROP)))
