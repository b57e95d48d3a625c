"""Files written by torch.save, zip and old-style, read without running any code they might carry.

Owns: the translation of torch's loading errors into one line. A file whose pickle names anything beyond tensors, plain
containers and the few inert classes listed here is refused.
"""

from __future__ import annotations

import argparse
import pathlib
import pickle
import re
from pathlib import Path

import torch

from landscape.errors import CheckpointError

SAFE_WAY = "in the program that wrote it, save the weights alone: torch.save(model.state_dict(), 'weights.pt')"


def read(path: Path) -> tuple[object, dict]:
    """The stored object, tensors on the CPU; the metadata comes with the object itself.

    Raises:
        CheckpointError: truncated, not a torch file, or in need of code to be read.
    """
    try:
        with torch.serialization.safe_globals(_inert_classes()):
            return torch.load(path, map_location="cpu", weights_only=True), {}
    except pickle.UnpicklingError as error:
        raise CheckpointError(_refusal(path, str(error))) from error
    except Exception as error:
        # torch answers a damaged file with many types: RuntimeError, EOFError, KeyError, ValueError, UnicodeDecodeError
        if "torchscript" in str(error).lower():
            raise CheckpointError(f"checkpoint {path}: is a TorchScript program, not weights; {SAFE_WAY}") from error
        raise CheckpointError(
            f"checkpoint {path}: truncated or not a file of torch.save "
            f"({path.stat().st_size} bytes; torch says: {_first_line(error)}); copy or write it again"
        ) from error


def _inert_classes() -> list:
    """Classes common in training scripts whose unpickling only fills fields: numpy values, paths, option records."""
    import numpy as np

    array = np.empty(0)
    numpy_builders = [np.ndarray, np.dtype, array.__reduce__()[0], np.float64(0).__reduce__()[0]]
    numpy_types = [type(np.dtype(code)) for code in "?bBhHiIlLqQefd"]
    paths = [pathlib.Path, pathlib.PurePosixPath, pathlib.PosixPath, pathlib.WindowsPath]
    return [*numpy_builders, *numpy_types, *paths, argparse.Namespace]


def _refusal(path: Path, message: str) -> str:
    found = re.search(r"(?:GLOBAL|global|Unsupported class|class) ([\w.]+\.[\w.]+)", message)
    if found or "Unsupported operand" in message or "weights_only" in message.lower():
        name = found.group(1) if found else "objects of Python classes"
        if re.search(r"Invalid magic|invalid load key|unpickling stack underflow", message):
            return f"checkpoint {path}: not a file of torch.save; copy or write it again"
        if found:
            return (
                f"checkpoint {path}: holds {name}, not only tensors, and reading that could run code of a stranger; "
                f"{SAFE_WAY}"
            )
    return f"checkpoint {path}: truncated or not a file of torch.save ({_first_line(message)}); copy or write it again"


def _first_line(error: object) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:120]
