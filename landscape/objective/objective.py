"""The objective: metrics of a net on its data at given weights.

Owns: the private copy of the net, whose weights are views of one flat vector, and the pass over the data. The caller's
net is never touched, unless it is divided among processes (lent.py).
"""

from __future__ import annotations

import contextlib
import copy
import functools
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from landscape.data.split import Split
from landscape.data.structure import batch_length, mapped
from landscape.errors import UsageError
from landscape.layout import Layout, placed
from landscape.objective import batchnorm as bn
from landscape.objective.adapt import adapt
from landscape.objective.chunks import Segment, divide, taken
from landscape.objective.combined import combined
from landscape.objective.conduct import OF_PARAMETERS, Conduct
from landscape.objective.history import Untouched
from landscape.objective.kept import Keeping, Kept
from landscape.objective.lent import Lent
from landscape.objective.loss_modules import in_evaluation
from landscape.objective.measure import Measure, Model
from landscape.objective.narrow import held_dtype, made_passable
from landscape.objective.numerics import dtype_of, numerics, with_gradients
from landscape.objective.private import Resting, evaluating, faster_program, private_copy, usual_batch
from landscape.objective.sharing import R, Sharing, T, Work
from landscape.objective.steady import Steady
from landscape.objective.tally import PENALTY, Keep, MetricSum, Sums, Tally, fetch_sums, means, merge_sums
from landscape.objective.trial import try_all
from landscape.randomness import forked
from landscape.shards import divided_in
from landscape.stored import Stored


