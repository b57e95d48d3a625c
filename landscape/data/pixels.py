"""Inputs of a net in the units of before their normalization: pixels from 0 to 1.

Owns: `Pixels`, the way from one to the other. A shift of a pixel, divided by the standard deviation of its channel, is the shift
of the net's input, so a shift of zero leaves an input as it is, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from landscape.data.normalize import PRESETS, Normalize
from landscape.data.transfer import sent
from landscape.errors import DataError

UNIT = (0.0, 1.0)


@dataclass(frozen=True)
class Pixels:
    """How the inputs were normalized, and between which values they are valid; `box` None: any value is."""

    normalize: Normalize = PRESETS["none"]
    box: tuple[float, float] | None = None

    def of(self, inputs: Tensor) -> Tensor:
        """(n, ...) inputs of the net -> before normalization."""
        if not self.normalize.std:
            return inputs
        mean, std = self._channels(inputs)
        return inputs * std + mean

    def scaled(self, shift: Tensor) -> Tensor:
        """(n, ...) a shift of pixels -> the shift of the net's inputs."""
        return shift / self._channels(shift)[1] if self.normalize.std else shift

    def room(self, inputs: Tensor) -> tuple[Tensor, Tensor] | None:
        """(lowest, highest) shift (n, ...) of each pixel that leaves it valid; None where all are.

        A shift of zero is always allowed, also for a sample that is not valid itself.
        """
        if self.box is None:
            return None
        pixels = self.of(inputs)
        return (self.box[0] - pixels).clamp(max=0.0), (self.box[1] - pixels).clamp(min=0.0)

    def _channels(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each channel, to be broadcast."""
        shape = (1, -1, *[1] * (like.ndim - 2))
        mean, std = (
            sent(torch.tensor(each, dtype=like.dtype), like.device).view(shape)
            for each in (self.normalize.mean, self.normalize.std)
        )
        if mean.shape[1] not in (1, like.shape[1]):
            raise DataError(
                f"normalize '{self.normalize.name}' has {mean.shape[1]} channels, the inputs have {like.shape[1]}"
            )
        return mean, std
