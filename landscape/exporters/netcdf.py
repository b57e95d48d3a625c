"""A surface as netCDF, through xarray."""

from __future__ import annotations

from pathlib import Path

from landscape.surfaces.surface import Surface


def write(surface: Surface, path: Path) -> None:
    surface.to_xarray().to_netcdf(path)
