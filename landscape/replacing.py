"""What a picture, a table or a mesh may take the place of.

Owns: the check before an output that can be made again is written. Older pictures are replaced, as everybody expects; results,
checkpoints and folders, which may have taken hours, never are. They are known by how they begin, whatever their names are.
"""

from __future__ import annotations

from pathlib import Path

from landscape.errors import UsageError

# How results and checkpoints begin, and the suffixes of outputs that begin likewise.
HELD = {
    b"\x89HDF\r\n\x1a\n": ("results (HDF5)", (".nc",)),
    b"PK\x03\x04": ("a checkpoint or an archive", (".npz",)),
    b"\x80\x02": ("a checkpoint", ()),
}
SAFETENSORS = b'{"'


def check_replaced(path: Path, advice: str = "give another name") -> None:
    """Raises UsageError where `path` holds what must not be lost: results, a checkpoint, or the log of a run."""
    if not path.is_file():
        return
    with path.open("rb") as stream:
        begin = stream.read(16)
    for start, (what, suffixes) in HELD.items():
        if begin.startswith(start) and path.suffix.lower() not in suffixes:
            raise UsageError(f"output {path}: holds {what}, which a picture or a table does not replace; {advice}")
    if begin[8:10] == SAFETENSORS:
        raise UsageError(f"output {path}: holds a checkpoint, which a picture or a table does not replace; {advice}")
