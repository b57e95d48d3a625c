"""Products with the Hessian and the Gauss-Newton matrix by a program of rules.

Owns: the program, a net as steps, and the tape of a batch: what its operations keep between products, so that a product is
two passes of tangents and cotangents and nothing else. Images lie as convolutions are fastest (kernels.py). How a net becomes a
program is the business of translate.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from landscape.program.rules import FIRST_ORDER, ROUNDED_LAYOUT, Rule, SecondOrder, Sum, Sums

# By step, as a layer may be used twice, each time with another scale folded in.
StepSums = dict[int, Sums]


@dataclass(frozen=True)
class Step:
    """A rule, the numbers of the values it takes, and which of these depend on a parameter."""

    rule: Rule
    inputs: tuple[int, ...]
    wanted: tuple[bool, ...]
    active: bool


@dataclass(frozen=True, eq=False)
class Tape:
    """What the steps keep of one batch.

    `loss` is its share of the mean loss, `slope` the derivative by the outputs; `loss_hvp` gives H_L t for a tangent t of
    the outputs.
    """

    kept: list[Any]
    cotangents: list[Tensor | None]
    loss: float
    slope: Tensor
    loss_hvp: Callable[[Tensor], Tensor]
    nbytes: int = 0

    def weighed(self) -> Tape:
        """With its `nbytes`."""
        tensors = _unique((self.kept, self.cotangents))
        return replace(self, nbytes=sum(tensor.untyped_storage().nbytes() for tensor in tensors))


class HvpProgram:
    """A net as steps: value 0 is the input of a batch, value i + 1 the output of step i."""

    def __init__(self, steps: Sequence[Step], layout: torch.memory_format = torch.channels_last):
        """`layout`: of images in memory, for which the rules of the steps were made."""
        self._steps, self._layout = tuple(steps), layout
        self._in_place = tuple(self._may_overwrite(step) for step in steps)

    def _may_overwrite(self, step: Step) -> bool:
        """Whether the tangent that a step takes is needed by nobody else: allocating memory costs as much as the step."""
        if not step.rule.self_adjoint or not step.active or not step.inputs[0]:
            return False
        before = self._steps[step.inputs[0] - 1]
        read_by = sum(other.inputs.count(step.inputs[0]) for other in self._steps)
        return (
            read_by == 1
            and before.active
            and (before.rule.owns_results or (isinstance(before.rule, Sum) and all(before.wanted)))
        )

    def rounded(self, dtype: torch.dtype) -> HvpProgram:
        """The same program in a lower precision, for tapes that `rounded_tape` makes."""
        return HvpProgram([replace(step, rule=step.rule.of_precision(dtype)) for step in self._steps], ROUNDED_LAYOUT)

    def rounded_tape(self, tape: Tape, dtype: torch.dtype) -> Tape:
        """A tape that the same program has recorded in another precision, for this one."""
        known: dict[int, tuple[Tensor, Tensor]] = {}

        def cast(tensor: Tensor) -> Tensor:
            if id(tensor) not in known:  # what is cast is held too, as its id would be given to another
                known[id(tensor)] = tensor, self._laid(tensor.to(dtype)) if tensor.is_floating_point() else tensor
            return known[id(tensor)][1]

        kept = [step.rule.rounded(held, cast) for step, held in zip(self._steps, tape.kept, strict=True)]
        cotangents = [None if held is None else cast(held) for held in tape.cotangents]
        precise, hvp = tape.slope.dtype, tape.loss_hvp
        return Tape(
            kept, cotangents, tape.loss, tape.slope.to(dtype), lambda tangent: hvp(tangent.to(precise)).to(dtype)
        ).weighed()

    def refresh(self) -> None:
        """To be called when the weights have changed, before `prepare`."""
        for step in self._steps:
            step.rule.refresh()

    def prepare(self, tangents: Mapping[str, Tensor]) -> list[Any]:
        """A direction, tensor by tensor, made ready for `product`."""
        return [step.rule.prepare(tangents) for step in self._steps]

    def record(self, inputs: Tensor, loss: Callable[[Tensor], Tensor]) -> Tape:
        """One batch: forward, and back once for the cotangents; `loss` takes the outputs to their share of the mean."""
        values, kept = [self._laid(inputs)], []
        for step in self._steps:
            out, held = step.rule.forward([values[i] for i in step.inputs])
            values.append(out)
            kept.append(held)
        tape = Tape(kept, [None] * len(kept), *_of_outputs(values[-1], loss))
        self._back(tape, tape.slope, None)
        return tape.weighed()

    def _laid(self, images: Tensor) -> Tensor:
        """Images in the program's layout; anything else unchanged."""
        return images.contiguous(memory_format=self._layout) if images.ndim == 4 else images

    def gradient(self, tape: Tape, sums: StepSums) -> None:
        """Adds the batch's share of the gradient."""
        self._back(tape, tape.slope, sums)

    def product(self, tape: Tape, direction: Sequence[Any], sums: StepSums, *, gauss_newton: bool = False) -> None:
        """Adds the batch's share of the product with a direction that is prepared."""
        tangents: list[Tensor | None] = [None]
        for step, in_place, kept, part in zip(self._steps, self._in_place, tape.kept, direction, strict=True):
            taken = [tangents[i] for i in step.inputs]
            if in_place and taken[0] is not None:
                tangents.append(step.rule.in_place(kept, taken[0]))
            else:
                tangents.append(step.rule.jvp(kept, taken, part) if step.active else None)
        if tangents[-1] is None:
            return
        along = None
        if not gauss_newton:
            inputs = ([tangents[i] for i in step.inputs] for step in self._steps)
            along = [SecondOrder(*each) for each in zip(tape.cotangents, inputs, direction, strict=True)]
        self._back(tape, tape.loss_hvp(tangents[-1]), sums, along)

    def finish(self, sums: StepSums, out: Mapping[str, Tensor]) -> None:
        """Adds what all batches gave to the tensors of the result."""
        for number, step in enumerate(self._steps):
            step.rule.finish(sums.get(number, {}), out)

    def _back(
        self, tape: Tape, last: Tensor, sums: StepSums | None, along: Sequence[SecondOrder] | None = None
    ) -> None:
        """A backward pass from the cotangent `last` of the outputs; without `sums`, it fills in the tape's cotangents."""
        cotangents: list[Tensor | None] = [*[None] * len(self._steps), last]
        owned = [False] * len(cotangents)  # by the step that takes it: no other holds this memory
        for number in range(len(self._steps) - 1, -1, -1):
            step, got = self._steps[number], cotangents[number + 1]
            cotangents[number + 1] = None
            if not step.active or got is None:
                continue
            if sums is None and step.rule.keeps_cotangent:
                tape.cotangents[number] = got
            if step.rule.self_adjoint and owned[number + 1] and step.wanted[0]:
                given: Sequence[Tensor | None] = (step.rule.in_place(tape.kept[number], got),)
            else:
                own = None if sums is None else sums.setdefault(number, {})
                second = along[number] if along else FIRST_ORDER
                given = step.rule.vjp(tape.kept[number], got, step.wanted, own, second)
            for i, want, cotangent in zip(step.inputs, step.wanted, given, strict=True):
                if not want or cotangent is None:
                    continue
                before, owns = cotangents[i], step.rule.owns_results
                if before is None:
                    cotangents[i], owned[i] = cotangent, owns
                else:
                    cotangents[i], owned[i] = cotangent.add_(before) if owns else before + cotangent, True


def _of_outputs(outputs: Tensor, loss: Callable[[Tensor], Tensor]) -> tuple[float, Tensor, Callable[[Tensor], Tensor]]:
    """(loss, its slope by the outputs, t -> its second derivative times t)."""
    with torch.enable_grad():
        leaf = outputs.detach().requires_grad_()
        value = loss(leaf)
        (slope,) = torch.autograd.grad(value, leaf, create_graph=True)

    def loss_hvp(tangent: Tensor) -> Tensor:
        if not slope.requires_grad:
            return torch.zeros_like(tangent)
        (found,) = torch.autograd.grad(slope, leaf, tangent, retain_graph=True, allow_unused=True)
        return torch.zeros_like(tangent) if found is None else found

    return float(value.detach()), slope.detach(), loss_hvp


def _unique(nested: Any) -> list[Tensor]:
    """The tensors of a nested structure, each storage once."""
    found: dict[int, Tensor] = {}

    def visit(value: Any) -> None:
        if isinstance(value, Tensor):
            found.setdefault(value.untyped_storage().data_ptr(), value)
        elif isinstance(value, (list, tuple)):
            for each in value:
                visit(each)

    visit(nested)
    return list(found.values())
