"""A surface as compressed numpy arrays, with its provenance as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from landscape.surfaces.surface import Surface


def write(surface: Surface, path: Path) -> None:
    arrays: dict[str, Any] = {axis.name: axis.values for axis in surface.grid.axes}
    arrays |= surface.values | {f"{name}_stderr": array for name, array in surface.stderr.items()}
    with path.open("wb") as stream:
        np.savez_compressed(stream, provenance=np.array(json.dumps(surface.provenance)), **arrays)
