"""Two kinds of pictures of figure `lecture`: the fits of a noisy curve, and what the first weights do through depth.

Usage: lecture_curves.py RUNS FOLDER: draws fits.png, relu.png and tanh.png from the trained nets.

Owns: what is computed from these nets, and which curves the pictures have. They are drawn as all pictures of landscape are.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import lecture_nets
import numpy as np
import torch
from torch import nn

import landscape as ll
from landscape.data.digits import read_digits
from landscape.data.normalize import parse_normalize
from landscape.render.still.picture import draw
from landscape.scene.colors import ACCURACY_COLOR, INK, LOSS_COLOR, NEGATIVE_COLOR, OTHER_COLOR
from landscape.scene.scale import LINEAR, LOG, Scale
from landscape.scene.scene import Caption, Frame, Scene
from landscape.scene.views.curve import scaled_axis
from landscape.scene.views.lines import Curve, Lines, Strip, ValueAxis

ITERATIONS = (25, 100, 500, 2000)
STARTS = {"glorot": "Glorot", "he": "He", "torch": "variance of torch's nn.Linear"}
COLORS = (LOSS_COLOR, NEGATIVE_COLOR, OTHER_COLOR, ACCURACY_COLOR)
SAMPLES = 1000
UNITS = {"relu": "ReLU", "tanh": "tanh"}


def curve(label: str, x: np.ndarray, y: np.ndarray, color: str, *, dots: bool = False, dashed: bool = False) -> Curve:
    return Curve(
        metric=label,
        label=label,
        x=x,
        y=y,
        low=None,
        high=None,
        color=color,
        dashed=dashed,
        right=False,
        percent=False,
        dots=dots,
    )


def points(x: np.ndarray, y: np.ndarray, color: str) -> Curve:
    """Dots without lines between them."""
    gaps = np.full(len(x), np.nan)
    return curve("", np.repeat(x, 2), np.column_stack([y, gaps]).ravel(), color, dots=True)


def net_of(run: Path, build: str, step: int) -> nn.Module:
    net = getattr(lecture_nets, build)()
    net.load_state_dict(ll.load_checkpoint(run / "checkpoints" / f"step_{step:07d}.pt").state_dict)
    return net.eval()


def fits(run: Path) -> Scene:
    """The net after some iterations, over the samples and the curve that they were drawn from."""
    x = np.linspace(-1.0, 1.0, 401)
    inputs = torch.from_numpy(x).float()[:, None]
    drawn = []
    for color, step in zip(COLORS, ITERATIONS, strict=True):
        with torch.no_grad():
            y = net_of(run, "mlp", step)(inputs)[:, 0].double().numpy()
        drawn.append(curve(f"{step:,} iterations", x, y, color))
    train = [values[:, 0].double().numpy() for values in lecture_nets.wave("train")]
    drawn += [curve("without noise", x, lecture_nets.wave_without_noise(x), INK, dashed=True)]
    drawn += [points(*train, INK)]
    caption = Caption(
        f"A net of {sum(p.numel() for p in lecture_nets.mlp().parameters()):,} weights, and {len(train[0])} samples (dots)"
    )
    axis = ValueAxis("y", LINEAR, -1.5, 1.5, INK)
    return Scene(
        Frame("x", "y", (-1.02, 1.02), (-1.5, 1.5), equal=False),
        (Lines(curves=tuple(drawn), left=axis, right=None, caption=caption),),
    )


def activations(net: nn.Module) -> np.ndarray:
    """(layers + 1,) root mean squares of the inputs and of what each unit returns, over samples and units."""
    images = torch.from_numpy(np.asarray(read_digits("train")[0])[:SAMPLES])
    values = parse_normalize("digits")(images, torch.float32)
    found = []
    with torch.no_grad():
        for part in net:
            values = part(values)
            if isinstance(part, (nn.Flatten, nn.ReLU, nn.Tanh)):
                found.append(float(values.double().square().mean().sqrt()))
    return np.array(found)


def gradients(run: Path) -> np.ndarray:
    """(layers,) norms of the gradient of each layer's parameters before the first step, as `landscape dynamics` measured them."""
    surface = ll.load_surface(run / "dynamics.h5")
    return np.array([surface.values[name][0] for name in sorted(surface.values) if name.startswith("layer_")])


def through_depth(runs: Path, unit: str) -> tuple[Scene, list[tuple[np.ndarray, np.ndarray]]]:
    measured = [
        (activations(net_of(runs / f"{unit}_{start}", f"{unit}_{start}", 0)), gradients(runs / f"{unit}_{start}"))
        for start in STARTS
    ]
    above = log_curves([found for found, _ in measured], 0)
    below = log_curves([found for _, found in measured], 1)
    left = log_axis("size of the activations", [found for found, _ in measured])
    strip = Strip(below, log_axis("gradient by layer", [found for _, found in measured]), 0.9)
    caption = Caption(
        f"{lecture_nets.DEPTH} hidden layers of {lecture_nets.WIDTH} {UNITS[unit]} units, before the first step"
    )
    frame = Frame(
        "layer (0: the input)", left.label, (0.0, lecture_nets.DEPTH + 1.0), (left.low, left.high), equal=False
    )
    return Scene(frame, (Lines(curves=above, left=left, right=None, strips=(strip,), caption=caption),)), measured


def log_curves(values: Sequence[np.ndarray], first: int) -> tuple[Curve, ...]:
    return tuple(
        curve(name if not first else "", np.arange(first, first + len(found)), found, color, dots=True)
        for name, found, color in zip(STARTS.values(), values, COLORS, strict=False)
    )


def log_axis(label: str, values: Sequence[np.ndarray]) -> ValueAxis:
    every = np.concatenate(values)
    return scaled_axis(label, Scale(LOG, float(every.min()), float(every.max())), INK, 5)


if __name__ == "__main__":
    runs, folder = map(Path, sys.argv[1:])
    draw(fits(runs / "wave"), folder / "fits.png")
    for name in ("relu", "tanh"):
        draw(through_depth(runs, name)[0], folder / f"{name}.png")
