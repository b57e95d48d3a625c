"""The names of losses and metrics, and their settings: `cross_entropy`, `huber(delta=0.5)`, `top5`.

Owns: the tables of names, and the text that the provenance holds.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from landscape.errors import UsageError
from landscape.objective.combined import Iou, Perplexity
from landscape.objective.functions import (
    accuracy,
    bce,
    cross_entropy,
    huber,
    kl,
    mae,
    margin_ranking,
    mse,
    nll,
    plain,
    top,
)
from landscape.objective.weighted import IGNORED, TargetMean
from landscape.options.call import call_of, call_text, name_of

TOP = re.compile(r"top([1-9]\d*)")


def _over_targets(function: Callable, usual: Callable) -> Callable[..., Callable]:
    """A loss of class numbers; with weights of classes or targets to be ignored, a mean over targets."""

    def make(
        weight: list[float] | None = None, ignore_index: int | None = None, label_smoothing: float = 0.0
    ) -> Callable:
        if not 0.0 <= label_smoothing <= 1.0:
            raise UsageError(f"label_smoothing {label_smoothing:g}: expected a number from 0 to 1")
        if weight is None and ignore_index is None:
            return functools.partial(usual, label_smoothing=label_smoothing) if label_smoothing else usual
        if weight is not None and min(weight) < 0:
            raise UsageError(f"weight {weight}: expected a number from 0 on for each class")
        weights = None if weight is None else torch.tensor([float(each) for each in weight])
        return TargetMean(function, weights, IGNORED if ignore_index is None else ignore_index, label_smoothing)

    return make


def _nll(weight: list[float] | None = None, ignore_index: int | None = None) -> Callable:
    return _over_targets(F.nll_loss, nll)(weight, ignore_index)


def _with(function: Callable) -> Callable[..., Callable]:
    """A function whose keywords are its settings."""

    @functools.wraps(function)
    def make(**settings: Any) -> Callable:
        return functools.partial(function, **settings) if settings else function

    return make


def _top(k: int = 5) -> Callable:
    if not isinstance(k, int) or k < 1:
        raise UsageError(f"top(k={k}): expected a whole number from 1 on")
    return functools.partial(top, k=k)


# A name -> what makes the function of its settings.
LOSSES: dict[str, Callable[..., Callable]] = {
    "cross_entropy": _over_targets(F.cross_entropy, cross_entropy),
    "nll": _nll,
    "kl": _with(kl),
    "bce": _with(bce),
    "mse": _with(mse),
    "mae": _with(mae),
    "huber": _with(huber),
    "margin_ranking": _with(margin_ranking),
}
METRICS: dict[str, Callable[..., Any]] = {
    "accuracy": _with(accuracy),
    "top": _top,
    "perplexity": lambda ignore_index=None: Perplexity(LOSSES["cross_entropy"](ignore_index=ignore_index)),
    "iou": lambda ignore_index=None: Iou(() if ignore_index is None else (ignore_index,)),
}

# What torch calls them -> our names, for hints: close spellings alone would answer binary_cross_entropy by cross_entropy.
TORCH_NAMES = {
    "binarycrossentropy": "bce",
    "binarycrossentropywithlogits": "bce",
    "bcewithlogits": "bce",
    "bce": "bce",
    "ce": "cross_entropy",
    "crossentropy": "cross_entropy",
    "kldiv": "kl",
    "l1": "mae",
    "l2": "mse",
    "marginranking": "margin_ranking",
    "mse": "mse",
    "nll": "nll",
    "smoothl1": "huber",
}


def named_loss(text: str) -> tuple[Callable, str]:
    """(loss, its name in the provenance) of a text such as `cross_entropy(label_smoothing=0.1)`.

    Raises:
        UsageError: an unknown name or setting.

    >>> named_loss("huber( delta = 2 )")[1]
    'huber(delta=2)'
    """
    return _named("loss", text, LOSSES)


def named_metric(text: str, loss: Callable) -> tuple[Any, str]:
    """(metric, its name in results): `loss`, any loss, accuracy, top5, perplexity, iou.

    `loss`: that of the run; targets that it ignores are ignored here too.

    Raises:
        UsageError: an unknown name or setting.
    """
    if text == "loss":
        return loss, text
    if match := TOP.fullmatch(text):
        return functools.partial(top, k=int(match[1])), text
    found, name = _named("metric", text, {**LOSSES, **METRICS})
    if isinstance(loss, TargetMean) and text in ("perplexity", "iou"):
        found = found.counting(loss.ignore_index)
    return found, "top{}".format(found.keywords["k"]) if plain(found) is top and found is not top else name.partition(
        "("
    )[0]


def _named(what: str, text: str, table: dict[str, Callable[..., Any]]) -> tuple[Any, str]:
    name = name_of(text)
    if name not in table:
        known = [*(["loss"] if what == "metric" else []), *("top5" if each == "top" else each for each in table)]
        bare = re.sub(r"^.*\.|[_-]", "", name.lower()).removesuffix("loss")
        near = [TORCH_NAMES[bare]] if bare in TORCH_NAMES else difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}? Expected" if near else "expected"
        raise UsageError(f"{what} '{text}': {hint} {', '.join(known)}, package.module:callable or file.py:callable")
    _, settings = call_of(what, text)
    known = [
        each.name for each in inspect.signature(table[name]).parameters.values() if each.kind != each.POSITIONAL_ONLY
    ]
    known = [each for each in known if each not in ("outputs", "targets")]
    if unknown := [key for key in settings if key not in known]:
        raise UsageError(f"{what} '{text}': {name} has {_settings_text(known)}, and no '{unknown[0]}'")
    try:
        function = table[name](**settings)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{what} '{text}': {error}") from error
    return function, call_text(name, {key: settings[key] for key in known if key in settings})


def _settings_text(known: list[str]) -> str:
    return f"the settings {', '.join(known)}" if known else "no settings"
