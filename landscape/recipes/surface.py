"""`landscape line` and `landscape surface`: the main job.

Owns: the two functions' signatures, which are the command line's options too (a test says so).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from landscape.recipes.options import Options
from landscape.recipes.run import Plan, run
from landscape.surfaces.surface import Surface

Spec = Any  # a string such as -1:1:51, or (from, to, points)


def surface(
    checkpoint: Any = None,
    *,
    x: Spec = "-1:1:51",
    y: Spec = "-1:1:51",
    to_y: Any = None,
    orthogonal: bool = False,
    dry_run: bool = False,
    **options: Any,
) -> Surface | Plan:
    """Evaluates metrics over a plane through the net's weights.

    Args:
        checkpoint: path, `Checkpoint`, or None with `model` a module that has its weights.
        x, y: ranges, as "-1:1:51" or (-1, 1, 51), both ends included; defaults as in Li et al. 2018.
        to_y: a third net, at (0, 1) of the plane; needs `to`.
        orthogonal: turn the y direction until it is orthogonal to x, filter by filter, keeping its norms.
        dry_run: return a `Plan` (points, memory, expected time) and compute nothing.
        options: see `line`.

    Returns:
        A Surface with values of shape (ny, nx); under MPI on every rank.

    Raises:
        LandscapeError: bad input or a failing evaluation; what was computed is in `out`.
    """
    merged = Options(checkpoint=checkpoint, to_y=to_y, orthogonal=orthogonal, **options)
    return run(merged, {"x": x, "y": y}, command="surface", dry_run=dry_run)


def line(
    checkpoint: Any = None,
    *,
    x: Spec = None,
    model: Any = None,
    data: Any = None,
    data_root: str | None = None,
    download: bool = False,
    split: str | Sequence[str] = ("train",),
    samples: int | None = None,
    normalize: str | None = None,
    loss: str | Callable = "cross_entropy",
    metrics: str | Sequence[str | Callable] | None = None,
    l2: float | None = None,
    to: Any = None,
    directions: str | Path | None = None,
    along: str = "random",
    norm: str | None = None,
    ignore: str | None = None,
    seed: int = 0,
    lean: bool = False,
    state: str = "weights",
    batchnorm: str | None = None,
    device: str = "auto",
    precision: str = "fp32",
    batch_size: int | None = None,
    threads: int | None = None,
    plain: bool = False,
    shard_data: bool = False,
    tolerance: float = 0,
    refine: bool | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    save_directions: bool = False,
    quiet: bool = False,
    dry_run: bool = False,
) -> Surface | Plan:
    """Evaluates metrics along a line through the net's weights.

    Args:
        checkpoint: path, `Checkpoint`, or None with `model` a module that has its weights.
        x: range, as "-1:1:51" or (-1, 1, 51); default -1:1:51, and 0:1:51 with `to`.
        model: spec or module; default from the checkpoint's metadata, else recognized from its tensors.
        data: spec, (inputs, targets), Dataset, DataLoader, or {"train": ..., "test": ...}; default from the checkpoint.
        split: "train", "test" or both; metrics are named train_loss, test_accuracy, ...
        samples: evaluate that many samples of each split, always the same ones.
        loss: "cross_entropy", "mse", a callable (outputs, targets), or a callable (model, batch).
        metrics: names or callables (outputs, targets); default loss, with accuracy beside cross-entropy.
        l2: weight decay w; adds the metric `loss_l2` = loss + w/2 * |weights|^2.
        to: a second net; the line then runs from the first (0) to it (1), with norm and ignore none by default.
        directions: a direction file, ours or the original program's.
        along: "hessian" has x along the eigenvector of the largest eigenvalue of the Hessian and y along that of the
            smallest; "gradient" has x along the gradient and y along the part of H times it that is orthogonal. Both of unit
            length, so coordinates are distances in weight space; kept in FILE.directions.h5.
        norm, ignore: default filter and biasbn, as in Li et al. 2018 (section 4).
        seed: of the random directions.
        lean: random directions are not kept but drawn anew from their seed at each point: the same values, for the memory
            of origin and net alone.
        state: "states" moves BN statistics along, as `batchnorm="interpolate"` does.
        batchnorm: keep, interpolate or recompute; default keep, and interpolate with `to`.
        device, precision, batch_size, threads: how to compute; fp32 never uses TF32.
        plain: call the net as it is, bit for bit what `model(x)` gives. Otherwise batch norm is folded into convolutions
            where that can be done, which is faster and agrees to about 1e-6.
        shard_data: let several ranks share each point, every one with some of its batches, from the first point on; for
            fewer points than ranks. Values are the same, bit for bit.
        tolerance: the relative error of the loss that is accepted: points and samples are left out as far as that
            allows. 0 evaluates everything.
        refine: with a tolerance, True leaves out points only, False samples only; True alone means a tolerance of 0.05.
        out: the surface file; an existing one of the same run is continued. None keeps the result in memory.

    Returns:
        A Surface with values of shape (nx,); under MPI on every rank.

    Raises:
        LandscapeError: bad input or a failing evaluation; what was computed is in `out`.
    """
    given = {key: value for key, value in locals().items() if key not in ("x", "dry_run")}
    x = x or ("0:1:51" if to is not None else "-1:1:51")
    return run(Options(**given), {"x": x}, command="line", dry_run=dry_run)
