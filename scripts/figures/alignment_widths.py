"""Barriers between two nets of digits over their width: plain, aligned, with statistics recomputed, with REPAIR.

Usage: python scripts/figures/alignment_widths.py FOLDER [WIDTH ...]    trains ten pairs of small nets, about four minutes on
one core; with widths, such as 1 2, those pairs only

Replaces what stands below the marker in FOLDER/caption.md, and draws it as FOLDER/widths.png. The barrier is the loss halfway
between the nets minus the mean of theirs.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from alignment_picture import CAPTION, draw
from torch import Tensor, nn

import landscape as ll
from landscape.alignment.repair import between, repaired
from landscape.data.load import load_splits
from landscape.models.resnet import ResNet
from landscape.subject.net import load_net

FACTORS = (1, 2, 4, 8, 16)
EPOCHS = 30
MARKER = "<!-- computed by scripts/figures/alignment_widths.py; below this line nothing is written by hand -->"


def residual(factor: int) -> nn.Module:
    """ResNet-8 with batch norm; the factor 4 is its usual width."""
    return ResNet(blocks=(1, 1, 1), width=4 * factor, in_channels=1)


def plain(factor: int) -> nn.Module:
    """Four layers with biases and without batch norm."""
    width = 4 * factor
    return nn.Sequential(
        *(nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(width, 2 * width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * width, 10)),
    )  # fmt: skip


def trained(build, factor: int, seed: int, lr: float) -> nn.Module:
    torch.manual_seed(seed)
    with tempfile.TemporaryDirectory() as folder:
        run = ll.train(
            build(factor), data="digits", epochs=EPOCHS, lr=lr, seed=seed, save_every="end", out=Path(folder) / "run", quiet=True,
            threads=1,
        )  # fmt: skip
        return load_net(run.folder, build(factor)).module.eval()


def losses(net: nn.Module, batches: Mapping[str, tuple[Tensor, Tensor]]) -> dict[str, float]:
    with torch.no_grad():
        return {name: float(F.cross_entropy(net(x), y)) for name, (x, y) in batches.items()}


def barrier(build, factor: int, ends, tensors: Mapping[str, Tensor], batches) -> list[float]:
    middle = build(factor).eval()
    middle.load_state_dict(tensors)
    found = losses(middle, batches)
    return [found[name] - sum(end[name] for end in ends) / 2 for name in batches]


def row(build, factor: int, lr: float, batches) -> list[list[float]]:
    first, second = (trained(build, factor, seed, lr) for seed in (1, 2))
    aligned = ll.align(first, second)
    ends, net, states = [losses(each, batches) for each in (first, second)], load_net(None, first), first.state_dict()
    points = (
        between(states, second.state_dict(), 0.5),
        between(states, aligned.tensors, 0.5),
        repaired(net, aligned, 0.5, lambda: [batches["train"][0]]),
    )
    return [barrier(build, factor, ends, tensors, batches) for tensors in points]


def main() -> None:
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    splits = load_splits("digits", split=("train", "test")).splits
    device = torch.device("cpu")
    ready = {name: split.on(device, torch.float32, float("inf")) for name, split in splits.items()}
    batches = {name: next(iter(split.batches(split.size))) for name, split in ready.items()}
    said = [
        "| net | width | unaligned | aligned | + BN statistics | + REPAIR |",
        "|---|---|---|---|---|---|",
    ]
    for name, build, lr in (("ResNet-8 (batch norm)", residual, 0.1), ("plain convolutions", plain, 0.02)):
        for factor in [int(word) for word in sys.argv[2:]] or FACTORS:
            cells = ["{:.3f} / {:.3f}".format(*each) for each in row(build, factor, lr, batches)]
            last = [cells[2], "same"] if build is residual else ["-", cells[2]]
            said.append(f"| {name} | {factor} | {cells[0]} | {cells[1]} | {last[0]} | {last[1]} |")
            print(said[-1], flush=True)
    caption = folder / CAPTION
    words = caption.read_text().split(MARKER)[0] if caption.exists() else ""
    caption.write_text("\n".join([f"{words}{MARKER}", "", *said, ""]))
    draw(folder)


if __name__ == "__main__":
    main()
