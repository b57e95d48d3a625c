"""How a batch is read: what of it the net takes, and what the loss compares the outputs with.

Owns: `Reading`, `Call` (the arguments of the net, where they are not one tensor), and the conventions: which entry of a dict
holds the targets, and which entries a net takes. With it losses of (outputs, targets), and all that knows only them, apply
to batches of any form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from landscape.data.normalize import is_images
from landscape.data.rows import RowsSplit
from landscape.data.split import BatchSplit, Split, StreamSplit, TensorSplit
from landscape.data.structure import TARGETS, is_mapping, is_named_tuple, is_pair, is_self_moving
from landscape.errors import DataError
from landscape.objective.batch_words import LISTED, said_by, shown
from landscape.objective.language import (
    SPAN,
    are_the_tokens,
    bare,
    encodes_and_decodes,
    is_of_transformers,
    parts_of_transformers,
    positions_of,
    shifts_labels,
    tokens_in,
    tokens_of,
    virtual_tokens,
)
from landscape.objective.signature import asks_by_name, parameters_of
from landscape.printable import listed

# Where an output says its main part, in the order in which it is looked for.
OUTPUTS = ("logits", "out")
# An entry of a batch, several of them, its number in a tuple, or a function of the batch.
Which = str | int | Sequence[str] | Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class Call:
    """The arguments of the net for a batch. `classes_last`: its outputs are (n, positions, classes).

    `next_token`: the targets belong to all positions but the last. `virtual`: positions before those of the batch, such as those
    of a prompt that is tuned. `left`: entries that the net does not take.
    """

    arguments: tuple[Any, ...] = ()
    named: Mapping[str, Any] | None = None
    classes_last: bool = False
    next_token: bool = False
    virtual: int = 0
    left: tuple[str, ...] = ()

    def __call__(self, model: Callable[..., Any]) -> Any:
        return model(*self.arguments, **(self.named or {}))

    @property
    def alone(self) -> Tensor | None:
        """The one tensor that the net takes, if it takes nothing else; faster programs use it."""
        one = len(self.arguments) == 1 and not self.named and not self.classes_last
        return self.arguments[0] if one and isinstance(self.arguments[0], Tensor) else None

    def aligned(self, outputs: Any) -> Any:
        """Outputs (n, classes, positions), as PyTorch's losses take them, at the positions of the targets."""
        if not self.classes_last or not isinstance(outputs, Tensor) or outputs.ndim != 3:
            return outputs
        # the last virtual token predicts the first of the batch
        first = max(self.virtual - 1, 0) if self.next_token else self.virtual
        return outputs[:, first : -1 if self.next_token else None].movedim(2, 1)


def called(model: Callable[..., Any], inputs: Any) -> Any:
    """All that the model returns."""
    return inputs(model) if isinstance(inputs, Call) else model(inputs)


def forward(model: Callable[..., Any], inputs: Any) -> Any:
    """The model's outputs; of tuples, lists and records with `logits`, as many models return, the main part."""
    return main_part(called(model, inputs), inputs)


def main_part(outputs: Any, inputs: Any) -> Any:
    """What named losses compare, of all that a model has returned for these inputs."""
    if isinstance(outputs, Tensor):
        found: Any = outputs
    elif hasattr(outputs, "logits"):
        found = outputs.logits
    elif hasattr(outputs, "start_logits") and hasattr(outputs, "end_logits"):
        found = torch.stack((outputs.start_logits, outputs.end_logits), 1)  # both ends of a span, as two tokens are
    elif isinstance(outputs, Mapping):
        found = next((outputs[name] for name in OUTPUTS if name in outputs), outputs)
    else:
        found = outputs[0] if isinstance(outputs, (tuple, list)) else outputs
    return inputs.aligned(found) if isinstance(inputs, Call) else found


