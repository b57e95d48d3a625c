"""From a loss and metrics, as names or functions, to what is measured on a batch.

Owns: the meaning of `--loss` and `--metrics`. With values per sample, results do not depend on the batches, and standard errors
are known. Means over targets are sums with their weights (weighted.py).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import MethodType
from typing import Any

import torch.nn.functional as F
from torch import nn

from landscape.callables import resolve_function
from landscape.errors import UsageError
from landscape.objective.described import MODEL, Loss
from landscape.objective.functions import cross_entropy, plain
from landscape.objective.loss_modules import is_as_made, module_behind, with_module
from landscape.objective.loss_name import full_name, short_name
from landscape.objective.measure import Measure, ModelMeasure, OutputMeasure
from landscape.objective.misfit import MODEL_ARGUMENTS, check_order
from landscape.objective.named import named_loss, named_metric
from landscape.objective.stored_loss import restored
from landscape.objective.weighted import IGNORED

# A name or a callable; or one of these with the name that it has in results.
Metric = str | Callable | tuple[str, str | Callable]


def make_measure(
    loss: str | Callable | Loss,
    metrics: Sequence[Metric] | None,
    restore: Callable[[Callable, str], Callable] | None = None,
) -> tuple[Measure, str, list[str]]:
    """(measure, name of the loss, names of the metrics).

    Args:
        loss: a name (named.py), a callable (outputs, targets) -> (n,) values, their mean (), or a pair (sum, weight); or
            a callable (model, batch) -> value or dict of values. The latter is recognized by the name of its first
            parameter, or described as a `Loss`. A mean over the batch is weighted by the number of samples in the batch.
        metrics: names, or callables (outputs, targets), or pairs of a name in results and one of these; by default the loss,
            with accuracy beside cross_entropy.
        restore: (loss that is made, its name) -> the loss to measure.

    Raises:
        UsageError: unknown loss or metric.
    """
    given = _described(loss)
    function, loss_name = _loss_function(given.function)
    loss_name = loss if isinstance(loss, str) and ":" in loss else loss_name + given.shown
    made, function = function, restore(function, loss_name) if restore else function
    reading, over = given.reading, given.over
    if given.of == MODEL or (given.of is None and _takes_model(function)):
        others = _shared(
            _functions([each for each in metrics or () if not _is_loss(each)], cross_entropy), made, function
        )
        return ModelMeasure(function, others, reading, over), loss_name, ["loss", *others]
    wanted = list(metrics or (["loss", "accuracy"] if plain(function) is cross_entropy else ["loss"]))
    functions = _shared(_functions(wanted, function), made, function)
    return OutputMeasure(functions, reading, over), loss_name, list(functions)


def with_state(loss: str | Callable | Loss, state: Sequence[Any]) -> str | Callable | Loss:
    """What `make_measure` takes for the loss with the state that a checkpoint holds; the loss itself where that is the same.

    Raises:
        ValueError: the state is not that of such a loss.
    """
    if not state:
        return loss
    given = _described(loss)
    made, changed = restored(_loss_function(given.function)[0], state)
    if not changed:
        return loss
    described = replace(given, function=made)
    return made if described == Loss(made) else described


def _functions(metrics: Sequence[Metric], loss: Callable) -> dict[str, Any]:
    found: dict[str, Any] = {}
    names = dict.fromkeys(each for each in metrics if isinstance(each, str))  # twice the same is once
    for name, function in (
        _metric(each, loss) for each in (*names, *(each for each in metrics if not isinstance(each, str)))
    ):
        if name in found and name == "loss":
            continue  # the loss of the run comes first
        if not _same(found.setdefault(name, function), function):
            raise UsageError(f"metrics: two of them are called '{name}'; define one as a function of another name")
    return found


def _shared(functions: dict[str, Any], made: Callable, restored: Callable) -> dict[str, Any]:
    """The functions, of which those of the loss's own module have that of the restored loss."""
    module, own = module_behind(made), module_behind(restored)
    if module is None or own is None or own is module:
        return functions
    return {name: with_module(each, own) if module_behind(each) is module else each for name, each in functions.items()}


