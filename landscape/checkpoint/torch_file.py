"""Files written by torch.save, in the zip and the old format, read without running any code in them.

Owns: which reader a file goes to (plain_archive.py or torch's), the check that its entries have their bytes, and the translation
of torch's loading errors into one line. A file is refused if its pickle names anything but tensors, plain containers and the few
inert classes listed here.
"""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import pickle
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from landscape.checkpoint.content import PICKLE, ZIP, start_of
from landscape.checkpoint.plain_archive import NotPlain, read_plain
from landscape.errors import CheckpointError
from landscape.regular import most_bytes

# Where torch names the class that it refuses.
NAMED = re.compile(r"GLOBAL ([\w.]+)|but got <class '([\w.]+)'>")
# The attribute by which a zip file marks a folder.
FOLDER = 0x10
SAFE_WAY = "in the program that wrote it, save the weights alone: torch.save(model.state_dict(), 'weights.pt')"


def read(path: Path, *, mapped: bool = False) -> tuple[object, dict]:
    """The stored object with its tensors on the CPU, and no metadata, which is a part of the object.

    `mapped`: tensors of the zip format are read from the file when they are used, so the file must stay as it is.

    Raises:
        CheckpointError: the file is truncated or not a torch file, or reading it would run code.
    """
    try:
        if (found := _recognized(path, mapped)) is not None:
            return found, {}
        with torch.serialization.safe_globals(_inert_classes()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped and _is_mappable(path)), {}
    except CheckpointError:
        raise
    except PermissionError as error:
        raise CheckpointError(f"checkpoint {path}: cannot be opened ({error.strerror})") from error
    except Exception as error:
        # for damaged files torch raises many types: RuntimeError, EOFError, KeyError, ValueError, UnicodeDecodeError
        raise CheckpointError(f"checkpoint {path}: {_explanation(error, path)}") from error


def _recognized(path: Path, mapped: bool) -> object | None:
    """What a plain file holds; None for any other that torch.load reads.

    Raises:
        CheckpointError: one for which torch.load has no clear message.
    """
    start = start_of(path)
    if start.startswith(ZIP):
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > most_bytes(path):
                raise CheckpointError(
                    f"checkpoint {path}: declares more than a file of its size can hold; copy or write it again"
                )
            if any(name.endswith("/constants.pkl") for name in archive.namelist()):
                raise CheckpointError(f"checkpoint {path}: is a TorchScript program, not weights; {SAFE_WAY}")
            _check_entries(archive)
            if not mapped:
                with contextlib.suppress(NotPlain):
                    return read_plain(archive)
    elif not start.startswith(PICKLE):
        raise CheckpointError(f"checkpoint {path}: is not a file of torch.save; it starts with {start[:16]!r}")
    return None


def _check_entries(archive: zipfile.ZipFile) -> None:
    """Raises an error for an entry without the bytes that it declares: torch.load returns memory that it never wrote for it."""
    for entry in archive.infolist():
        stored = entry.compress_type == zipfile.ZIP_STORED
        if entry.external_attr & FOLDER or (stored and entry.compress_size != entry.file_size):
            raise zipfile.BadZipFile(f"{entry.filename} has not the bytes that it declares")
        if not stored:
            with archive.open(entry) as stream:
                while stream.read(1 << 20):
                    pass


def _is_mappable(path: Path) -> bool:
    """Whether the file has the zip format, with its bytes as they are."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())


def _inert_classes() -> list:
    """Classes common in training scripts whose unpickling only sets fields: numpy values, paths, option records."""
    import numpy as np

    rebuild: Any = np.empty(0).__reduce__()[0]
    scalar: Any = np.float64(0).__reduce__()[0]
    # the modules of these two have different names in numpy 1 and 2, and the file may come from either
    builders = [
        (function, f"numpy.{core}.multiarray.{function.__name__}")
        for function in (rebuild, scalar)
        for core in ("core", "_core")
    ]
    numpy_types = [type(np.dtype(code)) for code in "?bBhHiIlLqQefd"]
    paths = [pathlib.Path, pathlib.PurePosixPath, pathlib.PosixPath, pathlib.WindowsPath]
    return [*builders, np.ndarray, np.dtype, *numpy_types, *paths, argparse.Namespace]


def _explanation(error: Exception, path: Path) -> str:
    """The reason: the file names a class that is not allowed, or it is damaged."""
    if isinstance(error, pickle.UnpicklingError) and (found := NAMED.search(str(error))):
        return f"holds {found[1] or found[2]}, not only tensors, and reading it could run code; {SAFE_WAY}"
    # torch adds advice to turn off its safety check to the message of pickle
    reason = str(error.__context__ or error).strip().split("\n")[0][:100] or type(error).__name__
    return f"truncated or not a file of torch.save ({path.stat().st_size} bytes; {reason}); copy or write it again"
