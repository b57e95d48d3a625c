"""A net tuned to two tasks: digits 0 to 4, and 5 to 9.

Owns: the nets and data of scripts/figures/merging. Run as a script it trains what is missing in the folder of MERGING_RUNS
(default: runs/merging): a net on a fifth of all digits, and from its weights one for each task. Without batch norm, whose
statistics would be those of one task.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import landscape as ll
from landscape.data.digits import MEAN, STD, read_digits

RUNS = Path(os.environ.get("MERGING_RUNS", "runs/merging"))
FEW = 5  # the first net sees every fifth image


def build() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10)
    )


def everything(split: str) -> tuple[Tensor, Tensor]:
    """All digits, for `--data`."""
    images, labels = read_digits(split)
    inputs = (torch.from_numpy(images).float().permute(0, 3, 1, 2) / 255 - MEAN[0]) / STD[0]
    return inputs, torch.from_numpy(labels.astype(np.int64))


def low(split: str) -> tuple[Tensor, Tensor]:
    """The digits 0 to 4, for `--data`."""
    inputs, labels = everything(split)
    return inputs[labels < 5], labels[labels < 5]


def high(split: str) -> tuple[Tensor, Tensor]:
    """The digits 5 to 9, for `--data`."""
    inputs, labels = everything(split)
    return inputs[labels >= 5], labels[labels >= 5]


def trained(name: str, net: nn.Module, data: dict[str, tuple[Tensor, Tensor]], **options: float) -> nn.Module:
    """The net of a run folder, trained from the weights of `net` if it is not there."""
    out = RUNS / name
    if not (out / "final.pt").exists():
        ll.train(
            net,
            data=data,
            out=out,
            batch_size=32,
            optimizer="sgd",
            momentum=0.0,
            save_every="end",
            quiet=True,
            **options,
        )
    found = build()
    found.load_state_dict(ll.load_checkpoint(out / "final.pt").state_dict)
    return found


def main() -> None:
    torch.manual_seed(0)
    both = {split: everything(split) for split in ("train", "test")}
    few = {"train": tuple(part[::FEW] for part in both["train"]), "test": both["test"]}
    base = trained("base", build(), few, epochs=10, lr=0.1)
    for name, task in (("low", low), ("high", high)):
        trained(name, base, {split: task(split) for split in ("train", "test")}, epochs=20, lr=0.05)


if __name__ == "__main__":
    main()
