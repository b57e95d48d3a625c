"""`landscape align`: a net with its units in the order of another's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from landscape.errors import LandscapeError, UsageError
from landscape.options.command import Positional, command
from landscape.options.groups import MAX_BATCH, MAX_SEED, DataOptions, NetOptions
from landscape.options.option import Given, check_choices, check_whole, flag, option
from landscape.options.values import named_path

if TYPE_CHECKING:
    from landscape.alignment.align import Aligned
    from landscape.subject.net import Net

# Groups that are listed one by one.
LISTED = 40
MOST_RESTARTS = 10_000


@dataclass(frozen=True, kw_only=True)
class AlignOptions:
    title: ClassVar[str] = "alignment"

    method: str = option(
        "weights", "how units are compared: by their weights, or by correlations of activations on the data (default: weights)",
        choices=("weights", "activations"),
    )  # fmt: skip
    restarts: int = option(
        5, "descents from different starts, of which the best counts (default: 5)", type=int, metavar="N"
    )
    seed: int = option(0, "seed of the starts and of the order of groups (default: 0)", type=int, metavar="N")
    batch_size: int = option(128, "samples in one pass, for activations (default: 128)", type=int, metavar="N")
    out: str | Path | None = option(
        None, "checkpoint of B in the order of A (default: B_aligned.pt; in Python None writes no file)", "-o", "--out",
        metavar="FILE",
    )  # fmt: skip
    overwrite: bool = flag("replace the output if it exists")


def lines(found: Aligned, shell: Mapping[str, Any]) -> Sequence[str]:
    """What moved, group by group, and what it brought."""
    said = [f"wrote {shell['out']}"] if shell.get("out") else []
    if found.identical:
        said.append("both nets are the same, bit for bit: nothing to move")
    units = f"{len(found.groups)} groups, {found.units:,} units, of which {found.moved:,} moved"
    said.append(f"{units} ({100 * found.moved / found.units:.3g} %)")
    name = "inner product of the weights" if found.method == "weights" else "mean correlation of activations"
    each = ", ".join(f"{value:.6g}" for value in found.objectives)
    said += [f"  {name}: {each}" + (" (by restart)" if len(found.objectives) > 1 else "")] if each else []
    said += [
        f"  inner product of the weights {found.inner_before:.6g} before, {found.inner_after:.6g} after",
        f"  distance of the nets {found.before:.6g} before, {found.after:.6g} after",
        f"  outputs of B changed by at most {found.difference:.2g} (the largest is {found.largest:.3g})",
    ]
    for group, order in list(zip(found.groups, found.permutations, strict=True))[:LISTED]:
        moved = sum(int(unit != place) for place, unit in enumerate(order))
        said.append(f"  {group.name}: {moved} of {group.size} moved")
    if len(found.groups) > LISTED:
        said.append(f"  and {len(found.groups) - LISTED} groups more")
    said += [f"  {count} units stay in place at {where}" for where, count in found.fixed.items()]
    return said


def _out(positional: Sequence[Any]) -> str | None:
    return f"{Path(positional[1]).stem}_aligned.pt" if len(positional) > 1 else None


@command(
    "the units of a net in the order of another's, which changes its weights and not its function",
    NetOptions,
    DataOptions,
    AlignOptions,
    lines=lines,
    positional=(
        Positional("first", "A", "trained net, which is not changed"),
        Positional("second", "B", "trained net of the same architecture, whose units are permuted"),
    ),
    out=_out,
    keeps=False,
    example="landscape align small_batch.pt large_batch.pt -o large_batch_aligned.pt",
)
def align(first: Any, second: Any, inputs: Any = None, *, given: Given) -> Aligned:
    """Permutes the units of the second net so that its weights lie near those of the first; it stays the same function.

    Args:
        first, second: each a path, a `Checkpoint`, or a module with its weights.
        inputs: a few samples that the net takes, to follow its units and to check the result: a tensor, a tuple of arguments or
            a dict of them. By default the first batch of the data if these are given, else random numbers of a shape that fits.

    Returns:
        An `Aligned`: `tensors` and `module()`, the permuted net; `groups` and `permutations`; `before` and `after`, the
        distance of the nets; `difference`, the largest change of its outputs.

    Raises:
        LandscapeError: the nets differ in shape, or nothing can be permuted.
    """
    from torch import nn

    from landscape.alignment.align import aligned
    from landscape.alignment.samples import of_data
    from landscape.alignment.trace import plain_run
    from landscape.atomic import disk_named
    from landscape.subject.chosen import net_or_module
    from landscape.subject.net import other_net

    asked, options = given[AlignOptions], given[NetOptions]
    check_choices(asked)
    check_whole("restarts", asked.restarts, 1, MOST_RESTARTS)
    check_whole("seed", asked.seed, 0, MAX_SEED)
    check_whole("batch-size", asked.batch_size, 1, MAX_BATCH)
    out = None if asked.out is None else _checked(named_path("out", asked.out), asked.overwrite)
    in_memory = isinstance(first, nn.Module)
    if in_memory and options.model is not None:
        raise UsageError("model: the first net is a module, which is its own model; drop it")
    data = given[DataOptions]
    _check_other(out, first, second)
    net = net_or_module(first, options, data)
    other = other_net(second, net)
    wanted = data.data is not None or asked.method == "activations"
    batches, run = of_data(net, data, asked.batch_size) if wanted else (None, plain_run)
    found = aligned(
        net, other, method=asked.method, restarts=asked.restarts, seed=asked.seed, inputs=inputs, batches=batches,
        run=plain_run if inputs is not None and batches is None else run,
    )  # fmt: skip
    if out is not None:
        from landscape.checkpoint.save import save_checkpoint

        with disk_named(out, "give another -o"):
            save_checkpoint(out, found.tensors, _meta(net, other, second, found, asked))
    return found


def _check_other(out: Path | None, *nets: Any) -> None:
    """Raises UsageError when the result would replace one of the nets."""
    from landscape.regular import same_file

    for net in nets:
        if out is not None and isinstance(net, (str, Path)) and same_file(out, net):
            raise UsageError(f"out {out}: this is one of the two nets, which are not changed; give another -o")


def _checked(out: Path, overwrite: bool) -> Path:
    from landscape.atomic import missing_folder

    if missing := missing_folder(out):
        raise LandscapeError(f"output {out}: {missing}; create it or give another name")
    if out.suffix.lower() not in (".pt", ".pth"):
        raise UsageError(f"output {out}: a checkpoint is written as .pt or .pth; give such a name")
    if out.exists() and not overwrite:
        raise UsageError(f"output {out} exists; give --overwrite or another -o")
    return out


def _meta(net: Net, other: Any, second: Any, found: Aligned, asked: AlignOptions) -> dict[str, Any]:
    """What the checkpoint of the second net said, and what was done to it."""
    from torch import nn

    from landscape.checkpoint.checkpoint import Checkpoint, load_checkpoint

    if isinstance(second, nn.Module):
        known: dict[str, Any] = {}
    else:
        known = dict((second if isinstance(second, Checkpoint) else load_checkpoint(second)).meta)
    known.setdefault("model", net.model.spec)
    return {
        **known,
        "aligned": {
            "to": net.checkpoint.path, "to_sha256": str(net.checkpoint.sha256), "of": other.label, "of_sha256": other.sha256,
            "method": found.method, "restarts": len(found.objectives), "seed": asked.seed, "groups": len(found.groups),
            "units": found.units, "moved": found.moved, "distance_before": found.before, "distance_after": found.after,
        },
    }  # fmt: skip
