"""Data sets by name: `digits`, torchvision's, `folder:`, `npz:`.

Owns: the table of sources; each returns images and labels as arrays, and the usual normalization of the set. A user's
Python data are in user.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from landscape.callables import first_line
from landscape.data import digits
from landscape.data.folder import ImageFiles, read_image_folder
from landscape.data.npz import read_npz
from landscape.errors import DataError, UsageError
from landscape.regular import expanded

SPLITS = ("train", "test")
# name -> (class in torchvision.datasets, normalization preset)
TORCHVISION = {
    "cifar10": ("CIFAR10", "cifar10"),
    "cifar100": ("CIFAR100", "cifar100"),
    "mnist": ("MNIST", "mnist"),
    "fashionmnist": ("FashionMNIST", "fashionmnist"),
    "kmnist": ("KMNIST", "none"),
    "svhn": ("SVHN", "svhn"),
}


@dataclass(frozen=True)
class Request:
    """A request to a source.

    `subset(n)` returns the indices to take of n samples, so that only those are read. Data that take more than `budget`
    bytes are read again in each pass instead of kept, where the source supports that.
    """

    split: str
    root: str | None
    download: bool
    subset: Callable[[int], np.ndarray]
    budget: float


@dataclass(frozen=True, eq=False)
class Arrays:
    """Images uint8 (N, H, W, C) or float (N, C, H, W) and labels int64 (N,), out of a set of `of`.

    `images` are encoded files when the decoded images do not fit into memory. An empty `fingerprint` means a hash of
    the arrays.
    """

    images: np.ndarray | ImageFiles
    labels: np.ndarray
    of: int
    normalize: str = "none"
    fingerprint: str = ""


def read_arrays(spec: str, request: Request) -> Arrays:
    """The images and labels of a named source.

    Raises:
        UsageError: there is no such source.
        DataError: the data are missing, empty or unreadable.
    """
    kind, colon, path = spec.partition(":")
    if spec == "digits":
        return _digits(request)
    if spec in TORCHVISION:
        return _torchvision(spec, request)
    if colon and kind == "folder":
        return _folder(Path(path), request)
    if colon and kind == "npz":
        return _npz(expanded(path), request)
    known = ", ".join(
        ["digits", *TORCHVISION, "folder:PATH", "npz:PATH", "package.module:callable", "file.py:callable"]
    )
    raise UsageError(f"data '{spec}': expected one of {known}")


def _digits(request: Request) -> Arrays:
    images, labels = digits.read_digits(request.split)
    taken = request.subset(len(images))
    return Arrays(images[taken], labels[taken], len(images), "digits")


def _folder(path: Path, request: Request) -> Arrays:
    found = read_image_folder(path, request.split, request.subset)
    images = found.images if found.images.nbytes > request.budget else found.images.decoded()
    return Arrays(images, found.labels, found.of, fingerprint=found.fingerprint)


def _torchvision(name: str, request: Request) -> Arrays:
    from torchvision import datasets

    class_name, preset = TORCHVISION[name]
    root = expanded(request.root or "data")
    which = {"split": request.split} if class_name == "SVHN" else {"train": request.split == "train"}
    try:
        found = getattr(datasets, class_name)(root=root, download=request.download, **which)
    except Exception as error:  # torchvision passes on URL, zip, pickle and runtime errors
        reason = first_line(error)[:120]
        if request.download:
            raise DataError(f"data '{name}': download into {root} failed ({reason})") from error
        raise DataError(
            f"data '{name}': not found or damaged in {root} ({reason}); add --download, or name its folder with --data-root"
        ) from error
    images = np.asarray(found.data)
    labels = np.asarray(getattr(found, "targets", getattr(found, "labels", None)), dtype=np.int64)
    if class_name == "SVHN":
        images = images.transpose(0, 2, 3, 1)
    if images.ndim == 3:
        images = images[..., None]
    taken = request.subset(len(images))
    return Arrays(np.ascontiguousarray(images[taken]), labels[taken], len(images), preset)


def _npz(path: Path, request: Request) -> Arrays:
    prefix = "" if request.split == "train" else f"{request.split}_"
    images, labels = read_npz(path, [f"{prefix}{key}" for key in ("images", "labels")], f"split {request.split}")
    _check_arrays(images, labels, f"npz:{path}")
    taken = request.subset(len(images))
    return Arrays(images[taken], labels[taken].astype(np.int64), len(images))


def _check_arrays(images: np.ndarray, labels: np.ndarray, source: str) -> None:
    if images.dtype != np.uint8 and not np.issubdtype(images.dtype, np.floating):
        raise DataError(f"data {source}: images are {images.dtype}; expected uint8 (N, H, W, C) or float (N, C, H, W)")
    if images.dtype == np.uint8 and images.ndim != 4:
        raise DataError(f"data {source}: images have shape {images.shape}; expected (N, H, W, C) for uint8")
    if images.ndim == 0:
        raise DataError(f"data {source}: images are a single number; expected uint8 (N, H, W, C) or float (N, C, H, W)")
    if labels.shape != images.shape[:1]:
        raise DataError(
            f"data {source}: {len(images)} images and labels of shape {labels.shape}; expected one label each"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"data {source}: labels are {labels.dtype}; expected integers")
    if len(images) == 0:
        raise DataError(f"data {source}: is empty")