@dataclass(frozen=True)
class Reading:
    """`inputs`: what of a batch the net takes; `targets`: what the loss compares; None follows the conventions."""

    inputs: Which | None = None
    targets: Which | None = None

    def splits(self, splits: Mapping[str, Split], model: nn.Module) -> dict[str, Split]:
        """The splits with batches (inputs, targets) that suit the model; pairs of tensors stay as they are.

        Raises:
            DataError: a batch does not say its targets, or the model does not take its entries.
        """
        return {name: self._split(split, model) for name, split in splits.items()}

    def _split(self, split: Split, model: nn.Module) -> Split:
        if isinstance(split, RowsSplit):
            return replace(split, rows=self.pair(split.rows, model))
        if isinstance(split, BatchSplit):
            return replace(split, ready=[self.pair(batch, model) for batch in split.ready])
        if isinstance(split, TensorSplit) and self._changes_pairs(split, model):
            rows = self.pair(split.pair(split.inputs, split.targets), model)
            return RowsSplit(rows, split.size, split.of, split.fingerprint, split.given)
        if isinstance(split, StreamSplit) and split.targets is None:
            read = split.read
            return replace(split, read=lambda size: (self.pair(batch, model) for batch in read(size)))
        return replace(split, named=None) if isinstance(split, TensorSplit) else split

    def _changes_pairs(self, split: TensorSplit, model: nn.Module) -> bool:
        if split.is_read:
            return False
        if self.inputs is not None or self.targets is not None:
            if is_images(split.inputs):
                raise DataError(
                    "a Loss with inputs or targets does not take images of bytes; give floating-point images"
                )
            return True
        return split.targets.ndim > 1 and bool(parts_of_transformers(model))  # one target for each token

    def pair(self, batch: Any, model: nn.Module) -> tuple[Any, Any]:
        """(inputs, targets) of a batch: a `Call` in place of the inputs, unless they are one tensor."""
        net, inside = bare(model), parts_of_transformers(model)
        if is_pair(batch) and self.inputs is None and self.targets is None and not inside:
            return tuple(batch)
        inputs, targets = self._parts(batch)
        causal = shifts_labels(inside)
        if targets is None and causal:
            targets = tokens_of(inputs)
        # its own labels are shifted by the net itself; those of a pair or a wrapper are, if they are the tokens
        own = causal and net in inside and not is_pair(batch)
        next_token = own or (causal and are_the_tokens(targets, inputs))
        if targets is None:
            raise DataError(
                f"a batch with {shown(batch)} does not say its targets; {said_by(batch)}, or give a loss of (model, batch)"
            )
        call = _call(inputs, net)
        if any(map(encodes_and_decodes, inside)) and "labels" in parameters_of(net)[0]:
            # it makes the inputs of its decoder from them
            call = replace(call, named={**(call.named or {}), "labels": targets})
        last = bool(inside) and isinstance(targets, Tensor) and targets.ndim == 2
        virtual = virtual_tokens(model) if last else 0
        if next_token and not virtual:
            targets = targets[:, 1:]
        call = replace(call, classes_last=last, next_token=next_token, virtual=virtual)
        return call.alone if call.alone is not None else call, targets

    def _parts(self, batch: Any) -> tuple[Any, Any]:
        """What is passed to the net, and the targets; None where a batch says none."""
        targets = self.targets if self.targets is not None else _targets_of(batch)
        rest = self.inputs if self.inputs is not None else _rest(batch, targets)
        return taken(batch, rest), None if targets is None else taken(batch, targets)

    def compared(self, outputs: Any, batch: Any, model: nn.Module) -> tuple[Any, Any]:
        """(outputs, targets) of a batch for which a loss of (model, batch) has asked the model.

        Raises:
            DataError: the batch does not say its targets.
        """
        inputs, targets = self.pair(batch, model) if parts_of_transformers(model) else (None, self._targets(batch))
        return forward(lambda *given, **named: outputs, inputs), targets

    def _targets(self, batch: Any) -> Any:
        """The targets of a batch, of any form.

        Raises:
            DataError: it does not say them.
        """
        found = self._parts(batch)[1]
        if found is None:
            raise DataError(f"a batch with {shown(batch)} does not say its targets: name one of them {TARGETS[0]}")
        return found


def taken(batch: Any, which: Which) -> Any:
    """What `which` names of a batch.

    Raises:
        DataError: there is no such entry.
    """
    if callable(which):
        return which(batch)
    if isinstance(which, (list, tuple)):
        return {name: taken(batch, name) for name in which}
    try:
        return _entry(batch, which)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise DataError(f"a batch with {shown(batch)} has no entry {which!r}") from error


