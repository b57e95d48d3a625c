"""The net that a command is given: a file, a `Checkpoint`, or a module.

Owns: how the options on nets and data decide what is read, the same for every command.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from landscape.options.groups import DataOptions, NetOptions
from landscape.subject.net import Net, load_net
from landscape.subject.trial import trial_of

CPU = torch.device("cpu")


def chosen_net(
    source: Any, options: NetOptions, data: DataOptions, device: torch.device = CPU, *, mapped: bool = False,
    dtype: torch.dtype | None = None, divided: bool = False, asks_loss: bool = False, beside: Sequence[Any] = (),
) -> Net:  # fmt: skip
    """The net of a path or a `Checkpoint`; None: of the module that the options hold.

    A few samples of given data, read to `device`, decide where the weights fit two nets of the zoo. `mapped`, `dtype`,
    `divided`, `asks_loss`, `beside`: see `load_net`.

    Raises:
        LandscapeError: see `load_net`.
    """
    return load_net(
        source, options.model, trial_of(data, device), entry=options.entry, data=data.data, trust=options.trust, mapped=mapped,
        dtype=dtype, divided=divided, asks_loss=asks_loss, beside=beside,
    )  # fmt: skip


def net_or_module(
    source: Any, options: NetOptions, data: DataOptions, device: torch.device = CPU, *, asks_loss: bool = False,
    beside: Sequence[Any] = (),
) -> Net:  # fmt: skip
    """The same where a net is an argument of its own, which may be a module: that is its own model, and has no entries."""
    if isinstance(source, nn.Module):
        return load_net(None, source)
    return chosen_net(source, options, data, device, asks_loss=asks_loss, beside=beside)
