"""What is known of a plane of inputs, in words: its sample, its directions, and how long a step is.

Owns: the facts of `InputFacts`.
"""

from __future__ import annotations

import re

from landscape.surfaces.provenance import Provenance

_ALONG = {"random": "random directions", "signs": "random signs"}


def sample_words(known: Provenance) -> str:
    """The sample that moves, as a title names it; "" for another slice."""
    if known.input is None or known.input.sample is None:
        return ""
    return f"sample {known.input.sample}" + (f" ({target})" if (target := _target(known)) else "")


def input_facts(known: Provenance) -> list[str]:
    """One phrase per fact; nothing for another slice."""
    made = known.input
    if made is None:
        return []
    lines = [f"input of {sample_words(known)} moved, weights at rest"]
    kind, _, others = (made.along or "").partition(":")
    if kind == "to":
        first, second = others.split(",")
        lines.append(f"plane through samples {made.sample}, {first} and {second}")
    elif kind == "adversarial":
        name, _, settings = (made.attack or "").partition("(")
        towards = (
            attack_words(made.attack or "") if name == "pgd" else "fgsm" + (", norm 2" if "norm=2" in settings else "")
        )
        lines.append(f"x towards the end of {towards}; y random" + _seed(made.seed))
    elif kind:
        lines.append(_ALONG.get(kind, kind) + _seed(made.seed))
    pixels = known.data is not None and known.data.pixels
    if kind != "to" and made.entries:
        what = "a pixel" if pixels else "an entry"
        lines.append(f"a step of 1 changes {what} by 1 in root mean square, {made.entries**0.5:.3g} in Euclidean norm")
    if made.clip:
        low, high = made.box or (0, 1)
        lines.append(f"{'pixels' if pixels else 'entries'} cut to {low:g} to {high:g}")
    if made.cosine is not None and abs(made.cosine) > 5e-3:
        lines.append(f"cosine of the axes {made.cosine:.2g}")
    return lines


def attack_words(text: str) -> str:
    """An attack with its numbers rounded.

    >>> attack_words("fgsm(eps=0.03137254901960784)")
    'fgsm(eps=0.03137)'
    """
    return re.sub(r"\d+\.\d+(e-?\d+)?", lambda match: f"{float(match[0]):.4g}", text)


def _target(known: Provenance) -> str:
    target = (known.input and known.input.target) or ""
    classes = (known.input and known.input.classes) or []
    return f"class {target}" if classes and target.isdecimal() else target


def _seed(seed: int | None) -> str:
    return "" if seed is None else f", seed {seed}"
