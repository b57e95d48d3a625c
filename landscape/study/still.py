"""Whether what was chosen to move has a part in the loss: an adapter that is switched off, merged, or still zero has none.

Owns: the trial on one batch, and the words. A surface that is flat to the bit looks like a result.
"""

from __future__ import annotations

from collections.abc import Sequence

from landscape.objective.chunks import Segment
from landscape.objective.tally import fetch_sums, means
from landscape.slice.slice import Slice
from landscape.subject.subject import Subject


def still_notes(subject: Subject, slice: Slice) -> list[str]:
    """A line if no metric of the first batch changes, to the last bit, from the centre to the farthest corner of the slice.

    Only where some of the parameters were chosen to move. The net is at the centre afterwards.
    """
    objective, chosen = subject.objective, subject.chosen
    if not chosen.only or objective.recomputes:  # which would pass all training data
        return []
    corner, centre = slice.grid.farthest, [0.0] * slice.grid.ndim
    try:
        same = _first(subject, slice, centre) == _first(subject, slice, corner)
    except Exception:  # whatever the loss raises there, the run will say at that point
        return []
    finally:
        slice.at(centre, out=objective.weights)
    if not same:
        return []
    place = ", ".join(f"{value:g}" for value in corner)
    return [
        f"the first batch has the same values at the centre and at ({place}), so what moves ({chosen.only}) may have no part in "
        "the loss: is it in use, and trained? A filter that is zero, as in lora_B before training, does not move"
    ]


def _first(subject: Subject, slice: Slice, coords: Sequence[float]) -> dict[str, float]:
    """The metrics of the first batch; NaN is equal to nothing."""
    objective = subject.objective
    slice.at(coords, out=objective.weights)
    name = next(iter(objective.splits))
    with objective.ready():
        return means(fetch_sums([objective.tally(objective.net, objective.measure, [Segment(name, 0, 1)])])[0])
