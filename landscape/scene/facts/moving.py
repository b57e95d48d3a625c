"""Which parameters move or count, in a few words.

Owns: the phrases for the words of `--only` and `--ignore` as provenance records them. Files of any version and of others are
read, so every text is possible.
"""

from __future__ import annotations

from typing import Any

from landscape.options.what import ADAPTER, FROZEN, TRAINABLE, TYPE, parted

_IGNORED = {
    "biasbn": "biases and batch norm fixed",
    "none": None,
    FROZEN: "frozen parameters fixed",
    ADAPTER: "adapters fixed",
}
_COUNTED = {"biasbn": "those of more than one dimension", "none": "all"}
_KINDS = {
    "biasbn": "biases and batch norm", FROZEN: "the frozen", TRAINABLE: "the trainable", ADAPTER: "the adapters",
}  # fmt: skip


def moving_fact(made: dict, total: Any) -> list[str]:
    """`moves: adapter, 1,024 of 98,304 parameters`, where not everything does."""
    only, count = made.get("only"), made.get("moving")
    if not only:
        return []
    of = f" of {total:,}" if isinstance(total, int) else ""
    return [f"moves: {only}" + (f", {count:,}{of} parameters" if isinstance(count, int) else "")]


def fixed_facts(ignore: Any, *, batch_norm: bool = True) -> list[str]:
    """What rests, as `biases and batch norm fixed`; one or two with a comma where axes differ, several with a plus.

    `batch_norm`: whether the net may have any; without, there may be norms of another kind.
    """
    words = [_fixed(each) for text in _axes(str(ignore or "")) for each in parted(text) or ()]
    without = "parameters of one dimension fixed"
    return [without if word == _IGNORED["biasbn"] and not batch_norm else word for word in words if word]


def counted_words(made: dict) -> str:
    """Which parameters a curvature is of: all, those of more than one dimension, ..."""
    ignore, only = str(made.get("ignore") or "none"), made.get("only")
    if only:
        named = " and ".join(_kind(each) for each in parted(str(only)) or ())
        return named if ignore == "none" else f"{named}, but not {_matching(ignore)}"
    return _COUNTED.get(ignore) or f"all but {_matching(ignore)}"


def _axes(text: str) -> list[str]:
    return [name.strip() for name in text.split(", ") if name.strip()]


def _fixed(what: str) -> str | None:
    if what.startswith(TYPE):
        return f"{what.removeprefix(TYPE)} layers fixed"
    return _IGNORED.get(what, f"parameters matching {what} fixed")


def _kind(what: str) -> str:
    if what.startswith(TYPE):
        return f"{what.removeprefix(TYPE)} layers"
    return _KINDS.get(what, f"those matching {what}")


def _matching(ignore: str) -> str:
    several = parted(ignore) or ()
    return " and ".join(_kind(each) for each in several)


def shares_facts(made: dict) -> list[str]:
    """How much of a path lies in its plane, beside a path that goes nowhere."""
    shares, walk = made.get("shares"), made.get("walk")
    if not shares or len(shares) < 2:
        return []
    part = made.get("only") or made.get("ignore") not in (None, "none")
    held = f"they hold {percents(shares)} of their squared distances to it" + (" in what moves" if part else "")
    return [held + (f" (a random walk of these steps: {percents(walk)})" if walk else "")]


def slice_facts(made: Any, *, plane: bool = True) -> list[str]:
    """A form of a slice, within a plane or not, with what decides its points.

    >>> slice_facts({"kind": "circle", "radius": 0.5}), slice_facts({"kind": "rounded"}, plane=False)
    (['circle within the plane, radius 0.5'], ['rounded'])
    """
    if not isinstance(made, dict):
        return []
    fields = {
        name: f"{value:g}" if isinstance(value, float) else value for name, value in made.items() if name != "kind"
    }
    kind = f"{made.get('kind')} within the plane" if plane else str(made.get("kind"))
    return [", ".join([kind, *(f"{name} {value}" for name, value in fields.items())])]


def percents(shares: list) -> str:
    return " and ".join(f"{100 * float(share):.3g} %" for share in shares)
