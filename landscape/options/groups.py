"""The options that several commands share, in groups named after the part of a run that reads them.

Owns: their names, defaults and help, and which values and combinations within a group are invalid. The code that uses an
option decides its default for a particular net or grid.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from landscape.errors import UsageError
from landscape.options.option import check_choices, check_whole, flag, option
from landscape.options.values import comma_list, named_path

RANDOM, HESSIAN, GRADIENT = ALONG = ("random", "hessian", "gradient")
# PCA:RUN, the principal axes of a path.
PCA = "pca"
USUAL_TOLERANCE, MAX_TOLERANCE = 0.05, 0.5
# The orders of points, and what the help says of each: NAME is made by `sampler` in landscape/sweep/orders/NAME.py.
ORDERS = {
    "rows": "row by row",
    "coarse": "coarse to fine, so that an unfinished file shows the whole",
}
# The largest seed of torch; more threads than any machine has cores; more samples than fit a pass.
MAX_SEED, MAX_THREADS, MAX_BATCH = 2**63 - 1, 4096, 2**31
MAX_TOGETHER = 4096  # points in one pass
# What a rank of its own machine may be given of its own: where things lie, which marks compare by their content, and how it runs.
OWN = (
    "checkpoint", "model", "trust", "data", "to", "to_y", "directions", "data_root", "download", "out", "device", "threads",
    "quiet",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class NetOptions:
    title: ClassVar[str] = "net"

    model: Any = option(
        None, "zoo name, torchvision:NAME, timm:NAME, module:callable, file.py:callable; in Python also a module "
        "(default: from the checkpoint)", metavar="SPEC",
    )  # fmt: skip
    entry: str | None = option(
        None, "entry of the checkpoint that holds the weights, such as ema or student.backbone, or . for names without a prefix "
        "(default: the only one that fits)", metavar="NAME",
    )  # fmt: skip
    trust: bool | str | Path | Sequence[str | Path] = option(
        (), "run the code that this file names as its model, data or loss; repeatable, in Python also True: whatever is passed "
        "(default: what a file names is not run)", action="append", metavar="FILE",
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    title: ClassVar[str] = "data"

    data: Any = option(
        None, "digits, cifar10, ..., folder:PATH, npz:PATH, module:callable, file.py:callable; in Python also "
        "(inputs, targets), a Dataset, a DataLoader, or {'train': ..., 'test': ...} (default: from the checkpoint)",
        metavar="SPEC",
    )  # fmt: skip
    data_root: str | None = option(None, "folder of torchvision data sets (default: data)", metavar="DIR")
    download: bool = flag("download a torchvision data set that is missing")
    split: str | Sequence[str] = option(
        ("train",), "repeatable; metrics are named train_loss, test_accuracy, ... (default: train)",
        action="append", choices=("train", "test"),
    )  # fmt: skip
    samples: int | None = option(None, "take N samples of each split, always the same", type=int, metavar="N")
    normalize: str | None = option(None, "cifar10, imagenet, li2018, none, ... or mean,../std,..", metavar="SPEC")

    @property
    def splits(self) -> tuple[str, ...]:
        found = (self.split,) if isinstance(self.split, str) else tuple(self.split)
        if not found:
            raise UsageError("split: an empty list; expected train, test or both")
        return found


@dataclass(frozen=True, kw_only=True)
class LossOptions:
    title: ClassVar[str] = "loss"

    loss: str | Callable = option(
        "cross_entropy", "cross_entropy (default, if the checkpoint names none), nll, kl, bce, mse, mae, huber, margin_ranking, "
        "such as cross_entropy(ignore_index=255); module:callable, file.py:callable of (outputs, targets) or (model, batch)",
        metavar="SPEC",
    )  # fmt: skip
    metrics: str | Callable | Sequence[str | Callable] | Mapping[str, str | Callable] | None = option(
        None, "loss,accuracy,top5,perplexity,iou, a name of a loss, file.py:callable (default: loss, with accuracy beside "
        "cross-entropy)", type=comma_list, metavar="LIST",
    )  # fmt: skip
    l2: float | None = option(None, "also the loss with W/2 |weights|^2 added, as loss_l2", type=float, metavar="W")
    attack: str | None = option(
        None, "the loss after an attack on every sample, at every point: fgsm(eps=8/255), pgd(eps=8/255, steps=10), with norm=2 "
        "for Euclidean balls; eps in pixels from 0 to 1 (default: none)", metavar="SPEC",
    )  # fmt: skip

    @property
    def names(self) -> list[str | Callable | tuple[str, str | Callable]] | None:
        """The metrics one by one, of a mapping as (name, metric); None for the usual ones."""
        if self.metrics is None or not (callable(self.metrics) or self.metrics):
            return None
        if isinstance(self.metrics, Mapping):
            return [*self.metrics.items()]
        given = self.metrics if isinstance(self.metrics, (list, tuple)) else (self.metrics,)
        return [each for part in given for each in (comma_list(part) if isinstance(part, str) else [part])]


@dataclass(frozen=True, kw_only=True)
class AxesOptions:
    title: ClassVar[str] = "axes"

    to: Any = option(None, "x runs from the first net (0) to this one (1)", metavar="CKPT")
    to_y: Any = option(None, "y runs from the first net (0) to this one (1); needs --to", metavar="CKPT")
    directions: str | Path | Sequence | None = option(
        None, "directions from a file, ours or the original program's", metavar="FILE"
    )
    along: str = option(
        RANDOM, "directions: random, hessian (eigenvectors of the largest and smallest eigenvalue), gradient (and the Hessian "
        "applied to it), or pca:RUN (the principal axes of a run's path), of unit length and kept in FILE.directions.h5 "
        "(default: random)", metavar="WHICH",
    )  # fmt: skip
    norm: str | None = option(
        None, "normalization of directions, as in Li et al. 2018, section 4 (default: filter; none with --to)",
        choices=("filter", "layer", "weight", "dfilter", "dlayer", "none"),
    )  # fmt: skip
    only: str | Sequence[str] | None = option(
        None, "parameters that move, all others rest: trainable, adapter (of PEFT), type:LAYER such as type:Linear, biasbn, or a "
        "regular expression on names; repeatable, in Python also a list (default: all; adapter where there are some)",
        action="append", metavar="WHAT",
    )  # fmt: skip
    ignore: str | Sequence[str] | None = option(
        None, "parameters that do not move: biasbn, none, frozen, adapter, type:LAYER or a regular expression; repeatable "
        "(default: biasbn; none with --to or --only)", action="append", metavar="WHAT",
    )  # fmt: skip
    seed: int = option(0, "seed of the random directions (default: 0)", type=int, metavar="N")
    orthogonal: bool = flag("make y orthogonal to x, filter by filter, keeping its norms")
    state: str = option("weights", "states: BN statistics move along (default: weights)", choices=("weights", "states"))
    batchnorm: str | None = option(
        None, "BN statistics away from the centre (default: keep; interpolate with --to)",
        choices=("keep", "interpolate", "recompute"),
    )  # fmt: skip
    lean: bool = flag(
        "read origin and directions again at each point, from files and the seed: memory for one net, slower"
    )

    def check(self, ndim: int, save_directions: bool) -> None:
        """Raises UsageError for invalid values and combinations; the message names the option."""
        check_choices(self)
        if self.along not in ALONG and not (self.along.startswith(f"{PCA}:") and self.along != f"{PCA}:"):
            raise UsageError(
                f"along '{self.along}': expected {', '.join(ALONG)} or pca:RUN, such as pca:runs/mine or 'pca:mine/step_*.pt'"
            )
        if self.state == "states" and self.batchnorm not in (None, "interpolate"):
            raise UsageError(
                f"state states moves the BN statistics, so batchnorm '{self.batchnorm}' cannot hold; drop one"
            )
        if self.directions and (self.to is not None or self.to_y is not None):
            raise UsageError("directions and to both say where the axes point; give one of them")
        if self.directions and (self.norm or self.ignore or self.only or self.orthogonal):
            raise UsageError("directions from a file are used unchanged; drop norm, ignore, only and orthogonal")
        if self.to_y is not None and (self.to is None or ndim < 2):
            raise UsageError("to-y needs to, and a surface: it is the third net of a plane")
        self._check_exclusions(save_directions)
        if ndim > 2 and self.along != RANDOM:
            raise UsageError(f"along {self.along} gives the axes of a plane, and z is a third; drop z, or along")
        if self.orthogonal and ndim < 2:
            raise UsageError("orthogonal needs two directions; a line has one")
        check_whole("seed", self.seed, 0, MAX_SEED)

    def _check_exclusions(self, save_directions: bool) -> None:
        """A lean direction is never in memory as a whole; one along the loss must be computed first."""
        given = {
            "to": self.to is not None,
            "directions": self.directions is not None,
            "orthogonal": self.orthogonal,
            "save-directions": save_directions,
            "lean": self.lean,
            "state states": self.state == "states",
            "batchnorm interpolate": self.batchnorm == "interpolate",
        }
        clash = [name for name, is_given in given.items() if is_given]
        if self.lean and (found := [name for name in clash if name not in ("lean", "to")]):
            raise UsageError(f"lean computes directions again at each point, which excludes {found[0]}; drop one")
        fine = ("save-directions",) + (("state states", "batchnorm interpolate") if self.along.startswith(PCA) else ())
        if self.along != RANDOM and (found := [name for name in clash if name not in fine]):
            raise UsageError(f"along {self.along} says where the axes point, which excludes {found[0]}; drop one")


@dataclass(frozen=True, kw_only=True)
class MachineOptions:
    title: ClassVar[str] = "machine"

    device: Any = option("auto", "default: the GPU of the local rank, if any", metavar="auto|cpu|cuda")
    precision: str = option(
        "fp32", "default: fp32, which never uses TF32; bf16-true: weights stay in bfloat16, with --lean",
        choices=("fp32", "tf32", "bf16", "bf16-true", "fp64"),
    )  # fmt: skip
    batch_size: int | None = option(None, "samples in one pass", type=int, metavar="N")
    threads: int | None = option(
        None, "CPU threads of each rank, of which those are used that pay (default: OMP_NUM_THREADS, else SLURM_CPUS_PER_TASK, "
        "else cores / ranks)", type=int, metavar="N",
    )  # fmt: skip
    plain: bool = flag("call the net unchanged, bit for bit, without folding batch norm into convolutions")
    shard_data: bool = flag("share the data of every point among the ranks, for few points")
    stall: float | None = option(
        None, "end the run with an error when a point, a write, or a step of set-up takes a rank longer (default: never)",
        type=float, metavar="SECONDS",
    )  # fmt: skip

    def check(self) -> None:
        """Raises UsageError for an unknown precision, numbers of threads and samples that cannot be, or no time at all."""
        check_choices(self)
        check_stall(self.stall)
        check_whole("threads", self.threads, 1, MAX_THREADS)
        check_whole("batch-size", self.batch_size, 1, MAX_BATCH)


def check_stall(seconds: float | None) -> None:
    """Raises UsageError unless it is a positive number of seconds or None."""
    if seconds is not None and not 0 < seconds < float("inf"):
        raise UsageError(f"stall {seconds:g}: expected seconds above 0, such as 600")


@dataclass(frozen=True, kw_only=True)
class ToleranceOptions:
    title: ClassVar[str] = "points"

    tolerance: float = option(
        0, "accepted relative error of the loss, such as 0.05: leaves out points and samples (default: 0, everything is "
        "evaluated)", type=float, metavar="T",
    )  # fmt: skip
    refine: bool | None = option(
        None, "with a tolerance, leave out points only, or with --no-refine samples only (default: both); alone, a "
        "tolerance of 0.05", action=argparse.BooleanOptionalAction,
    )  # fmt: skip
    sampling: str = option(
        "auto", "with a tolerance, pass most samples in bfloat16, and correct them by some in float32: where that is faster here "
        "(auto), always, or never (default: auto)", choices=("auto", "bf16", "exact"),
    )  # fmt: skip
    order: str = option(
        "rows", f"which points come first: {'; '.join(f'{name} ({text})' for name, text in ORDERS.items())} (default: rows)",
        choices=tuple(ORDERS),
    )  # fmt: skip
    points_per_pass: int = option(
        1, "pass each batch at K points at once, such as 16: quicker where a small part of the net moves, such as adapters, and "
        "batches are small (default: 1)", type=int, metavar="K",
    )  # fmt: skip

    def check(self) -> float:
        """The given tolerance; `refine` alone means the default one.

        Raises:
            UsageError: out of range, `refine=False` or a sampling without a tolerance, or an order with one.
        """
        check_choices(self)
        check_whole("points-per-pass", self.points_per_pass, 1, MAX_TOGETHER)
        if not 0 <= self.tolerance <= MAX_TOLERANCE:
            raise UsageError(
                f"tolerance {self.tolerance:g}: expected a relative error of the loss from 0 (everything is evaluated) to "
                f"{MAX_TOLERANCE:g}, such as 0.05"
            )
        if self.refine is False and not self.tolerance:
            raise UsageError("no-refine leaves out samples only, and needs --tolerance, such as 0.05")
        tolerance = self.tolerance or (USUAL_TOLERANCE if self.refine else 0.0)
        if self.sampling != "auto" and not tolerance:
            raise UsageError(
                f"sampling {self.sampling}: says how samples are drawn under a tolerance; give --tolerance too, such as 0.05"
            )
        if tolerance and self.order != "rows":
            raise UsageError(f"order {self.order}: a tolerance decides itself which points come next; drop one")
        return tolerance


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    title: ClassVar[str] = "output"

    dry_run: bool = flag("print points, memory and expected time, and stop; in Python, return a Plan")
    out: str | Path | None = option(
        None, "output file; an existing one of the same run is continued (in Python, None keeps the result in memory)",
        "-o", "--out", metavar="FILE",
    )  # fmt: skip
    overwrite: bool = flag("start again if the output exists")
    save_directions: bool = flag("keep the directions in FILE.directions.h5")
    draw: bool = flag("draw the result too, beside the output", "--plot", shell=True, apart=True)
    quiet: bool = flag("neither progress bar nor notes; results and errors remain")

    @property
    def path(self) -> Path | None:
        """Where the result goes; None keeps it in memory.

        Raises:
            UsageError: the name is empty.
        """
        return None if self.out is None else named_path("out", self.out)
