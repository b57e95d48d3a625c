"""`landscape train`: a net, from its first weights to a checkpoint that the other commands read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from landscape.errors import UsageError
from landscape.options.command import command
from landscape.options.groups import DataOptions, LossOptions, MachineOptions, NetOptions, OutputOptions
from landscape.options.option import Given, again, check_whole, flag, option
from landscape.options.values import comma_list
from landscape.recipes.dynamics import MEASURES, DynamicsOptions

if TYPE_CHECKING:
    from landscape.training.run import Follower, Run


ALL, PRECONDITIONED = "all", "preconditioned"


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


_numbers.__name__ = "list of numbers"  # argparse names it in its messages


@dataclass(frozen=True, kw_only=True)
class TrainedNet:
    title: ClassVar[str] = "net and data"

    model: Any = again(NetOptions, "model", help="zoo name, torchvision:NAME, timm:NAME, module:callable, "
                       "file.py:callable; in Python also a module, of which a copy is trained", shell=True)  # fmt: skip
    init: Any = option(None, "first weights: those of this checkpoint or run, in place of random ones", metavar="CKPT")
    entry: str | None = again(NetOptions, "entry", help="entry of --init that holds the weights, such as ema")
    data: Any = again(DataOptions, "data", help="digits, cifar10, ..., folder:PATH, npz:PATH, module:callable, "
                      "file.py:callable; the test split, if any, is used for validation")  # fmt: skip
    data_root: str | None = again(DataOptions, "data_root")
    download: bool = again(DataOptions, "download")
    samples: int | None = again(DataOptions, "samples", help="train on N samples, always the same")
    normalize: str | None = again(DataOptions, "normalize")
    loss: str | Callable = again(LossOptions, "loss")


@dataclass(frozen=True, kw_only=True)
class OptimizerOptions:
    title: ClassVar[str] = "optimizer"

    epochs: float = option(30, "passes over the data; may be a fraction (default: 30)", type=float, metavar="N")
    batch_size: int = again(MachineOptions, "batch_size", default=128, help="samples in one step (default: 128)")
    optimizer: str = option(
        "nesterov", "nesterov (SGD with Nesterov momentum, the default), sgd, adam, adamw, ...: those of torch.optim",
        metavar="NAME",
    )  # fmt: skip
    lr: float | None = option(None, "highest learning rate (default: 0.1 for SGD, torch's for others)", type=float)
    momentum: float = option(0.9, "momentum of SGD (default: 0.9)", type=float)
    weight_decay: float = option(5e-4, "default: 5e-4", type=float, metavar="W")
    optimizer_option: Mapping[str, Any] | str | Sequence[str] = option(
        (), "further arguments of the optimizer, such as betas=(0.9,0.95); repeatable, in Python also a mapping",
        action="append", metavar="NAME=VALUE",
    )  # fmt: skip
    schedule: str = option(
        "onecycle", "learning rate: constant, step (times gamma at each of the milestones), cosine (to 0), onecycle "
        "(up and down), exponential or hyperbolic (to gamma of it), plateau (times gamma where the loss stays) "
        "(default: onecycle)", choices=("constant", "step", "cosine", "onecycle", "exponential", "hyperbolic", "plateau"),
    )  # fmt: skip
    warmup: float | None = option(
        None, "of linear rise; for onecycle, its rising part (default: 0.3 of the run)", type=float, metavar="EPOCHS"
    )
    milestones: Sequence[float] = option(
        (0.5, 0.75), "shares of the run at which `step` lowers the rate (default: 0.5,0.75)", type=_numbers,
        metavar="LIST",
    )  # fmt: skip
    gamma: float = option(
        0.1,
        "factor of `step` and `plateau`; of `exponential` and `hyperbolic` the share at the end (default: 0.1)",
        type=float,
    )
    patience: int = option(
        10,
        "epochs without a lower training loss after which `plateau` lowers the rate (default: 10)",
        type=int,
        metavar="N",
    )
    clip: float | None = option(None, "largest norm of the gradient (default: no limit)", type=float, metavar="NORM")
    label_noise: float = option(
        0.0, "share of the labels made random, as in Zhang et al. 2017, arXiv:1611.03530 (default: 0)", type=float,
        metavar="SHARE",
    )  # fmt: skip
    augment: str | Sequence[str] = option(
        (), "crop (by an eighth of the side, with a black margin), flip, or both, on the device (default: none)",
        metavar="LIST",
    )  # fmt: skip
    progressive: str | Sequence[tuple[int, float]] = option(
        (), "begin with smaller images, such as 16:10 or 16:10,24:5: 10 epochs on 16 x 16 pixels, 5 on 24 x 24, the rest on "
        "whole ones", metavar="SIDE:EPOCHS",
    )  # fmt: skip
    seed: int = option(0, "seed of order, augmentation, wrong labels and dropout (default: 0)", type=int, metavar="N")
    init_seed: int | None = option(None, "seed of the first weights (default: --seed)", type=int, metavar="N")


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    title: ClassVar[str] = "machine and output"

    device: Any = again(MachineOptions, "device")
    precision: str = again(
        MachineOptions,
        "precision",
        help="default: fp32, which never uses TF32",
        choices=("fp32", "tf32", "bf16", "fp64"),
    )
    threads: int | None = again(MachineOptions, "threads")
    save_every: str | int = option(
        "epoch", "a checkpoint each epoch (default) or N steps; the first and the last net are always kept",
        metavar="epoch|N|end",
    )  # fmt: skip
    log_every: str | int = option(
        "epoch", "a row of the log, with the validation, each epoch (default) or N steps", metavar="epoch|N|end"
    )
    save_preconditioner: bool = flag(
        "with each net also what an adaptive optimizer divides its steps by, for the measure `preconditioned` (as many bytes "
        "as the parameters in float32); --track preconditioned, or all, saves it too"
    )
    out: str | Path | None = again(
        OutputOptions, "out", metavar="DIR",
        help="run folder, continued when it holds the same run (default: runs/MODEL_DATA)",
    )  # fmt: skip
    overwrite: bool = again(OutputOptions, "overwrite")
    quiet: bool = again(OutputOptions, "quiet")


@dataclass(frozen=True, kw_only=True)
class TrackOptions:
    title: ClassVar[str] = "what is measured along the way"

    track: str | Sequence[str] = option(
        (), f"measures of landscape dynamics at saved nets, into DIR/dynamics.h5: {', '.join(MEASURES)}, or all that the data "
        "allow (default: none)", type=comma_list, metavar="LIST|all",
    )  # fmt: skip
    track_every: int = option(1, "at every Nth saved net, and the first (default: 1)", type=int, metavar="N")
    track_samples: int | None = again(DynamicsOptions, "samples", help="on N samples, always the same (default: 2000)")


def lines(run: Any, shell: Mapping[str, Any]) -> list[str]:
    """The place of the trained net, and its metrics."""
    from landscape.quantity import SHARE, quantity_named

    found = ", ".join(
        f"{name.replace('_', ' ')} "
        + (f"{100 * value:.2f} %" if quantity_named(name).kind == SHARE else f"{value:.4g}")
        for name, value in run.metrics.items()
    )
    return [f"{run.folder / 'final.pt'}: {found}"]


@command(
    "a net, with checkpoints and a log; a stopped run continues",
    TrainedNet,
    OptimizerOptions,
    TrackOptions,
    RunOptions,
    lines=lines,
    out=lambda positional: None,  # there is always a folder
    example="landscape train --model resnet20 --data cifar10 --download --augment crop,flip -o runs/resnet20",
)
def train(model: Any = None, *, given: Given) -> Run:
    """Trains a net and keeps it, its log and its checkpoints in a run folder.

    Args:
        model: spec (zoo name, torchvision:NAME, timm:NAME, callable), or a module, of which a copy is trained.

    Returns:
        A Run. One seed gives the same weights again on the same machine, torch and number of threads, bit for bit on a
        CPU, and also when the run was stopped or killed and continued.

    Raises:
        LandscapeError: bad input, or a loss that is not finite. Interrupted: Ctrl-C or SIGTERM; the run can go on.
    """
    import torch

    from landscape.sweep.launch import connect
    from landscape.training.forms import read_interval
    from landscape.training.job import make_training_job
    from landscape.training.run import run_training

    net, asked, run = given[TrainedNet], given[OptimizerOptions], given[RunOptions]
    follow = follower_of(model, net, run, given[TrackOptions])
    preconditioned = keeps_preconditioner(asked, run, given[TrackOptions])
    if connect().size > 1:
        raise UsageError("train runs in one process; start it without mpirun")
    settings, place = settings_of(net, asked, run.precision), place_of(net, run)
    every = {
        "save-every": read_interval("save-every", run.save_every),
        "log-every": read_interval("log-every", run.log_every),
    }
    before = torch.get_num_threads()
    try:
        return run_training(
            make_training_job(model, net.data, settings, **place), every, overwrite=run.overwrite, quiet=run.quiet,
            follow=follow, preconditioners=preconditioned,
        )  # fmt: skip
    finally:
        torch.set_num_threads(before)


def settings_of(net: TrainedNet, asked: OptimizerOptions, precision: str) -> dict[str, Any]:
    """The options as `TrainingSettings` has them.

    Raises:
        UsageError: an option in a form that means nothing.
    """
    from landscape.training.forms import read_milestones, read_names, read_options, read_progressive

    forms = {
        "optimizer_options": read_options(asked.optimizer_option),
        "milestones": read_milestones(asked.milestones),
        "augment": read_names(asked.augment),
        "progressive": read_progressive(asked.progressive),
    }
    as_given = {name: value for name, value in vars(asked).items() if name != "optimizer_option"}
    return {"loss": net.loss, "samples": net.samples, **as_given, "precision": precision, **forms}


def place_of(net: TrainedNet, run: Any) -> dict[str, Any]:
    """Where the data and the first weights lie, and where and how it runs, as `make_training_job` has them."""
    place = {name: getattr(net, name) for name in ("init", "entry", "data_root", "download", "normalize")}
    return place | {name: getattr(run, name) for name in ("device", "threads", "out", "overwrite", "quiet")}


def keeps_preconditioner(asked: OptimizerOptions, run: RunOptions, tracked: TrackOptions) -> bool:
    """Whether the optimizer's preconditioner is saved with each net: asked for, or to be measured.

    Raises:
        UsageError: the optimizer has none; all that is measured may then be had without it.
    """
    from landscape.training.optimizers import check_optimizer
    from landscape.training.preconditioning import check_adaptive, has_preconditioner

    measured = _names(tracked.track)
    check_optimizer(asked.optimizer)
    if run.save_preconditioner or PRECONDITIONED in measured:
        check_adaptive(asked.optimizer)
        return True
    return ALL in measured and has_preconditioner(asked.optimizer)


def _names(track: str | Sequence[str]) -> list[str]:
    return [name for name in (comma_list(track) if isinstance(track, str) else track) if name]


def follower_of(model: Any, net: TrainedNet, run: RunOptions, asked: TrackOptions) -> Callable[[Path], Follower] | None:
    """What measures the nets of the run as they are saved: as `landscape dynamics` does with these options.

    Raises:
        UsageError: no such measure, or an interval below 1.
    """
    from landscape.grid import MAX_POINTS

    wanted = _names(asked.track)
    check_whole("track-every", asked.track_every, 1, MAX_POINTS)
    if unknown := [name for name in wanted if name not in (*MEASURES, ALL)]:
        raise UsageError(f"track '{unknown[0]}': expected {', '.join(MEASURES)}, or {ALL}")
    if not wanted:
        if asked != replace(TrackOptions(), track=asked.track):
            raise UsageError(
                "track-every and track-samples say how --track measures; name the measures, as in --track gradient"
            )
        return None
    same = {name: getattr(net, name) for name in ("data", "data_root", "loss")} | {
        "device": run.device,
        "threads": run.threads,
    }
    options = {"model": model, **same, "every": asked.track_every, "samples": asked.track_samples}
    if ALL not in wanted:
        options["measures"] = wanted

    def follow(folder: Path) -> Follower:
        from landscape.recipes.run_dynamics import study_maker
        from landscape.study.tracked import Tracker

        return Tracker(study_maker(folder, Given(options), own_data=True, least=1), quiet=run.quiet)

    return follow
