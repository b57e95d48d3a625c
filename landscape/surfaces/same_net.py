"""Does a net give what the net of a file gave? The numbers that a run keeps of its first samples, compared with those of a file.

Owns: how far they may differ, by precision and by what computed them, and the sentence that names a difference. What the numbers
are, and what they cannot show, is said in objective/probe.py. They are compared only where both are of the same weights; a
file of an earlier version has none, and is continued.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Relative differences that are rounding, by precision: with one device and one torch, where other processors and numbers of
# threads add in another order; and with others of them.
NEAR = {"fp64": 1e-9, "fp32": 1e-4, "tf32": 1e-3, "bf16": 2e-2, "bf16-true": 2e-2}
FAR = {"fp64": 1e-7, "fp32": 1e-3, "tf32": 1e-2, "bf16": 5e-2, "bf16-true": 5e-2}
SAMPLES, OUTPUTS = "samples", "outputs"
OF_OUTPUTS = (OUTPUTS, f"{OUTPUTS} weighted")
NEEDED = ("loss", *OF_OUTPUTS)
# Outputs of batches that cannot be joined: their size is known, but not how those of other batches would be.
IN_PARTS = f"{OUTPUTS} in parts"


def other_values(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    """As `the train loss of the first 8 samples is 2.31 in the file, 2.87 now`; None where all are the same up to rounding.

    Both are whole provenances.
    """
    if not has_values(stored, wanted):
        return None
    found = other_number(_probe(stored), _probe(wanted), tolerance_between(stored, wanted))
    return None if found is None else f"{found[0]} is {found[1]} in the file, {found[2]} now"


def other_number(old: Mapping[str, float], new: Mapping[str, float], tolerance: float) -> tuple[str, str, str] | None:
    """The first number that differs by more than rounding, as (`the train loss of the first 8 samples`, the old, the new)."""
    for name, value in old.items():
        split, _, what = name.partition(" ")
        count = old.get(f"{split} {SAMPLES}")
        here = None if count is None else _with_as_many(new, split, count)
        if what in (SAMPLES, IN_PARTS) or here is None or count is None:
            continue
        if what in OF_OUTPUTS and f"{here} {IN_PARTS}" in new:
            continue
        now = new.get(f"{here} {what}")
        if now is None and what not in NEEDED:
            continue  # a metric that this run does not compute
        # a loss near 0 is a difference of outputs, and no more exact than these
        scale = max(
            abs(each.get(f"{of} {key}", 0.0))
            for each, of in ((old, split), (new, here))
            for key in (what, OUTPUTS, IN_PARTS)
        )
        if now is None or abs(value - now) > tolerance * scale:
            shown = "not a number" if now is None else f"{now:.6g}"
            return f"the {split.partition('/')[0]} {what} of the first {count:.0f} samples", f"{value:.6g}", shown
    return None


def _with_as_many(numbers: Mapping[str, float], split: str, count: float) -> str | None:
    """Under which name there are numbers of the first `count` samples of a split: its own, or train/4 for fewer."""
    names = (split, f"{split}/{count:.0f}")
    return next((name for name in names if numbers.get(f"{name} {SAMPLES}") == count), None)


def has_values(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether both runs have numbers of the first samples, with the same weights."""
    same = _weights(stored) is not None and _weights(stored) == _weights(wanted)
    return same and bool(_probe(stored)) and bool(_probe(wanted)) and draw_alike(stored, wanted)


def draw_alike(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether the runs have drawn the same random numbers, if any.

    With other devices and versions of torch they are others, and with other metrics, which may draw some before the loss does.
    """
    random = any(_within(each, "evaluation", "random") for each in (stored, wanted))
    return not random or (_computed_alike(stored, wanted) and stored.get("metrics") == wanted.get("metrics"))


def _probe(tree: Mapping[str, Any]) -> dict[str, float]:
    found = _within(tree, "run", "probe")
    return (
        {str(name): float(value) for name, value in found.items() if isinstance(value, (int, float))}
        if isinstance(found, Mapping)
        else {}
    )


def _weights(tree: Mapping[str, Any]) -> Any:
    """A hash of the weights that the numbers are of."""
    return _within(tree, "run", "probe_of")


def tolerance_between(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> float:
    """How far the numbers of two runs, given by their provenances, may differ by rounding."""
    table = NEAR if _computed_alike(stored, wanted) else FAR
    return max(table.get(str(each.get("precision")), FAR["bf16"]) for each in (stored, wanted))


def _computed_alike(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether both ran on one kind of device, with one version of torch."""
    by = [[_within(each, "run", "device"), _within(each, "run", "versions", "torch")] for each in (stored, wanted)]
    return str(by[0]) == str(by[1])


def _within(tree: Any, *path: str) -> Any:
    for name in path:
        tree = tree.get(name) if isinstance(tree, Mapping) else None
    return tree
