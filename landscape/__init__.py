"""landscape: see the loss landscape of your neural network.

The functions here are the commands of the command line, loaded when first used; importing the package loads no heavy
library and changes no global state.
"""

from __future__ import annotations

import importlib
from typing import Any

from landscape.commands import COMMANDS

__version__ = "0.1.0"

_HOMES = {
    **{name: f"landscape.recipes.{name}" for name in COMMANDS},
    "load_checkpoint": "landscape.checkpoint.checkpoint",
    "save_checkpoint": "landscape.checkpoint.save",
    "Checkpoint": "landscape.checkpoint.checkpoint",
    "load_surface": "landscape.surfaces",
    "Surface": "landscape.surfaces.surface",
    "load_spectrum": "landscape.surfaces.spectrum",
    "Spectrum": "landscape.surfaces.spectrum",
    "barriers": "landscape.surfaces.barriers",
    "figure": "landscape.recipes.figure",
    "show": "landscape.recipes.show",
    "widget": "landscape.recipes.show",
    "log_to": "landscape.tracking",
    "Recorder": "landscape.training.recorder",
    "lightning_callback": "landscape.training.callbacks",
    "transformers_callback": "landscape.training.callbacks",
    "Loss": "landscape.objective.described",
    "LandscapeError": "landscape.errors",
    "UsageError": "landscape.errors",
}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'landscape' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
