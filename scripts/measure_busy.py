"""What is left of the speed beside other work on the same cores? Measured, alternating, against one thread and a bare loop.

    python scripts/measure_busy.py [CHECKPOINT] [--data SPEC] [--samples N] [--threads N] [--rounds 5] [--json]

Three questions. (a) Samples per second of one point of a landscape with all threads, with one, and with torch's own threads at
every layer, alone and beside another job that trains with two threads: at least 0.45 of the quiet rate should
be left, and no less than with one thread. (b) A plane of 25 x 25 points of a net of 451 parameters, with the usual number of
threads, beside the bare loop over the same points with the same metric: at most 3 times as long. (c) Training steps of a
ResNet-20 in a process that waits as `landscape` lets it (landscape/__main__.py), and as torch does by default.

Only ratios within a round count. Quiet numbers are those of a machine that is quiet otherwise; the script says how busy it was.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

import landscape as ll
from landscape.__main__ import WAITING
from landscape.checkpoint.shipped import shipped
from landscape.measurement.evaluate import Evaluate
from landscape.models.zoo import build_zoo
from landscape.objective.sharing import Division, Sharing
from landscape.options.option import Given
from landscape.study.on_slice import Asked, on_plane
from landscape.sweep.sampler import Point
from landscape.sweep.work import compute_point
from landscape.sweep.world import World, own_cores, usual_threads

STEP_SECONDS = 3.0


def train_steps(threads: int, seconds: float) -> float:
    """Steps per second of training a ResNet-20 on noise."""
    torch.set_num_threads(threads)
    net, x, y = build_zoo("resnet20"), torch.randn(128, 3, 16, 16), torch.randint(0, 10, (128,))
    optimizer, done, started = torch.optim.SGD(net.parameters(), lr=0.01), -1, time.perf_counter()
    while done < 1 or time.perf_counter() - started < seconds:
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
        done += 1
        if done == 0:  # the first one warms up
            started = time.perf_counter()
    return done / (time.perf_counter() - started)


def child(threads: int, seconds: float, **environment: str) -> subprocess.Popen[str]:
    words = [sys.executable, __file__, "--train", str(threads), str(seconds)]
    return subprocess.Popen(words, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True)


@contextlib.contextmanager
def other_job(busy: bool) -> Iterator[None]:
    """Within the block another process trains with two threads of torch, as any program of today would."""
    job = child(2, 1e9) if busy else None
    time.sleep(4.0 if busy else 0.0)  # until it trains
    try:
        yield
    finally:
        if job:
            job.kill()
            job.wait()


def timed(action: Callable[[], Any]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def evaluation_rates(given: argparse.Namespace, threads: int) -> dict[str, dict[str, float]]:
    """quiet and busy -> way -> samples per second, medians."""
    options = {"data": given.data, "samples": given.samples, "threads": threads}
    asked = Asked.of(given.checkpoint or shipped("resnet56_digits"), Given(options))
    on = on_plane(asked, {"x": (-1, 1, 3), "y": (-1, 1, 3)}, World(), "measure_busy")
    objective, work = on.subject.objective, Evaluate(on.subject, on.slice)
    ways: dict[str, Division | None] = {
        "chosen": None,
        "one thread": Division(1, 1),
        "torch's threads": Division(1, threads),
    }
    usual = Sharing._fastest

    def rate(way: Division | None) -> float:
        Sharing._fastest = usual if way is None else lambda *_: way  # type: ignore[method-assign]
        objective._sharing = None
        compute_point(work, Point(0, (0.5, 0.0)))  # chooses
        return objective.samples / timed(lambda: compute_point(work, Point(0, (0.0, 0.0))))

    found: dict[str, dict[str, float]] = {}
    for state in ("quiet", "busy"):
        with other_job(state == "busy"):
            try:
                rounds = [{name: rate(way) for name, way in ways.items()} for _ in range(given.rounds)]
            finally:
                Sharing._fastest = usual  # type: ignore[method-assign]
        found[state] = {name: statistics.median(each[name] for each in rounds) for name in ways}
    return found


def tiny_ratios(rounds: int) -> dict[str, list[float]]:
    """quiet and busy -> seconds of ours over seconds of a bare loop, in each round."""
    torch.manual_seed(0)
    net, x, y = _tiny(), torch.randn(100, 10), torch.randint(0, 11, (100,))

    def ours() -> None:
        ll.surface(model=net, data=(x, y), x=(-1, 1, 25), y=(-1, 1, 25), metrics="loss", quiet=True)

    def bare() -> None:
        torch.set_num_threads(1)
        own, flat, place = _tiny(), torch.cat([p.detach().flatten() for p in net.parameters()]), 0
        one, other, moved = torch.randn_like(flat), torch.randn_like(flat), flat.clone()
        for p in own.parameters():
            p.data, place = moved[place : place + p.numel()].view_as(p), place + p.numel()
        with torch.no_grad():
            for number in range(625):
                torch.add(flat, one, alpha=number // 25 / 12 - 1, out=moved).add_(other, alpha=number % 25 / 12 - 1)
                F.cross_entropy(own(x), y).item()

    found: dict[str, list[float]] = {}
    for state in ("quiet", "busy"):
        with other_job(state == "busy"):
            bare()
            ours()
            found[state] = [timed(ours) / timed(bare) for _ in range(rounds)]
    return found


def _tiny() -> nn.Module:
    return nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 11))


def training_rates(rounds: int, threads: int) -> dict[str, dict[str, float]]:
    """quiet and busy -> way -> steps per second, medians."""
    ways: dict[str, tuple[int, dict[str, str]]] = {
        "landscape's waiting": (threads, WAITING), "one thread": (1, {}), "torch's waiting": (threads, {})
    }  # fmt: skip
    found: dict[str, dict[str, float]] = {}
    for state in ("quiet", "busy"):
        taken: dict[str, list[float]] = {name: [] for name in ways}
        with other_job(state == "busy"):
            for _ in range(rounds):
                for name, (count, environment) in ways.items():
                    taken[name].append(float(child(count, STEP_SECONDS, **environment).communicate()[0]))
        found[state] = {name: statistics.median(rates) for name, rates in taken.items()}
    return found


def table(title: str, rates: dict[str, dict[str, float]]) -> Iterator[str]:
    yield title
    for name in rates["quiet"]:
        quiet, busy = rates["quiet"][name], rates["busy"][name]
        yield f"  {name:22s} {quiet:10,.1f} quiet {busy:10,.1f} busy   {busy / quiet:.2f} of the quiet rate"


def main() -> None:
    if sys.argv[1:2] == ["--train"]:
        print(train_steps(int(sys.argv[2]), float(sys.argv[3])))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", nargs="?")
    parser.add_argument("--data")
    parser.add_argument("--samples", type=int)
    parser.add_argument("--threads", type=int, default=usual_threads(len(own_cores())))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    load = os.getloadavg()[0]
    say = (lambda *_: None) if given.json else functools.partial(print, flush=True)
    say(f"{given.threads} threads; load of the machine before: {load:.1f}")
    points = evaluation_rates(given, given.threads)
    say("\n".join(table("samples/s of a point", points)))
    tiny = tiny_ratios(given.rounds)
    for state, ratios in tiny.items():
        say(f"a net of 451 parameters, 25 x 25 points, {state}: {statistics.median(ratios):.2f} times a bare loop")
    training = training_rates(given.rounds, given.threads)
    say("\n".join(table("training steps/s of a ResNet-20", training)))
    if given.json:
        print(
            json.dumps({"load": load, "threads": given.threads, "points": points, "tiny": tiny, "training": training})
        )


if __name__ == "__main__":
    main()
