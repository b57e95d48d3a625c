"""How a net and its loss behave beside giving a number, found on a few samples before a long run.

Owns: `Conduct`, and the evaluations that find it: twice with other random numbers, again with the same, and in
halves. What follows from it is the business of objective.py and steady.py. Whether a mean is one over samples is that
of reducible.py.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from landscape.data.split import fingerprint_of
from landscape.data.structure import mapped, tensors_in
from landscape.errors import EvaluationError
from landscape.objective.measure import check_values
from landscape.objective.weighted import weighted
from landscape.randomness import forked, states

# Relative differences that are more than rounding, by precision.
ROUNDING = {"fp64": 1e-7, "fp32": 1e-3, "tf32": 1e-2, "bf16": 5e-2, "bf16-true": 5e-2}
FLOOR = 1e-2
# What draws random numbers where no module does: the loss, or a metric.
OF_LOSS = "the loss"
NO_GRADIENTS, OF_INPUTS, OF_PARAMETERS = "", "inputs", "parameters"

# See `read`.
Values = dict[str, Tensor]
# A batch, at fixed weights -> its values
Evaluate = Callable[[Any], Values]


def loss_first(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: name != "loss")


@dataclass(frozen=True)
class Conduct:
    """What decides values beside weights and samples.

    Attributes:
        gradients: what the loss itself differentiates by: nothing, inputs, or parameters too.
        random: what draws random numbers; None if nothing does.
        changes: buffers and modules whose state an evaluation changes.
        mixes: what lets the value of a sample depend on the other samples of its batch; None if nothing does.
        whole: the name of a value that is one of whole batches, not a mean over samples: the loss if it is; None if none is.
        pairs: the loss returns (sum, weight).
        undefined: metrics of the first samples that are NaN or infinite.
        source: where such numbers stand already, as "0.weight holds NaN or inf (3 of 20 numbers)"; None if nowhere.
        averaged: the loss comes as one number for a batch, so how far samples differ is not known.
        remembers: the names of what the code of the loss reads and has changed.
    """

    gradients: str = NO_GRADIENTS
    random: str | None = None
    changes: tuple[str, ...] = ()
    mixes: str | None = None
    whole: str | None = None
    pairs: bool = False
    undefined: tuple[str, ...] = ()
    source: str | None = None
    averaged: bool = False
    remembers: tuple[str, ...] = ()

    @property
    def whole_value(self) -> str:
        """`whole` in the words of messages."""
        return "the loss" if self.whole == "loss" else f"the metric {self.whole}"

    @property
    def depends_on_batches(self) -> bool:
        return bool(self.random or self.mixes or self.whole)

    @property
    def plain(self) -> bool:
        """Whether any way of computing the outputs of the net, in any batches, gives the same values."""
        return not (self.depends_on_batches or self.changes or self.gradients)


def batch_statistics(model: nn.Module) -> list[str]:
    """The layers that normalize by the statistics of the batch, in the mode that the net is in now."""
    return [
        f"{name or 'the net'} ({type(module).__name__})"
        for name, module in model.named_modules()
        if isinstance(module, _BatchNorm) and (module.training or module.running_mean is None)
    ]


def randomness_of(evaluate: Evaluate, batch: Any, model: nn.Module, device: torch.device, precision: str) -> str | None:
    """What draws random numbers in an evaluation, as words; None if nothing does.

    Raises:
        EvaluationError: evaluations differ though they begin with the same random numbers.
    """
    before = fingerprint_of(tensors_in(batch))
    first, drew = _seeded(evaluate, batch, device, seed=0)
    again, _ = _seeded(evaluate, batch, device, seed=0)
    if found := differ(first, again, precision):
        if fingerprint_of(tensors_in(batch)) != before:
            raise EvaluationError(
                f"the net or the loss changes its batch in place (as x += 1 does), so a second evaluation differs ({found}); let "
                "it work on a copy, as in x = x + 1"
            )
        raise EvaluationError(
            f"two evaluations of the same batch at the same weights differ, also with the same random numbers ({found}); "
            "does the net or the loss count its calls, keep a generator of its own, or write into what it is given, as x += 1 "
            "does? Its value must depend only on its arguments; a module may change itself in training mode (if self.training:)"
        )
    if not drew:
        return None
    calls, others = (_calls(evaluate, batch, model, device, seed) for seed in (0, 1))
    # the first module to finish that took the same and gave something else
    name = next((a[0] for a, b in zip(calls, others, strict=False) if a[:2] == b[:2] and a[2] != b[2]), None)
    return name or OF_LOSS


def mixes(
    evaluate: Evaluate, batch: Any, length: int, precision: str, *, lenient: bool = False, whole: Values | None = None
) -> bool:
    """Whether the values of a batch of `length` samples differ when it is passed in halves.

    `lenient`: also the whole batch may be refused, as at weights that are not the net's own. `whole`: its values, where they are
    known.
    """
    halves = parts_of(batch, length, -(-length // 2)) if length >= 4 else []
    if len(halves) < 2:
        return False
    try:
        found = joined([evaluate(half) for half, _ in halves])
        whole = evaluate(batch) if lenient else whole
    except Exception:  # a net may be made for one size of batch; then nothing can be said
        return False
    return differ(whole or evaluate(batch), found, precision) is not None


def which_mixes(evaluate: Evaluate, names: Iterable[str], batch: Any, length: int, precision: str) -> str:
    """The first of the values, by name, that differs as in `mixes`; the loss where none does alone."""

    def alone(part: Any, name: str) -> Values:
        return {key: value for key, value in evaluate(part).items() if key.split()[0] == name}

    return next(
        (name for name in names if mixes(functools.partial(alone, name=name), batch, length, precision)), "loss"
    )


def parts_of(batch: Any, length: int, size: int) -> list[tuple[Any, int]]:
    """The batch in parts of `size` samples, each with its size; empty where it cannot be cut."""
    if any(tensor.ndim and len(tensor) != length for tensor in tensors_in(batch)):
        return []
    starts = range(0, length, size)
    return [(mapped(batch, functools.partial(_cut, start, size)), min(size, length - start)) for start in starts]


def _cut(start: int, size: int, tensor: Tensor) -> Tensor:
    return tensor[start : start + size] if tensor.ndim else tensor


def read(values: Mapping[str, Any], length: int) -> Values:
    """Metrics as tensors on the CPU: (n,) values, (2,) mean and samples, or (2,) sum and weight under `NAME pair`."""
    found: Values = {}
    for name, value in values.items():
        if isinstance(value, tuple):
            found[f"{name} pair"] = torch.stack(weighted(name, value, length)).cpu()
        else:
            each = check_values(name, value, length).cpu()
            found[name if each.ndim else f"{name} mean"] = (
                each if each.ndim else torch.stack([each * length, torch.tensor(float(length), dtype=torch.float64)])
            )
    return found


def joined(parts: list[Values]) -> Values:
    """The values of a batch from those of its parts: values laid end to end, sums and weights added."""
    return {
        name: torch.cat([part[name] for part in parts]) if not name.endswith((" pair", " mean"))
        else torch.stack([part[name] for part in parts]).sum(dim=0) for name in parts[0]
    }  # fmt: skip


def differ(first: Values, second: Values, precision: str) -> str | None:
    """How two results differ by more than rounding, as `loss 1.131, then 1.112`; None if they do not.

    What is not finite says nothing.
    """
    for name, one in first.items():
        other = second[name]
        if one.shape != other.shape:
            continue
        finite = one.isfinite() & other.isfinite()
        # the loss of a net that fits is a small difference of large numbers
        scale = max(float(one[finite].abs().mean()) if bool(finite.any()) else 0.0, FLOOR)
        if bool(((one - other).abs()[finite] > ROUNDING[precision] * scale).any()):
            pair = name.endswith((" pair", " mean"))
            shown = [float(each[0] / each[1]) if pair else float(each.mean()) for each in (one, other)]
            return f"{name.split()[0]} {shown[0]:.6g}, then {shown[1]:.6g}"
    return None


def _seeded(evaluate: Evaluate, batch: Any, device: torch.device, seed: int) -> tuple[Values, bool]:
    """(values, whether random numbers were drawn)."""
    with forked(device, seed):
        before = states(device)
        values = evaluate(batch)
        return values, states(device) != before


Call = tuple[str, str, str]


def _calls(evaluate: Evaluate, batch: Any, model: nn.Module, device: torch.device, seed: int) -> list[Call]:
    """The calls of modules in the order in which they end: (name, hash of the inputs, hash of the outputs)."""
    calls: list[Call] = []

    def hook(name: str) -> Callable[..., None]:
        def keep(module: nn.Module, inputs: Any, outputs: Any) -> None:
            label = f"{name} ({type(module).__name__})" if name else type(module).__name__
            calls.append((label, fingerprint_of(tensors_in(list(inputs))), fingerprint_of(tensors_in(outputs))))

        return keep

    hooks = [module.register_forward_hook(hook(name)) for name, module in model.named_modules()]
    try:
        _seeded(evaluate, batch, device, seed)
    finally:
        for each in hooks:
            each.remove()
    return calls
