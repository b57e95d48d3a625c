"""`landscape optimizers`: paths of optimizers over functions of two variables."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from landscape.errors import UsageError
from landscape.options.command import Positional, command
from landscape.options.groups import MAX_SEED, OutputOptions
from landscape.options.option import Given, again, check_whole, option
from landscape.options.values import comma_list, named_path
from landscape.recipes.optimizer_lines import table_lines

if TYPE_CHECKING:
    from landscape.analytic.functions import Function
    from landscape.grid import Range
    from landscape.surfaces.surface import Surface

USUAL = ("sgd", "momentum", "nesterov", "rmsprop", "adam", "newton")
FIRST = "rosenbrock"
# Of the usual ones, what asks for more than a gradient.
NO_ANSWER = ("newton",)
POINTS = 101
MAX_STEPS = 100_000
# A path may go 100 windows away, and a file holds places up to 1e30.
WIDEST = 1e20
MAX_RATES = 1000
AUTO = "auto"
FUNCTION = Positional(
    "functions", "FUNCTION", f"names such as rosenbrock, beale, himmelblau, or file.py:callable of (x, y) (default: {FIRST}), or "
    "gradients over time, rectangle, spikes, noise; "
    "docs/optimizers.md has them all", nargs="*",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class DescentOptions:
    title: ClassVar[str] = "optimizers"

    optimizers: str | Sequence[str] = option(
        USUAL, "torch's by name, momentum, nesterov, newton, with settings such as 'adam(lr=0.01, betas=[0.9, 0.99])' "
        f"(default: {','.join(USUAL)})", type=comma_list, metavar="LIST",
    )  # fmt: skip
    lr: Any = option(
        AUTO, "learning rates, each for every optimizer that states none; newton and lbfgs keep theirs (default: auto, for each "
        "the rate of nine that ends lowest within the window)", metavar="LIST",
    )  # fmt: skip
    sweep: Any = option(
        None, "instead of paths, where each ends over N learning rates, evenly spaced in their logarithm, such as 1e-4:1:25",
        metavar="FROM:TO:N",
    )  # fmt: skip
    steps: int = option(200, "steps of each (default: 200)", type=int, metavar="N")
    start: Any = option(None, "where they begin (default: that of the function)", metavar="X,Y")
    noise: float = option(
        0.0, "standard deviation of Gaussian noise on both components of each gradient, the same for all (default: 0)",
        type=float, metavar="S",
    )  # fmt: skip
    seed: int = option(0, "seed of the noise (default: 0)", type=int, metavar="N")
    level: float | None = option(
        None, "the value to be reached, for the table (default: 99 %% of the way from the start down to the minimum)",
        type=float, metavar="V",
    )  # fmt: skip
    x: Any = option(
        None, "window of x and number of points of the grid (default: that of the function, 101 points)", "-x", "--x",
        metavar="FROM:TO:N",
    )  # fmt: skip
    y: Any = option(None, "window of y", "-y", "--y", metavar="FROM:TO:N")


@dataclass(frozen=True, kw_only=True)
class DescentOutput:
    title: ClassVar[str] = "output"

    out: str | Path | None = again(
        OutputOptions,
        "out",
        help="output file, with several functions FILE_FUNCTION.h5 (in Python, None keeps the result in memory)",
    )
    overwrite: bool = again(OutputOptions, "overwrite")
    draw: bool = again(OutputOptions, "draw")


def lines(result: Any, shell: Mapping[str, Any]) -> Sequence[str]:
    return [line for surface in _several(result) for line in table_lines(surface)]


def _several(result: Any) -> list[Any]:
    return result if isinstance(result, list) else [result]


def default_out(positional: Sequence[Any]) -> str:
    names = list(positional[0]) if positional and positional[0] else [FIRST]
    return "optimizers.h5" if len(names) > 1 else f"{_stem(names[0])}.optimizers.h5"


def _stem(name: str) -> str:
    """`my/file.py:hole` -> "hole"."""
    return name.rpartition(":")[2]


@command(
    "paths of optimizers over functions of two variables",
    DescentOptions,
    DescentOutput,
    lines=lines,
    positional=(FUNCTION,),
    out=default_out,
    keeps=False,
    picture=lambda result: [{"surfaces": surface.source} for surface in _several(result)],
    example="landscape optimizers rosenbrock --optimizers sgd,momentum,adam,newton --steps 500 --plot",
)
def optimizers(
    functions: str | Callable | Sequence[str | Callable] | None = None, *, given: Given
) -> Surface | list[Surface]:
    """Lets torch's optimizers, and Newton's method, go down functions of two variables, in float64.

    The result holds the function over a window, as `values["value"]`, and a trail for each optimizer: `trails["adam"]` has `x`,
    `y`, `step`, and `metrics` "value", "slope" (norm of the gradient) and "gradients" (how many were computed until then). A path
    that leaves the window by 100 widths, or is not finite, stops before that, and `ended` says at which step.

    With the name of a signal, "rectangle", "spikes" or "noise", the gradient of one number is that over time, and the Surface
    has one dimension: `values["adam"]` are the steps of Adam divided by the learning rate, `values["signal"]` the gradients.

    Args:
        functions: a name, `file.py:callable`, a callable of (x, y) made of torch's functions, or a list of these. Default
            rosenbrock.

    Returns:
        A Surface; of a list of functions, a list of them.

    Raises:
        LandscapeError: bad input, a function that fails, or a file of another run.
    """
    if isinstance(functions, (list, tuple)):
        return [_made(each, given, len(functions) > 1) for each in functions or (FIRST,)]
    return _made(FIRST if functions is None else functions, given, several=False)


def _made(what: Any, given: Given, several: bool) -> Surface:
    """Of a function, or of a signal; kept in its file."""
    from landscape.analytic.functions import function_of
    from landscape.analytic.signals import SIGNALS
    from landscape.surfaces.file import check_folder

    options, output = given[DescentOptions], given[DescentOutput]
    _check(options)
    function = None if isinstance(what, str) and what in SIGNALS else function_of(what)
    path = _path(output.out, what if function is None else function.name, several)
    if path:
        check_folder(path)
    surface = _responses(what, options) if function is None else _compared(function, options)
    return _kept(surface, path, output.overwrite)


def _check(options: DescentOptions) -> None:
    check_whole("steps", options.steps, 1, MAX_STEPS)
    check_whole("seed", options.seed, 0, MAX_SEED)
    if not 0 <= options.noise < math.inf:
        raise UsageError(f"noise {options.noise:g}: expected a standard deviation from 0 on")
    if options.level is not None and not math.isfinite(options.level):
        raise UsageError(f"level {options.level:g}: expected a finite value")
    if not _listed(options):
        raise UsageError("optimizers: expected one or more names, such as sgd,adam")


def _listed(options: DescentOptions) -> list[str]:
    given = options.optimizers
    return comma_list(given) if isinstance(given, str) else list(given)


def _first_order(options: DescentOptions) -> list[str]:
    """The optimizers; of the usual ones those that take only a gradient and a rate."""
    return [each for each in _listed(options) if options.optimizers != USUAL or each not in NO_ANSWER]


def _responses(signal: str, options: DescentOptions) -> Surface:
    from landscape.analytic.signals import SignalAsked, responses

    if stated := [name for name in ("start", "level", "x", "y", "sweep") if getattr(options, name) is not None]:
        raise UsageError(
            f"{stated[0]} does not apply to the signal {signal}, which has one dimension: time; leave it out"
        )
    if options.noise:
        raise UsageError(f"noise does not apply to the signal {signal}; the signal noise is noise alone")
    listed = _first_order(options)
    rates = None if options.lr == AUTO else _rates(options.lr)
    return responses(SignalAsked(signal=signal, optimizers=listed, rates=rates, steps=options.steps, seed=options.seed))


def _compared(function: Function, options: DescentOptions) -> Surface:
    from landscape.analytic.compare import DescentAsked, compared

    x, y = (_window(name, getattr(options, name), ends) for name, ends in zip("xy", function.window, strict=True))
    asked = DescentAsked(
        function=replace(function, window=((x.start, x.stop), (y.start, y.stop))),
        optimizers=_listed(options),
        rates=None if options.lr == AUTO else _rates(options.lr),
        steps=options.steps, start=function.start if options.start is None else _start(options.start),
        noise=options.noise, seed=options.seed, level=options.level, x=x, y=y,
    )  # fmt: skip
    if options.sweep is None:
        return compared(asked)
    from landscape.analytic.sweep import swept

    if options.lr != AUTO:
        raise UsageError("sweep and lr both say the learning rates; give one of them")
    return swept(replace(asked, optimizers=_first_order(options), rates=_swept(options.sweep)))


def _swept(given: Any) -> list[float]:
    """Learning rates, evenly spaced in their logarithm, both ends included."""
    from landscape.grid import parse_range

    shown = parse_range(given, name="sweep")
    if not shown.start > 0 or shown.points > MAX_RATES:
        raise UsageError(f"sweep '{shown}': expected rates above 0, at most {MAX_RATES} of them, such as 1e-4:1:25")
    ratio, last = shown.stop / shown.start, shown.points - 1
    return [shown.start * ratio ** (number / last) for number in range(last)] + [shown.stop]


def _path(out: str | Path | None, name: str, several: bool) -> Path | None:
    if out is None:
        return None
    path = named_path("out", out)
    return path.with_name(f"{path.stem}_{_stem(name)}{path.suffix}") if several else path


def _window(name: str, given: Any, ends: tuple[float, float]) -> Range:
    from landscape.grid import parse_range

    shown = parse_range((*ends, POINTS) if given is None else given, name=name)
    if max(abs(shown.start), abs(shown.stop)) > WIDEST:
        raise UsageError(f"{name} range '{shown}': expected a window within {WIDEST:g}")
    return shown


def _floats(text: Any) -> list[float]:
    """Of a text with commas, a number or a list; raises ValueError or TypeError."""
    parts = text.split(",") if isinstance(text, str) else list(text) if isinstance(text, (list, tuple)) else [text]
    return [float(part) for part in parts]


def _rates(given: Any) -> list[float]:
    try:
        found = _floats(given)
        if found and all(0 < rate < math.inf for rate in found):
            return list(dict.fromkeys(found))
    except (TypeError, ValueError):
        pass
    raise UsageError(f"lr {given}: expected auto, or rates above 0 such as 0.01,0.1")


def _start(given: Any) -> tuple[float, float]:
    try:
        x, y = _floats(given)
        if math.isfinite(x) and math.isfinite(y):
            return x, y
    except (TypeError, ValueError):
        pass
    raise UsageError(f"start {given}: expected two numbers such as -1.2,1")


def _kept(surface: Surface, path: Path | None, overwrite: bool) -> Surface:
    """The surface, in its file; one of the same run that is there already is taken unchanged, but for the level."""
    from landscape.surfaces.file import SurfaceFile
    from landscape.sweep.launch import launched_rank

    if path is None or launched_rank() > 0:  # all ranks compute the same, the first writes
        return surface
    with SurfaceFile.create_or_open(
        path, surface.grid, surface.provenance, trails=surface.trails, overwrite=overwrite, quantity=surface.quantity
    ) as file:
        for index in file.pending():
            file.record(index, {name: array.flat[index] for name, array in surface.values.items()})
        file.describe("level", surface.provenance["run"].get("level"))
        return replace(file.content, source=str(path))
