"""The facts of a plane of inputs, where the input of one sample moves and the weights rest.

Owns: `InputFacts`, a part of the provenance.
"""

from __future__ import annotations

from dataclasses import dataclass

from landscape.surfaces.facts import NUMBER, Facts, entry


@dataclass(frozen=True, kw_only=True)
class InputFacts(Facts):
    """The sample, and the directions in which its input moves; `DirectionFacts` are of directions of weights."""

    sample: int | None = entry(int)
    """Its number in the split."""
    target: str | None = entry(describes=True)
    """Its class, or its target."""
    along: str | None = entry()
    seed: int | None = entry(int)
    attack: str | None = entry()
    """Whose end an axis points to."""
    clip: bool | None = entry(bool)
    box: list[float] | None = entry(list, of=float)
    """The lowest and the highest valid entry of an input; None where any is valid."""
    entries: int | None = entry(int)
    """Of an input: pixels times channels."""
    classes: list[str] | None = entry(list, describes=True, of=str)
    """Their names, by number."""
    cosine: float | None = entry(NUMBER)
    fingerprint: str | None = entry()
    """Hash of the sample and the directions."""
