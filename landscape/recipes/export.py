"""`landscape export`: a surface in another program's format. Imports neither torch nor MPI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landscape.errors import LandscapeError, UsageError
from landscape.exporters import FORMATS, HEIGHTS
from landscape.options.command import Positional, command
from landscape.options.option import Option, shown
from landscape.options.values import named_path
from landscape.recipes.plot import DRAWING
from landscape.recipes.words import files_lines

if TYPE_CHECKING:
    from landscape.surfaces.surface import Surface


def lines(path: Path, shell: Mapping[str, Any]) -> Sequence[str]:
    return files_lines([path])


@command(
    "a surface as a table, a mesh, or in another program's layout",
    lines=lines,
    rows={
        "format": Option(f"{', '.join(FORMATS)} (default: by suffix)", metavar="NAME"),
        **{name: replace(DRAWING[name], help=f"of meshes: {DRAWING[name].help}") for name in HEIGHTS},
        "width": Option("of .stl: millimetres of the longer side (default: 100)", type=float, metavar="MM"),
    },
    positional=(Positional("surface", "FILE", "surface file"), Positional("out", "OUT", "output file")),
    example="landscape export resnet56.h5 resnet56.csv",
)
def export(
    surface: Surface | str | Path,
    out: str | Path,
    *,
    format: str | None = None,
    metric: str | None = None,
    scale: str | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    width: float | None = None,
) -> Path:
    """Writes a surface in another form.

    Args:
        format: csv; npz; nc (needs xarray); vts and vtp, for ParaView, with all metrics as arrays; vtr and vtu, the same of
            volumes; stl, a closed body to print, ply, glb and obj, the relief of a picture with its colours (these need
            trimesh); li2018, the original program's HDF5 layout. None follows the suffix of `out`.
        metric, scale, vmin, vmax: of meshes, what is high and on which scale, as in `plot`.
        width: of stl, millimetres of the longer side of the plane, 100 unless given.

    Raises:
        UsageError: unknown format, an option that it does not take, or a surface without a plane for a mesh.
        LandscapeError: unreadable input, unwritable output, or a missing extra.
    """
    from landscape.atomic import disk_named, missing_folder, whole_file
    from landscape.exporters import write
    from landscape.replacing import check_replaced

    out = named_path("out", out)
    chosen = format or out.suffix.lower().lstrip(".")
    if chosen not in FORMATS:
        raise UsageError(f"export format '{chosen}': expected one of {', '.join(FORMATS)} (by suffix or --format)")
    loaded = _loaded(surface)
    if missing := missing_folder(out):
        raise LandscapeError(f"output {out}: {missing}; create it or give another name")
    if isinstance(surface, (str, Path)) and out.exists() and out.samefile(surface):
        raise UsageError(f"output {out} is the file being exported; give another name")
    check_replaced(out)
    options = {"metric": metric, "scale": scale, "vmin": vmin, "vmax": vmax, "width": width}
    with disk_named(out, "give another name"), whole_file(out) as scratch:
        write(loaded, scratch, chosen, options)
    return out


def _loaded(surface: Any) -> Surface:
    """Raises UsageError if the source is not a surface; a spectrum is named, as it lies in a file of the same suffix."""
    from landscape.surfaces import Surface, load_surface
    from landscape.surfaces.spectrum import Spectrum, is_spectrum

    if isinstance(surface, Surface):
        return surface
    named = isinstance(surface, (str, Path))
    if isinstance(surface, Spectrum) or (named and is_spectrum(surface)):
        who = surface if named else surface.source or "this"
        raise UsageError(
            f"{who} is a spectrum, and export takes surfaces: `landscape info --json` has its numbers, `landscape plot` draws it"
        )
    if not named:
        raise UsageError(f"surface {shown(surface)}: expected a surface or the name of a file of one")
    return load_surface(surface)
