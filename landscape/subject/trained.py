"""The loss of a run that gave none: that with which its net was trained, where the checkpoint says it.

Owns: the decision, and the words about it. A loss that is code of the user's is used where the file is trusted or the code was
given in this process; otherwise the run asks for it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from landscape.options.groups import LossOptions
from landscape.options.option import Given
from landscape.subject.net import UNREAD_LOSS, Net
from landscape.trust import taken


def trained_loss(net: Net, loss: LossOptions, *, stated: bool) -> tuple[LossOptions, list[str]]:
    """(the loss to measure, notes for the user); `stated`: it was given, and nothing else counts.

    Raises:
        UntrustedError: the net was trained with a loss that is code, which was neither given nor trusted.
    """
    recorded: Any = net.meta.get("loss")
    if stated:
        return loss, []
    if recorded and recorded != loss.loss:
        return replace(loss, loss=recorded), [f"loss {recorded}, with which the net was trained; --loss gives another"]
    if unread := net.meta.get(UNREAD_LOSS):
        taken({"loss": unread}, net.checkpoint.path or "", ())
    return loss, []


def states_loss(given: Given) -> bool:
    """Whether the loss was given as an option."""
    return bool(given.stated(["loss"]))
