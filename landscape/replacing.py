"""What a picture, a table or a mesh may take the place of.

Owns: the check before an output that can be made again is written. Older pictures are replaced, as everybody expects; results,
checkpoints and the files of a training run, which may have taken hours, never are. Results and checkpoints are known by how they
begin, whatever their names are.
"""

from __future__ import annotations

from pathlib import Path

from landscape.errors import UsageError
from landscape.surfaces.run_log import CONFIG, LOG

# How results and checkpoints begin; and by suffix, what outputs that begin likewise hold, and these do not.
HELD: dict[bytes, tuple[str, dict[str, tuple[bytes, ...]]]] = {
    b"\x89HDF\r\n\x1a\n": ("results (HDF5)", {".nc": (b"_NCProperties",)}),
    b"PK\x03\x04": ("a checkpoint or an archive", {".npz": (b".npy",)}),
    b"\x80": ("a checkpoint", {}),  # pickles, of any protocol
    b"\x93NUMPY": ("an array", {}),
}
# Bytes within which a file says that it is an older output.
LOOKED_AT = 1 << 16
# Of a run folder, what no picture replaces.
RUN = (CONFIG, LOG)
CODE = (".py", ".ipynb", ".sh")
SAFETENSORS = b'{"'


def holds_checkpoint(path: Path) -> bool:
    """Whether a file begins as checkpoints do: an archive, a pickle, or safetensors."""
    with path.open("rb") as stream:
        begin = stream.read(10)
    return begin[8:10] == SAFETENSORS or any(
        begin.startswith(start) for start, (what, _) in HELD.items() if what.startswith("a checkpoint")
    )


def check_replaced(path: Path, advice: str = "give another name") -> None:
    """Raises UsageError where `path` holds what must not be lost: results, a checkpoint, or a file of a training run."""
    if not path.is_file():
        return
    if path.name in RUN and (path.parent / CONFIG).is_file():
        raise UsageError(
            f"output {path}: is part of a training run, which a picture or a table does not replace; {advice}"
        )
    if path.suffix.lower() in CODE:
        raise UsageError(f"output {path}: holds code, which a picture or a table does not replace; {advice}")
    with path.open("rb") as stream:
        begin = stream.read(LOOKED_AT)
    for start, (what, suffixes) in HELD.items():
        marks = suffixes.get(path.suffix.lower(), ())
        if begin.startswith(start) and not any(mark in begin for mark in marks):
            raise UsageError(f"output {path}: holds {what}, which a picture or a table does not replace; {advice}")
    if begin[8:10] == SAFETENSORS:
        raise UsageError(f"output {path}: holds a checkpoint, which a picture or a table does not replace; {advice}")
