"""`landscape connect`: paths between nets, straight and curved, and the barriers on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from landscape.errors import UsageError
from landscape.options.command import Positional, command
from landscape.options.groups import (
    MAX_BATCH,
    AxesOptions,
    DataOptions,
    LossOptions,
    MachineOptions,
    NetOptions,
    OutputOptions,
)
from landscape.options.option import Given, again, check_choices, check_whole, flag, option, shown
from landscape.recipes.train import OptimizerOptions
from landscape.recipes.words import plan_lines

if TYPE_CHECKING:
    from landscape.study.study import Plan
    from landscape.surfaces.surface import Surface

CURVES = ("bezier", "polychain", "neb")
# The pivots of a band have to follow the valley; one bend of a curve is enough (Garipov et al. 2018).
USUAL_BENDS = {"bezier": 1, "polychain": 1, "neb": 5}
MATRIX_POINTS, LINE_POINTS = 11, 21
MAX_PLANE = 5_000
NETS = Positional("nets", "CKPT", "two or more trained nets of one architecture", nargs="+")


@dataclass(frozen=True, kw_only=True)
class PathsData:
    title: ClassVar[str] = "data"

    split: str | Sequence[str] | None = again(
        DataOptions, "split", default=None, help="repeatable (default: train, and test where there is one)"
    )


@dataclass(frozen=True, kw_only=True)
class ConnectOptions:
    title: ClassVar[str] = "paths"

    points: int | None = option(
        None, "places on each path, both nets included (default: 21; 11 with more than two nets)", type=int, metavar="N"
    )
    curve: str | None = option(
        None, "beside the straight line, find a curve of low loss: bezier, polychain (a chain of straight pieces) or neb (nudged "
        "elastic band)", choices=CURVES,
    )  # fmt: skip
    bends: int | None = option(
        None, "control points of the curve between the nets (default: 1; 5 for neb)", type=int, metavar="N"
    )
    plane: int | None = option(
        None,
        "also the plane through both nets and the bends, with N x N points, in FILE.KIND.plane.h5",
        type=int,
        metavar="N",
    )
    align: bool = flag(
        "bring the units of the other nets into the order of the first's by matching weights; --seed is that of the matching too"
    )
    repair: bool = flag(
        "with align, also the lines with the mean and deviation of each unit brought between those of the nets (REPAIR), for "
        "nets without batch norm"
    )
    batchnorm: str | None = again(
        AxesOptions,
        "batchnorm",
        help="BN statistics between the nets (default: recompute; keep takes those of the first net)",
    )


@dataclass(frozen=True, kw_only=True)
class CurveTraining:
    title: ClassVar[str] = "training of the curve"

    epochs: float = again(OptimizerOptions, "epochs")
    train_batch: int = option(128, "samples in one step (default: 128)", type=int, metavar="N")
    optimizer: str = again(OptimizerOptions, "optimizer")
    lr: float | None = again(OptimizerOptions, "lr")
    momentum: float = again(OptimizerOptions, "momentum")
    weight_decay: float = again(OptimizerOptions, "weight_decay", help="of the point on the curve (default: 5e-4)")
    schedule: str = again(OptimizerOptions, "schedule")
    warmup: float | None = again(OptimizerOptions, "warmup")
    clip: float | None = again(OptimizerOptions, "clip")
    augment: str | Sequence[str] = again(OptimizerOptions, "augment")
    seed: int = again(OptimizerOptions, "seed", help="seed of places on the curve, order and augmentation (default: 0)")


@dataclass(frozen=True, kw_only=True)
class PathOutput:
    title: ClassVar[str] = "output"

    dry_run: bool = again(OutputOptions, "dry_run")
    out: str | Path | None = again(
        OutputOptions, "out", help="output file, to which further paths are added; a curve is kept beside it, in FILE.KIND, "
        "a run folder (in Python, None keeps the result in memory)",
    )  # fmt: skip
    overwrite: bool = again(OutputOptions, "overwrite")
    draw: bool = again(OutputOptions, "draw")
    quiet: bool = again(OutputOptions, "quiet")


COMPUTE = (NetOptions, DataOptions, PathsData, LossOptions, ConnectOptions, CurveTraining, MachineOptions, PathOutput)
WITHOUT = ("shard_data",)
TRAINING = tuple(field.name for field in fields(CurveTraining))


def lines(result: Any, shell: Mapping[str, Any]) -> list[str]:
    """The barriers of each path; of more than two nets as a table; then where they are."""
    from landscape.recipes.describe_nets import paths_facts
    from landscape.recipes.net_lines import paths_lines
    from landscape.study.study import Plan

    if isinstance(result, Plan):
        return plan_lines(result)
    facts = paths_facts(result)
    count, files = len(facts["paths"]), ", ".join(filter(None, [result.source, *facts.get("planes", [])]))
    fresh = "; batch-norm statistics estimated at each" if facts["batch norm"] == "recompute" else ""
    several = "s" if count > 1 else ""
    return [
        *paths_lines(facts),
        f"{files or 'in memory'}: {count} path{several} of {facts['places on a path']} places{fresh}",
    ]


def default_out(positional: Sequence[Any]) -> str:
    nets = [Path(str(each)) for each in positional[0]]
    names = [path.parent.name if path.stem == "final" and path.parent.name else path.stem for path in nets]
    return f"{'_'.join(dict.fromkeys(names[:2]))}{f'_and_{len(names) - 2}' if len(names) > 2 else ''}.connect.h5"


def _pictures(surface: Any) -> list[dict[str, Any]]:
    """The paths, and the planes of their curves that lie beside the file."""
    from landscape.surfaces.barriers import paths_of

    planes = [
        Path(surface.source).with_suffix(f".{kind}.plane.h5")
        for kind in dict.fromkeys(p.kind for p in paths_of(surface))
    ]
    return [{}, *({"surfaces": str(plane)} for plane in planes if plane.exists())]


@command(
    "paths between trained nets: barriers, and curves of low loss",
    *COMPUTE,
    lines=lines,
    without=WITHOUT,
    positional=(NETS,),
    out=default_out,
    picture=_pictures,
    example="landscape connect runs/a/final.pt runs/b/final.pt --curve bezier --plane 31 --plot",
)
def connect(nets: Any, *, given: Given) -> Surface | Plan:
    """Evaluates metrics along paths between nets, and measures the barriers on them.

    Paths are the straight line between each pair of nets and, with `curve`, a curve between two nets whose bends are trained on
    the mean loss along it. The result has a row for each path: `values["train_loss"]` is of shape (paths, points), and
    `landscape.barriers(result)` gives the barriers. By default batch-norm statistics are recomputed at each point.

    Args:
        nets: a list of paths, `Checkpoint` or modules.

    Returns:
        A Surface whose rows are paths, under MPI on every rank; with `dry_run` a Plan.

    Raises:
        LandscapeError: bad input or a failing evaluation; what was computed is in `out`. Interrupted: likewise.
    """
    from landscape.between.run import WantedPaths, connected

    if isinstance(nets, (str, Path)) or not isinstance(nets, Sequence):
        raise UsageError(f"nets {shown(nets)}: expected a list of two or more nets, such as ['a.pt', 'b.pt']")
    asked = given[ConnectOptions]
    _check(asked, given)
    usual = MATRIX_POINTS if len(nets) > 2 else LINE_POINTS
    wanted = WantedPaths(
        nets=list(nets), points=usual if asked.points is None else asked.points, batchnorm=asked.batchnorm,
        curve=_curve(asked, given[CurveTraining]), plane=asked.plane, groups=COMPUTE,
        align=given[CurveTraining].seed if asked.align else None, repair=asked.repair,
    )  # fmt: skip
    return connected(wanted, given)


def _check(asked: ConnectOptions, given: Given) -> None:
    from landscape.grid import MAX_POINTS_PER_AXIS

    check_choices(asked)
    check_whole("points", asked.points, 2, MAX_POINTS_PER_AXIS)
    check_whole("plane", asked.plane, 2, MAX_PLANE)
    check_whole("train-batch", given[CurveTraining].train_batch, 1, MAX_BATCH)
    stated = [
        *(name for name in given.stated(TRAINING) if name != "seed" or not asked.align),
        *given.stated(("bends", "plane")),
    ]
    if asked.curve is None and stated:
        raise UsageError(
            f"{stated[0].replace('_', '-')} is for a curve; give --curve {', '.join(CURVES[:-1])} or {CURVES[-1]} too, or drop it"
        )
    if asked.repair and not asked.align:
        raise UsageError("repair: rescales units that correspond to each other; give --align too, or drop it")
    if asked.repair and given[LossOptions].attack is not None:
        raise UsageError("repair: would take statistics of attacked inputs; drop the attack, or repair")
    if asked.curve and asked.batchnorm == "interpolate":
        raise UsageError(
            "batchnorm interpolate: the bends of a curve have no statistics; take recompute, or leave --curve out"
        )


def _curve(asked: ConnectOptions, training: CurveTraining) -> Any:
    """What curve is wanted, with the settings of its training as `TrainingSettings` has them."""
    from landscape.between.training import CurveAsked
    from landscape.training.forms import read_names

    if asked.curve is None:
        return None
    settings = {name: getattr(training, name) for name in TRAINING if name not in ("train_batch", "augment")}
    settings |= {"batch_size": training.train_batch, "augment": read_names(training.augment)}
    bends = USUAL_BENDS[asked.curve] if asked.bends is None else asked.bends
    return CurveAsked(asked.curve, bends, settings)
