"""Surfaces in other programs' formats: a file with `write(surface, path)` for each, and a row in `FORMATS`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

from landscape.surfaces.surface import Surface

# suffix or name of a format -> module and function
FORMATS = {
    "csv": "landscape.exporters.csv_table:write",
    "npz": "landscape.exporters.npz:write",
    "nc": "landscape.exporters.netcdf:write",
    "li2018": "landscape.surfaces.legacy:write_legacy",
}


def writer_of(name: str) -> Callable[[Surface, Path], None]:
    """The function that writes a format of `FORMATS`."""
    module, _, function = FORMATS[name].partition(":")
    return getattr(importlib.import_module(module), function)
