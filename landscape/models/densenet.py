"""DenseNets for small images.

Owns: the bottleneck DenseNet with compression 1/2 of Huang et al. 2017 (arXiv:1608.06993) in the form that Li
et al. 2018 trained. Parameter names: `conv1 dense1.0.bn1 ... trans1.bn trans1.conv ... bn linear`. The table of
names is in `zoo.py`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DenseLayer(nn.Module):
    """Pre-activation 1x1 and 3x3 convolutions; their output is concatenated before the input channels."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, 4 * growth, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        new = self.conv1(F.relu(self.bn1(x)))
        new = self.conv2(F.relu(self.bn2(new)))
        # New channels come first: the weights of every later layer depend on this order.
        return torch.cat([new, x], dim=1)


class Transition(nn.Module):
    """Between two dense stages: fewer channels, half the height and width."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(channels_in)
        self.conv = nn.Conv2d(channels_in, channels_out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(self.conv(F.relu(self.bn(x))), 2)


class DenseNet(nn.Module):
    """A convolution, four dense stages with transitions between them, the mean over the image, a linear layer.

    Args:
        blocks: number of dense layers in each of the four stages.
        growth: channels that a dense layer adds.
    """

    def __init__(
        self, *, blocks: tuple[int, int, int, int], growth: int, num_classes: int = 10, in_channels: int = 3
    ) -> None:
        super().__init__()
        channels = 2 * growth
        self.conv1 = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.stages: list[str] = []
        for number, layers in enumerate(blocks, start=1):
            dense = [DenseLayer(channels + i * growth, growth) for i in range(layers)]
            channels += layers * growth
            self._add_stage(f"dense{number}", nn.Sequential(*dense))
            if number < len(blocks):
                self._add_stage(f"trans{number}", Transition(channels, channels // 2))
                channels //= 2
        self.bn = nn.BatchNorm2d(channels)
        self.linear = nn.Linear(channels, num_classes)

    def _add_stage(self, name: str, stage: nn.Module) -> None:
        self.add_module(name, stage)
        self.stages.append(name)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, num_classes), for H and W of at least 8."""
        x = self.conv1(x)
        for name in self.stages:
            x = getattr(self, name)(x)
        return self.linear(torch.mean(F.relu(self.bn(x)), dim=(2, 3)))
