"""What is gained where only late layers move: the time of a line of points and the peak of memory, with activations kept or not.

    python scripts/measure_kept.py [--points 25] [--threads 1] [--only TEXT]

For each net, points are computed one by one in turn by two objectives on the same weights, one of which keeps nothing; both must
have the same values. Peaks are those of processes of their own. Random tiny transformers, and the ResNet-56 that ships.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from landscape.checkpoint.shipped import shipped
from landscape.data.load import load_splits
from landscape.objective.kept import Keeping
from landscape.objective.loss import make_measure
from landscape.objective.numerics import memory_budget
from landscape.objective.objective import Objective
from landscape.subject.net import load_net


def resnet() -> tuple[nn.Module, Any]:
    return load_net(shipped("resnet56_digits"), None).module, "digits"


def tokens(*, labels: bool) -> list[dict[str, torch.Tensor]]:
    drawn = torch.randint(0, 256, (64, 64)).split(16)
    return [{"input_ids": each} | ({"labels": each[:, 0] % 3} if labels else {}) for each in drawn]


def gpt2() -> tuple[nn.Module, Any]:
    from transformers import GPT2Config, GPT2LMHeadModel

    size: dict[str, Any] = {"vocab_size": 256, "n_positions": 64, "n_embd": 128, "n_layer": 8, "n_head": 4}
    return GPT2LMHeadModel(GPT2Config(**size, bos_token_id=0, eos_token_id=0)), tokens(labels=False)


def bert() -> tuple[nn.Module, Any]:
    from transformers import BertConfig, BertForSequenceClassification

    size: dict[str, Any] = {
        "vocab_size": 256,
        "hidden_size": 128,
        "num_hidden_layers": 8,
        "num_attention_heads": 4,
        "num_labels": 3,
    }
    return BertForSequenceClassification(BertConfig(**size, intermediate_size=512)), tokens(labels=True)


# name -> (the net and its data, a pattern of what moves)
CASES: dict[str, tuple[Callable[[], tuple[nn.Module, Any]], str]] = {
    "ResNet-56, digits: the classifier": (resnet, "^linear"),
    "ResNet-56, digits: the last block": (resnet, r"^layer3\.8"),
    "ResNet-56, digits: the last third": (resnet, r"^(layer3|linear)"),
    "GPT-2 of 8 layers, 64 x 64 tokens: the last block": (gpt2, r"h\.7\."),
    "BERT of 8 layers, 64 x 64 tokens: the classifier": (bert, "^classifier"),
    "BERT of 8 layers, 64 x 64 tokens: the last block": (bert, r"layer\.7\."),
}


def objective(name: str, *, keeps: bool) -> Objective:
    torch.manual_seed(0)
    make, pattern = CASES[name]
    net, data = make()
    measure, _, _ = make_measure("cross_entropy", ["loss"])
    splits = measure.read(load_splits(data, split=("train",)).splits, net.eval())
    moving = [each for each, _ in net.named_parameters() if re.search(pattern, each)]
    device = torch.device("cpu")
    made = Objective(net, splits, measure, fast=True, names=moving, budget=memory_budget(device))
    made.check()
    if not keeps:
        made.keeping = Keeping(0.0, wanted=False)
    return made


def compared(name: str, points: int) -> str:
    both = [objective(name, keeps=keeps) for keeps in (True, False)]
    origin, taken = both[0].weights.clone(), [[], []]  # type: ignore[var-annotated]
    direction = 0.1 * torch.randn(origin.shape)
    for number in range(points):
        values = []
        for each, seconds in zip(both, taken, strict=True):
            started = time.perf_counter()
            values.append(each.evaluate(origin + (2 * number / max(1, points - 1) - 1) * direction))
            seconds.append(time.perf_counter() - started)
        assert values[0] == values[1]
    kept = both[0].keeping.kept
    assert kept is not None
    later = sum(taken[1][2:]) / sum(taken[0][2:])
    return (
        f"{name}: {points} points {sum(taken[0]):.2f} s, without {sum(taken[1]):.2f} s, {sum(taken[1]) / sum(taken[0]):.1f} x; "
        f"from the third on {later:.1f} x; kept {kept.nbytes / 1e6:.2f} MB"
    )


def peak(name: str, keeps: str, points: int) -> float:
    """MB, of a process that computes the points."""
    run = subprocess.run(
        [sys.executable, __file__, "--peak", name, keeps, "--points", str(points)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(run.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=25)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--peak", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.peak:
        made = objective(given.peak[0], keeps=given.peak[1] == "kept")
        for _ in range(given.points):
            made.evaluate(made.weights.mul_(1.01))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
        return
    for name in filter(lambda each: given.only in each, CASES):
        peaks = [peak(name, keeps, 4) for keeps in ("kept", "not")]
        print(f"{compared(name, given.points)}; peak {peaks[0]:.0f} MB, without {peaks[1]:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
