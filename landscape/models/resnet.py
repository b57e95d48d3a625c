"""Residual nets for small images, with and without their shortcuts.

Owns: the ResNets of He et al. 2016 (arXiv:1512.03385), section 4.2, in the form that Li et al. 2018
(arXiv:1712.09913) trained them: three stages of basic blocks ("CIFAR", also widened) and four stages of
basic or bottleneck blocks. Parameter names are those of the published checkpoints: `conv1 bn1
layer1.0.conv1 ... layer1.0.shortcut.0 ... linear`. Initial weights are PyTorch's defaults. The table of names is
in `zoo.py`.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Shortcut = Literal["projection", "padding", "none"]


class PaddedShortcut(nn.Module):
    """Option A of He et al.: every `stride`-th pixel, and zeros for the new channels, half on each side."""

    def __init__(self, new_channels: int, stride: int) -> None:
        super().__init__()
        self.before = new_channels // 2
        self.after = new_channels - self.before
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C + new, ceil(H / stride), ceil(W / stride))."""
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, self.before, self.after))


def make_shortcut(channels_in: int, channels_out: int, stride: int, kind: Shortcut) -> nn.Module | None:
    """The shortcut of a block: an empty Sequential is the identity; None means no shortcut."""
    if kind == "none":
        return None
    if stride == 1 and channels_in == channels_out:
        return nn.Sequential()
    if kind == "padding":
        return PaddedShortcut(channels_out - channels_in, stride)
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 1, stride=stride, bias=False), nn.BatchNorm2d(channels_out)
    )


class BasicBlock(nn.Module):
    """Two 3x3 convolutions."""

    expansion = 1

    def __init__(self, channels_in: int, width: int, stride: int, shortcut: Shortcut) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = make_shortcut(channels_in, width, stride, shortcut)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y if self.shortcut is None else y + self.shortcut(x))


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions; the output has four times the width."""

    expansion = 4

    def __init__(self, channels_in: int, width: int, stride: int, shortcut: Shortcut) -> None:
        super().__init__()
        channels_out = width * self.expansion
        self.conv1 = nn.Conv2d(channels_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, channels_out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels_out)
        self.shortcut = make_shortcut(channels_in, channels_out, stride, shortcut)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        if self.shortcut is None:
            # The program of Li et al. has no last ReLU here (but has one in the basic block). With a ReLU, the
            # surfaces of its resnet50/101/152_noshort checkpoints would not be reproduced.
            return y
        return F.relu(y + self.shortcut(x))


class ResNet(nn.Module):
    """A convolution, stages of blocks, the mean over the image, a linear layer.

    Each stage but the first halves height and width and doubles the number of channels.

    Args:
        blocks: number of blocks in each stage.
        width: channels of conv1 and of the first stage.
        bottleneck: Bottleneck blocks instead of BasicBlock.
        shortcut: "projection" (option B, 1x1 convolution and batch norm where shapes change), "padding"
            (option A), or "none".
    """

    def __init__(
        self,
        *,
        blocks: tuple[int, ...],
        width: int,
        bottleneck: bool = False,
        shortcut: Shortcut = "projection",
        num_classes: int = 10,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        block = Bottleneck if bottleneck else BasicBlock
        self.conv1 = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        channels = width
        self.stages = tuple(f"layer{number}" for number in range(1, len(blocks) + 1))
        for index, name in enumerate(self.stages):
            stage_width = width * 2**index
            strides = [1 if index == 0 else 2] + [1] * (blocks[index] - 1)
            stage = []
            for stride in strides:
                stage.append(block(channels, stage_width, stride, shortcut))
                channels = stage_width * block.expansion
            self.add_module(name, nn.Sequential(*stage))
        self.linear = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, num_classes), for any H and W."""
        x = F.relu(self.bn1(self.conv1(x)))
        for name in self.stages:
            x = getattr(self, name)(x)
        return self.linear(torch.mean(x, dim=(2, 3)))
