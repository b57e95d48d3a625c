"""A stand-in for the original program: a checkpoint, images, directions and a surface in its layout.

Owns: an independent computation in float64 with torch and h5py alone: the net of the zoo written out with plain functions, its
directions, and the loss at every point. Nothing is imported from `landscape`, so comparisons with the original's layout and
arithmetic run everywhere; where the files that the original wrote are at hand, the same tests take those, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

WIDTHS, BLOCKS, CLASSES, IMAGES, SIDE = (16, 32, 64), 3, 10, 12, 8
# Not square, so that a transposed array is noticed.
X, Y = np.linspace(-1, 1, 5), np.linspace(-0.5, 0.5, 3)
MEAN, STD = (
    torch.tensor(rgb, dtype=torch.float64).view(3, 1, 1) / 255 for rgb in ((125.3, 123.0, 113.9), (63.0, 62.1, 66.7))
)


@dataclass(frozen=True)
class Original:
    """`folder` has checkpoint.th, images.npz, directions.h5 and surface.h5; `rtol` is what its losses are good for."""

    folder: Path
    rtol: float
    precision: str


def make(folder: Path) -> Original:
    """Writes the four files."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (IMAGES, SIDE, SIDE, 3), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, CLASSES, (IMAGES,), generator=generator)
    inputs = (images.permute(0, 3, 1, 2).double() / 255 - MEAN) / STD
    state = _first_weights(generator)
    resnet20(state, inputs, settle=True)
    names = [name for name in state if "running" not in name]
    directions = [[_direction(state[name], generator) for name in names] for _ in "xy"]
    _write_checkpoint(folder / "checkpoint.th", state)
    np.savez(folder / "images.npz", images=images.numpy(), labels=labels.numpy())
    with h5py.File(folder / "directions.h5", "w") as file:
        for group, tensors in zip(("xdirection", "ydirection"), directions, strict=True):
            for number, tensor in enumerate(tensors):
                file[f"{group}/{number}"] = tensor.numpy()
    _write_surface(folder / "surface.h5", state, names, directions, inputs, labels)
    return Original(folder, rtol=1e-12, precision="fp64")


def resnet20(state: dict[str, Tensor], x: Tensor, settle: bool = False) -> Tensor:
    """(n, 3, side, side) -> (n, classes), with shortcuts of option A; `settle` first sets batch-norm statistics to those of x."""

    def normed(x: Tensor, name: str) -> Tensor:
        if settle:
            state[f"{name}.running_mean"], state[f"{name}.running_var"] = x.mean((0, 2, 3)), x.var((0, 2, 3))
        mean, var, weight, bias = (
            state[f"{name}.{part}"].view(-1, 1, 1) for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / torch.sqrt(var + 1e-5) * weight + bias

    x = F.relu(normed(F.conv2d(x, state["conv1.weight"], padding=1), "bn1"))
    for stage, width in enumerate(WIDTHS):
        for block in range(BLOCKS):
            name, stride = f"layer{stage + 1}.{block}", 2 if stage and not block else 1
            inner = F.relu(normed(F.conv2d(x, state[f"{name}.conv1.weight"], stride=stride, padding=1), f"{name}.bn1"))
            inner = normed(F.conv2d(inner, state[f"{name}.conv2.weight"], padding=1), f"{name}.bn2")
            new = (width - x.shape[1]) // 2
            x = F.relu(inner + F.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, new, new)))
    return F.linear(x.mean((2, 3)), state["linear.weight"], state["linear.bias"])


def _first_weights(generator: torch.Generator) -> dict[str, Tensor]:
    """In the order of `state_dict()`; float32 numbers, as checkpoints have, but held in float64."""
    shapes: dict[str, tuple[int, ...]] = {"conv1.weight": (16, 3, 3, 3), "bn1": (16,)}
    channels = WIDTHS[0]
    for stage, width in enumerate(WIDTHS):
        for block in range(BLOCKS):
            for number in (1, 2):
                name = f"layer{stage + 1}.{block}"
                shapes[f"{name}.conv{number}.weight"], shapes[f"{name}.bn{number}"] = (width, channels, 3, 3), (width,)
                channels = width
    shapes |= {"linear.weight": (CLASSES, channels), "linear.bias": (CLASSES,)}

    def drawn(shape: tuple[int, ...]) -> Tensor:
        fan_in = max(1, int(np.prod(shape[1:])))
        return (torch.randn(shape, generator=generator) / fan_in**0.5).double()

    state: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        if len(shape) == 1 and "bn" in name:
            state[f"{name}.weight"], state[f"{name}.bias"] = 1 + 0.1 * drawn(shape), 0.1 * drawn(shape)
            state[f"{name}.running_mean"], state[f"{name}.running_var"] = torch.zeros(shape), torch.ones(shape)
        else:
            state[name] = drawn(shape)
    return {name: tensor.float().double() for name, tensor in state.items()}


def _direction(weights: Tensor, generator: torch.Generator) -> Tensor:
    """Gaussian; filters of the norm of the weights' filters; zero for biases and batch norm."""
    drawn = torch.randn(weights.shape, generator=generator).double()
    if weights.ndim <= 1:
        return torch.zeros_like(weights)
    for filter_, wanted in zip(drawn, weights, strict=True):
        filter_ *= wanted.norm() / filter_.norm()
    return drawn


def _write_checkpoint(path: Path, state: dict[str, Tensor]) -> None:
    """As DataParallel names the entries, in float32: what is evaluated here is rounded to that first."""
    for name in state:
        state[name] = state[name].float().double()
    torch.save(
        {"state_dict": {f"module.{name}": tensor.float() for name, tensor in state.items()}, "best_prec1": 9.0}, path
    )


def _write_surface(path, state, names, directions, inputs, labels) -> None:
    """Arrays declared (nx, ny), filled at ravelled positions of a meshgrid; what is not computed would be -1."""
    losses, accuracies = (-np.ones((len(X), len(Y))) for _ in range(2))
    xs, ys = (mesh.ravel() for mesh in np.meshgrid(X, Y))
    for index, (a, b) in enumerate(zip(xs, ys, strict=True)):
        steps = {name: a * x + b * y for name, x, y in zip(names, *directions, strict=True)}
        outputs = resnet20({name: tensor + steps.get(name, 0.0) for name, tensor in state.items()}, inputs)
        losses.ravel()[index] = F.cross_entropy(outputs, labels).item()
        accuracies.ravel()[index] = 100 * (outputs.argmax(1) == labels).double().mean().item()
    with h5py.File(path, "w") as file:
        file["xcoordinates"], file["ycoordinates"] = X, Y
        file["train_loss"], file["train_acc"] = losses, accuracies
        file["dir_file"] = "net_weights_xignore=biasbn_xnorm=filter_yignore=biasbn_ynorm=filter.h5"
