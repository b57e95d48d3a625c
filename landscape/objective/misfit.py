"""The line on a net, a loss and data that do not go together: which of the two refused, what it was called with, what to do.

Owns: the words, from the error of the first batch and from the signature of a loss.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from landscape.callables import explain
from landscape.data.structure import is_mapping, names_in, tensors_in
from landscape.errors import UsageError
from landscape.objective import measure
from landscape.objective.language import parts_of_transformers
from landscape.objective.loss_name import short_name
from landscape.objective.reading import Call, called

MODEL_ARGUMENTS = ("model", "net", "network", "module")
# What DataParallel and torch.compile call the net within.
WRAPPING = ("module", "_orig_mod")
BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
# Words in what people call the two arguments of a loss, and whole names of one word.
OF_TARGETS = frozenset(
    ("target", "targets", "label", "labels", "true", "truth", "ytrue", "gold", "gt", "expected", "batch")
)
OF_OUTPUTS = frozenset(
    (
        "out", "output", "outputs", "pred", "preds", "predicted", "prediction", "predictions", "logit", "logits", "ypred", "yhat",
        "hat", "estimate", "estimates", "estimated", "score", "scores", "prob", "probs",
    )
)  # fmt: skip


def misfit(error: Exception, batch: Any, *, reads_outputs: bool) -> str:
    """The line for an error of the first `batch`; `reads_outputs`: the loss takes (outputs, targets) of pairs."""
    shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors_in(batch))
    in_net = any(frame.f_code is called.__code__ for frame, _ in traceback.walk_tb(error.__traceback__))
    metric = None if in_net else _metric_of(error)
    if in_net and reads_outputs:
        who, hint = "the model", _of_net(batch)
    elif metric:
        who, hint = f"the metric {metric}", _of_metric(error)
    else:
        who = "the loss" if reads_outputs else "the model or its loss"
        hint = _of_net(batch) if in_net else _of_loss(error)
        hint = hint or (_of_transformers(error) if reads_outputs else "")
    hint = hint or _of_flat(batch)
    return f"{who} does not accept these batches (shapes {shapes}): {explain(error)}{hint}"


def _of_net(batch: Any) -> str:
    if hint := _of_samples(batch):
        return hint
    call = batch[0]
    if not isinstance(call, Call) or call.named or (len(call.arguments) == 1 and isinstance(call.arguments[0], Tensor)):
        return ""
    if call.arguments and is_mapping(call.arguments[0]):
        first = [*call.arguments[0]][0]
        return (
            "; all entries of a batch but the targets go to the net: say which it takes, as in "
            f"ll.Loss(your_loss, inputs={first!r}), or give a loss of (model, batch)"
        )
    if len(call.arguments) == 1 and (named := [*names_in(call.arguments[0])]):
        return (
            "; a batch that is an object is passed to the net as a whole: say what the net takes of it, as in "
            f"ll.Loss(your_loss, inputs={named[0]!r}), or give a loss of (model, batch)"
        )
    return (
        "; of a batch of several parts the last is the targets, and all others go to the net: say which are which, as in "
        "ll.Loss(your_loss, inputs=0, targets=1), or give a loss of (model, batch)"
    )


def _of_samples(batch: Any) -> str:
    """On what may be samples in place of a batch, or was put together in a way that nets do not take."""
    call = batch[0] if isinstance(batch, (tuple, list)) and batch else None
    given = [*call.arguments, *(call.named or {}).values()] if isinstance(call, Call) else [call]
    if any(isinstance(each, list) and each and all(isinstance(part, Tensor) for part in each) for each in given):
        return (
            "; lists of numbers are put together number by number, as torch's default_collate does: let samples hold tensors, "
            "as by torch.tensor, or give a collate_fn that makes them"
        )
    inner = [part for each in given if isinstance(each, dict) for part in each.values()]
    if any(isinstance(part, str) for each in (*given, *inner) for part in (each if isinstance(each, list) else [each])):
        return "; a net takes numbers: pass texts through its tokenizer first"
    if any(tensor.ndim == 0 for tensor in tensors_in(batch)):
        return "; if these are single samples, give a DataLoader(data, batch_size=...)"
    return ""


def _of_flat(batch: Any) -> str:
    """On several tensors of one dimension, which may be those of one sample."""
    given = [*tensors_in(batch)]
    if len(given) < 2 or any(each.ndim != 1 for each in given):
        return ""
    return (
        "; these hold one number for each sample of a batch: where they are single samples, give a DataLoader(data, "
        "batch_size=...) of tensors"
    )


def _of_transformers(error: Exception) -> str:
    """On a net of transformers whose outputs are not those of the loss: it has a loss of its own."""
    frames = (frame.f_locals.get("model") for frame, _ in traceback.walk_tb(error.__traceback__))
    net = next((each for each in frames if isinstance(each, nn.Module)), None)
    if net is None or not parts_of_transformers(net):
        return ""
    return (
        "; the net has a loss of its own: loss=lambda model, batch: model(**batch).loss, with its labels among the entries of a "
        "batch; on the command line a function of (model, batch) that returns it"
    )


def _metric_of(error: Exception) -> str | None:
    """The metric of outputs that raised an error, as the frames of the measure tell; None if it was another function."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        told = frame.f_locals
        if frame.f_globals is vars(measure) and "function" in told and told.get("name") != "loss":
            return told.get("name")
    return None


