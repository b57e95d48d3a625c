"""Surfaces in other programs' formats: a function `write(surface, path, ...)` for each, and a row in `FORMATS`.

Owns: the names of the formats, where their writers are, and which options each takes. The rows are plain words, so that the
command line lists the formats without loading numpy.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from landscape.errors import UsageError

if TYPE_CHECKING:
    from landscape.surfaces.surface import Surface


class Format(NamedTuple):
    """`writer`: module and function. `takes`: the options that it understands, as keywords."""

    writer: str
    takes: tuple[str, ...] = ()


# What a picture and a mesh have in common: which metric, and how its values become heights.
HEIGHTS = ("metric", "scale", "vmin", "vmax")
# suffix or name -> format
FORMATS = {
    "csv": Format("landscape.exporters.csv_table:write"),
    "npz": Format("landscape.exporters.npz:write"),
    "nc": Format("landscape.exporters.netcdf:write"),
    "vts": Format("landscape.exporters.paraview:write_grid", HEIGHTS),
    "vtp": Format("landscape.exporters.paraview:write_cells", HEIGHTS),
    "vtr": Format("landscape.exporters.volume:write_grid", ("metric",)),
    "vtu": Format("landscape.exporters.volume:write_cells", ("metric",)),
    "stl": Format("landscape.exporters.triangles:write_stl", (*HEIGHTS, "width")),
    "ply": Format("landscape.exporters.triangles:write_ply", HEIGHTS),
    "glb": Format("landscape.exporters.triangles:write_glb", HEIGHTS),
    "obj": Format("landscape.exporters.triangles:write_obj", HEIGHTS),
    "li2018": Format("landscape.surfaces.legacy:write_legacy"),
}


def writer_of(name: str) -> Callable[..., None]:
    """The function that writes a format of `FORMATS`: (surface, path, ...)."""
    module, _, function = FORMATS[name].writer.partition(":")
    return getattr(importlib.import_module(module), function)


def write(surface: Surface, path: Path, name: str, options: Mapping[str, Any]) -> None:
    """Writes a surface in a format; `options` that are None were not given.

    Raises:
        UsageError: an option that the format does not take, or a surface that it cannot hold.
    """
    given = {option: value for option, value in options.items() if value is not None}
    for option in given:
        if option not in FORMATS[name].takes:
            taken = ", ".join(f".{each}" for each, row in FORMATS.items() if option in row.takes)
            raise UsageError(f"{option} does not apply to format '{name}': it is for {taken}; leave it out")
    writer_of(name)(surface, path, **given)
