"""`landscape instability`: from which step of a training on do copies with other SGD noise end in the same valley?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from landscape.errors import LandscapeError, UsageError
from landscape.options.command import command
from landscape.options.groups import MAX_SEED
from landscape.options.option import Given, again, check_whole, option
from landscape.options.values import named_path
from landscape.quantity import risen
from landscape.recipes.train import OptimizerOptions, RunOptions, TrainedNet, place_of, settings_of

if TYPE_CHECKING:
    from landscape.surfaces.surface import Surface

USUAL = ("0", "1%", "2%", "5%", "10%", "20%", "50%")
MAX_COPIES = 26
RESULT = "instability.h5"


@dataclass(frozen=True, kw_only=True)
class BranchOptions:
    title: ClassVar[str] = "branches"

    at: str | Sequence[Any] = option(
        USUAL,
        "steps at which the run is copied, or shares of it (default: 0,1%%,2%%,5%%,10%%,20%%,50%%)",
        metavar="LIST",
    )
    copies: int = option(2, "copies at each, every pair of which has a barrier (default: 2)", type=int, metavar="N")
    points: int = option(11, "places on the line between two copies (default: 11)", type=int, metavar="N")


@dataclass(frozen=True, kw_only=True)
class BranchRun:
    title: ClassVar[str] = "machine and output"

    device: Any = again(RunOptions, "device")
    precision: str = again(RunOptions, "precision")
    threads: int | None = again(RunOptions, "threads")
    out: str | Path | None = again(
        RunOptions, "out", help="folder of all runs and of instability.h5, continued when it holds the same (default: "
        "runs/MODEL_DATA_instability)",
    )  # fmt: skip
    overwrite: bool = again(RunOptions, "overwrite")
    draw: bool = option(
        False, "draw the barriers too, beside instability.h5", "--plot", action="store_true", shell=True, apart=True
    )
    quiet: bool = again(RunOptions, "quiet")


def lines(surface: Any, shell: Mapping[str, Any]) -> list[str]:
    return list(_lines(surface))


def _lines(surface: Any) -> Iterator[str]:
    """The mean barrier over the pairs of each step, metric by metric."""
    from landscape.surfaces.barriers import by_branch, measured

    rows = measured(surface)
    tables = {row.name: by_branch(surface, row.name) for row in rows}
    names = [risen(row).label + (" (%)" if row.percent else "") for row in rows]
    yield f"{surface.source}: barriers between copies over the mean of both, by the step at which they part"
    yield "  " + " ".join(f"{text:>20s}" for text in ("step", *names))
    for number, step in enumerate(next(iter(tables.values())).steps if tables else ()):
        cells = []
        for row in rows:
            found, factor = tables[row.name], 100 if row.percent else 1
            cells.append(f"{factor * found.values[number]:.3g} +- {factor * found.errors[number]:.2g}")
        yield "  " + " ".join(f"{text:>20s}" for text in (f"{step:.0f}", *cells))


@command(
    "barriers between copies of a training run, by the step at which they part",
    TrainedNet,
    OptimizerOptions,
    BranchOptions,
    BranchRun,
    lines=lines,
    out=lambda positional: None,  # there is always a folder
    example="landscape instability --model resnet20 --data digits --epochs 15 --at 0,2%,5%,20% --plot",
)
def instability(model: Any = None, *, given: Given) -> Surface:
    """Trains a net, copies the run at some steps, lets the copies go on with other orders of the data, and measures barriers.

    At a step from which on the barrier between two copies vanishes, the training has become stable to the noise of SGD: both end
    in one valley that the straight line between them does not leave (Frankle et al. 2020, arXiv:1912.05671). All runs are
    folders of `landscape train`; a stopped command goes on.

    Args:
        model: as in `landscape.train`.

    Returns:
        A Surface whose rows are the lines between two copies each, as of `landscape.connect`, with the step of each in
        `known.connect.branches`; `landscape.barriers` gives their barriers.

    Raises:
        LandscapeError: bad input, or a loss that is not finite. Interrupted: Ctrl-C or SIGTERM; it can go on.
    """
    import torch

    from landscape.between.instability import trained
    from landscape.grid import MAX_POINTS_PER_AXIS
    from landscape.made import one_run
    from landscape.sweep.launch import connect
    from landscape.training.first_net import refuse_inside
    from landscape.training.job import make_training_job

    net, asked, run, branch = given[TrainedNet], given[OptimizerOptions], given[BranchRun], given[BranchOptions]
    if connect().size > 1:
        raise UsageError("instability runs in one process; start it without mpirun")
    check_whole("copies", branch.copies, 2, MAX_COPIES)
    check_whole("points", branch.points, 2, MAX_POINTS_PER_AXIS)
    check_whole("seed", asked.seed, 0, MAX_SEED - MAX_COPIES)  # copies have the seeds after it
    settings, place, out = settings_of(net, asked, run.precision), place_of(net, run), _folder(model, net, run)
    refuse_inside(net.init, out)
    first = asked.seed if asked.init_seed is None and net.init is None else asked.init_seed

    def make(folder: Path, seed: int) -> Any:
        own = {**settings, "seed": seed, "init_seed": first}
        with one_run():  # each copy has a loss of its own
            return make_training_job(model, net.data, own, **{**place, "out": folder})

    before = torch.get_num_threads()
    try:
        at = branch.at.split(",") if isinstance(branch.at, str) else list(branch.at)
        steps, nets = trained(make, out, at, branch.copies, asked.seed, overwrite=run.overwrite, quiet=run.quiet)
    finally:
        torch.set_num_threads(before)
    return _measured(model, steps, nets, branch.points, net, run, out)


def _folder(model: Any, net: TrainedNet, run: BranchRun) -> Path:
    from landscape.surfaces.run_log import CONFIG
    from landscape.training.first_net import model_name
    from landscape.training.job import default_folder

    if run.out is not None:
        folder = named_path("out", run.out)
        if (folder / CONFIG).is_file():
            raise UsageError(
                f"out {folder}: is the folder of a training run, and instability makes several; give another -o"
            )
        return _own(folder)
    usual = default_folder(model_name(model, net.init), net.data if isinstance(net.data, str) else None)
    return _own(usual.with_name(f"{usual.name}_instability"))


def _own(folder: Path) -> Path:
    """The folder, if it is new, empty, or holds the runs of an instability.

    Raises:
        UsageError: it holds other files.
    """
    from landscape.between.instability import TRUNK
    from landscape.regular import is_folder
    from landscape.training.run_folder import is_empty

    if not is_folder(folder) or is_folder(folder / TRUNK) or (folder / RESULT).is_file():
        return folder
    try:
        empty = is_empty(folder)
    except OSError as error:
        raise LandscapeError(f"output {folder}: {error.strerror or error}; give another -o") from error
    if not empty:
        raise UsageError(f"{folder}: has files in it that landscape instability did not write; give another -o")
    return folder


def _measured(
    model: Any,
    steps: Sequence[int],
    nets: Sequence[Sequence[Path]],
    points: int,
    net: TrainedNet,
    run: BranchRun,
    out: Path,
) -> Surface:
    """The lines between copies of one step each."""
    from landscape.between.run import WantedPaths, connected
    from landscape.recipes.connect import COMPUTE

    flat, pairs, names, branches = _numbered(steps, nets)
    wanted = WantedPaths(
        nets=flat, points=points, batchnorm=None, curve=None, plane=None, groups=COMPUTE, pairs=pairs, names=names,
        branches=branches,
    )  # fmt: skip
    shared = ("data", "data_root", "normalize", "loss", "samples", "device", "precision", "threads", "quiet")
    options = {name: getattr(part, name) for part in (net, run) for name in shared if hasattr(part, name)}
    options = {name: value for name, value in options.items() if value is not None}
    file = {"out": out / RESULT, "overwrite": run.overwrite}
    found: Any = connected(wanted, Given({**options, **file, "model": model}))
    return found


def _numbered(
    steps: Sequence[int], nets: Sequence[Sequence[Path]]
) -> tuple[list[Path], list[tuple[int, int]], list[str], dict[str, float]]:
    """All nets, the pairs of one step each, names such as "step 100 a", and the step of each name."""
    flat: list[Path] = []
    pairs: list[tuple[int, int]] = []
    branches: dict[str, float] = {}
    for step, copies in zip(steps, nets, strict=True):
        first, count = len(flat), range(len(copies))
        flat += copies
        branches |= {f"step {step} {chr(ord('a') + copy)}": float(step) for copy in count}
        pairs += [(first + i, first + j) for i in count for j in count if i < j]
    return flat, pairs, list(branches), branches
