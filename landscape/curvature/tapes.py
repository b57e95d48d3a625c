"""Products by the program of rules: its tapes, batch by batch, and the threads that run them.

Owns: which batches keep their tape between products, and sharing the batches among threads. A thread has whole batches to
itself: the small convolutions of a net for 32 x 32 images keep one core busy, not two. Sums are added in the order of the
threads, so a result depends on their number by rounding alone. Also products in low precision: the same in bfloat16, from
the same tapes rounded, where that takes less time. On a GPU the products at a point are recorded and replayed (replayed.py).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from landscape.curvature.graph import GraphBackend, probe_vector
from landscape.curvature.replayed import ReplayedProduct
from landscape.curvature.shares import BatchLoss
from landscape.data.split import Split
from landscape.data.structure import is_pair
from landscape.objective.numerics import switched
from landscape.objective.objective import Objective
from landscape.objective.team import Team, torch_threads
from landscape.program.hvp import HvpProgram, StepSums, Tape
from landscape.program.kernels import layout_for
from landscape.program.replay import pool_on
from landscape.program.rules import NoRule
from landscape.program.translate import make_program

MOST_IN_BATCH = 64
ROUGH = torch.bfloat16
TRIALS = 3
# A batch of the data, when it is asked for: a product with a kept tape needs none.
Batch = Callable[[], Any]
Product = Callable[[Tensor, Tensor], None]


class ProgramBackend:
    """The backend for nets that have a program.

    Raises:
        NoRule: the net or its loss is not of the kind that a program can be made of.
    """

    name = "program"

    def __init__(self, objective: Objective, names: Sequence[str], matrix: str, budget: float):
        self._objective, self._names, self._matrix, self._budget = objective, tuple(names), matrix, budget
        self._loss = BatchLoss(objective)
        batch = next(iter(self._loss.split.batches(2)))
        if objective.layout.has_complex:
            raise NoRule("complex parameters have no rules")
        if not objective.conduct.plain:
            raise NoRule("its values depend on batches, random numbers or states, of which a program knows nothing")
        if objective.measure.settled.classes_last:
            raise NoRule("its classes are the last dimension, and its loss takes them as the second")
        if not self._loss.reads_outputs or not is_pair(batch) or not isinstance(batch[0], Tensor):
            raise NoRule("its loss or its batches are not (outputs, targets) and (inputs, targets)")
        if objective.precision == "bf16" or not batch[0].is_floating_point():
            raise NoRule("bf16, and inputs that are not real numbers, have no rules")
        # autograd runs its backward pass on the stream of the forward pass, and what is recorded must stay on one stream
        self._pool = pool_on(objective.device)
        with self._numbers():
            layout = layout_for(objective.device, objective.precision)
            self._program = make_program(objective.model, batch[0], self._names, layout)
        self._product: Product = self._multiply
        self._low_product: Product = self._multiply_low
        self._tapes: dict[int, Tape] = {}
        self._low: HvpProgram | None = None
        self._low_tapes: dict[int, Tape] = {}
        self._team: Team | None = None
        self._threads = 1

    def refresh(self) -> float:
        self._loss.refresh()
        _ = self._loss.total  # once, before threads ask for it
        with self._numbers():
            self._refresh_programs()
        self._tapes, self._low_tapes, total = {}, {}, 0.0
        self._threads = self._useful_threads()  # and with it the batches, until the next time
        keep = _Keep(self._budget, self._loss.split.count(self._batch_size(self._threads)))

        def recorded(number: int, batch: Batch) -> tuple[int, Tape | None, Tape | None, float]:
            tape = self._record(batch())
            rounded = self._low.rounded_tape(tape, ROUGH) if self._low else None
            return number, *keep.of(tape, rounded), tape.loss

        for part in self._shared(lambda numbered: [recorded(*each) for each in numbered]):
            for number, tape, rounded, loss in part:
                total += loss
                if tape is not None:
                    self._tapes[number] = tape
                if rounded is not None:
                    self._low_tapes[number] = rounded
        self._product = self._replayed(self._multiply, self._tapes, "product")
        self._low_product = self._replayed(self._multiply_low, self._low_tapes, "low-precision product")
        return total

    def product(self, vector: Tensor, out: Tensor) -> None:
        self._product(vector, out)

    def low_precision_product(self, vector: Tensor, out: Tensor) -> None:
        """The same in bfloat16, after `use_low_precision`."""
        self._low_product(vector, out)

    def _refresh_programs(self) -> None:
        """Reads the present weights, and drops what was recorded, which reads the earlier ones."""
        self._product, self._low_product = self._multiply, self._multiply_low
        self._program.refresh()
        if self._low:
            self._low.refresh()

    def _replayed(self, multiply: Product, tapes: Mapping[int, Tape], name: str) -> Product:
        """How products with these tapes are computed: recorded on a GPU, if the tapes of all batches are kept."""
        if self._pool is None or len(tapes) != self._loss.split.count(self._batch_size(1)):
            return multiply
        return ReplayedProduct(multiply, self._pool, self._objective.weights, name)

    def use_low_precision(self) -> tuple[float, float]:
        """Switches low-precision products on; returns their (speedup, relative error), by one thread on one batch."""
        size, weights = self._batch_size(self._useful_threads()), self._objective.weights
        batch = next(iter(self._loss.split.batches(size)))
        vector, found, seconds = probe_vector(weights), [], []
        with self._numbers(), torch_threads(1):
            self._low = self._program.rounded(ROUGH)
            self._refresh_programs()
            tape = self._record(batch)
            for program, each in ((self._program, tape), (self._low, self._low.rounded_tape(tape, ROUGH))):
                direction, taken = program.prepare(self._of(vector)), []
                for _ in range(TRIALS):
                    sums: StepSums = {}
                    out = torch.zeros_like(weights)
                    started = time.perf_counter()
                    program.product(each, direction, sums, gauss_newton=self._matrix == "ggn")
                    program.finish(sums, self._of(out))
                    float(out[0])  # waits for a GPU
                    taken.append(time.perf_counter() - started)
                found.append(out)
                seconds.append(min(taken))
        return seconds[0] / seconds[1], float((found[1] - found[0]).norm() / found[0].norm())

    def use_full_precision(self) -> None:
        """Switches low-precision products off."""
        self._low, self._low_tapes = None, {}

    def gradient(self, out: Tensor) -> None:
        self._add(out, self._program, self._tape, self._program.gradient)

    def probe(self, reference: GraphBackend, samples: int) -> Tensor:
        """(size,) the product that `reference.probe` gives."""
        batch, total = reference.on_samples(samples)
        sums: StepSums = {}
        found = torch.zeros_like(self._objective.weights)
        with self._numbers():
            self._refresh_programs()
            direction = self._program.prepare(self._of(probe_vector(self._objective.weights)))
            tape = self._record(batch, total)
            self._program.product(tape, direction, sums, gauss_newton=self._matrix == "ggn")
            self._program.finish(sums, self._of(found))
        return found

    def _multiply(self, vector: Tensor, out: Tensor) -> None:
        self._multiply_by(self._program, vector, out, self._tape)

    def _multiply_low(self, vector: Tensor, out: Tensor) -> None:
        assert self._low is not None
        self._multiply_by(self._low, vector, out, self._low_tape)

    def _multiply_by(
        self, program: HvpProgram, vector: Tensor, out: Tensor, tape: Callable[[int, Batch], Tape]
    ) -> None:
        with self._numbers():
            direction = program.prepare(self._of(vector))
        gauss_newton = self._matrix == "ggn"
        self._add(
            out, program, tape, lambda kept, sums: program.product(kept, direction, sums, gauss_newton=gauss_newton)
        )

    def _add(
        self,
        out: Tensor,
        program: HvpProgram,
        tape: Callable[[int, Batch], Tape],
        apply: Callable[[Tape, StepSums], None],
    ) -> None:
        def summed(numbered: Iterator[tuple[int, Batch]]) -> StepSums:
            sums: StepSums = {}
            for number, batch in numbered:
                apply(tape(number, batch), sums)
            return sums

        found = self._shared(summed)
        with self._numbers():
            for sums in found:
                program.finish(sums, self._of(out))

    def _tape(self, number: int, batch: Batch) -> Tape:
        return self._tapes.get(number) or self._record(batch())

    def _low_tape(self, number: int, batch: Batch) -> Tape:
        assert self._low is not None
        return self._low_tapes.get(number) or self._low.rounded_tape(self._tape(number, batch), ROUGH)

    def _record(self, batch: Any, total: float | None = None) -> Tape:
        whole = self._loss.total if total is None else total
        return self._program.record(batch[0], lambda outputs: self._loss.of_outputs(outputs, batch, whole))

    def _of(self, flat: Tensor) -> dict[str, Tensor]:
        views = self._objective.layout.named(flat)
        return {name: views[name] for name in self._names}

    @contextlib.contextmanager
    def _numbers(self) -> Iterator[None]:
        """Within: no graph is built, and numbers have the requested precision. To be entered in each thread."""
        place = contextlib.nullcontext() if self._pool is None else self._pool.within()
        with torch.no_grad(), switched(self._objective.precision, self._objective.device), place:
            yield

    def _shared(self, work: Callable[[Iterator[tuple[int, Batch]]], Any]) -> list[Any]:
        """`work` on numbered batches, on the CPU by as many threads as torch would use, in their order."""
        threads = self._threads
        if threads < 2:
            with self._numbers():
                return [work(self._numbered(0, 1, self._batch_size(1)))]
        size = self._batch_size(threads)

        def one(_: int, first: int) -> Any:
            with self._numbers():
                return work(self._numbered(first, threads, size))

        if self._team is None or self._team.size != threads:
            self._team = Team(threads)
        return self._team.map(one, range(threads))

    def _useful_threads(self) -> int:
        threads = torch.get_num_threads() if self._objective.device.type == "cpu" else 1
        return min(threads, self._loss.split.count(self._batch_size(threads)) or 1)

    def _numbered(self, first: int, step: int, size: int) -> Iterator[tuple[int, Batch]]:
        split = self._loss.split
        count = split.count(size)
        if count is None:
            for number, batch in enumerate(split.batches(size)):
                yield number, partial(_itself, batch)
            return
        for number in range(first, count, step):
            yield number, partial(_batch_of, split, size, number)

    def _batch_size(self, threads: int) -> int:
        """Small enough that each thread has something to do."""
        size = self._objective.batch_size
        if self._objective.device.type == "cpu":
            size = min(size, MOST_IN_BATCH)
        return max(1, min(size, -(-self._loss.split.size // threads)))


def _itself(batch: Any) -> Any:
    return batch


def _batch_of(split: Split, size: int, number: int) -> Any:
    return next(iter(split.batches(size, number, number + 1)))


class _Keep:
    """Which tapes are kept: low-precision ones first, which most products need; the others too if all fit."""

    def __init__(self, budget: float, batches: int | None):
        self._left, self._batches = budget, batches

    def of(self, tape: Tape, rounded: Tape | None) -> tuple[Tape | None, Tape | None]:
        if rounded is None:
            return self._taken(tape), None
        both = self._batches is not None and (tape.nbytes + rounded.nbytes) * self._batches <= self._left
        if self._batches is not None:
            self._batches -= 1
        kept = self._taken(rounded)
        return self._taken(tape) if both else None, kept

    def _taken(self, tape: Tape) -> Tape | None:
        if tape.nbytes > self._left:
            return None
        self._left -= tape.nbytes
        return tape
