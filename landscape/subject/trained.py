"""The loss of a run that gave none: that with which its nets were trained, where their files say it.

Owns: the decision, for every command, and the words about it. All nets of a run are measured with one loss, as values of two
cannot be compared; nets without a record go along. A loss that is code of the user's is used where the file is trusted or it
was given in this process; otherwise the run asks for it.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import nn

from landscape.checkpoint.checkpoint import Checkpoint
from landscape.errors import LandscapeError, UsageError
from landscape.objective.named import named_loss
from landscape.options.groups import LossOptions
from landscape.options.option import Given
from landscape.printable import printable
from landscape.regular import same_file
from landscape.subject.entry import read
from landscape.trust import Trust, is_trusted, names_code, taken

LISTED = 3


@dataclass(frozen=True)
class Recorded:
    """The loss that a file names as that of a net's training. It may be code, which is not run here.

    `net`: the name of the net in messages. `source`: the file or folder. `data`: those that it names beside it. `state`: what the
    loss has kept, see `Checkpoint`.
    """

    spec: str
    net: str
    source: str
    data: str | None = None
    state: Sequence[Any] = field(default=(), compare=False, repr=False)


def recorded_in(stored: Mapping[str, Any], net: str, source: str, state: Sequence[Any] = ()) -> Recorded | None:
    """What the metadata of a checkpoint say, or the settings of a run; None where they name no loss."""
    training = stored.get("training")
    for known in (stored, training if isinstance(training, Mapping) else {}):
        if isinstance(spec := known.get("loss"), str) and spec:
            data = stored.get("data")
            return Recorded(spec, net, source, data if isinstance(data, str) else None, state)
    return None


def is_same_spec(one: str, other: str) -> bool:
    """Whether two specs name the same, also by two paths to one file."""
    if one == other:
        return True
    (file, colon, name), (second, _, second_name) = one.rpartition(":"), other.rpartition(":")
    return bool(colon) and name == second_name and same_file(_file_of(file), _file_of(second))


def _file_of(place: str) -> str:
    """The file of a module that is named or imported; no module is run for it."""
    if place.endswith(".py"):
        return place
    return getattr(sys.modules.get(place), "__file__", None) or f"{place.replace('.', '/')}.py"


def recorded_of(checkpoint: Checkpoint, *, state: bool = True) -> Recorded | None:
    """The loss that a checkpoint names as that of its training; without its `state` it is small enough for other ranks."""
    name = label_of(checkpoint.source) or "in memory"
    return recorded_in(checkpoint.meta, name, checkpoint.source, checkpoint.loss_state if state else ())


def recorded_beside(sources: Iterable[Any]) -> Iterator[Recorded | None]:
    """Those of the other nets of a run, as far as they are files that can be read."""
    for each in sources:
        with contextlib.suppress(LandscapeError):  # said where it is read as a net
            if not isinstance(each, nn.Module):
                yield recorded_of(read(each, None, mapped=True), state=False)


def label_of(source: str) -> str:
    """The file's name without suffix; of a net in a run folder, that of the run too."""
    path = Path(source)
    if path.name == "final.pt":
        return path.parent.name or path.stem
    if path.parent.name == "checkpoints" and path.stem.startswith("step_"):
        return f"{path.parents[1].name} {path.stem}".strip()
    return path.stem or source


def trained_loss(
    nets: Iterable[Recorded | None], loss: LossOptions, *, stated: bool, trust: Trust
) -> tuple[LossOptions, list[str]]:
    """(the loss to measure, notes for the user); `stated`: it was given, and nothing else counts.

    Raises:
        UsageError: the nets were trained with different losses, or with one that cannot be made from its name.
        UntrustedError: with one that is code, which was neither given nor trusted.
    """
    nets = [*nets]
    named = {} if stated else one_loss(nets)
    if not named:
        return loss, []
    (found,) = named.values()
    if found.spec == loss.loss:
        return loss, []
    # to trust one of the files that name it is enough
    trusted = (each.source for each in nets if each and is_trusted(each.source, trust))
    taken({"loss": found.spec}, next(trusted, found.source), trust)
    _check_named(found)
    return replace(loss, loss=found.spec), [
        f"loss {printable(found.spec)}, with which {printable(found.net)} was trained; --loss gives another"
    ]


def asked_loss(found: Recorded | None, others: Iterable[Recorded | None], trust: Trust) -> str | None:
    """The loss to ask for with the other specs of a file; None where it names none, or the user trusts another that names it too.

    `others`: of the other nets of the run, which are read where the loss is code of a file that is not trusted.

    Raises:
        UsageError: one of them was trained with another loss, so that none is to be asked for.
    """
    if found is None:
        return None
    if not names_code(found.spec, "loss") or is_trusted(found.source, trust):
        return found.spec
    known = [each for each in others if each]
    one_loss([found, *known])
    return None if any(is_trusted(each.source, trust) for each in known) else found.spec


def one_loss(nets: Iterable[Recorded | None]) -> dict[str, Recorded]:
    """The loss of the nets' training, by its text; empty where no file names one.

    Raises:
        UsageError: there are two.
    """
    named = {each.spec: each for each in nets if each}
    if len(named) > 1:
        raise UsageError(_different([*named.values()]))
    return named


def states_loss(given: Given) -> bool:
    """Whether the loss was given as an option."""
    return bool(given.stated(["loss"]))


def _different(nets: list[Recorded]) -> str:
    listed = ", ".join(printable(f"{each.net} with {each.spec}") for each in nets[:LISTED])
    more = f" and {len(nets) - LISTED} other losses" if len(nets) > LISTED else ""
    return (
        f"the nets were trained with different losses ({listed}{more}), and only values of one loss can be compared; give it "
        "with --loss"
    )


def _check_named(found: Recorded) -> None:
    """Raises UsageError for what was an object in memory, of which the file has only a name."""
    if names_code(found.spec, "loss"):
        return
    try:
        named_loss(found.spec)
    except UsageError:
        raise UsageError(
            f"{printable(found.net)} was trained with the loss {printable(found.spec)}, which cannot be made from this name; "
            "give the loss to measure with --loss"
        ) from None
