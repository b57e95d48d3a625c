"""`landscape export`: a surface in another program's format. Imports neither torch nor MPI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landscape.errors import LandscapeError, UsageError
from landscape.options.command import Positional, command
from landscape.options.groups import named_path
from landscape.options.option import Option
from landscape.recipes.words import files_lines

if TYPE_CHECKING:
    from landscape.surfaces.surface import Surface


def lines(path: Path, shell: Mapping[str, Any]) -> Sequence[str]:
    return files_lines([path])


@command(
    "a surface as a table or in another program's layout",
    lines=lines,
    rows={"format": Option("csv, npz, nc or li2018 (default: by suffix)", metavar="NAME")},
    positional=(Positional("surface", "FILE", "surface file"), Positional("out", "OUT", "output file")),
    example="landscape export resnet56.h5 resnet56.csv",
)
def export(surface: Surface | str | Path, out: str | Path, *, format: str | None = None) -> Path:
    """Writes a surface in another form: csv, npz, nc (needs xarray), or li2018, the original program's HDF5 layout.

    `format` None follows the suffix of `out`.

    Raises:
        UsageError: unknown format. LandscapeError: unreadable input or unwritable output.
    """
    from landscape.atomic import disk_named, whole_file
    from landscape.exporters import FORMATS, writer_of
    from landscape.regular import is_folder
    from landscape.surfaces import Surface, load_surface

    out = named_path("out", out)
    chosen = format or out.suffix.lower().lstrip(".")
    if chosen not in FORMATS:
        raise UsageError(f"export format '{chosen}': expected one of {', '.join(FORMATS)} (by suffix or --format)")
    loaded = surface if isinstance(surface, Surface) else load_surface(surface)
    if not is_folder(out.parent):
        raise LandscapeError(f"output {out}: the folder {out.parent} does not exist; create it or give another name")
    if not isinstance(surface, Surface) and out.exists() and out.samefile(surface):
        raise UsageError(f"output {out} is the file being exported; give another name")
    with disk_named(out, "give another name"), whole_file(out) as scratch:
        writer_of(chosen)(loaded, scratch)
    return out
