"""A name with settings, as people type it: `huber(delta=0.5)`, `adam(lr=0.01, betas=[0.9, 0.999])`.

Owns: the form, reading it without running anything, and writing it. Which names and settings there are is known by whoever asks.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

from landscape.errors import UsageError

SETTINGS = re.compile(r"(\w+)\((.*)\)", re.DOTALL)


def is_plain(value: Any) -> bool:
    """A number, or a list of one or more."""
    numbers = value if isinstance(value, (list, tuple)) and value else [value]
    return all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in numbers)


def is_plain_or_word(value: Any) -> bool:
    """Also True, False and texts, which optimizers take."""
    return is_plain(value) or isinstance(value, (bool, str))


def call_of(
    what: str, text: str, fits: Callable[[Any], bool] = is_plain, expected: str = "name=number or name=[number, ...]"
) -> tuple[str, dict[str, Any]]:
    """(name, settings) of a text.

    Raises:
        UsageError: the settings have another form; the message begins with `what`.

    >>> call_of("loss", "huber( delta = 2 )")
    ('huber', {'delta': 2})
    """
    name, inside = _parts(text)
    try:
        call = ast.parse(f"f({inside})", mode="eval").body
        assert isinstance(call, ast.Call) and not call.args
        pairs = [(str(each.arg), each.value) for each in call.keywords]
    except (SyntaxError, ValueError, AssertionError, RecursionError, MemoryError) as error:
        raise UsageError(f"{what} '{text}': expected settings as {expected}") from error
    found: dict[str, Any] = {}
    for key, node in pairs:
        if key in found:
            raise UsageError(f"{what} '{text}': {key} is given twice; expected each setting once")
        found[key] = _value(node)
        if not fits(found[key]):
            raise UsageError(f"{what} '{text}': {key} is {ast.unparse(node)}; expected settings as {expected}")
    return name, found


def _value(node: ast.expr) -> Any:
    """A literal; None for what is not one, which fits nowhere."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def name_of(text: str) -> str:
    """The name alone, whatever stands in the brackets."""
    return _parts(text)[0]


def _parts(text: str) -> tuple[str, str]:
    match = SETTINGS.fullmatch(text.strip())
    return (match[1], match[2]) if match else (text.strip(), "")


def call_text(name: str, settings: Mapping[str, Any]) -> str:
    """The same as text; settings in the given order.

    >>> call_text("adam", {"lr": 0.1, "betas": [0.9, 0.99]}), call_text("sgd", {})
    ('adam(lr=0.1, betas=[0.9, 0.99])', 'sgd')
    """
    shown = ", ".join(f"{key}={value}" for key, value in settings.items())
    return f"{name}({shown})" if shown else name
