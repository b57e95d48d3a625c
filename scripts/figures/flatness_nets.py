"""The nets and data of figure `flatness`: two hidden layers of ReLU units of two widths, on few of the digits.

Usage: flatness_nets.py RUNS: writes RUNS/few_digits.npz and trains 72 nets in RUNS, over 5 hyper-parameters; what is there
already is kept. Prints the run folder of each. A net is trained until its loss on all training samples is at most LEVEL at the
end of an epoch, the criterion of Jiang et al. 2020; one that does not come so far in MOST steps is left out, and a line says so.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

LEVEL, MOST, TRAINED = 0.01, 30_000, 300
# Three learning rates of each, that rise by factors of about 3.
RATES = {"sgd": (0.05, 0.15, 0.5), "adam": (0.0003, 0.001, 0.003)}
BATCHES, DECAYS, WIDTHS = (8, 32, 128), (0.0, 5e-4), {"narrow": 32, "wide": 256}


def mlp(width: int) -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10)
    )


def narrow() -> nn.Module:
    return mlp(WIDTHS["narrow"])


def wide() -> nn.Module:
    return mlp(WIDTHS["wide"])


def write_data(path: Path) -> None:
    """300 of the 1,797 digits to train on, all others to test on: so few that nets differ in what they make of them."""
    from landscape.data.digits import read_digits

    images, labels = (np.concatenate(parts) for parts in zip(read_digits("train"), read_digits("test"), strict=True))
    order = np.random.Generator(np.random.Philox(0)).permutation(len(labels))
    few, rest = order[:TRAINED], order[TRAINED:]
    np.savez(path, images=images[few], labels=labels[few], test_images=images[rest], test_labels=labels[rest])


def train(folder: Path, data: Path, chosen: Mapping[str, Any]) -> float:
    """Trains a net into a run folder; returns its last training loss."""
    import torch

    import landscape as ll
    from landscape.data.load import load_splits

    split = load_splits(f"npz:{data}", split=("train",)).splits["train"].on(torch.device("cpu"), torch.float32, 1e9)
    inputs, labels = next(iter(split.batches(TRAINED)))
    torch.manual_seed(0)
    net = mlp(WIDTHS[chosen["width"]])
    make = {"sgd": torch.optim.SGD, "adam": torch.optim.AdamW}[chosen["optimizer"]]
    optimizer = make(net.parameters(), lr=chosen["lr"], weight_decay=chosen["weight_decay"])
    about = {"model": f"{Path(__file__)}:{chosen['width']}", "data": f"npz:{data}", **chosen}
    recorder = ll.Recorder(folder, net, every=10 * MOST, about=about, overwrite=True)
    step, loss = 0, float("inf")
    while step < MOST and loss > LEVEL:
        for part in torch.randperm(TRAINED).split(chosen["batch_size"]):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(inputs[part]), labels[part]).backward()
            optimizer.step()
            recorder.step()
            step += 1
        with torch.no_grad():
            loss = float(nn.functional.cross_entropy(net(inputs), labels))
    recorder.log(loss=loss)
    recorder.finish()
    return loss


def main(runs: Path) -> None:
    import torch

    torch.set_num_threads(1)
    runs.mkdir(parents=True, exist_ok=True)
    data = runs / "few_digits.npz"
    if not data.exists():
        write_data(data)
    for optimizer, width, decay, batch in itertools.product(RATES, WIDTHS, DECAYS, BATCHES):
        for rate in RATES[optimizer]:
            folder = runs / f"{width}_{optimizer}_{rate:g}_b{batch}_w{decay:g}"
            chosen = {
                "optimizer": optimizer, "lr": rate, "batch_size": batch, "weight_decay": decay, "width": width,
            }  # fmt: skip
            if not (folder / "final.pt").exists() and (loss := train(folder, data, chosen)) > LEVEL:
                print(f"{folder.name}: training loss {loss:.3g} after {MOST} steps: left out", file=sys.stderr)
                (folder / "final.pt").rename(folder / "unfinished.pt")
            if (folder / "final.pt").exists():
                print(folder, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