class Objective:
    """Evaluates metrics at flat weight vectors of `layout`.

    `weights` (layout.size,) is what the private net reads: filling it moves the net. `origin`: see `lean`; `tried`: see probe.py.

    Args:
        model: the net; it is copied unless `own` says that nobody else holds it.
        splits: the data, by the name that their metrics begin with. measure: what is computed on a batch (loss.py).
        precision: one of `numerics.PRECISIONS`. batchnorm: one of `batchnorm.POLICIES`.
        recompute_on: the training data for `recompute`; by default the split named train.
        l2: adds `<split>_loss_l2`, the loss plus l2 / 2 times the squared norm of the parameters.
        budget: bytes that the data may take on the device, shared evenly among the splits.
        fast: pass batches through a faster program where there is one (program/forward.py), and keep what rests (kept.py).
        names: the tensors that the layout holds, by default all; the others stay as they are in the private net.
        lean: keep `origin`, the model's tensors, which must not change, to be read at every point; `of_file`: see Stored.

    Raises:
        UsageError: an unknown policy or precision, a batch size below 1, or `recompute` without training data.
        LandscapeError: the model has no floating-point parameters, or cannot be copied.
    """

    def __init__(
        self,
        model: nn.Module,
        splits: Mapping[str, Split],
        measure: Measure,
        *,
        device: torch.device | None = None,
        precision: str = "fp32",
        batch_size: int | None = None,
        batchnorm: str = "keep",
        recompute_on: Split | None = None,
        l2: float | None = None,
        budget: float = float("inf"),
        fast: bool = False,
        own: bool = False,
        names: Collection[str] | None = None,
        lean: bool = False,
        of_file: bool = False,
    ):
        if batchnorm not in bn.POLICIES:
            raise UsageError(f"batchnorm '{batchnorm}': expected one of {', '.join(bn.POLICIES)}")
        if batch_size is not None and batch_size < 1:
            raise UsageError(f"batch-size {batch_size}: expected at least 1")
        self.device, dtype = device or torch.device("cpu"), dtype_of(precision)
        self.precision, self.batchnorm, self.l2, self.tried = precision, batchnorm, l2, dict[str, float]()
        self.measure = in_evaluation(measure.on(self.device, dtype)).counting(splits)
        divided = divided_in(model)
        self.layout = Layout.of(model, state="states" if batchnorm == "interpolate" else "weights", names=names)
        private = model if own or divided else private_copy(model, sharing=self.layout.names)
        held = held_dtype(precision, private, self.layout, lean=lean, divided=bool(divided))
        stored = Stored(self.layout, self.layout.tensors(model), dtype=dtype, of_file=of_file and lean)
        self.weights, self.origin = stored.vector(self.device, held), stored if lean else None
        self.lent = Lent(model, self.layout) if divided else None
        if not divided:
            self.layout.attach(evaluating(private), self.weights)
        self.dtype = None if held else dtype  # of all floating-point tensors of the net; None: each keeps its own
        self.model = private if divided else placed(private, self.device, self.dtype)
        self._resting = Resting(self.model, self.layout)
        stored.watch(self._resting.tensors)
        del stored  # and what the net was loaded with
        share = budget / (len(splits) + (recompute_on is not None))
        self.splits: Mapping[str, Split] = {name: split.on(self.device, dtype, share) for name, split in splits.items()}
        training = recompute_on.on(self.device, dtype, share) if recompute_on else self.splits.get("train")
        if held:
            made_passable(self.model, self.splits)
        self._recompute = bn.recompute_on(self.model, training) if batchnorm == "recompute" else None
        fast = fast and not divided
        self._untouched = Untouched(self.model, self.measure, wanted=not divided)  # the program calls the net
        program = fast and measure.only_calls
        self._fast = faster_program(self.model, self.splits, precision, self.device) if program else None
        self.net: Model = self._fast or self.model
        self.batch_size, self.size_is_given = batch_size or usual_batch(self._fast, self.device), batch_size is not None
        self.conduct, self.steady = Conduct(), Steady(self.model, self.device)
        self._divided: list[list[Segment]] | None = None
        self._sharing: Sharing | None = None
        self.keeping = Keeping(budget, wanted=fast)

    def view(self, *, splits: Mapping[str, Split] | None = None, precision: str | None = None) -> Objective:
        """One that shares the net and its weights: with other data, on its device in its precision, or in another precision."""
        view = copy.copy(self)
        view._divided, view._sharing, view.keeping = None, None, Keeping(0.0, wanted=False)
        view.splits, view.precision = dict(splits or self.splits), precision or self.precision
        if precision and self._fast:
            view._fast = faster_program(self.model, self.splits, precision, self.device, compared=False)
            view.net = view._fast or self.model
            if self.batch_size == usual_batch(self._fast, self.device):
                view.batch_size = usual_batch(view._fast, self.device)
        return view

    @property
    def batch_counts(self) -> dict[str, int]:
        """The number of batches of each split; empty where one of them is not known."""
        counts = {name: split.count(self.batch_size) or 0 for name, split in self.splits.items()}
        return counts if all(counts.values()) else {}

    @property
    def recomputes(self) -> bool:
        """Whether batch-norm statistics are estimated at each point."""
        return self._recompute is not None and bool(self._recompute.layers)

    @property
    def samples(self) -> int:
        """Samples that one evaluation passes through the net."""
        return sum(each.size for each in (*self.splits.values(), *([self._recompute.split] if self._recompute else [])))

    @property
    def nbytes(self) -> int:
        """Bytes of the weights: the vector, parameters beside it, the folded weights of a faster program, a lent net's own."""
        return self.weights.nbytes + self._resting.nbytes + sum(each.nbytes for each in (self._fast, self.lent) if each)

    @property
    def indivisible(self) -> str | None:
        """Why a point cannot be shared among processes; None when it can."""
        if self.recomputes:
            return "batchnorm recompute estimates statistics from all training data before it measures anything"
        streamed = [name for name, split in self.splits.items() if split.count(self.batch_size) is None]
        return f"the {streamed[0]} data do not fit into memory and are read in order" if streamed else None

    @property
    def chunks(self) -> int:
        """The number of parts that a pass over the data is divided into; the same on every process."""
        return len(self.segments)

    @property
    def segments(self) -> list[list[Segment]]:
        """Those parts, in order."""
        if self._divided is None:
            self._divided = divide(dict.fromkeys(self.splits) if self.indivisible else self.batch_counts)
        return self._divided

    def evaluate(self, weights: Tensor | None = None) -> dict[str, float]:
        """Means over all samples as `train_loss`, ..., with standard errors as `stderr/train_loss`, ...

        `weights`: (layout.size,); None evaluates at the present `self.weights`. NaN and inf are results.
        """
        if weights is not None and weights is not self.weights:
            self.weights.copy_(weights)
        return self.join(self.sums(0, lambda chunk: self.chunks))

    def sums(self, first: int, end: Callable[[int], int], keep: Keep | None = None) -> list[Sums]:
        """The sums of each chunk from `first` on at `self.weights`, for `join`.

        Before each chunk, `end` is called with its number and returns the number of the chunk to stop at; after each batch, in
        any order, `keep` with its split, its number there, its values and its size.
        """
        chunks = taken(self.segments, first, end, self.device)
        with self.ready():
            found = fetch_sums(self.map(functools.partial(self.tally, keep=keep, kept=self.keeping.kept), chunks))
            if self.l2 and first == 0:
                found[0][PENALTY] = MetricSum(self.penalty(), 0.0, 1, False)
        return [*found]

    def map(self, work: Work[T, R], items: Iterable[T]) -> list[R]:
        """`work(net, measure, item)` for each item, in order, within `ready`; on a CPU by as many threads as pay, up to torch's.

        `net` and `measure` are the thread's own. An item is taken when a thread is free. Raises what `work` raised first.
        """
        threads = torch.get_num_threads() if self.device.type == "cpu" and not self.lent else 1
        if threads == 1:
            return [work(self.net, self.measure, item) for item in items]
        if self._sharing is None or self._sharing.threads != threads:
            self._sharing = Sharing(self, threads)
        return self._sharing.map(self, work, items)

    @contextlib.contextmanager
    def ready(self) -> Iterator[None]:
        """Within the block the numerics are set and `net` is up to date with `weights`; for `batches`."""
        with self.numbers(), self.steady():
            if self._recompute and self.recomputes:
                self._recompute(functools.partial(self._passed, itertools.count()))
                self.steady.note()
            resting = self.keeping.note(self)
            if self._fast:
                self._fast.refresh(resting)
            yield

    def _passed(self, numbers: Iterator[int], batch: Any) -> Any:
        """The values of a batch, with the random numbers of the next number."""
        self.steady.seed(next(numbers))
        return self.measure(self.model, batch)

    def numbers(self, model: nn.Module | None = None) -> contextlib.AbstractContextManager[Any]:
        """Within the block numbers have this precision, and there are gradients if the loss takes some; of the net or `model`."""
        if self.lent:
            return self.lent.numbers(self.weights, self.precision, self.device)
        if not (gradients := self.conduct.gradients):
            return numerics(self.precision, self.device)
        return with_gradients(model or self.model, self.precision, self.device, parameters=gradients == OF_PARAMETERS)

    def batches(self, split: Split, first: int = 0, last: int | None = None) -> Iterator[Any]:
        """Batches first .. last - 1 of a split; each is to be evaluated before the next is taken, within `steady` or `ready`."""
        for number, batch in enumerate(split.batches(self.batch_size, first, last), first):
            self.steady.before(number)
            yield mapped(batch, Tensor.detach) if self.conduct.gradients else batch

    def penalty(self, weights: Tensor | None = None) -> float:
        """l2 / 2 times the squared norm of all parameters, whether they move or not, at `weights`; None: the present ones."""
        moved = self.parameters if weights is None else weights[: len(self.parameters)]
        return 0.5 * (self.l2 or 0.0) * (float(moved.double().square().sum()) + self._resting.square)

    def join(self, chunks: Sequence[Sums]) -> dict[str, float]:
        """The result of `evaluate`, from the `sums` of all chunks in their order, whichever process computed them."""
        found = means(merge_sums(chunks))
        penalty = found.pop(PENALTY, None)
        if self.measure.combined:
            found = combined(found, self.measure.combined, self.splits)
        if penalty is not None:
            found |= {f"{name}_loss_l2": found[f"{name}_loss"] + penalty for name in self.splits}
        return found

    def check(self, *, lenient: bool = False) -> None:
        """Passes one batch of each split through the net and the loss, and checks all labels, before a long run.

        Finds the `conduct` of both on the first split, and adapts to it (adapt.py). `lenient`: takes every loss of whole batches,
        as training does, but no sum.

        Raises:
            EvaluationError: the net does not accept the inputs, or the loss does not accept the outputs.
            DataError: an empty split, or labels outside the classes.
            UsageError: `l2` without a loss among the metrics; a loss that is not a mean over samples.
        """
        with forked(self.device), self.lent.at(self.weights) if self.lent else contextlib.nullcontext():
            with self._resting.unmoved():
                try_all(self, lenient=lenient)
            adapt(self, lenient=lenient)
            self._untouched.compare(self, lenient=lenient)

    def conform(self, conduct: Conduct, splits: Mapping[str, Split], batch_size: int) -> None:
        """From here on evaluations suit this conduct."""
        self.conduct, self.splits, self.batch_size = conduct, dict(splits), batch_size
        self._divided = self._sharing = None
        self.keeping.start()
        if not conduct.plain:  # a faster program knows nothing of it
            self._fast, self.net = None, self.model
        self.steady = Steady(self.model, self.device, seeded=bool(conduct.random), keeps=bool(conduct.changes))

    def tally(
        self, net: Model, measure: Measure, chunk: Sequence[Segment], keep: Keep | None = None, kept: Kept | None = None
    ) -> Tally:
        """The sums of the batches of a chunk; for `map`."""
        tally = Tally()
        for name, first, last in chunk:
            for number, batch in enumerate(self.batches(self.splits[name], first, last), first):
                size = batch_length(batch)
                values = kept(net, measure, (name, number), batch) if kept else measure(net, batch)
                tally.add(name, values, size)
                if keep is not None:
                    keep(name, number, values, size)
        return tally

    @property
    def parameters(self) -> Tensor:
        """The part of the vector that holds parameters (they come first; gaps are zero)."""
        return self.weights[: min((e.offset for e in self.layout.entries if e.is_buffer), default=self.layout.size)]
