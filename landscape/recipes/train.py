"""`landscape train`: trains a net and writes checkpoints that the other commands can read.

Owns: the signature, which has the options of the command line (by test), and the parsing of their text.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from landscape.errors import UsageError
from landscape.recipes.training_job import make_training_job
from landscape.recipes.training_run import END, EPOCH, Run, run_training
from landscape.sweep.launch import connect

# The arguments that become `TrainingSettings` under their own names; the others are parsed first.
UNPARSED = (
    *("loss", "samples", "epochs", "batch_size", "optimizer", "lr", "momentum", "weight_decay", "schedule", "warmup"),
    *("gamma", "clip", "label_noise", "precision", "seed", "init_seed"),
)


def train(
    model: Any = None,
    *,
    data: Any = None,
    data_root: str | None = None,
    download: bool = False,
    samples: int | None = None,
    normalize: str | None = None,
    loss: str | Callable = "cross_entropy",
    epochs: float = 30,
    batch_size: int = 128,
    optimizer: str = "nesterov",
    lr: float | None = None,
    momentum: float = 0.9,
    weight_decay: float = 5e-4,
    optimizer_option: Mapping[str, Any] | str | Sequence[str] = (),
    schedule: str = "onecycle",
    warmup: float | None = None,
    milestones: Sequence[float] = (0.5, 0.75),
    gamma: float = 0.1,
    clip: float | None = None,
    label_noise: float = 0.0,
    augment: str | Sequence[str] = (),
    progressive: str | Sequence[tuple[int, float]] = (),
    seed: int = 0,
    init_seed: int | None = None,
    device: str = "auto",
    precision: str = "fp32",
    threads: int | None = None,
    save_every: str | int = EPOCH,
    log_every: str | int = EPOCH,
    out: str | Path | None = None,
    overwrite: bool = False,
    quiet: bool = False,
) -> Run:
    """Trains a net and writes it, its log and its checkpoints to a run folder.

    Args:
        model: spec (zoo name, torchvision:NAME, timm:NAME, callable), or a module, of which a copy is trained.
        data: as for `surface`; the net is trained on the training split and validated on the test split, if any.
        samples: the number of training samples, always the same ones; default all.
        loss: "cross_entropy", "mse", a callable (outputs, targets), or a callable (model, batch).
        epochs: passes over the data; may be a fraction.
        optimizer: "nesterov" (SGD with Nesterov momentum), or one of torch.optim in lower case: sgd, adam, adamw, ...
        lr: the highest learning rate; default 0.1 for SGD, torch's default for others.
        optimizer_option: further arguments of the optimizer, as a mapping or as "betas=(0.9,0.95)".
        schedule: constant, step (times gamma at each of `milestones`), cosine (to 0) or onecycle (up and down).
        warmup: epochs of linear rise; for onecycle its rising part (default 0.3 of the run).
        milestones: shares of the run, 0..1.
        clip: the largest norm of the gradient; default no limit.
        label_noise: share of the training labels that are replaced by random ones (Zhang et al. 2017, arXiv:1611.03530).
        augment: "crop" (by an eighth of the side, with a black margin), "flip", or both, on the device.
        progressive: ((16, 10), (24, 5)) or "16:10,24:5" trains 10 epochs on images of 16 x 16 pixels, then 5 on 24 x 24,
            then on whole images: most of the learning at a part of the cost. For nets that accept images of any size.
        seed: of the order, augmentation, label noise and dropout; `init_seed` (default: `seed`) of the initial weights.
        save_every: "epoch", a number of steps, or "end"; the first and the last net are always saved.
        log_every: "epoch", a number of steps, or "end": how often the test split is evaluated and a row is written.
        out: the run folder; a run in it is continued if it is the same run; default runs/MODEL_DATA.

    Returns:
        A Run. The same seed gives the same weights on the same machine with the same torch and number of threads, bit for
        bit on a CPU, even if the run is stopped or killed and continued.

    Raises:
        LandscapeError: bad input, or a loss that is not finite.
        Interrupted: Ctrl-C or SIGTERM; the run can be continued.
    """
    given = dict(locals())
    if connect().size > 1:
        raise UsageError("train runs in one process; start it without mpirun")
    settings = {name: given[name] for name in UNPARSED} | {
        "optimizer_options": read_options(optimizer_option),
        "milestones": read_milestones(milestones),
        "augment": _names(augment),
        "progressive": read_progressive(progressive),
    }
    every = {name: _interval(name, value) for name, value in (("save-every", save_every), ("log-every", log_every))}
    place = {name: given[name] for name in ("data_root", "download", "normalize", "device", "threads", "out", "quiet")}
    before = torch.get_num_threads()
    try:
        job = make_training_job(model, data, settings, **place)
        return run_training(job, every, overwrite=overwrite, quiet=quiet)
    finally:
        torch.set_num_threads(before)


def read_options(given: Mapping[str, Any] | str | Sequence[str]) -> dict[str, Any]:
    """Options such as `betas=(0.9,0.95)` as keywords.

    Raises:
        UsageError: another form.
    """
    if isinstance(given, Mapping):
        return dict(given)
    found = {}
    for entry in [given] if isinstance(given, str) else given:
        name, equals, value = entry.partition("=")
        if not equals:
            raise UsageError(f"optimizer-option '{entry}': expected NAME=VALUE, such as betas=(0.9,0.95)")
        try:
            found[name.strip()] = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError):
            raise UsageError(f"optimizer-option '{entry}': expected a number, True, False or a list of them") from None
    return found


def read_progressive(given: str | Sequence[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    """`16:10,24:5` as ((16, 10.0), (24, 5.0)).

    Raises:
        UsageError: another form.
    """
    parts = [part.split(":") for part in given.split(",")] if isinstance(given, str) else list(given)
    try:
        found = tuple((int(side), float(epochs)) for side, epochs in parts)
    except (TypeError, ValueError):
        found = ((0, 0.0),)
    if any(side < 1 or not epochs > 0 for side, epochs in found):
        raise UsageError(f"progressive {given}: expected SIDE:EPOCHS, such as 16:10 or 16:10,24:5")
    return found


def read_milestones(given: float | Sequence[float]) -> tuple[float, ...]:
    """One number or several.

    Raises:
        UsageError: another form.
    """
    try:
        return tuple(float(share) for share in (given if isinstance(given, Iterable) else [given]))
    except (TypeError, ValueError):
        raise UsageError(f"milestones {given}: expected shares of the run, such as (0.5, 0.75)") from None


def _names(given: str | Sequence[str] | None) -> tuple[str, ...]:
    names = given.split(",") if isinstance(given, str) else given or ()
    return tuple(name for name in names if name not in ("", "none"))


def _interval(name: str, value: str | int) -> int:
    """An interval in steps; 0 means an epoch, -1 means never.

    Raises:
        UsageError: another form.
    """
    if value in (EPOCH, END):
        return 0 if value == EPOCH else -1
    try:
        steps = int(value)
    except (TypeError, ValueError):
        steps = 0
    if steps < 1:
        raise UsageError(f"{name} {value}: expected {EPOCH}, {END} or a number of steps of at least 1")
    return steps
