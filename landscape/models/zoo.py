"""The table of the zoo: names such as `resnet56_noshort`, with the builder of each net.

Owns: the names. It has all names of the program of Li et al. 2018 (arXiv:1712.09913), with the same meaning.
The suffix `_noshort` removes all shortcuts; `_a` replaces the projections (option B) by parameter-free padding
(option A), the form of the original CIFAR ResNets of He et al. 2016. The nets themselves are in the files beside
this one.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import partial

from torch import nn

from landscape.errors import UsageError
from landscape.models.densenet import DenseNet
from landscape.models.resnet import ResNet, Shortcut
from landscape.models.vgg import VGG

Builder = partial[ResNet] | partial[VGG] | partial[DenseNet]
SUFFIXES: dict[str, Shortcut] = {"": "projection", "_a": "padding", "_noshort": "none"}

# Depth -> name. `resnet50` is the four-stage net, so the name of the three-stage net has its first width in it.
THREE_STAGE = {
    20: "resnet20",
    32: "resnet32",
    44: "resnet44",
    50: "resnet50_16",
    56: "resnet56",
    110: "resnet110",
}
WIDE = ((56, 2), (56, 4), (56, 8), (110, 2), (110, 4))
FOUR_STAGE = {
    "resnet18": ((2, 2, 2, 2), False),
    "resnet34": ((3, 4, 6, 3), False),
    "resnet50": ((3, 4, 6, 3), True),
    "resnet101": ((3, 4, 23, 3), True),
    "resnet152": ((3, 8, 36, 3), True),
}
VGGS = {
    "vgg9": ((64,) * 2, (128,) * 2, (256,) * 3),
    "vgg16": ((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3),
    "vgg19": ((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4),
}
DENSENETS = {
    "densenet121": ((6, 12, 24, 16), 32),
    "densenet161": ((6, 12, 36, 24), 48),
    "densenet169": ((6, 12, 32, 32), 32),
    "densenet201": ((6, 12, 48, 32), 32),
    "densenet_cifar": ((6, 12, 24, 16), 12),
}


def _three_stage_nets() -> Iterator[tuple[str, Builder]]:
    widths = [(depth, 16, name) for depth, name in THREE_STAGE.items()]
    widths += [(depth, 16 * factor, f"wrn{depth}_{factor}") for depth, factor in WIDE]
    for depth, width, name in widths:
        # Two convolutions in each block of three stages, plus conv1 and linear.
        blocks = ((depth - 2) // 6,) * 3
        for suffix, shortcut in SUFFIXES.items():
            yield name + suffix, partial(ResNet, blocks=blocks, width=width, bottleneck=False, shortcut=shortcut)


def _four_stage_nets() -> Iterator[tuple[str, Builder]]:
    for name, (blocks, bottleneck) in FOUR_STAGE.items():
        for suffix in ("", "_noshort"):
            shortcut = SUFFIXES[suffix]
            yield name + suffix, partial(ResNet, blocks=blocks, width=64, bottleneck=bottleneck, shortcut=shortcut)


ZOO: dict[str, Builder] = {
    **dict(_three_stage_nets()),
    **dict(_four_stage_nets()),
    **{name: partial(VGG, stages=stages) for name, stages in VGGS.items()},
    **{name: partial(DenseNet, blocks=blocks, growth=growth) for name, (blocks, growth) in DENSENETS.items()},
}


def build_zoo(name: str, *, num_classes: int = 10, in_channels: int = 3, image_size: int = 32) -> nn.Module:
    """A net of the zoo with initial weights; only the VGG nets use `image_size`.

    Raises:
        UsageError: there is no net of this name.
    """
    if name not in ZOO:
        raise UsageError(f"model '{name}' is unknown; {_close_names(name)}{OTHER_FORMS}")
    size = {"image_size": image_size} if ZOO[name].func is VGG else {}
    return ZOO[name](num_classes=num_classes, in_channels=in_channels, **size)


OTHER_FORMS = "other models are named torchvision:NAME, timm:NAME, package.module:callable or path/to/file.py:callable"


def _close_names(name: str) -> str:
    if name.endswith(".py"):
        return f"name the function or class in that file too, such as {name}:build; "
    close = difflib.get_close_matches(name.lower(), ZOO, n=3, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(close)}? Otherwise, "
    return "the zoo has resnet56, vgg9, densenet121 and others; "
