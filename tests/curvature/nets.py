"""Small nets in which every kind of layer occurs, for the tests of products."""

import torch
import torch.nn.functional as F
from torch import nn

from landscape.models.resnet import ResNet


class Joined(nn.Module):
    """Operations of many kinds: concatenation, slices, two poolings, a layer used twice, smooth functions."""

    def __init__(self):
        super().__init__()
        self.first, self.twice = nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(3, 3, 1)
        self.grouped, self.norm = nn.Conv2d(6, 4, 3, groups=2, stride=2), nn.BatchNorm2d(4)
        self.pool, self.drop, self.last = nn.MaxPool2d(2, stride=1), nn.Dropout(0.5), nn.Linear(3, 3)

    def forward(self, x):
        x = torch.tanh(self.first(x))
        x = self.twice(F.silu(self.twice(x)))
        x = torch.cat([x, F.avg_pool2d(x, 3, 1, 1)], dim=1)
        x = self.pool(F.relu(self.norm(self.grouped(x))))
        x = self.drop(x)[:, 1:].flatten(2).mean(dim=2)
        return self.last(x)


class Transposed(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.norm, self.line = nn.ConvTranspose2d(2, 3, 2, stride=2), nn.BatchNorm2d(3), nn.Linear(3, 3)

    def forward(self, x):
        return self.line(self.norm(self.up(x)).relu().mean((2, 3)))


class Rectified(nn.Module):
    """Rectifiers that share a cotangent, and whose inputs are read by others too, also through a sum with the data."""

    def __init__(self):
        super().__init__()
        self.same, self.left, self.right = nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(4, 3, 3), nn.Conv2d(4, 3, 3)
        self.line, self.last = nn.Conv2d(3, 3, 1), nn.Linear(3, 3)

    def forward(self, x):
        y = self.same(x)
        x = torch.cat([F.relu(y + x), y], dim=1)
        y = self.line(F.relu(self.left(x)) + F.relu(self.right(x)))
        return self.last((F.relu(F.relu(y)) + y).mean((2, 3)))


def resnet(shortcut):
    return ResNet(blocks=(1, 1), width=2, shortcut=shortcut, num_classes=3, in_channels=2)


NETS = {
    "projection": lambda: resnet("projection"),
    "padding": lambda: resnet("padding"),
    "no shortcuts": lambda: resnet("none"),
    "joined": Joined,
    "rectified": Rectified,
    "transposed": Transposed,
}


def seen(net):
    """In eval mode, with batch norm statistics that are not those of a fresh net."""
    torch.manual_seed(3)
    for _ in range(3):
        net(2 * torch.randn(16, 2, 6, 6))
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias)
    return net.eval()
