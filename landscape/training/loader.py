"""The batches that a net is trained on.

Owns: their order in each epoch, label noise, crops and flips, and smaller images under `progressive`. Data lie on the
device as they are stored (uint8 images take a quarter of the memory of floats); each batch is augmented and normalized
there.

uint8 images are cut, mirrored and normalized batch by batch on the device, so there are no worker processes and a GPU runs the
same code. Progressive resizing is an option because half the side costs a quarter; the last epochs see whole images, which also
sets the batch-norm statistics right.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from landscape.data.normalize import CHANNELS, is_images
from landscape.data.rows import RowsSplit
from landscape.data.split import BatchSplit, Split, StreamSplit, TensorSplit, prepare_inputs
from landscape.data.structure import to_device
from landscape.data.transfer import sent
from landscape.errors import DataError, UsageError
from landscape.objective.numerics import memory_budget
from landscape.training.seeding import generator_for

# The margin of random crops, as a share of the image: the usual 4 pixels of 32 (He et al. 2016, section 4.2).
MARGIN = 1 / 8


class TensorLoader:
    """Batches of tensors, `steps` in each epoch; an epoch leaves out the samples that do not fill a batch."""

    def __init__(
        self,
        split: TensorSplit,
        batch_size: int,
        *,
        augment: Sequence[str],
        label_noise: float,
        seed: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.device, self.split = device, replace(split, device=device, dtype=dtype)
        self.batch_size = min(batch_size, split.size)
        self.steps = split.size // self.batch_size
        self.augment, self.seed, self._epoch = tuple(augment), seed, -1
        if augment and not is_images(split.inputs):
            raise UsageError(f"augment {','.join(augment)}: the inputs are {tuple(split.inputs.shape)}, not images")
        whole = padded_images(split.inputs, "crop" in augment) if augment else split.inputs
        # data that do not fit on the device are sent batch by batch
        self.inputs = whole.to(device) if whole.nbytes <= memory_budget(device) else whole
        self.sides = tuple(_channels_last(split.inputs).shape[1:3]) if is_images(split.inputs) else ()
        self.targets = to_device(with_label_noise(split.targets, label_noise, seed), device, dtype)

    def order(self, epoch: int) -> Tensor:
        """Sample numbers (steps, batch_size), on the CPU."""
        shuffled = torch.randperm(self.split.size, generator=generator_for(self.seed, "order", epoch))
        return shuffled[: self.steps * self.batch_size].view(self.steps, self.batch_size)

    def batch(self, step: int, side: int | None = None) -> tuple[Tensor, Tensor]:
        """The batch of step 0, 1, ...; with `side`, images are averaged down to `side` x `side` pixels."""
        numbers = self._numbers(step)
        inputs = self._augmented(numbers, step) if self.augment else self.inputs[sent(numbers, self.inputs.device)]
        inputs = prepare_inputs(inputs, self.split.normalize, self.split.device, self.split.dtype)
        if side:
            inputs = downsampled(inputs, side)
        return self.split.pair(inputs, self.targets[sent(numbers, self.device)])

    def _numbers(self, step: int) -> Tensor:
        epoch, place = divmod(step, self.steps)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self.order(epoch)
        return self._order[place]

    def _augmented(self, numbers: Tensor, step: int) -> Tensor:
        """Crops and flips in one look-up, by the row and column of the stored image that each pixel comes from."""
        generator = generator_for(self.seed, "augment", step)
        count, (height, width) = len(numbers), self.sides
        rows, columns = torch.arange(height).expand(count, -1), torch.arange(width).expand(count, -1)
        if "flip" in self.augment:
            flipped = torch.rand(count, 1, generator=generator) < 0.5
            columns = torch.where(flipped, width - 1 - columns, columns)
        if "crop" in self.augment:
            down, right = (
                torch.randint(0, 2 * _margin(side) + 1, (count, 1), generator=generator) for side in (height, width)
            )
            rows, columns = rows + down, columns + right
        place = self.inputs.device
        number, row, column = (sent(part, place) for part in (numbers, rows, columns))
        cut = self.inputs[number[:, None, None], row[:, :, None], column[:, None, :]]
        return cut if cut.dtype == torch.uint8 else cut.permute(0, 3, 1, 2)


class ReadyBatchLoader:
    """Ready-made batches, as language models use them, in a new order in each epoch."""

    def __init__(self, split: BatchSplit, *, seed: int, device: torch.device, dtype: torch.dtype) -> None:
        self.ready, self.seed = [to_device(batch, device, dtype) for batch in split.ready], seed
        self.steps, self.device, self._epoch = len(self.ready), device, -1

    def batch(self, step: int, side: int | None = None) -> Any:
        if side:
            raise UsageError("progressive: ready-made batches cannot be resized; give tensors")
        epoch, place = divmod(step, self.steps)
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = torch.randperm(self.steps, generator=generator_for(self.seed, "order", epoch)).tolist()
        return copy.deepcopy(self.ready[self._order[place]])  # a loss may remove entries of a batch, or write into it


def make_loader(split: Split, batch_size: int, **options: Any) -> TensorLoader | ReadyBatchLoader:
    """The loader for a split.

    Raises:
        UsageError: augmentation of inputs that are not images, or label noise for targets that are not class numbers.
        DataError: the data are streamed because they do not fit into memory.
    """
    if isinstance(split, TensorSplit):
        return TensorLoader(split, batch_size, **options)
    if isinstance(split, RowsSplit) or (isinstance(split, StreamSplit) and split.nbytes):  # in memory, of another form
        split = BatchSplit(list(split.batches(batch_size)), split.size, split.of, split.fingerprint)
    if isinstance(split, BatchSplit):
        refused = [name for name in ("augment", "label_noise") if options.pop(name)]
        if refused:
            raise UsageError(f"{refused[0].replace('_', '-')}: ready-made batches are taken as they are; give tensors")
        return ReadyBatchLoader(split, **options)
    raise DataError("the training data do not fit into memory; take fewer with --samples N")


def reseeded(loader: TensorLoader | ReadyBatchLoader, seed: int) -> TensorLoader | ReadyBatchLoader:
    """The same samples, wrong labels included, in the order and with the augmentation of another seed."""
    other = copy.copy(loader)
    other.seed, other._epoch = seed, -1
    return other


def with_label_noise(targets: Tensor, share: float, seed: int) -> Tensor:
    """Labels of which a share is replaced by uniformly random ones (Zhang et al. 2017, arXiv:1611.03530).

    Raises:
        UsageError: the targets are not class numbers.
    """
    if not share:
        return targets
    if targets.is_floating_point() or targets.ndim != 1:
        raise UsageError(f"label-noise {share:g}: the targets are not class numbers; drop the option")
    generator = generator_for(seed, "labels")
    wrong = torch.rand(len(targets), generator=generator) < share
    drawn = torch.randint(0, int(targets.max()) + 1, targets.shape, generator=generator, dtype=targets.dtype)
    return torch.where(wrong.to(targets.device), drawn.to(targets.device), targets)


def downsampled(inputs: Tensor, side: int) -> Tensor:
    """Images (N, C, H, W) averaged down to (N, C, side, side).

    Raises:
        UsageError: the inputs are not images, or not larger.
    """
    if inputs.ndim != 4 or side >= min(inputs.shape[2:]):
        raise UsageError(f"progressive {side}: the inputs have shape {tuple(inputs.shape[1:])}; expected larger images")
    return F.adaptive_avg_pool2d(inputs, side)


def padded_images(images: Tensor, margin: bool) -> Tensor:
    """(N, H, W, C), with `margin` bordered by black pixels (for floats, by zeros)."""
    images = _channels_last(images)
    if not margin:
        return images.contiguous()
    high, wide = (_margin(side) for side in images.shape[1:3])
    return F.pad(images, (0, 0, wide, wide, high, high))


def _channels_last(images: Tensor) -> Tensor:
    """(N, H, W, C) from float images (N, C, H, W), or from uint8 images in the forms that `Normalize` accepts."""
    is_last = images.dtype == torch.uint8 and not (images.shape[1] in CHANNELS and images.shape[3] not in CHANNELS)
    return images if is_last else images.permute(0, 2, 3, 1)


def _margin(side: int) -> int:
    return max(1, round(side * MARGIN))
