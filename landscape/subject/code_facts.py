"""What the provenance says of the code of a run: of the net, of the loss, and of each metric.

Owns: what is known by its name (nets of the zoo and of libraries, named losses, those of torch with their settings) and so has
no entry here.
"""

from __future__ import annotations

import functools
import json
import platform
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from landscape.callables import resolve_function
from landscape.objective.described import Loss
from landscape.objective.loss_name import full_name, short_name
from landscape.options.groups import LossOptions
from landscape.subject.code_stores import Stores, by_name
from landscape.subject.code_text import HASHED, digest
from landscape.subject.net import Net, Other, check_alike
from landscape.subject.program import Program, callable_digest
from landscape.surfaces.provenance import CodeFacts

PYTHON = ".".join(platform.python_version_tuple()[:2])
# Attributes that the name of a loss of torch's states.
STATED = (int, float, str, Tensor, type(None))


def code_facts(program: Program | None, loss: LossOptions, stores: Stores = frozenset()) -> CodeFacts:
    """`program`: of the net, where its name does not say what it computes. `stores`: what evaluations write into.

    Raises:
        LandscapeError: a spec that leads to no callable.
    """
    stores |= program.stores if program else frozenset()
    named = [_metric(each, stores) for each in loss.names or ()]
    metrics = {name: code for name, code in named if code and code != name}
    return CodeFacts(
        python=PYTHON,
        layers=program.layers if program else None,
        settings=program.settings if program else None,
        unread=(program.undecided(*_called(loss)) or None) if program else None,
        shown=(sorted(program.shown) or None) if program else None,
        classes=program.classes if program else None,
        loss=code_of(loss.loss, "loss", stores),
        metrics=metrics or None,
    )


def check_alike_under(loss: LossOptions, net: Net, others: Iterable[Other]) -> None:
    """Raises UsageError for a module in memory that differs from the net in what this loss reads of it."""
    for other in others:
        if other.program:
            check_alike(net, other.program, *_called(loss))


def _called(loss: LossOptions) -> list[Any]:
    """The losses and metrics that are code of the user's."""
    given = [loss.loss, *(metric[1] if isinstance(metric, tuple) else metric for metric in loss.names or ())]
    return [*map(_callable, given)]


def _callable(given: Any) -> Any:
    """What a loss or metric calls, with the functions that pick its inputs and targets."""
    if isinstance(given, str):
        return resolve_function(given, "loss") if ":" in given else None
    return [given.function, given.inputs, given.targets] if isinstance(given, Loss) else given


def _metric(metric: Any, stores: Stores) -> tuple[str, str | None]:
    """The name of a metric in results, and the hash of its code; of one with a name of its own also what that hides."""
    if isinstance(metric, tuple):
        name, inner = metric
        return name, code_of(inner, "metric", stores) or (inner if isinstance(inner, str) else full_name(inner))
    return metric.rpartition(":")[2] if isinstance(metric, str) else short_name(metric), code_of(
        metric, "metric", stores
    )


def program_mark(program: Program | None) -> str | None:
    """What a net computes, on one line."""
    return f"{PYTHON} {program.digest}" if program else None


def code_mark_of(facts: CodeFacts | None) -> str:
    """The code of a net and of its loss, on one line."""
    known = replace(facts or CodeFacts(), metrics=None).json()
    return f"{known.pop('python', PYTHON)} {digest(json.dumps(known, sort_keys=True))}"


def code_of(function: Any, what: str, stores: Stores = frozenset()) -> str | None:
    """The hash of a loss or metric, `#` before it; None where its name says all. `stores`: what code writes into."""
    if isinstance(function, str):
        if ":" not in function:
            return None
        function = resolve_function(function, what)
    if isinstance(function, Loss):
        inner = code_of(function.function, what, stores)
        reads = [each for each in (function.inputs, function.targets) if callable(each)]
        return HASHED + callable_digest([inner, *reads], stores) if reads else inner
    return None if _is_named(function) else HASHED + callable_digest(function, stores)


def lasting_name(name: str | None, loss: LossOptions, stores: Stores) -> str | None:
    """The name of a loss that is a module, without the attributes in it that evaluations write, such as a count of its calls."""
    given = loss.loss.function if isinstance(loss.loss, Loss) else loss.loss
    written = {key for owner, key in stores if owner == id(given)}
    if (
        name is None
        or not written
        or not isinstance(given, nn.Module)
        or not name.startswith(before := full_name(given))
    ):
        return name
    return full_name(given, written) + name.removeprefix(before)


def _is_named(function: Any) -> bool:
    """Whether it is torch's own, with nothing but what its name states."""
    stated, inner = {}, function
    if isinstance(function, functools.partial) and not function.args:
        stated, inner = function.keywords, function.func
    elif isinstance(function, nn.Module):
        stated, inner = {key: value for key, value in vars(function).items() if not key.startswith("_")}, type(function)
    return (
        by_name(inner) and hasattr(inner, "__qualname__") and all(isinstance(each, STATED) for each in stated.values())
    )
