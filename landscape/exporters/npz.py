"""A surface as compressed numpy arrays, with its provenance as JSON."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from landscape.errors import UsageError
from landscape.surfaces.surface import Surface


def write(surface: Surface, path: Path) -> None:
    arrays: dict[str, Any] = {"provenance": np.array(json.dumps(surface.provenance))}
    named = [(axis.name, axis.values) for axis in surface.grid.axes]
    named += [*surface.values.items(), *((f"{name}_stderr", array) for name, array in surface.stderr.items())]
    for name, array in named:
        if name in arrays or name == "file":
            raise UsageError(f"npz: two arrays would be called '{name}'; rename the metric, or export as .csv or .nc")
        arrays[name] = array
    image = io.BytesIO()  # on a full disk, closing a half-written archive raises a second error
    np.savez_compressed(image, **arrays)
    path.write_bytes(image.getbuffer())
