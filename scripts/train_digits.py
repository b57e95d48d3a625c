#!/usr/bin/env python
"""Trains a net of the zoo on the embedded digits: `python scripts/train_digits.py --model resnet56 --out resnet56.pt`.

SGD with Nesterov momentum on mini-batches of 128, one cycle of the learning rate, no augmentation. The whole data set
stays in memory. The checkpoint holds the weights, what they are, and how well they do. One seed, one thread count and one
kind of CPU give the same weights again.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landscape.data.digits import MEAN, STD, read_digits
from landscape.models.zoo import build_zoo

MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4
BATCH = 128


def load(split: str) -> tuple[Tensor, Tensor]:
    """Images float32 (N, 1, 8, 8), normalized, and labels int64 (N,)."""
    images, labels = read_digits(split)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    return (pixels - MEAN[0]) / STD[0], torch.from_numpy(labels)


@torch.no_grad()
def evaluate(model: nn.Module, images: Tensor, labels: Tensor) -> tuple[float, float]:
    """Mean cross-entropy and accuracy (0..1) in eval mode."""
    model.eval()
    outputs = model(images)
    return F.cross_entropy(outputs, labels).item(), (outputs.argmax(1) == labels).double().mean().item()


def train_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule,
    images: Tensor,
    labels: Tensor,
    order: Tensor,
    clip: float,
) -> None:
    """One pass over the images in the given order; the last, smaller batch is left out."""
    model.train()
    for batch in order.split(BATCH):
        if len(batch) < BATCH:
            continue
        loss = F.cross_entropy(model(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        schedule.step()


def train(options: argparse.Namespace) -> tuple[nn.Module, dict[str, float]]:
    """The trained net and its metrics after the last epoch."""
    torch.manual_seed(options.seed)
    model = build_zoo(options.model, in_channels=1, image_size=8)
    data = {split: load(split) for split in ("train", "test")}
    shuffle = torch.Generator().manual_seed(options.seed)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=options.lr, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True
    )
    steps = options.epochs * (len(data["train"][1]) // BATCH)
    # cycle_momentum would move the momentum, too; the original keeps it fixed.
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, options.lr, total_steps=steps + 1, pct_start=options.warmup, cycle_momentum=False
    )
    for epoch in range(1, options.epochs + 1):
        start = time.perf_counter()
        train_epoch(
            model,
            optimizer,
            schedule,
            *data["train"],
            torch.randperm(len(data["train"][1]), generator=shuffle),
            options.clip,
        )
        metrics = {}
        for split in data:
            metrics[f"{split}_loss"], metrics[f"{split}_accuracy"] = evaluate(model, *data[split])
        shown = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        print(f"epoch {epoch:3d}  {shown}  {time.perf_counter() - start:.1f} s", flush=True)
    return model, metrics


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="resnet56")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lr", type=float, default=0.1, help="at the top of the cycle")
    parser.add_argument("--warmup", type=float, default=0.3, help="share of the steps before the top")
    parser.add_argument(
        "--clip", type=float, default=0.0, help="largest norm of the gradient; 0 for no limit"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model, metrics = train(options)
    facts = {
        "model": options.model,
        "data": "digits",
        "normalize": "digits",
        "epochs": options.epochs,
        "seed": options.seed,
        "command": shlex.join(["python", *sys.argv]),
        "metrics": metrics,
    }
    torch.save({"state_dict": model.state_dict(), "landscape": facts}, options.out)
    print(f"{options.out}: {facts}")


if __name__ == "__main__":
    main()
