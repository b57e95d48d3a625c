"""The preconditioners of a run, beside its nets: RUN/preconditioners/step_N.pt.

Owns: where they are, and what is in them: P of each parameter in float32, the threshold of the next step, and the decay. They
take as many bytes as the parameters in float32. The net before the first step has none.
"""

from __future__ import annotations

import math
from pathlib import Path

from torch import Tensor

from landscape.checkpoint import torch_file
from landscape.checkpoint.save import write_whole
from landscape.curvature.preconditioned import Preconditioner
from landscape.errors import CheckpointError, LandscapeError
from landscape.slice.steps import STEP

FOLDER = "preconditioners"
SCALES, THRESHOLD, DECAY = "scales", "threshold", "decay"


def keeps_preconditioners(run: Path) -> bool:
    """Whether a run was trained so that it keeps them."""
    return (run / FOLDER).is_dir()


def write_preconditioner(run: Path, step: int, found: Preconditioner | None) -> None:
    """Before the net of that step is saved, so that no net lacks one; None only makes the folder.

    Raises:
        LandscapeError: it cannot be written.
    """
    try:
        (run / FOLDER).mkdir(exist_ok=True)
    except OSError as error:
        raise LandscapeError(f"cannot write {run / FOLDER}: {error.strerror or error}") from error
    if found is not None:
        content = {SCALES: dict(found.scales), THRESHOLD: found.threshold, DECAY: dict(found.decay)}
        write_whole(_place(run, step), content)


def read_preconditioner(run: Path, step: int) -> Preconditioner | None:
    """That of the net of a step; None where the run has none.

    Raises:
        CheckpointError: the file is damaged.
    """
    path = _place(run, step)
    if not path.exists():
        return None
    content, _ = torch_file.read(path)
    if not isinstance(content, dict) or not _is_whole(content):
        raise CheckpointError(f"{path}: is not a preconditioner of landscape; remove it, and its step is not measured")
    return Preconditioner(content[SCALES], content[THRESHOLD], content[DECAY])


def remove_preconditioners(run: Path, after: int = -1) -> None:
    """Those of the steps behind one, and the folder if nothing else is in it."""
    if not keeps_preconditioners(run):
        return
    for path in (run / FOLDER).glob("step_*.pt"):
        if (match := STEP.search(path.name)) and int(match[1]) > after:
            path.unlink()
    if after < 0 and not any((run / FOLDER).iterdir()):
        (run / FOLDER).rmdir()


def _place(run: Path, step: int) -> Path:
    return run / FOLDER / f"step_{step:07d}.pt"


def _is_whole(content: dict) -> bool:
    scales, decay, bound = (content.get(name) for name in (SCALES, DECAY, THRESHOLD))
    numbers = [bound, *decay.values()] if isinstance(decay, dict) else [None]
    return (
        isinstance(scales, dict)
        and all(isinstance(each, (int, float)) and math.isfinite(each) for each in numbers)
        and all(
            isinstance(each, Tensor) and each.is_floating_point() and _is_positive(each) for each in scales.values()
        )
    )


def _is_positive(scale: Tensor) -> bool:
    return bool(scale.isfinite().all() and (scale > 0).all())
