"""What a net gives on the first batch of its data, to see by value whether two nets are one function.

Owns: which numbers are kept, and how far they may differ by rounding. A run keeps those of its check (trial.py), which passes
this batch anyway. Comparisons of code (subject/program.py) read what may decide a value and can overlook some of it; this
evaluates. It does not see a difference that changes nothing on the first samples: a branch that they do not take, a setting of
training, or a factor so near to 1 that it looks like rounding.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from landscape.data.split import Split
from landscape.data.structure import batch_length, mapped, tensors_in
from landscape.layout import real_form
from landscape.objective.conduct import Values, parts_of, read
from landscape.objective.steady import SEED, Held
from landscape.randomness import forked

if TYPE_CHECKING:
    from landscape.objective.objective import Objective

# How many samples are tried: a check is to take no time, and a net of batch statistics wants a few.
TRIED = 8
# Begins the names of outputs among values.
OUTPUT = "output "
# Among the numbers kept: the size of outputs that cannot be compared, as batches cannot be joined into one.
IN_PARTS = "outputs in parts"
# Largest differences of two modules in one process that are rounding, relative to the largest number, by precision: the same
# operations give the same bits, other kernels for them differ in the last digits.
NOISE = {"fp64": 1e-12, "fp32": 1e-5, "tf32": 1e-3, "bf16": 2e-2, "bf16-true": 2e-2}


def first_samples(objective: Objective, split: Split) -> Any:
    """The batch of a split that is tried; None where it is empty."""
    return next(iter(split.batches(min(objective.batch_size, TRIED))), None)


def passes(objective: Objective, split: Split) -> list[Any]:
    """The first `TRIED` samples of a split, so as many whatever the batch size is, in batches of at most that size.

    They are about equally long, as a net that normalizes by its batch refuses a single sample. The user's own batches are not
    cut; then it is the first of them.
    """
    first, most = first_samples(objective, split), objective.batch_size
    if first is None or most >= TRIED:
        return [first]
    whole = next(iter(split.batches(TRIED)))
    length = batch_length(whole)
    if batch_length(first) != min(most, length):
        return [first]
    count = -(-length // most)
    return [part for part, _ in parts_of(whole, length, -(-length // count))] or [first]


@contextlib.contextmanager
def heard(model: nn.Module) -> Iterator[list[Tensor]]:
    """The list takes the plain tensors that the first call of the whole net within the block returns, detached, in real form."""
    found: list[Tensor] = []

    def keep(module: nn.Module, inputs: Any, outputs: Any) -> None:
        if not found:
            found.extend(real_form(each.detach()) for each in tensors_in(outputs) if _is_plain(each))

    hook = model.register_forward_hook(keep)
    try:
        yield found
    finally:
        hook.remove()


def _is_plain(tensor: Tensor) -> bool:
    """Whether it can be compared number by number; not a sparse, nested or quantized one, nor one within torch.func."""
    if torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        return False
    return tensor.layout == torch.strided and not tensor.is_nested and not tensor.is_quantized


def numbers_of(
    name: str, outputs: Sequence[Sequence[Tensor]], values: Mapping[str, float], sizes: Sequence[int]
) -> dict[str, float]:
    """What is kept of the first samples of the split `name`; numbers that are not finite are left out.

    The samples, the `values` of the metrics, the root mean square of the outputs, and a sum of them with fixed weights, which
    changes where they change places or signs. `outputs`: those of each batch, whose samples are counted in `sizes`.
    """
    found = {f"{name} samples": float(sum(sizes)), **{f"{name} {metric}": value for metric, value in values.items()}}
    rows = _joined(outputs, sizes)
    parts = [
        each.double().reshape(-1)
        for batch in (outputs if rows is None else [rows])
        for each in batch
        if each.is_floating_point()
    ]
    if parts and (flat := torch.cat(parts).cpu()).numel():
        weights = torch.arange(1, flat.numel() + 1, dtype=torch.float64).cos()
        size = float(flat.square().mean().sqrt())
        found |= (
            {f"{name} {IN_PARTS}": size}
            if rows is None
            else {f"{name} outputs": size, f"{name} outputs weighted": float((flat * weights).mean())}
        )
    return {key: value for key, value in found.items() if math.isfinite(value)}


def _joined(outputs: Sequence[Sequence[Tensor]], sizes: Sequence[int]) -> Sequence[Tensor] | None:
    """The outputs as of one batch; None where they are not a row for each sample: then other batches give others."""
    if len(outputs) == 1:
        return outputs[0]
    kinds = {tuple((each.dtype, each.shape[1:]) for each in batch) for batch in outputs}
    rows = (each.ndim and len(each) == size for batch, size in zip(outputs, sizes, strict=True) for each in batch)
    return [torch.cat(each) for each in zip(*outputs, strict=True)] if len(kinds) == 1 and all(rows) else None


def seen(objective: Objective) -> dict[str, float]:
    """What `Objective.check` saw of the first batches; nothing under an attack, which follows signs of gradients.

    Where the net or the loss draws random numbers, these differ between versions of torch and devices.
    """
    return {} if objective.measure.manner else dict(objective.tried)


def values_of(objective: Objective, model: nn.Module, batch: Any) -> Values:
    """Values and outputs of a batch by a module, under the random numbers of the first batch; its state is put back."""
    held, size = Held(model), batch_length(batch)
    try:
        with forked(objective.device, SEED), objective.numbers(model), heard(model) as outputs:
            found = read(objective.measure(model, mapped(batch, Tensor.detach)), size)
            return found | {f"{OUTPUT}{at}": each.double().cpu() for at, each in enumerate(outputs)}
    finally:
        held.put_back()


def apart(first: Mapping[str, Tensor], second: Mapping[str, Tensor], precision: str | None) -> str | None:
    """The first value in which two nets differ by more than rounding, as `loss 2.31 and 2.87`; None where there is none.

    `precision`: that of the numbers; None: they must be equal.
    """
    noise = 0.0 if precision is None else NOISE[precision]
    for name in (*first, *(name for name in second if name not in first)):
        one, two = first.get(name), second.get(name)
        if one is None or two is None or one.shape != two.shape:
            return f"{name} of shape {_shape(one)} and {_shape(two)}"
        if not one.numel() or torch.equal(one, two):
            continue
        # what is not finite must be so in both, and of the same kind
        alike = torch.isclose(one, two, rtol=0.0, atol=noise * _largest(one, two), equal_nan=True)
        if not bool(alike.all()):
            at = int((~alike).reshape(-1).nonzero()[0])
            return f"{name} {float(one.reshape(-1)[at]):.6g} and {float(two.reshape(-1)[at]):.6g}"
    return None


def _largest(*tensors: Tensor) -> float:
    finite = [each[each.isfinite()].abs() for each in tensors]
    return max((float(each.max()) for each in finite if each.numel()), default=0.0)


def _shape(tensor: Tensor | None) -> str:
    return "none" if tensor is None else str(tuple(tensor.shape))
