"""The nets that paths join: one that is evaluated, and the weights of the others in its layout.

Owns: reading them, and refusing pairs that no path can join.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from landscape.checkpoint.checkpoint import tensors_digest
from landscape.dispatched import gathered
from landscape.errors import UsageError
from landscape.layout import Layout, names_by_tensor, real_form
from landscape.members import named_parameters, tensors_in
from landscape.objective.batchnorm import tracking_layers
from landscape.options.groups import DataOptions, NetOptions
from landscape.printable import numbered
from landscape.subject.chosen import net_or_module
from landscape.subject.modules import bare
from landscape.subject.net import Net, Other, other_net
from landscape.subject.trained import Recorded

# Samples with which the units of a net are followed.
FOLLOWED = 4


@dataclass(frozen=True, eq=False)
class Ends:
    """The first net, and all others under its names; `labels` tell them apart.

    `movable`: the tensors whose units may be permuted, where the others have been aligned with the first. `may_agree`: two nets
    with the same weights are a result, such as copies that did not part, not a mistake.
    """

    net: Net
    others: tuple[Other, ...]
    labels: tuple[str, ...]
    may_agree: bool = False
    movable: frozenset[str] = frozenset()

    @property
    def hashes(self) -> tuple[str, ...]:
        """One for the weights of each net."""
        return (str(self.net.checkpoint.sha256), *(other.sha256 for other in self.others))

    @property
    def trained(self) -> tuple[Recorded | None, ...]:
        """The losses of their trainings."""
        return (self.net.trained, *(other.trained for other in self.others))

    def vectors(self, layout: Layout, origin: Tensor) -> tuple[Tensor, ...]:
        """The weights of all nets, (layout.size,) like `origin`, which are those of the first."""
        rest = [layout.flatten(other.tensors, dtype=origin.dtype, device=origin.device) for other in self.others]
        return (origin, *rest)

    def check(self, layout: Layout) -> None:
        """Raises UsageError for nets that differ in what no path moves, or do not differ in what it moves."""
        own = tensors_in(self.net.module)
        passed = statistics_of(self.net.module)
        moved = set(layout.names) | {
            name for tied in ties_of(self.net.module) if tied & set(layout.names) for name in tied
        }
        for number, other in enumerate(self.others, 1):
            first, label = self.labels[0], self.labels[number]
            for name, tensor in other.tensors.items():
                if name in moved or name in passed or name not in own:
                    continue
                if not torch.equal(tensor.cpu(), own[name].detach().cpu().to(tensor.dtype)):
                    raise UsageError(
                        f"{first} and {label} differ in {name} ({str(tensor.dtype).removeprefix('torch.')}), which cannot be "
                        "interpolated: a net between them is not defined"
                    )
        if not self.may_agree:
            _refuse_equal(self, layout)


def read_ends(
    nets: Sequence[Any], chosen: NetOptions, data: DataOptions, device: torch.device, *, asks_loss: bool = False
) -> Ends:
    """The nets of a command, each a path, a `Checkpoint` or a module. `asks_loss`: see `load_net`.

    Raises:
        LandscapeError: fewer than two nets, or one that cannot be read, or is of another architecture.
    """
    if len(nets) < 2:
        raise UsageError(f"{len(nets)} net{'' if len(nets) == 1 else 's'}: a path joins two; give the second")
    net = net_or_module(nets[0], chosen, data, device, asks_loss=asks_loss, beside=nets[1:])
    others = tuple(_other(each, net) for each in nets[1:])
    return Ends(net, others, numbered([net.label, *(other.label for other in others)]))


def in_order(ends: Ends, data: DataOptions, seed: int) -> Ends:
    """The others with their units in the order of those of the first net, by weight matching (alignment/).

    Raises:
        LandscapeError: nothing can be permuted.
    """
    from landscape.alignment.align import aligned
    from landscape.alignment.samples import NoneFits, of_data

    try:
        found = [aligned(ends.net, other, seed=seed) for other in ends.others]
    except NoneFits:  # the data are read only where they are needed
        batches, run = of_data(ends.net, data, FOLLOWED)
        found = [aligned(ends.net, other, seed=seed, batches=batches, run=run) for other in ends.others]
    others = tuple(
        Other(
            each.tensors,
            f"{other.label} aligned",
            tensors_digest(each.tensors),
            other.trained,
            program=other.program,
            module=other.module,
        )  # fmt: skip
        for other, each in zip(ends.others, found, strict=True)
    )
    labels = (ends.labels[0], *(f"{label} aligned" for label in ends.labels[1:]))
    # a permuted copy is the first net now
    return Ends(ends.net, others, labels, may_agree=True, movable=found[0].movable)


def _other(given: Any, net: Net) -> Other:
    if isinstance(given, nn.Module):
        given = gathered(bare(given))  # once: one that is offloaded is read from the disk
        _check_ties(net, ties_of(given))
    other = other_net(given, net, advice=f"a path joins nets of one architecture, here that of {net.label}")
    if not isinstance(given, nn.Module):
        _check_ties(net, _stored_ties(net, other))
    return other


def _check_ties(net: Net, its: set[frozenset[str]]) -> None:
    """Raises UsageError for parameters that layers share in one of two nets and not in the other."""
    own = ties_of(net.module)
    for tied in sorted(map(sorted, own ^ its)):
        shares, lacks = ("first", "second") if frozenset(tied) in own else ("second", "first")
        raise UsageError(
            f"the {shares} net shares {' and '.join(tied)}, and the {lacks} does not: a net between them is not defined; give "
            "nets that share the same parameters"
        )


def _stored_ties(net: Net, other: Other) -> set[frozenset[str]]:
    """The names that a file, as those of torch do, keeps as one tensor; what the first net shares was compared by value."""
    names = defaultdict(set)
    for name, _ in named_parameters(net.module, remove_duplicate=False):
        if (tensor := other.tensors.get(name)) is not None and tensor.data_ptr():
            names[tensor.data_ptr(), tensor.shape, tensor.stride()].add(name)
    shared = {frozenset(each) for each in names.values() if len(each) > 1}
    return ties_of(net.module) | {each for each in shared if not any(each <= tied for tied in ties_of(net.module))}


def ties_of(module: nn.Module) -> set[frozenset[str]]:
    """The names of each parameter that several layers share."""
    names = names_by_tensor(named_parameters(module, remove_duplicate=False))
    return {frozenset(each) for each in names.values() if len(each) > 1}


def statistics_of(model: nn.Module) -> set[str]:
    """The names of batch-norm statistics, which have policies of their own (objective/batchnorm.py)."""
    layers = set(map(id, tracking_layers(model)))
    return {
        f"{path}.{name}".removeprefix(".")
        for path, module in model.named_modules() if id(module) in layers
        for name, _ in module.named_buffers(recurse=False)
    }  # fmt: skip


def _refuse_equal(ends: Ends, layout: Layout) -> None:
    """Raises UsageError for two nets with the same weights, which no path can join."""
    own = {name: tensor.detach() for name, tensor in layout.tensors(ends.net.module).items()}
    all_nets = [
        own,
        *({name: real_form(other.tensors[name]) for name in own if name in other.tensors} for other in ends.others),
    ]
    for late in range(1, len(all_nets)):
        for early in range(late):
            one, two = all_nets[early], all_nets[late]
            if all(torch.equal(one[name].cpu(), tensor.cpu().to(one[name].dtype)) for name, tensor in two.items()):
                raise UsageError(
                    f"{ends.labels[early]} and {ends.labels[late]} have the same weights, so no path joins them; "
                    "give two nets that differ"
                )
