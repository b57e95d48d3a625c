"""Nets in float64 whose units can be told apart, for the tests of alignment."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from landscape.alignment.groups import Group
from landscape.models.densenet import DenseNet
from landscape.models.resnet import ResNet
from landscape.models.vgg import VGG


def filled(net, seed=0):
    """Random weights, statistics of batch norm included, and eval mode."""
    generator = torch.Generator().manual_seed(seed)
    net = net.double().eval()
    for name, tensor in net.state_dict().items():
        if tensor.is_floating_point():
            noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
            tensor.copy_(noise.abs() + 0.5 if "running_var" in name else noise / max(tensor[0].numel(), 2) ** 0.5)
    return net


class Gated(nn.Module):
    """A squeeze-and-excitation gate, a grouped and a depthwise convolution that doubles channels, and a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.first, self.grouped = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 12, 3, groups=2)
        self.down, self.up = nn.Linear(8, 4), nn.Linear(4, 8)
        self.depthwise = nn.Conv2d(12, 24, 3, groups=12)
        self.last = nn.Linear(24, 5)
        self.shift = nn.Parameter(torch.zeros(1, 8, 1, 1))

    def forward(self, x):
        x = F.relu(self.first(x)) + self.shift
        x = x * torch.sigmoid(self.up(F.relu(self.down(x.mean((2, 3))))))[:, :, None, None]
        return self.last(self.depthwise(torch.relu(self.grouped(x))).amax((2, 3)))


class Halves(nn.Module):
    """Gated linear units, and positive and negative parts side by side."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 16), nn.Linear(8, 7), nn.Linear(14, 3)

    def forward(self, x):
        u, v = self.a(x).chunk(2, -1)
        h = self.b(u * torch.sigmoid(v))
        return self.c(torch.cat([h.relu(), (-h).relu()], -1))


class Tied(nn.Module):
    """An embedding whose weights are those of the last layer, and a residual block with layer norm."""

    def __init__(self):
        super().__init__()
        self.table, self.inner, self.norm = nn.Embedding(11, 8), nn.Linear(8, 8), nn.LayerNorm(8)
        self.out = nn.Linear(8, 11, bias=False)
        self.out.weight = self.table.weight

    def forward(self, tokens):
        x = self.table(tokens)
        return self.out(self.norm(x + F.gelu(self.inner(x))))


class Shuffled(nn.Module):
    """Channels that are shuffled between groups, cut into halves, flattened with their pixels, and reversed."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 12, 3), nn.Conv2d(6, 6, 1), nn.Linear(12 * 4, 5)
        self.norm = nn.GroupNorm(3, 12)

    def forward(self, x):
        x = self.norm(self.a(x))
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        x = torch.cat([x[:, :6], self.b(x[:, 6:]).flip(1)], 1)
        return self.c(F.adaptive_avg_pool2d(F.leaky_relu(x), 2).flatten(1))


class Fourier(nn.Module):
    """Something in the middle that no rule knows."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.c(F.relu(self.b(torch.fft.fft(self.a(x)).real)))


class Slices(nn.Module):
    """Slices that are used without weights of their own: changed in place, and summed up."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x):
        h = self.a(x)
        h.view(-1, 2, 4)[:, 0].mul_(2)
        return self.b(h.relu_()) + h[:, :2].amax(-1, keepdim=True)


class Residual(nn.Module):
    """Many blocks that all write into one group of units, which two inputs and one output say little of."""

    def __init__(self, width=32, hidden=64, blocks=8):
        super().__init__()
        self.first, self.last = nn.Linear(2, width), nn.Linear(width, 1)
        self.out = nn.ModuleList(nn.Linear(width, hidden) for _ in range(blocks))
        self.back = nn.ModuleList(nn.Linear(hidden, width) for _ in range(blocks))

    def forward(self, x):
        x = self.first(x)
        for out, back in zip(self.out, self.back, strict=True):
            x = x + back(torch.relu(out(x)))
        return self.last(x)


def transformer():
    layer = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, batch_first=True)
    return nn.Sequential(nn.Linear(4, 8), nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(8, 3))


def resnet(shortcut, bottleneck=False):
    return ResNet(blocks=(2, 2, 2), width=6, bottleneck=bottleneck, shortcut=shortcut)


IMAGES = (3, 12, 12)
# name -> (net, shape of one sample), small
NETS = {
    "mlp": (lambda: nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 12), nn.Tanh(), nn.Linear(12, 3)), (8,)),
    "layer_norm": (
        lambda: nn.Sequential(nn.Linear(8, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 9), nn.PReLU(9), nn.Linear(9, 3)), (8,)
    ),
    "vgg": (lambda: VGG(stages=((5, 6), (7,), (8, 8)), image_size=12), IMAGES),
    "resnet": (lambda: resnet("projection"), IMAGES),
    "resnet_padded": (lambda: resnet("padding"), IMAGES),
    "resnet_noshort": (lambda: resnet("none"), IMAGES),
    "bottleneck": (lambda: resnet("projection", True), IMAGES),
    "densenet": (lambda: DenseNet(blocks=(2, 2, 2, 2), growth=4), IMAGES),
    "residual": (Residual, (2,)),
    "gated": (Gated, IMAGES),
    "halves": (Halves, (6,)),
    "slices": (Slices, (6,)),
    "shuffled": (Shuffled, IMAGES),
    "transposed": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.ReLU(), nn.ConvTranspose2d(8, 6, 2, 2), nn.BatchNorm2d(6), nn.SiLU(), nn.Conv2d(6, 2, 1)
        ),
        IMAGES,
    ),
    "transformer": (transformer, (5, 4)),
}  # fmt: skip


def made(name, seed=0):
    """(net, a batch of five samples)."""
    build, shape = NETS[name]
    if name == "residual":  # with torch's first weights, whose biases tell little
        torch.manual_seed(seed)
        return build().double().eval(), torch.randn(5, *shape, dtype=torch.float64)
    generator = torch.Generator().manual_seed(99)
    return filled(build(), seed), torch.randn(5, *shape, generator=generator, dtype=torch.float64)


def state(net):
    """Its tensors, each under its first name."""
    seen = {}
    return {
        name: tensor
        for name, tensor in net.state_dict(keep_vars=True).items()
        if seen.setdefault(id(tensor), name) == name
    }


def with_tensors(build, tensors):
    """A new net with these tensors."""
    net = filled(build())
    net.load_state_dict({**net.state_dict(), **{name: tensor.detach() for name, tensor in tensors.items()}})
    return net


def drawn(groups: Sequence[Group], seed: int) -> list[np.ndarray]:
    """A random permutation of each group."""
    generator = np.random.default_rng(seed)
    return [generator.permutation(group.size) for group in groups]


def inverse(permutations: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Those that bring everything back."""
    return [np.argsort(order) for order in permutations]
