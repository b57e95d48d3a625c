"""VGG nets with batch norm for small images.

Owns: the VGG of Simonyan & Zisserman 2015 (arXiv:1409.1556) in the form that Li et al. 2018 trained (their
VGG-9), and deeper ones. Parameter names: `features.N`, `fc.0`, `fc.1`, `classifier`. The table of names is in
`zoo.py`.
"""

from __future__ import annotations

from torch import Tensor, nn


def side_after(image_size: int, poolings: int) -> int:
    """Height of the feature maps after `poolings` 2x2 poolings that round up.

    >>> side_after(32, 3), side_after(8, 5)
    (4, 1)
    """
    for _ in range(poolings):
        image_size = -(-image_size // 2)
    return image_size


class VGG(nn.Module):
    """Stages of 3x3 convolutions (with bias) and batch norm, a 2x2 max pooling after each, two linear layers.

    Args:
        stages: for each stage, the number of output channels of its convolutions.
        image_size: height and width of the images, which determine the size of the first linear layer.
    """

    def __init__(
        self,
        *,
        stages: tuple[tuple[int, ...], ...],
        num_classes: int = 10,
        in_channels: int = 3,
        image_size: int = 32,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = in_channels
        for stage in stages:
            for maps in stage:
                layers += [nn.Conv2d(channels, maps, 3, padding=1), nn.BatchNorm2d(maps), nn.ReLU()]
                channels = maps
            layers.append(nn.MaxPool2d(2, stride=2, ceil_mode=True))
        side = side_after(image_size, len(stages))
        self.features = nn.Sequential(*layers)
        inputs = channels * side * side
        self.fc = nn.Sequential(nn.Linear(inputs, channels), nn.BatchNorm1d(channels), nn.ReLU())
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, image_size, image_size) -> (N, num_classes)."""
        return self.classifier(self.fc(self.features(x).flatten(1)))