def _entry(batch: Any, which: Any) -> Any:
    if is_named_tuple(batch) and isinstance(which, str):
        return getattr(batch, which)
    if is_mapping(batch) or isinstance(batch, (list, tuple)):
        return batch[which]
    return getattr(batch, which)


def _targets_of(batch: Any) -> Which | None:
    if is_named_tuple(batch) and (named := next((name for name in TARGETS if name in batch._fields), None)):
        return named
    if isinstance(batch, (list, tuple)):
        return len(batch) - 1 if len(batch) > 1 else None
    if is_mapping(batch):
        if all(name in batch for name in SPAN):
            return lambda given: positions_of(given[SPAN[0]], given[SPAN[1]], tokens_in(given))
        return next((name for name in TARGETS if name in batch), None)
    return next((name for name in TARGETS if isinstance(getattr(batch, name, None), Tensor)), None)


def _rest(batch: Any, targets: Which | None) -> Which:
    """All but the targets; an object is passed on as a whole."""
    if is_named_tuple(batch) and isinstance(targets, str):
        return lambda given: {name: value for name, value in given._asdict().items() if name != targets}
    if is_mapping(batch) and not is_self_moving(batch):
        apart = SPAN if callable(targets) and all(name in batch for name in SPAN) else (targets,)
        return lambda given: {name: value for name, value in given.items() if name not in apart}
    if isinstance(batch, (list, tuple)) and (isinstance(targets, int) or len(batch) == 1):
        return lambda given: given[0] if len(given) <= 2 else tuple(given[:-1])
    return lambda given: given


def _call(inputs: Any, net: nn.Module) -> Call:
    """How the net takes these inputs: entries by the names of its parameters, tuples one by one."""
    names, required, takes_any, many = parameters_of(net)
    if isinstance(inputs, (list, tuple)):
        several = len(required) <= len(inputs) <= len(names) and len(names) > 1
        return Call(tuple(inputs) if many or several or len(required) > 1 else (inputs,))
    if isinstance(inputs, Tensor):
        return Call((inputs,))
    if is_mapping(inputs) and not is_self_moving(inputs):
        return _call_by_name(inputs, net, names, required, takes_any)
    found = {name: _or_none(inputs, name) for name in names if name not in TARGETS}
    found = {name: value for name, value in found.items() if isinstance(value, Tensor)}
    return Call(named=found) if required and all(name in found for name in required) else Call((inputs,))


def _or_none(inputs: Any, name: str) -> Any:
    try:
        return _entry(inputs, name)
    except (KeyError, AttributeError):
        return None


def _call_by_name(inputs: Any, net: nn.Module, names: set[str], required: list[str], takes_any: bool) -> Call:
    takes_any = takes_any and not is_of_transformers(net)  # which pass on what they do not know
    known = {n: value for n, value in inputs.items() if n in names or (takes_any and isinstance(value, Tensor))}
    left = tuple(str(name) for name, value in inputs.items() if name not in known and isinstance(value, Tensor))
    if known and all(name in known for name in required):
        return Call(named=known, left=left)
    tensors = [value for value in inputs.values() if isinstance(value, Tensor)]
    missing = [name for name in required if name not in known]
    if missing and all(name in TARGETS for name in missing):
        raise DataError(
            f"the net takes {', '.join(required)}, its targets too, so it has no outputs to compare with them; if it returns its "
            "loss, give a loss of (model, batch), such as loss=lambda model, batch: model(**batch)"
        )
    if known or (len(tensors) > 1 and len(required) > 1):
        raise DataError(
            f"the net takes {', '.join(required)}, and a batch has the entries {listed(list(inputs), LISTED)}; rename them, "
            "say which they are, as in ll.Loss(your_loss, inputs=['image'], targets='kind'), or give a loss of (model, batch)"
        )
    alone = len(tensors) == 1 and not asks_by_name(net, inputs)
    return Call((tensors[0],) if alone else (inputs,))
