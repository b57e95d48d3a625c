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
NEEDED = ("loss", OUTPUTS, f"{OUTPUTS} weighted")


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
        samples = f"{split} {SAMPLES}"
        if what == SAMPLES or samples not in old or old[samples] != new.get(samples):
            continue
        now = new.get(name)
        if now is None and what not in NEEDED:
            continue  # a metric that this run does not compute
        # a loss near 0 is a difference of outputs, and no more exact than these
        scale = max(abs(each.get(key, 0.0)) for each in (old, new) for key in (name, f"{split} {OUTPUTS}"))
        if now is None or abs(value - now) > tolerance * scale:
            shown = "not a number" if now is None else f"{now:.6g}"
            return f"the {name} of the first {old[samples]:.0f} samples", f"{value:.6g}", shown
    return None


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
