"""The schedule `plateau`: the learning rate falls when the training loss no longer does.

Owns: the factor on the learning rate, and what it follows from: the mean training loss of each pass over the data. Its state is
part of that of a run. The rule is torch's ReduceLROnPlateau with its defaults, by test.
"""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

# A loss counts as lower if it is below the best by this share of it, as torch has it.
LEAST_GAIN = 1e-4


class Plateau:
    """`factor` is multiplied by `gamma` after more than `patience` passes in a row without a lower loss."""

    def __init__(self, gamma: float, patience: int) -> None:
        self.factor, self._gamma, self._patience = 1.0, gamma, patience
        self._best, self._waited = math.inf, 0
        self._sum: Tensor | float = 0.0
        self._samples = 0

    def add(self, loss: Tensor, samples: int) -> None:
        """Counts a step with the mean `loss` () of its samples; the sum stays on the device."""
        self._sum = self._sum + loss.detach().double() * samples
        self._samples += samples

    def end_pass(self) -> None:
        """Decides after a pass over the data."""
        mean = float(self._sum) / self._samples
        self._sum, self._samples = 0.0, 0
        if mean < self._best * (1 - LEAST_GAIN):
            self._best, self._waited = mean, 0
        else:
            self._waited += 1
        if self._waited > self._patience:
            self.factor, self._waited = self.factor * self._gamma, 0

    def state(self) -> dict[str, Any]:
        """Plain values."""
        found = {"factor": self.factor, "best": self._best, "waited": self._waited}
        return {**found, "sum": float(self._sum), "samples": self._samples}

    def restore(self, state: dict[str, Any]) -> None:
        """Continues from a `state`."""
        self.factor, self._best, self._waited = state["factor"], state["best"], state["waited"]
        self._sum, self._samples = state["sum"], state["samples"]
