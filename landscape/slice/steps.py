"""The checkpoints of a training run as a slice, with the training step as coordinate.

Owns: which nets a run folder holds, and the weights and BN statistics of each. Knows no loss.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from landscape.checkpoint.checkpoint import changed, load_checkpoint
from landscape.checkpoint.fit import fitting
from landscape.errors import UsageError
from landscape.grid import Axis, Grid
from landscape.layout import Layout, real_form
from landscape.members import named_buffers
from landscape.regular import file_state
from landscape.slice.slice import Coords, nearest

STEP = re.compile(r"step_(\d+)\.pt$")


class Steps:
    """`at((step,))` is the net of that step; `model` names the tensors and does not change."""

    def __init__(self, files: Mapping[float, Path], model: nn.Module, layout: Layout, like: Tensor):
        """`like`: a vector (layout.size,) of the dtype and device that weights are wanted in."""
        self.files, self._model, self._layout, self._like = dict(files), model, layout, like
        self.nbytes = 0
        self._found = {path: file_state(path) for path in self.files.values()}
        self._held: tuple[float, dict[str, Tensor]] | None = None

    @property
    def grid(self) -> Grid:
        return Grid((Axis("x", np.array(sorted(self.files)), "training step", "step"),))

    def at(self, coords: Coords, *, out: Tensor | None = None) -> Tensor:
        out = torch.zeros_like(self._like) if out is None else out.zero_()  # gaps of the layout are zero
        found = self._tensors(coords[0])
        for name, view in self._layout.named(out).items():
            view.copy_(real_form(found[name]))
        return out

    def buffers(self, coords: Coords) -> Mapping[str, Tensor]:
        found, own = self._tensors(coords[0]), dict(named_buffers(self._model))
        return {name: tensor for name, tensor in found.items() if name in own and name not in self._layout.names}

    def project(self, weights: Tensor) -> tuple[tuple[float, ...], float]:
        """The nearest checkpoint; all of them are read."""
        return nearest(self, weights, ((step,) for step in self.files))

    def _tensors(self, step: float) -> dict[str, Tensor]:
        if self._held is None or self._held[0] != step:
            path = self.files[step]
            first = self._found.setdefault(path, file_state(path))  # of a net that has been saved since the run began
            self._held = step, fitting(self._model, load_checkpoint(path))
            if file_state(path) != first:
                raise changed(path)
        return self._held[1]


def checkpoints_of(folder: Path, least: int = 2) -> dict[float, Path]:
    """The nets of a run folder by training step.

    Raises:
        UsageError: fewer than `least`.
    """
    matches = {path: STEP.search(path.name) for path in sorted((folder / "checkpoints").glob("step_*.pt"))}
    found = {float(match[1]): path for path, match in matches.items() if match}
    if len(found) < least:
        raise UsageError(
            f"{folder}: {len(found)} nets in {folder / 'checkpoints'}; a path needs at least two; train with --save-every"
        )
    return found