def _of_metric(error: Exception) -> str:
    if isinstance(error, TypeError) and ("positional argument" in str(error) or "not callable" in str(error)):
        return "; a metric takes (outputs, targets); a loss of (model, batch) may return a dictionary with more values"
    return ""


def _of_loss(error: Exception) -> str:
    text = str(error)
    if isinstance(error, AttributeError) and error.name in WRAPPING:
        return f"; the net is evaluated without the wrapper that has .{error.name}: use model itself"
    if isinstance(error, TypeError) and "'Tensor' object is not callable" in text:
        return "; a loss that calls the net is ll.Loss(loss, of='model')"
    if isinstance(error, RuntimeError) and any(
        word in text for word in ("scalar type", "same dtype", "dtype mismatch")
    ):
        return "; create tensors of its own with dtype=outputs.dtype, or give --precision fp32"
    if isinstance(error, TypeError) and ("positional argument" in text or "keyword-only argument" in text):
        return "; a loss takes (outputs, targets), or (model, batch) with a first parameter named model"
    return ""


def check_order(what: str, function: Callable) -> None:
    """Raises UsageError for a loss or metric whose parameters say that it takes (targets, outputs).

    Its values could be wrong without an error.
    """
    try:
        called = function.forward if isinstance(function, nn.Module) else function
        names = [name for name, each in inspect.signature(called).parameters.items() if each.kind in BY_PLACE]
    except Exception:  # objects of other libraries may answer == with anything
        return
    if len(names) > 1 and names[1] in MODEL_ARGUMENTS and names[0] not in MODEL_ARGUMENTS:
        raise UsageError(
            f"{what} {short_name(function)}({names[0]}, {names[1]}): what takes a model is called with (model, batch), in this "
            "order; swap its parameters"
        )
    if len(names) > 1 and _targets_first(*(frozenset(name.lower().strip("_").split("_")) for name in names[:2])):
        raise UsageError(
            f"{what} {short_name(function)}({names[0]}, {names[1]}): it is called with (outputs, targets), in this order; swap "
            "its parameters"
        )


def _targets_first(first: frozenset[str], second: frozenset[str]) -> bool:
    """Whether the words of two names say that the targets come first; torch calls outputs input beside a target.

    `actual` is the truth beside what is predicted, and the outputs beside what is expected: it says nothing alone.
    """
    outputs = bool(second & OF_OUTPUTS)
    targets = bool(first & OF_TARGETS or first == {"y"}) and not first & OF_OUTPUTS
    return (
        (targets and outputs and not second & OF_TARGETS)
        or (targets and second in ({"input"}, {"inputs"}))
        or ("expected" in first and "actual" in second)
        or (first == {"actual"} and outputs)
    )
