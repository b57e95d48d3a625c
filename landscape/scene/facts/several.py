"""The facts of several results in one picture.

Owns: which facts all share, and what is said of each where they differ. Knows no kind of result.
"""

from __future__ import annotations

from collections.abc import Sequence

# Results of which each has a line of its own; below a picture of more there is no room for them.
FEW = 4


def shared_and_own(each: Sequence[Sequence[str]], names: Sequence[str]) -> tuple[list[str], list[str]]:
    """(the facts that all have, a line for each result with those that only some have; none of the latter for many)."""
    shared = [fact for fact in each[0] if all(fact in others for others in each[1:])]
    if not 2 <= len(each) <= FEW:
        return shared, []
    own = [[fact for fact in found if fact not in shared] for found in each]
    return shared, [f"{name}: {', '.join(those)}" for name, those in zip(names, own, strict=True) if those]
