"""Products by the program of rules: its tapes, batch by batch, and the threads that run them.

Owns: which batches keep their tape between products, and sharing the batches among threads. A thread has whole batches to
itself: the small convolutions of a net for 32 x 32 images keep one core busy, not two. Sums are added in the order of the
threads, so a result depends on their number by rounding alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from landscape.curvature.graph import ByGraph, probe_vector
from landscape.curvature.program import StepSums, Tape
from landscape.curvature.shares import Loss
from landscape.curvature.translate import NoRule, make_program
from landscape.data.split import is_pair
from landscape.objective.numerics import switched
from landscape.objective.objective import Objective

MOST_IN_BATCH = 64


class ByProgram:
    """See `products.Way`.

    Raises:
        NoRule: the net or its loss is not of the kind that a program can be made of.
    """

    name = "program"

    def __init__(self, objective: Objective, names: Sequence[str], matrix: str, budget: float):
        self._objective, self._names, self._matrix, self._budget = objective, tuple(names), matrix, budget
        self._loss = Loss(objective)
        batch = next(iter(self._loss.split.batches(2)))
        if not self._loss.reads_outputs or not is_pair(batch) or not isinstance(batch[0], Tensor):
            raise NoRule("its loss or its batches are not (outputs, targets) and (inputs, targets)")
        if objective.precision == "bf16" or not batch[0].is_floating_point():
            raise NoRule("bf16, and inputs that are not real numbers, have no rules")
        with self._numbers():
            self._program = make_program(objective.model, batch[0], self._names)
        self._tapes: dict[int, Tape] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._threads = 1

    def refresh(self) -> float:
        with self._numbers():
            self._program.refresh()
        self._tapes, held, total = {}, [0], [0.0]
        self._threads = self._useful_threads()  # and with it the batches, until the next time

        def recorded(number: int, batch: Any) -> tuple[int, Tape | None, float]:
            tape = self._record(batch)
            fits = held[0] + tape.nbytes <= self._budget
            held[0] += tape.nbytes if fits else 0
            return number, tape if fits else None, tape.loss

        for part in self._shared(lambda numbered: [recorded(*each) for each in numbered]):
            for number, tape, loss in part:
                total[0] += loss
                if tape is not None:
                    self._tapes[number] = tape
        return total[0]

    def product(self, vector: Tensor, out: Tensor) -> None:
        with self._numbers():
            moved = self._program.prepare(self._of(vector))
        gauss_newton = self._matrix == "ggn"
        self._add(out, lambda tape, sums: self._program.product(tape, moved, sums, gauss_newton=gauss_newton))

    def gradient(self, out: Tensor) -> None:
        self._add(out, self._program.gradient)

    def agrees_with(self, reference: ByGraph, samples: int, tolerance: float) -> bool:
        """Whether both give the same product on a few samples."""
        expected, batch = reference.probe(samples), reference.on_samples(samples)
        found, sums = torch.zeros_like(expected), {}
        with self._numbers():
            moved = self._program.prepare(self._of(probe_vector(self._objective.weights)))
            self._program.refresh()
            tape = self._record(batch, samples)
            self._program.product(tape, moved, sums, gauss_newton=self._matrix == "ggn")
            self._program.finish(sums, self._of(found))
        return bool((found - expected).norm() <= tolerance * expected.norm())

    def _add(self, out: Tensor, apply: Callable[[Tape, StepSums], None]) -> None:
        def summed(numbered) -> StepSums:
            sums: StepSums = {}
            for number, batch in numbered:
                apply(self._tapes.get(number) or self._record(batch), sums)
            return sums

        found = self._shared(summed)
        with self._numbers():
            for sums in found:
                self._program.finish(sums, self._of(out))

    def _record(self, batch: Any, total: int | None = None) -> Tape:
        total = total or self._loss.split.size
        return self._program.record(batch[0], lambda outputs: self._loss.of_outputs(outputs, batch, total))

    def _of(self, flat: Tensor) -> dict[str, Tensor]:
        views = self._objective.layout.named(flat)
        return {name: views[name] for name in self._names}

    def _numbers(self):
        return _Numbers(self._objective)

    def _shared(self, work: Callable[[Iterator[tuple[int, Any]]], Any]) -> list[Any]:
        """`work` on numbered batches, on the CPU by as many threads as torch would use, in their order."""
        threads = self._threads
        if threads < 2:
            with self._numbers():
                return [work(self._numbered(0, 1, self._batch_size(1)))]
        size = self._batch_size(threads)

        def one(first: int):
            with self._numbers():
                return work(self._numbered(first, threads, size))

        if self._pool is None or self._pool._max_workers != threads:
            self._pool = ThreadPoolExecutor(threads, initializer=lambda: torch.set_num_threads(1))
        return list(self._pool.map(one, range(threads)))

    def _useful_threads(self) -> int:
        threads = torch.get_num_threads() if self._objective.device.type == "cpu" else 1
        return min(threads, self._loss.split.count(self._batch_size(threads)) or 1)

    def _numbered(self, first: int, step: int, size: int) -> Iterator[tuple[int, Any]]:
        split = self._loss.split
        count = split.count(size)
        if count is None:
            yield from enumerate(split.batches(size))
            return
        for number in range(first, count, step):
            yield number, next(iter(split.batches(size, number, number + 1)))

    def _batch_size(self, threads: int) -> int:
        """Small enough that each thread has something to do."""
        size = self._objective.batch_size
        if self._objective.device.type == "cpu":
            size = min(size, MOST_IN_BATCH)
        return max(1, min(size, -(-self._loss.split.size // threads)))


class _Numbers:
    """Within: no graph is built, and numbers are as precise as asked for. To be entered in each thread."""

    def __init__(self, objective: Objective):
        self._objective = objective

    def __enter__(self):
        self._stack = [torch.no_grad(), switched(self._objective.precision, self._objective.device)]
        for context in self._stack:
            context.__enter__()

    def __exit__(self, *exception):
        for context in reversed(self._stack):
            context.__exit__(*exception)
