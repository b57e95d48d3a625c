"""Files written by torch.save, zip and old-style, read without running any code they might carry.

Owns: the translation of torch's loading errors into one line. A file whose pickle names anything beyond tensors, plain
containers and the few inert classes listed here is refused.
"""

from __future__ import annotations

import argparse
import pathlib
import pickle
import re
import warnings
import zipfile
from pathlib import Path

import torch

from landscape.errors import CheckpointError

SAFE_WAY = "in the program that wrote it, save the weights alone: torch.save(model.state_dict(), 'weights.pt')"
ZIP, PICKLE, GIT_LFS = b"PK", b"\x80", b"version https://git-lfs"


def read(path: Path) -> tuple[object, dict]:
    """The stored object, tensors on the CPU; the metadata comes with the object itself.

    Raises:
        CheckpointError: truncated, not a torch file, or in need of code to be read.
    """
    try:
        _check_kind(path)
        with torch.serialization.safe_globals(_inert_classes()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True), {}
    except CheckpointError:
        raise
    except PermissionError as error:
        raise CheckpointError(f"checkpoint {path}: cannot be opened ({error.strerror})") from error
    except Exception as error:
        # torch answers a damaged file with many types: RuntimeError, EOFError, KeyError, ValueError, UnicodeDecodeError
        raise CheckpointError(f"checkpoint {path}: {_explanation(error, path)}") from error


def _check_kind(path: Path) -> None:
    """Refuses by their first bytes the files that torch.load would report in riddles."""
    with path.open("rb") as stream:
        start = stream.read(len(GIT_LFS))
    if not start:
        raise CheckpointError(f"checkpoint {path}: is empty (0 bytes); copy or write it again")
    if start == GIT_LFS:
        raise CheckpointError(f"checkpoint {path}: is a Git LFS pointer, not the file itself; run git lfs pull")
    if start.startswith(ZIP):
        with zipfile.ZipFile(path) as archive:
            if any(name.endswith("/constants.pkl") for name in archive.namelist()):
                raise CheckpointError(f"checkpoint {path}: is a TorchScript program, not weights; {SAFE_WAY}")
    elif not start.startswith(PICKLE):
        raise CheckpointError(f"checkpoint {path}: is not a file of torch.save; it starts with {start[:16]!r}")


def _inert_classes() -> list:
    """Classes common in training scripts whose unpickling only fills fields: numpy values, paths, option records."""
    import numpy as np

    rebuild, scalar = np.empty(0).__reduce__()[0], np.float64(0).__reduce__()[0]
    # numpy 1 and 2 keep these two in modules of different names, and the file may come from either
    builders = [
        (function, f"numpy.{core}.multiarray.{function.__name__}")
        for function in (rebuild, scalar)
        for core in ("core", "_core")
    ]
    numpy_types = [type(np.dtype(code)) for code in "?bBhHiIlLqQefd"]
    paths = [pathlib.Path, pathlib.PurePosixPath, pathlib.PosixPath, pathlib.WindowsPath]
    return [*builders, np.ndarray, np.dtype, *numpy_types, *paths, argparse.Namespace]


def _explanation(error: Exception, path: Path) -> str:
    """Whether the file is refused for what it names, or damaged."""
    if isinstance(error, pickle.UnpicklingError) and (found := re.search(r"GLOBAL ([\w.]+)", str(error))):
        return f"holds {found[1]}, not only tensors, and reading that could run code of a stranger; {SAFE_WAY}"
    # torch wraps the pickle's own words in advice to turn its safety off
    reason = str(error.__context__ or error).strip().split("\n")[0][:100] or type(error).__name__
    return f"truncated or not a file of torch.save ({path.stat().st_size} bytes; {reason}); copy or write it again"
