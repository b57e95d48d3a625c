"""Where the nets that ship with the project are.

Owns: the two places: inside an installed package (setup.py copies them there), or checkpoints/ of a checkout.
"""

from __future__ import annotations

from pathlib import Path

from landscape.errors import CheckpointError

PACKAGE = Path(__file__).resolve().parents[1]
FOLDERS = (PACKAGE / "data" / "nets", PACKAGE.parent / "checkpoints")


def shipped(name: str, folder: str | Path | None = None) -> Path:
    """The file of a net that ships, such as `resnet56_digits`; `folder` is where the caller says the nets are.

    Raises:
        CheckpointError: it is not there.
    """
    folders = FOLDERS if folder is None else (Path(folder),)
    for path in (place / f"{name}.pt" for place in folders):
        if path.is_file():
            return path
    raise CheckpointError(
        f"{folders[-1]}: {name}.pt is not there; give the folder of the nets that ship with --checkpoints"
    )
