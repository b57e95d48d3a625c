"""How many tokens per second a plane over adapters passes, against the bare net: `python scripts/measure_adapters.py`.

Owns: a small GPT-2 with LoRA adapters, three ways to evaluate it at 16 further points (a loop over the bare net, one point after
another, and all points in one pass), in turns, by batches; and what starting takes. Times are processor time of one thread, so
that other work on the machine counts little.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch

POINTS = 16
SHAPES = ((1, 16), (1, 128), (8, 32))


def adapted(width: int, layers: int) -> Any:
    import peft
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    size: dict[str, Any] = {"vocab_size": 256, "n_positions": 256, "n_embd": width, "n_layer": layers, "n_head": 4}
    model = GPT2LMHeadModel(GPT2Config(**size, bos_token_id=0, eos_token_id=0))
    wanted = peft.LoraConfig(r=8, target_modules=["c_attn"], fan_in_fan_out=True, task_type="CAUSAL_LM")
    return peft.get_peft_model(model, wanted).eval()


def seconds(run: Callable[[], object]) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started


def measure(net: Any, samples: int, length: int, batches: int, rounds: int) -> dict[str, float]:
    """Seconds of 16 points by each way, without starting, and of starting: medians."""
    import landscape as ll

    tokens = torch.randint(0, 256, (samples * batches, length))
    data = [{"input_ids": part, "labels": part} for part in tokens.split(samples)]

    def bare() -> None:
        with torch.inference_mode():
            for _ in range(POINTS):
                sum(float(net(**batch).loss) for batch in data)

    def plane(points: int, per_pass: int) -> Callable[[], object]:
        given = {"metrics": "loss", "threads": 1, "quiet": True, "points_per_pass": per_pass}
        return lambda: ll.line(model=net, data=data, x=(-1, 1, points), **given)

    # a run of two rounds of points less one of a single round is the time of 16 points
    ways = {"bare": bare, "1 twice": plane(2 * POINTS, 1), "1": plane(POINTS, 1)}
    ways |= {f"{POINTS} twice": plane(2 * POINTS, POINTS), f"{POINTS}": plane(POINTS, POINTS)}
    for way in ways.values():
        way()
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            taken[name].append(seconds(way))
    found = {name: statistics.median(each) for name, each in taken.items()}
    return {
        "bare": found["bare"],
        "one by one": found["1 twice"] - found["1"],
        "in passes": found[f"{POINTS} twice"] - found[f"{POINTS}"],
        "one by one with starting": found["1"],
        "in passes with starting": found[f"{POINTS}"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    net = adapted(asked.width, asked.layers)
    for samples, length in SHAPES:
        found = measure(net, samples, length, asked.batches, asked.rounds)
        shares = ", ".join(f"{found['bare'] / each:.2f} {name}" for name, each in found.items() if name != "bare")
        print(f"{samples} x {length} tokens: {found['bare']:.2f} s bare; of its speed {shares}", flush=True)


if __name__ == "__main__":
    main()