def _described(loss: str | Callable | Loss) -> Loss:
    if isinstance(loss, str) and ":" in loss:
        found = resolve_function(loss, "loss")
        return found if isinstance(found, Loss) else Loss(loss)
    return loss if isinstance(loss, Loss) else Loss(loss)


def _loss_function(loss: str | Callable) -> tuple[Callable, str]:
    if isinstance(loss, str) and ":" not in loss:
        return named_loss(loss)
    found: Any = resolve_function(loss, "loss") if isinstance(loss, str) else loss
    _check_callable("loss", found)
    name = loss if isinstance(loss, str) else full_name(found)
    if getattr(found, "reduction", "mean") == "sum":
        raise UsageError(f"loss {name}: a sum over the batch depends on its size; use reduction='mean'")
    return _own_cross_entropy(found) or found, name


def _is_loss(metric: Any) -> bool:
    """Whether the loss is meant; objects of other libraries answer == with anything."""
    return all(isinstance(each, str) and each == "loss" for each in (metric if isinstance(metric, tuple) else [metric]))


def _same(first: Any, second: Any) -> bool:
    return first is second or (type(first) is type(second) is MethodType and first == second)


def _check_callable(what: str, given: Any) -> None:
    """Raises UsageError for what cannot be called with a batch, such as a class of losses."""
    if isinstance(given, type):
        raise UsageError(f"{what} {given.__name__} is a class: expected an object of it, such as {given.__name__}()")
    if not callable(given):
        raise UsageError(f"{what} of type {type(given).__name__}: expected a name or a callable")
    check_order(what, given)


def _own_cross_entropy(loss: Callable) -> Callable | None:
    """`cross_entropy` in place of torch's, which averages over the batch; values per sample give the standard error."""
    if loss is F.cross_entropy:
        return cross_entropy
    # a subclass may compute something else
    if not isinstance(loss, nn.CrossEntropyLoss) or type(loss).forward is not nn.CrossEntropyLoss.forward:
        return None
    if not is_as_made(loss):
        return None
    if loss.weight is not None or loss.ignore_index != IGNORED:
        return None
    smoothing = loss.label_smoothing
    return functools.partial(cross_entropy, label_smoothing=smoothing) if smoothing else cross_entropy


def _takes_model(function: Callable) -> bool:
    if isinstance(function, nn.Module) and is_as_made(function):  # whose call takes anything
        function = function.forward
    try:
        first = next(iter(inspect.signature(function).parameters), None)
    except Exception:  # objects of other libraries may answer == with anything
        return False
    return first in MODEL_ARGUMENTS


def _metric(metric: Metric, loss: Callable) -> tuple[str, Any]:
    """(name in results, function)."""
    if isinstance(metric, tuple):
        name, inner = metric
        if not (isinstance(name, str) and name.isidentifier()):
            raise UsageError(f"metrics: the name {name!r}: expected one such as my_metric")
        if (name == "loss") != _is_loss(inner):
            raise UsageError(
                "metrics: the name 'loss' is that of the loss, 'loss': 'loss'; give another function another name"
            )
        return name, _metric(inner, loss)[1]
    if not isinstance(metric, str):
        _check_callable("metric", metric)
        if _takes_model(metric):
            raise UsageError(
                f"metric {short_name(metric)} takes a model: metrics take (outputs, targets); a loss of (model, batch) may "
                "return a dictionary with more values, as {'loss': ..., 'other': ...}"
            )
        name = short_name(metric)
        return "metric" if name == "<lambda>" else name, metric
    if ":" in metric:
        inner = resolve_function(metric, "metric")
        check_order("metric", inner)
        return metric.rpartition(":")[2], inner
    found, name = named_metric(metric, loss)
    return name, found
