"""How much faster are two ranks of one thread than one? Measured, alternating, and compared by the smallest times.

    python scripts/measure_ranks.py [--rounds 3] [--kinds cheap uneven] [--ranks 2] [--sleep]

The points are loops of small matrix products, so many for each that `cheap` points take 10 ms and `uneven` ones 10 ms
to 10 s (evenly spread in the logarithm, in a shuffled order). What is timed is the sweep, not the start of Python. The
last column says what the machine itself allows: the same number of processes that know nothing of each other, each
doing all of the work. With --sleep, points sleep as long instead: that shows what messages and waiting cost, also on a
machine that has no core to spare. Needs mpiexec and mpi4py.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from landscape.sweep.sampler import Point

SIZE = 128
# points, and their seconds from the shortest to the longest
KINDS = {"cheap": (200, 0.01, 0.01), "uneven": (48, 0.01, 10.0)}


def product_seconds() -> float:
    """Of one matrix product of the loop, on an idle core."""
    return min(timed(lambda: spin(500)) for _ in range(9)) / 500


def timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def spin(products: int) -> None:
    import torch

    if torch.get_num_threads() != 1:  # the count is a property of the calling thread
        torch.set_num_threads(1)
    left = torch.full((SIZE, SIZE), 1.0 / SIZE)
    for _ in range(products):
        left = left @ left


class Loops:
    """Points that are so many products each, divided into `chunks`."""

    def __init__(self, kind: str, product: float, chunks: int, sleep: bool):
        self.product, self.sleep = product, sleep
        count, low, high = KINDS[kind]
        seconds = [low * (high / low) ** ((k + 0.5) / count) for k in range(count)]
        random.Random(0).shuffle(seconds)
        self.products = [max(chunks, round(each / product)) for each in seconds]
        self.chunks = chunks

    def part(self, point: Point, first: int, end: Callable[[int], int]) -> list[float]:
        chunk, products = first, self.products[int(point.coords[0])]
        while chunk < end(chunk):
            some = products * (chunk + 1) // self.chunks - products * chunk // self.chunks
            time.sleep(some * self.product) if self.sleep else spin(some)
            chunk += 1
        return [0.0] * (chunk - first)

    def join(self, parts: Sequence[float]) -> dict[str, float]:
        return {"loss": 0.0}


def work(kind: str, product: float, chunks: int, sleep: bool) -> None:
    """One rank of a sweep; the leader prints its seconds."""
    from landscape.grid import Grid, parse_range
    from landscape.sweep.executor import Executor, SerialExecutor
    from landscape.sweep.launch import connect
    from landscape.sweep.loop import sweep
    from landscape.sweep.sampler import EveryPoint

    spin(1000)
    world = connect()
    executor: Executor = SerialExecutor()
    if world.size > 1:
        from landscape.sweep.mpi import MPIExecutor, agree

        executor = MPIExecutor(world)
        agree(world, None)
    loops = Loops(kind, product, chunks, sleep)
    count = len(loops.products)
    sampler = EveryPoint(Grid.of(parse_range(f"0:{count - 1}:{count}")), range(count))
    seconds = timed(lambda: sweep(sampler, executor, loops, lambda point, result: None))
    if world.leads:
        executor.close(None)
        print(f"{seconds:.4f}")


def processes(kind: str, product: float, chunks: int, sleep: bool, *, ranks: int, apart: bool = False) -> float:
    """Seconds of a sweep by `ranks`, or of the slowest of so many sweeps apart."""
    own = [sys.executable, __file__, "--work", kind, "--product", str(product), "--chunks", str(chunks)]
    own += ["--sleep"] * sleep
    launcher = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or "mpiexec"
    together = [launcher, "-n", str(ranks), *own] if ranks > 1 else own
    started = [
        subprocess.Popen(own if apart else together, stdout=subprocess.PIPE) for _ in range(ranks if apart else 1)
    ]
    return max(float(process.communicate()[0]) for process in started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--chunks", nargs="+", type=int, default=[1, 32], help="1: points cannot be divided")
    parser.add_argument("--sleep", action="store_true", help="points that need no processor")
    parser.add_argument("--product", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, options.product, options.chunks[0], options.sleep)
        return
    product = product_seconds()
    print(
        f"| points | chunks | 1 rank | {options.ranks} ranks | ratio | the machine allows |\n|---|---|---|---|---|---|"
    )
    for kind in options.kinds:
        for chunks in options.chunks:
            one, many, apart = [], [], []
            for _ in range(options.rounds):
                what = (kind, product, chunks, options.sleep)
                one.append(processes(*what, ranks=1))
                many.append(processes(*what, ranks=options.ranks))
                apart.append(processes(*what, ranks=options.ranks, apart=True))
            best = min(one)
            print(
                f"| {kind} | {chunks} | {best:.2f} s | {min(many):.2f} s | {best / min(many):.3f} | "
                f"{options.ranks * best / min(apart):.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
