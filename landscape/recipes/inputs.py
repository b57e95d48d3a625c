"""`landscape inputs`: the loss and the predicted class over a plane through the input of one sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from landscape.errors import UsageError
from landscape.options.command import command
from landscape.options.groups import (
    MAX_SEED,
    AxesOptions,
    DataOptions,
    LossOptions,
    MachineOptions,
    NetOptions,
    OutputOptions,
)
from landscape.options.option import Given, again, check_whole, flag, option, shown
from landscape.options.values import comma_list
from landscape.recipes.surface import CHECKPOINT, PlaneRanges, agreed, default_out
from landscape.recipes.words import plan_lines, plane_lines

if TYPE_CHECKING:
    from landscape.study.study import Plan
    from landscape.surfaces.surface import Surface


@dataclass(frozen=True, kw_only=True)
class InputOptions:
    title: ClassVar[str] = "input"

    sample: int = option(0, "number of the sample in its split, from 0 on (default: 0)", type=int, metavar="N")
    along: str = option(
        "random", "directions: random, signs (of every entry), adversarial (the end of --attack, and signs), or to:A,B (two "
        "other samples, at x=1 and y=1); a step of 1 changes a pixel by 1 in root mean square (default: random)", metavar="WHICH",
    )  # fmt: skip
    attack: str = again(
        LossOptions, "attack", default="fgsm",
        help="with --along adversarial, where x points: the end of fgsm, pgd(eps=0.1, steps=20), ... (default: fgsm)",
    )  # fmt: skip
    seed: int = again(AxesOptions, "seed")
    clip: bool = flag("cut every pixel to its valid range, 0 to 1, at every point")
    classes: str | Sequence[str] | None = option(
        None, "names of the classes by number, such as cat,dog (default: those of the data set, else numbers)", type=comma_list,
        metavar="LIST",
    )  # fmt: skip
    loss: str | Callable = again(LossOptions, "loss")
    x: Any = again(
        PlaneRanges, "x", default=None, help="range of x (default: -0.5:0.5:61, and -0.5:1.5:61 towards samples)",
        metavar="FROM:TO:N",
    )  # fmt: skip
    y: Any = again(PlaneRanges, "y", default=None, help="range of y (default: as x)", metavar="FROM:TO:N")

    @property
    def names(self) -> list[str] | None:
        if self.classes is None:
            return None
        names = comma_list(self.classes) if isinstance(self.classes, str) else list(self.classes)
        if odd := [name for name in names if not isinstance(name, str)]:
            raise UsageError(f"classes {shown(odd[0])}: expected names, such as cat,dog")
        return names


def lines(result: Any, shell: Mapping[str, Any]) -> Sequence[str]:
    from landscape.quantity import CLASS
    from landscape.study.study import Plan

    if isinstance(result, Plan):
        return plan_lines(result)
    name = result.find(CLASS)
    return plane_lines(result, shell["out"]) + ([_classes(result, name)] if name else [])


def _classes(surface: Any, name: str) -> str:
    """The share of points of each class, the largest first."""
    import numpy as np

    found = surface.values[name]
    numbers, counts = np.unique(found[np.isfinite(found)].astype(int), return_counts=True)
    known = (surface.known.input and surface.known.input.classes) or []
    named = {n: known[n] if n < len(known) else str(n) for n in numbers.tolist()}
    shares = sorted(zip(counts.tolist(), numbers.tolist(), strict=True), reverse=True)
    return "  predicted: " + ", ".join(f"{named[n]} {100 * count / counts.sum():.3g} %" for count, n in shares)


@command(
    "loss and predicted class over a plane through the input of one sample (2-D)",
    InputOptions,
    NetOptions,
    DataOptions,
    MachineOptions,
    OutputOptions,
    lines=lines,
    without=("samples", "shard_data", "save_directions"),
    positional=(CHECKPOINT,),
    out=default_out("inputs"),
    example="landscape inputs resnet56.pt --split test --sample 3 --along adversarial --plot",
)
def inputs(checkpoint: Any = None, *, given: Given) -> Surface | Plan:
    """Moves the input of one sample over a plane, with the weights at rest, and measures what the net makes of it.

    Axes count in the units of the input before normalization, in which a pixel goes from 0 to 1.

    Args:
        checkpoint: path, `Checkpoint`, or None with `model` a module that has its weights.

    Returns:
        A Surface with values of shape (ny, nx): `loss`; of a net with an output for each class `class`, `lead` and `margin`; for
        pixels `outside`. Under MPI on every rank; with `dry_run` a Plan.

    Raises:
        LandscapeError: bad input or a failing evaluation; what was computed is in `out`.
    """
    from landscape.objective.attack import attack_of
    from landscape.slice.input_directions import InputAxes
    from landscape.study.inputs import InputAsked, inputs_study
    from landscape.study.run import run
    from landscape.subject.trained import states_loss

    chosen, output, machine = given[InputOptions], given[OutputOptions], given[MachineOptions]
    check_whole("seed", chosen.seed, 0, MAX_SEED)
    asked = InputAsked(
        checkpoint, given[NetOptions], given[DataOptions], LossOptions(loss=chosen.loss, metrics=("loss",)), machine, output,
        along=InputAxes.of(chosen.along), attack=attack_of(chosen.attack), sample=chosen.sample, seed=chosen.seed,
        clip=chosen.clip, states_loss=states_loss(given), classes=chosen.names, ranges={"x": chosen.x, "y": chosen.y},
    )  # fmt: skip
    return run(
        lambda world: inputs_study(asked, world),
        agree={
            "command": "inputs",
            **agreed(given, InputOptions, NetOptions, DataOptions, MachineOptions, OutputOptions),
        },
        code=(asked.net.model, asked.data.data, asked.loss.loss),
        dry_run=output.dry_run,
        quiet=output.quiet,
        stall=machine.stall,
    )
