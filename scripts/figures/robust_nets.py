"""The nets of figure `robust`: one small convolutional net on the digits, trained plainly and on attacked samples.

Usage: robust_nets.py RUNS: writes RUNS/plain.pt and RUNS/robust.pt; what is there already is kept. Both begin with the same
weights and see the same batches; the second takes each step at the samples that `ATTACK` finds for its present weights (Madry et
al. 2018).
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

ATTACK = "pgd(eps=0.15, steps=5)"
EPOCHS, BATCH, RATE = 60, 64, 0.002


def small() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 16, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip


def train(path: Path, *, attacked: bool) -> None:
    """Adam with a rate that falls to zero; one seed."""
    import landscape as ll
    from landscape.data.load import load_splits
    from landscape.data.pixels import UNIT, Pixels
    from landscape.objective.adversarial import worst
    from landscape.objective.attack import attack_of

    split = load_splits("digits").splits["train"]
    inputs, labels = next(iter(split.on(torch.device("cpu"), torch.float32, 1e9).batches(split.size)))
    pixels, attack = Pixels(split.normalize, UNIT), attack_of(ATTACK)
    torch.manual_seed(0)
    net = small()
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for part in torch.randperm(len(labels)).split(BATCH):
            samples, targets = inputs[part], labels[part]
            if attacked:
                samples = worst(
                    lambda x, y=targets: F.cross_entropy(net(x), y, reduction="none"), samples, attack, pixels
                )
            optimizer.zero_grad()
            F.cross_entropy(net(samples), targets).backward()
            optimizer.step()
        schedule.step()
    ll.save_checkpoint(path, net.state_dict(), {"data": "digits", "normalize": "digits"})


def main(runs: Path) -> None:
    runs.mkdir(parents=True, exist_ok=True)
    for name in ("plain", "robust"):
        if not (runs / f"{name}.pt").exists():
            train(runs / f"{name}.pt", attacked=name == "robust")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
