"""The net of a training run before its first step.

Owns: its name, the sizes of a zoo net, which follow from the data, and the first weights: random ones, those of a module that
was given, or those of a checkpoint.
"""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from landscape.checkpoint.checkpoint import IN_MEMORY, Checkpoint
from landscape.checkpoint.fit import ANOTHER, fit, widened
from landscape.data.normalize import CHANNELS, is_images
from landscape.data.split import Split, TensorSplit
from landscape.errors import CheckpointError, LandscapeError, SurfaceFileError, UsageError
from landscape.members import named_parameters
from landscape.models.resolve import build_model
from landscape.objective.loss_state import differing
from landscape.objective.private import private_copy
from landscape.printable import listed, printable
from landscape.randomness import seed_torch
from landscape.regular import expanded
from landscape.subject.entry import fitting_entry, read
from landscape.subject.modules import bare
from landscape.subject.trained import is_same_spec, recorded_of
from landscape.surfaces.run_log import CONFIG, read_config
from landscape.training.run_folder import FINAL, net_of
from landscape.training.settings import TrainingSettings

LISTED = 3


def model_name(model: Any, init: Any = None) -> str:
    """The spec, or the class of a module; `init`: the checkpoint that the run begins with.

    Raises:
        UsageError: there is no model.
    """
    if isinstance(model, nn.Module):
        return type(bare(model)).__name__
    if model:
        return model
    known = None
    with contextlib.suppress(LandscapeError):
        known = read(init, None, mapped=True).meta.get("model") if init is not None else None
    if isinstance(known, str):
        raise UsageError(f"no model: give --model {shlex.quote(printable(known))}, which {init} names")
    raise UsageError("no model: give --model, such as resnet20, torchvision:resnet18 or net.py:build")


def first_net(
    model: Any, name: str, splits: dict[str, Split], settings: TrainingSettings, init: Checkpoint | None
) -> nn.Module:
    """The net with its first weights: those of `init`, else those that it comes or is built with.

    Raises:
        UsageError: the model is no such spec. CheckpointError: `init` does not fit it.
    """
    seed_torch(settings.seed if settings.init_seed is None else settings.init_seed)
    if isinstance(model, nn.Module):
        net = private_copy(bare(model))
    else:
        sizes = _sizes_for(splits)
        net = build_model(
            name,
            num_classes=sizes.get("num_classes"),
            in_channels=sizes.get("in_channels"),
            image_size=sizes.get("image_size"),
        )
    if init is not None:
        chosen = fitting_entry(init, net)
        fit(widened(net, chosen), chosen, name=name, advice=ANOTHER)
        _check_finite(net, chosen.source)
    return net


def first_weights(init: Any, entry: str | None, out: Path, *, overwrite: bool) -> Checkpoint | None:
    """The checkpoint that a run begins with, at an entry; where it is gone, what the run in the folder `out` has kept of it.

    Raises:
        UsageError: an entry without a checkpoint, or one that lies in `out`. CheckpointError: it is unreadable.
    """
    if init is None:
        if entry:
            raise UsageError(f"entry '{entry}': there is no --init that it could be one of; drop the option")
        return None
    begun = net_of(out, 0)
    try:
        found = read(init, entry)
    except CheckpointError:
        if overwrite or isinstance(init, Checkpoint) or not begun.exists() or not _is_gone(init, out):
            raise
        return replace(read(begun, None), source=str(init))
    if found.source != IN_MEMORY:
        refuse_inside(found.source, out)
    return found


def init_notes(init: Checkpoint | None, loss: str, normalize: str | None) -> list[str]:
    """A line where the net was trained with another loss or other pixels before, as far as its file says."""
    if init is None or not isinstance(init.meta.get("training"), Mapping):
        return []
    trained, pixels = recorded_of(init), init.meta.get("normalize") or "none"
    here = {"loss": loss, "normalize": normalize or "none"}
    before = {"loss": trained.spec if trained else loss, "normalize": printable(str(pixels))}
    if before == here:
        return []
    shown = [" and ".join(f"{name} {printable(value)}" for name, value in each.items()) for each in (before, here)]
    return [f"the first weights, {init.source}, were trained with {shown[0]}; this run has {shown[1]}"]


def loss_notes(init: Checkpoint | None, loss: str, now: Sequence[Any]) -> list[str]:
    """A line where the training of the first weights had changed the loss, which begins here in its first state, `now`."""
    trained = None if init is None else recorded_of(init)
    if trained is None or not trained.state or not is_same_spec(trained.spec, loss):
        return []
    names = differing(now, trained.state)
    said = f"the loss begins in its first state; the training of {trained.net} left it with another {listed(names, LISTED)}"
    return [said] if names else []


def _is_gone(init: Any, out: Path) -> bool:
    """Whether there is no such file any more, and the run in `out` began with one of that name."""
    named = expanded(os.fspath(init))
    with contextlib.suppress(SurfaceFileError):
        known = read_config(out / CONFIG).get("init")
        return not named.exists() and known in (str(named), str(named / FINAL), os.fspath(init))
    return False


def refuse_inside(init: Any, out: Path) -> None:
    """Raises UsageError where the first weights lie in the folder that the run writes."""
    if isinstance(init, (str, os.PathLike)) and expanded(os.fspath(init)).resolve().is_relative_to(out.resolve()):
        raise UsageError(f"out {out}: the first weights lie there (--init {init}); give another folder")


def _check_finite(net: nn.Module, source: str) -> None:
    """Raises CheckpointError where a step could lead nowhere; buffers may hold infinities and mean them, as masks do."""
    for name, each in named_parameters(net):
        if wrong := int((~each.isfinite()).sum()):
            raise CheckpointError(
                f"checkpoint {source}: {name} holds NaN or inf ({wrong:,} of {each.numel():,} numbers), and training cannot "
                "begin there; give another --init"
            )


def _sizes_for(splits: dict[str, Split]) -> dict[str, int]:
    """Arguments of a zoo net that follow from the data: numbers of classes and channels, side of the images."""
    split = splits["train"]
    if not isinstance(split, TensorSplit):
        return {}
    sizes = {}
    if not split.targets.is_floating_point() and split.targets.ndim == 1:
        # a small part of the training data may lack a class that the test data have
        labels = [part.targets for part in splits.values() if part.targets is not None]
        sizes["num_classes"] = max(int(each.max()) for each in labels) + 1
    if is_images(split.inputs):
        shape = split.inputs.shape
        first = split.inputs.is_floating_point() or (shape[1] in CHANNELS and shape[3] not in CHANNELS)
        sizes |= {"in_channels": shape[1 if first else 3], "image_size": shape[2]}
    return sizes
