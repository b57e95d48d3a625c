"""Results among the curves of a training run: in TensorBoard, Weights & Biases, or trackio.

Owns: `log_to`, which numbers of a result are worth a curve over training, and how each tracker takes a picture and numbers.
Imports no tracker: what is passed in tells which it is. Needs no torch.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from landscape.drawing import draw_each
from landscape.errors import UsageError
from landscape.options.option import check_fields, check_names, check_whole, shown
from landscape.quantity import COUNT, EIGENVALUE, EVALUATION, FLAG, TIME
from landscape.scene.holes import drawable
from landscape.scene.kinds.kind import Options
from landscape.surfaces.run_log import RunLog
from landscape.surfaces.source import load_source
from landscape.surfaces.spectrum import Spectrum
from landscape.surfaces.surface import FAILED, PENDING, Surface

PICTURE = "picture"
DPI = 120
TYPES = {"step": "int | None", "name": "str", "kind": "str | None", "dpi": "int"}
DRAWING = ("metric", "scale", "levels", "vmin", "vmax", "title")
EXPECTED = (
    "expected a SummaryWriter of TensorBoard or a run of wandb or trackio; of a Lightning logger pass logger.experiment"
)
# (tracker, picture (h, w, 3) uint8, its title, numbers, prefix of all names, step)
Send = Callable[[Any, np.ndarray, str, Mapping[str, float], str, int | None], None]


def log_to(
    run: Any,
    result: Surface | Spectrum | RunLog | str | Path,
    *,
    step: int | None = None,
    name: str = "landscape",
    kind: str | None = None,
    dpi: int = DPI,
    **drawing: Any,
) -> dict[str, float]:
    """Sends the picture of a result and its main numbers to a tracker of experiments.

    The numbers of a surface are, for each metric of the net, the value at the origin, the lowest and the highest
    (`NAME/train_loss`, `NAME/train_loss_lowest`, `NAME/train_loss_highest`), and for ends of the Hessian those at the origin; of
    a spectrum its ends, its trace and the share of negative eigenvalues. What was not computed is left out; NaN and infinity at
    the origin are sent.

    Args:
        run: a `SummaryWriter` (of torch or tensorboardX), what `wandb.init` or `trackio.init` returned, or these two modules.
        result: a surface, a spectrum, a training run, or the path of one.
        step: of training; None leaves counting to the tracker. W&B drops a step before its latest.
        name: in front of all names; the picture is `NAME/picture`.
        kind: of the picture, as in `plot`; None is the usual one.
        dpi: pixels per inch.
        drawing: `metric`, `scale`, `levels`, `vmin`, `vmax` and `title`, as in `plot`.

    Returns:
        The numbers that were sent, by their full names.

    Raises:
        UsageError: no tracker that is known. LandscapeError: an unreadable file, or a kind that does not fit.
    """
    send = _sender(run)
    given = {**drawing, "step": step, "name": name, "kind": kind, "dpi": dpi}
    check_fields("log_to", given, (Options,), TYPES)
    check_names("log_to", drawing, DRAWING)
    check_whole("step", step, 0)
    if kind and "," in kind:
        raise UsageError(f"kind '{kind}': expected one, such as '{kind.partition(',')[0]}'")
    source = load_source(result)
    picture, numbers = _picture(source, kind, drawing, dpi), numbers_of(source)
    send(run, picture, Path(source.source).name, numbers, name, step)
    return {f"{name}/{each}": value for each, value in numbers.items()}


def numbers_of(result: Surface | Spectrum | RunLog) -> dict[str, float]:
    """What of a result is worth a curve over training, by name."""
    if isinstance(result, Surface):
        return dict(_of_surface(result))
    return dict(_of_spectrum(result)) if isinstance(result, Spectrum) else {}


def _of_surface(surface: Surface) -> Iterator[tuple[str, float]]:
    for metric in surface.values:
        quantity = surface.quantity(metric)
        of_net = quantity.group == EVALUATION and quantity.kind not in (COUNT, TIME, FLAG)
        if quantity.aside or not (of_net or quantity.kind == EIGENVALUE):
            continue
        if (at_origin := _at_origin(surface, metric)) is not None:
            yield metric, at_origin
        known = drawable(surface, metric)
        if of_net and known.size:
            yield f"{metric}_lowest", float(known.min())
            yield f"{metric}_highest", float(known.max())


def _at_origin(surface: Surface, metric: str) -> float | None:
    """None where it is not on the grid, or was not computed."""
    value, status = surface.at_origin(metric), surface.status_of(metric)
    if value is None or status is None:
        return value
    zero = tuple(int(np.flatnonzero(axis.values == 0)[0]) for axis in reversed(surface.grid.axes))
    return None if status[zero] in (PENDING, FAILED) else value


def _of_spectrum(spectrum: Spectrum) -> Iterator[tuple[str, float]]:
    whole = spectrum.whole
    if len(whole.values):
        yield "hessian_max", float(whole.values.max())
        yield "hessian_min", float(whole.values.min())
    found = {"hessian_trace": whole.trace, "hessian_negative_share": whole.negative(spectrum.index)[0]}
    yield from ((name, value) for name, value in found.items() if np.isfinite(value))


def _picture(source: Any, kind: str | None, drawing: dict[str, Any], dpi: int) -> np.ndarray:
    """(h, w, 3) uint8: the still picture, as `plot` writes it."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        (path,) = draw_each(source, kind, drawing, Path(folder) / "picture.png", dpi)
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))


def _sender(run: Any) -> Send:
    """How the tracker takes things; known by its methods or by the package of its class, as none is imported here."""
    if all(callable(getattr(run, method, None)) for method in ("add_image", "add_scalar")):
        return _to_tensorboard
    if _package(run) and callable(getattr(run, "log", None)):
        return _by_log
    raise UsageError(f"run {shown(run)}: {EXPECTED}")


def _package(run: Any) -> str | None:
    """wandb or trackio, if it is one of these or an object of theirs."""
    modules = (
        [getattr(run, "__name__", "")] if type(run) is type(sys) else [each.__module__ for each in type(run).__mro__]
    )
    packages = [module.partition(".")[0] for module in modules]
    return next((package for package in packages if package in ("wandb", "trackio")), None)


def _to_tensorboard(
    run: Any, picture: np.ndarray, title: str, numbers: Mapping[str, float], name: str, step: int | None
) -> None:
    run.add_image(f"{name}/{PICTURE}", picture, global_step=step, dataformats="HWC")
    for each, value in numbers.items():
        run.add_scalar(f"{name}/{each}", value, global_step=step)


def _by_log(
    run: Any, picture: np.ndarray, title: str, numbers: Mapping[str, float], name: str, step: int | None
) -> None:
    """W&B and trackio take everything of a step in one call, pictures in a class of their own."""
    image = sys.modules[str(_package(run))].Image  # it is loaded: the run is one of its objects
    named = {f"{name}/{each}": value for each, value in numbers.items()}
    run.log({f"{name}/{PICTURE}": image(picture, caption=title or None), **named}, step=step)
