"""Which zoo nets a state dict fits, from its names and shapes alone.

Owns: the reading of sizes from shapes, and the search of the zoo for nets with exactly these entries. Two nets have the
same entries when one has padded shortcuts and the other none; `choose.py` decides between them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor

from landscape.models.densenet import DenseNet
from landscape.models.resnet import ResNet
from landscape.models.vgg import VGG
from landscape.models.zoo import ZOO, build_zoo


def recognize(state_dict: Mapping[str, Tensor]) -> tuple[str, ...]:
    """The zoo names of the nets that load this state dict with `strict=True`: none, one, or two that differ in shortcuts.

    Args:
        state_dict: parameters and buffers, without prefixes such as `module.`.
    """
    shapes = _shapes(state_dict)
    return tuple(name for name in _candidates(shapes) if _entries_of(name, state_dict) == shapes)


def sizes(state_dict: Mapping[str, Tensor]) -> dict[str, int]:
    """`num_classes`, `in_channels` and `image_size` of a zoo net, from the shapes; {} for others."""
    shapes = _shapes(state_dict)
    found = {}
    for name in ("linear.weight", "classifier.weight"):
        if len(shapes.get(name, ())) == 2:
            found["num_classes"] = shapes[name][0]
    for name in ("conv1.weight", "features.0.weight"):
        if len(shapes.get(name, ())) == 4:
            found["in_channels"] = shapes[name][1]
    if len(shapes.get("fc.0.weight", ())) == 2:
        maps, inputs = shapes["fc.0.weight"]
        # Poolings round up, so several image sizes give this shape; the largest is the one without rounding.
        found["image_size"] = round((inputs / maps) ** 0.5) * 2 ** len(_vgg_stages(shapes))
    return found


def _shapes(state_dict: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    # Checkpoints of torch 0.3 still circulate; they lack num_batches_tracked, and strict loading allows that.
    return {key: tuple(value.shape) for key, value in state_dict.items() if not key.endswith("num_batches_tracked")}


def _entries_of(name: str, state_dict: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return _shapes(build_zoo(name, **sizes(state_dict)).state_dict())


def _candidates(shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Names whose structure is the one read from the keys; `recognize` checks whether all else fits."""
    if "features.0.weight" in shapes:
        return _matching(VGG, stages=_vgg_stages(shapes))
    if "dense1.0.conv2.weight" in shapes:
        return _matching(DenseNet, blocks=_block_counts("dense", shapes), growth=shapes["dense1.0.conv2.weight"][0])
    if "layer1.0.conv1.weight" in shapes and "conv1.weight" in shapes:
        projected = any(".shortcut." in key for key in shapes)
        return _matching(
            ResNet,
            blocks=_block_counts("layer", shapes),
            width=shapes["conv1.weight"][0],
            bottleneck="layer1.0.conv3.weight" in shapes,
            shortcut=("projection",) if projected else ("padding", "none"),
        )
    return []


def _matching(family: type, *, shortcut: tuple[str, ...] = (), **structure: object) -> list[str]:
    def fits(entry: partial) -> bool:
        return (
            entry.func is family
            and (not shortcut or entry.keywords["shortcut"] in shortcut)
            and all(entry.keywords[key] == value for key, value in structure.items())
        )

    return [name for name, entry in ZOO.items() if fits(entry)]


def _block_counts(stage: str, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    """(9, 9, 9) for keys `layer1.0...` to `layer3.8...`."""
    found = {match.groups() for key in shapes if (match := re.match(rf"{stage}(\d+)\.(\d+)\.", key))}
    numbers = sorted({int(number) for number, _ in found})
    return tuple(sum(int(number) == wanted for number, _ in found) for wanted in numbers)


def _vgg_stages(shapes: Mapping[str, tuple[int, ...]]) -> tuple[tuple[int, ...], ...]:
    """((64, 64), (128, 128), ...): a convolution takes three places of `features`, a pooling one more."""
    places = sorted(
        (int(match.group(1)), shape[0])
        for key, shape in shapes.items()
        if len(shape) == 4 and (match := re.fullmatch(r"features\.(\d+)\.weight", key))
    )
    stages: list[list[int]] = []
    expected = -1
    for place, maps in places:
        if place != expected:
            stages.append([])
        stages[-1].append(maps)
        expected = place + 3
    return tuple(map(tuple, stages))
