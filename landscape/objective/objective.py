"""The objective: metrics of a net on its data at given weights.

Owns: the private copy of the net, whose weights are views of one flat vector, and the pass over the data. The net that
the caller passed in is never touched.
"""

from __future__ import annotations

import contextlib
import copy
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from landscape.callables import explain
from landscape.data.split import Split, batch_length, is_pair, tensors_in
from landscape.errors import DataError, EvaluationError, LandscapeError, UsageError
from landscape.layout import Layout
from landscape.objective import batchnorm as bn
from landscape.objective.chunks import Lead, Segment, divide
from landscape.objective.loss import Measure, class_count, forward
from landscape.objective.numerics import dtype_of, numerics
from landscape.objective.tally import Sum, Sums, Tally, added, fetched, means
from landscape.program.forward import FoldedNet, folded_net

DEFAULT_BATCH = {"cpu": 128, "cuda": 1024}
TRACED = 4
PENALTY = "l2"  # among the sums of the first chunk; metrics have the name of a split in front


class Objective:
    """Evaluates metrics at flat weight vectors of `layout`.

    `weights` is the vector (layout.size,) that the private net reads: filling it moves the net. `fast` allows `net`, what
    batches are passed through, to be a faster program for the same function (program/forward.py). `own`: nobody else has
    the model, so it is moved itself; else a copy of it is.
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
    ):
        if batchnorm not in bn.POLICIES:
            raise UsageError(f"batchnorm '{batchnorm}': expected one of {', '.join(bn.POLICIES)}")
        if batch_size is not None and batch_size < 1:
            raise UsageError(f"batch-size {batch_size}: expected at least 1")
        self.device = device or torch.device("cpu")
        self.precision, self.batchnorm, self.measure, self.l2 = precision, batchnorm, measure, l2
        dtype = dtype_of(precision)
        self.layout = Layout.of(model, state="states" if batchnorm == "interpolate" else "weights")
        private = model if own else private_copy(model)
        self.model = private.eval().requires_grad_(False).to(self.device, dtype)
        self.weights = self.layout.flatten(self.layout.tensors(self.model), dtype=dtype, device=self.device)
        self.layout.attach(self.model, self.weights)
        share = budget / (len(splits) + (recompute_on is not None))
        self.splits = {name: split.on(self.device, dtype, share) for name, split in splits.items()}
        self._layers = bn.tracking_layers(self.model)
        self._recomputes = batchnorm == "recompute" and bool(self._layers)
        self._recompute_on = recompute_on.on(self.device, dtype, share) if recompute_on else self.splits.get("train")
        self._fast = self._folded_net() if fast else None
        self.net = self._fast or self.model
        wanted = self._fast.batch_size if self._fast and self.device.type == "cpu" else DEFAULT_BATCH[self.device.type]
        self.batch_size = batch_size or wanted
        if batchnorm == "recompute" and self._recompute_on is None:
            raise UsageError("batchnorm recompute: needs the training data, which are not among the splits")

    @property
    def samples(self) -> int:
        """Samples that one evaluation passes through the net."""
        extra = self._recompute_on.size if self.batchnorm == "recompute" and self._recompute_on else 0
        return sum(split.size for split in self.splits.values()) + extra

    @property
    def nbytes(self) -> int:
        """What the weights take: the vector, and the folded ones of a faster program."""
        return self.weights.numel() * self.weights.element_size() + (self._fast.nbytes if self._fast else 0)

    @property
    def indivisible(self) -> str | None:
        """Why a point cannot be shared among processes; None when it can."""
        if self._recomputes:
            return "batchnorm recompute estimates statistics from all training data before it measures anything"
        streamed = [name for name, split in self.splits.items() if split.count(self.batch_size) is None]
        return f"the {streamed[0]} data do not fit into memory and are read in order" if streamed else None

    @functools.cached_property
    def _chunks(self) -> list[list[Segment]]:
        counts = {name: split.count(self.batch_size) for name, split in self.splits.items()}
        return divide(dict.fromkeys(counts) if self.indivisible else counts)

    @property
    def chunks(self) -> int:
        """Into how many parts the pass over the data is divided; the same on every process."""
        return len(self._chunks)

    def evaluate(self, weights: Tensor | None = None) -> dict[str, float]:
        """Means over all samples as `train_loss`, ..., with standard errors as `stderr/train_loss`, ...

        `weights`: (layout.size,); None evaluates what `self.weights` holds. NaN and inf are results.
        """
        if weights is not None and weights is not self.weights:
            self.weights.copy_(weights)
        return self.join(self.sums(0, lambda chunk: self.chunks))

    def sums(self, first: int, end: Callable[[int], int]) -> list[Sums]:
        """The sums of each chunk from `first` on at `self.weights`, for `join`.

        Before each chunk, `end` is called with its number and says where to stop.
        """
        chunk, tallies, lead = first, [], Lead(self.device)
        with self.ready():
            while chunk < end(chunk):
                tallies.append(self._pass(self._chunks[chunk]))
                lead.step()
                chunk += 1
            found = fetched(tallies)
            if self.l2 and first == 0:
                found[0] = {**found[0], PENALTY: Sum(self.penalty(), 0.0, 1, False)}
        return found

    @contextlib.contextmanager
    def ready(self) -> Iterator[None]:
        """Within: the numerics asked for, and `net` up to date with `weights`."""
        with numerics(self.precision, self.device):
            if self._recomputes:
                batches = self._recompute_on.batches(bn.recompute_batch(self._recompute_on.size))
                bn.recompute(self._layers, batches, lambda batch: self.measure(self.model, batch))
            if self._fast:
                self._fast.refresh()
            yield

    def penalty(self) -> float:
        """l2 / 2 times the squared norm of the parameters at `weights`."""
        return 0.5 * (self.l2 or 0.0) * float(self._parameters().double().square().sum())

    def join(self, chunks: Sequence[Sums]) -> dict[str, float]:
        """What `evaluate` returns, from the `sums` of all chunks in their order, whoever computed them."""
        found = means(added(chunks))
        penalty = found.pop(PENALTY, None)
        if penalty is not None:
            found |= {f"{name}_loss_l2": found[f"{name}_loss"] + penalty for name in self.splits}
        return found

    def check(self) -> None:
        """One batch through the net and the loss, and all labels against its outputs, before a long run starts.

        Raises:
            LandscapeError: the net does not take the inputs, or the loss not its outputs.
            DataError: labels outside the classes.
        """
        for name, split in self.splits.items():
            batch = next(iter(split.batches(min(self.batch_size, 8))), None)
            if batch is None:
                raise DataError(f"split {name} is empty")
            with numerics(self.precision, self.device):
                self._try(batch, name, getattr(split, "targets", None))

    def _try(self, batch: Any, name: str, targets: Tensor | None) -> None:
        try:
            if getattr(self.measure, "reads_labels", False) and is_pair(batch):
                classes = class_count(forward(self.model, batch[0]), batch[1])
                check_labels(batch[1] if targets is None else targets, classes, name)
            tally, size = Tally(), batch_length(batch)  # before the loss, which may take the batch apart
            tally.add(name, self.measure(self.model, batch), size)
            results = means(fetched([tally])[0])
        except LandscapeError:
            raise
        except Exception as error:
            shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors_in(batch))
            raise EvaluationError(
                f"the model or its loss does not take these batches (shapes {shapes}): {explain(error)}"
            ) from error
        if self.l2 and f"{name}_loss" not in results:
            raise UsageError(f"l2 adds to the loss, and none is among the values: {', '.join(results)}")

    def _pass(self, chunk: Sequence[Segment]) -> Tally:
        tally = Tally()
        for name, first, last in chunk:
            for batch in self.splits[name].batches(self.batch_size, first, last):
                size = batch_length(batch)
                tally.add(name, self.measure(self.net, batch), size)
        return tally

    def _folded_net(self) -> FoldedNet | None:
        """A faster program for the private net, where its measure sees nothing of the net but its outputs."""
        split = next(iter(self.splits.values()))
        batch = next(iter(split.batches(TRACED)), None)
        plain = self.precision in ("fp32", "tf32") and getattr(self.measure, "reads_outputs", False)
        if not plain or not is_pair(batch) or not isinstance(batch[0], Tensor):
            return None
        with numerics(self.precision, self.device):
            return folded_net(self.model, batch[0])

    def _parameters(self) -> Tensor:
        """The part of the vector that holds parameters (they come first; gaps are zero)."""
        buffers = [entry.offset for entry in self.layout.entries if entry.is_buffer]
        return self.weights[: min(buffers, default=self.layout.size)]


def check_labels(targets: Tensor, classes: int | None, where: str) -> None:
    """Raises DataError when a label is not one of 0 .. classes - 1; without classes there is nothing to check."""
    if classes is None:
        return
    low, high = int(targets.min()), int(targets.max())
    if low < 0 or high >= classes:
        wrong = high if high >= classes else low
        raise DataError(
            f"label {wrong} in {where} is outside the model's {classes} classes (0 to {classes - 1}); "
            "check that data and model belong together"
        )


def private_copy(model: nn.Module) -> nn.Module:
    """A copy that nobody else has.

    Raises:
        LandscapeError: it cannot be copied; says what stands in the way.
    """
    try:
        return copy.deepcopy(model)
    except Exception as error:
        raise LandscapeError(
            f"the model cannot be copied ({explain(error)}); detach tensors kept in it, "
            "remove hooks, or replace torch.nn.utils.weight_norm by torch.nn.utils.parametrizations.weight_norm"
        ) from error
