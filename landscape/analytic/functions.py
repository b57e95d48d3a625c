"""Functions of two variables on which optimizers are compared.

Owns: their formulas, in torch, and what is known of each: a window that shows it, a start, its minima. Knows no optimizer and no
file. `tests/analytic/test_functions.py` holds every stated minimum against the gradient and against a fine grid.

Minima that no radical gives were found by Newton's method and are stated to the last digit of float64.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from math import pi
from typing import Any

import torch
from torch import Tensor

from landscape.callables import resolve_callable
from landscape.errors import UsageError

Point = tuple[float, float]
Window = tuple[Point, Point]
OWN_WINDOW: Window = ((-2.0, 2.0), (-2.0, 2.0))
OWN_START: Point = (-1.5, 1.2)


@dataclass(frozen=True, kw_only=True)
class Function:
    """`of` takes x and y as float64 tensors of one shape, and returns the values in that shape.

    Attributes:
        window: (from, to) of x and of y, where pictures show it.
        start: where paths begin.
        minima: where it is least; empty where it has no minimum, or none is known.
        minimum: the value there; None without minima.
        source: where the formula is from.
        pointwise: whether `of` may be called on one point only, as is the case of a user's function.
    """

    name: str
    label: str
    of: Callable[[Tensor, Tensor], Tensor]
    window: Window
    start: Point
    minima: tuple[Point, ...] = ()
    minimum: float | None = None
    source: str = ""
    pointwise: bool = False


def _bowl(x: Tensor, y: Tensor) -> Tensor:
    return (x**2 + y**2) / 2


def _narrow_bowl(x: Tensor, y: Tensor) -> Tensor:
    return (x**2 + 25 * y**2) / 2


def _tilted_bowl(x: Tensor, y: Tensor) -> Tensor:
    """Eigenvalues 1 and 25, 45 degrees from the axes: what scales each coordinate by itself does not help."""
    return ((x + y) ** 2 + 25 * (x - y) ** 2) / 4


def _rosenbrock(x: Tensor, y: Tensor) -> Tensor:
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def _himmelblau(x: Tensor, y: Tensor) -> Tensor:
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def _beale(x: Tensor, y: Tensor) -> Tensor:
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def _styblinski_tang(x: Tensor, y: Tensor) -> Tensor:
    return (x**4 - 16 * x**2 + 5 * x + y**4 - 16 * y**2 + 5 * y) / 2


def _six_hump_camel(x: Tensor, y: Tensor) -> Tensor:
    return (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2


def _goldstein_price(x: Tensor, y: Tensor) -> Tensor:
    near = 19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2
    far = 18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2
    return (1 + (x + y + 1) ** 2 * near) * (30 + (2 * x - 3 * y) ** 2 * far)


def _rastrigin(x: Tensor, y: Tensor) -> Tensor:
    return 20 + x**2 + y**2 - 10 * torch.cos(2 * pi * x) - 10 * torch.cos(2 * pi * y)


def _saddle(x: Tensor, y: Tensor) -> Tensor:
    """A saddle at the origin between two minima."""
    return x**2 / 2 - y**2 / 2 + y**4 / 4


def _monkey_saddle(x: Tensor, y: Tensor) -> Tensor:
    return x**3 - 3 * x * y**2


def _plateau(x: Tensor, y: Tensor) -> Tensor:
    """A hole in a plain: three widths from its middle the gradient is a twentieth of that at the rim."""
    return 1 - torch.exp(-(x**2 + y**2) / 2)


def _wall(t: Tensor) -> Tensor:
    return 1.5 * torch.exp(-((t / 0.15) ** 2))


def _basins_and_walls(x: Tensor, y: Tensor) -> Tensor:
    """Four basins, parted by two thin walls; each lies a little deeper than the next."""
    return (x**2 - 1) ** 2 / 4 + (y**2 - 1) ** 2 / 4 + _wall(x) + _wall(y) + 0.1 * x + 0.05 * y


def _hill(x: Tensor, y: Tensor, at: Point, height: float, width: float) -> Tensor:
    return height * torch.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / width)


def _hills_and_canyon(x: Tensor, y: Tensor) -> Tensor:
    """A canyon that winds down to the right through a plain, with a hill on either side."""
    canyon = 1.5 - 1.5 * torch.exp(-6 * (y - torch.sin(2 * x) / 2) ** 2)
    hills = _hill(x, y, (-0.5, 1.5), 1.0, 0.4) + _hill(x, y, (1.0, -1.3), 0.8, 0.5)
    return canyon + hills + 0.08 * (x - 2) ** 2


MADE_HERE = "made for this project"
# Roots of its gradient beside (3, 2), which is exact.
_HIMMELBLAU = (
    (3.0, 2.0),
    (-2.805118086952745, 3.131312518250573),
    (-3.779310253377747, -3.283185991286169),
    (3.5844283403304917, -1.8481265269644034),
)
# The least root of 4 t^3 - 32 t + 5, for both coordinates.
_STYBLINSKI = -2.903534027771177
_CAMEL = (0.08984201310031806, -0.7126564030207396)
_ORIGIN = ((0.0, 0.0),)
_EQUAL: Window = ((-3.0, 3.0), (-3.0, 3.0))

FUNCTIONS = {
    function.name: function
    for function in (
        Function(
            name="bowl", label="Round bowl", of=_bowl, window=_EQUAL, start=(-2.5, 2.0), minima=_ORIGIN, minimum=0.0,
            source="(x^2 + y^2) / 2",
        ),
        Function(
            name="narrow_bowl", label="Narrow bowl", of=_narrow_bowl, window=((-3.0, 3.0), (-2.0, 2.0)), start=(-2.5, 1.0),
            minima=_ORIGIN, minimum=0.0, source="(x^2 + 25 y^2) / 2",
        ),
        Function(
            name="tilted_bowl", label="Tilted bowl", of=_tilted_bowl, window=_EQUAL, start=(-2.5, -1.2), minima=_ORIGIN,
            minimum=0.0, source="((x + y)^2 + 25 (x - y)^2) / 4",
        ),
        Function(
            name="rosenbrock", label="Rosenbrock", of=_rosenbrock, window=((-2.0, 2.0), (-1.0, 3.0)), start=(-1.2, 1.0),
            minima=((1.0, 1.0),), minimum=0.0, source="Rosenbrock 1960, Computer Journal 3",
        ),
        Function(
            name="himmelblau", label="Himmelblau", of=_himmelblau, window=((-5.0, 5.0), (-5.0, 5.0)), start=(-0.5, -1.5),
            minima=_HIMMELBLAU, minimum=0.0, source="Himmelblau 1972, Applied Nonlinear Programming",
        ),
        Function(
            name="beale", label="Beale", of=_beale, window=((-4.5, 4.5), (-4.5, 4.5)), start=(1.0, 1.5),
            minima=((3.0, 0.5),), minimum=0.0, source="Beale 1958",
        ),
        Function(
            name="styblinski_tang", label="Styblinski-Tang", of=_styblinski_tang, window=((-5.0, 5.0), (-5.0, 5.0)),
            start=(0.5, 4.0), minima=((_STYBLINSKI, _STYBLINSKI),), minimum=-78.33233140754284,
            source="Styblinski and Tang 1990, Neural Networks 3",
        ),
        Function(
            name="six_hump_camel", label="Six-hump camel", of=_six_hump_camel, window=((-2.0, 2.0), (-1.1, 1.1)),
            start=(-1.2, -0.1), minima=(_CAMEL, (-_CAMEL[0], -_CAMEL[1])), minimum=-1.0316284534898774,
            source="Dixon and Szego 1978, Towards Global Optimisation 2",
        ),
        Function(
            name="goldstein_price", label="Goldstein-Price", of=_goldstein_price, window=((-2.0, 2.0), (-2.0, 2.0)),
            start=(1.5, 0.5), minima=((0.0, -1.0),), minimum=3.0,
            source="Goldstein and Price 1971, Mathematics of Computation 25",
        ),
        Function(
            name="rastrigin", label="Rastrigin", of=_rastrigin, window=((-5.12, 5.12), (-5.12, 5.12)), start=(-3.4, 2.7),
            minima=_ORIGIN, minimum=0.0, source="Rastrigin 1974",
        ),
        Function(
            name="saddle", label="Saddle between two minima", of=_saddle, window=((-2.0, 2.0), (-1.8, 1.8)), start=(-1.6, 1e-3),
            minima=((0.0, 1.0), (0.0, -1.0)), minimum=-0.25, source="x^2 / 2 - y^2 / 2 + y^4 / 4",
        ),
        Function(
            name="monkey_saddle", label="Monkey saddle", of=_monkey_saddle, window=((-1.5, 1.5), (-1.5, 1.5)), start=(1.2, 0.02),
            source="x^3 - 3 x y^2",
        ),
        Function(
            name="plateau", label="Plateau", of=_plateau, window=((-4.0, 4.0), (-4.0, 4.0)), start=(-2.4, 2.0), minima=_ORIGIN,
            minimum=0.0, source="1 - exp(-(x^2 + y^2) / 2)",
        ),
        Function(
            name="basins_and_walls", label="Basins and walls", of=_basins_and_walls, window=((-2.0, 2.0), (-2.0, 2.0)),
            start=(1.7, 1.6), minima=((-1.0466805318046022, -1.0241203002150503),), minimum=-0.15299618238624202,
            source=MADE_HERE,
        ),
        Function(
            name="hills_and_canyon", label="Hills and canyon", of=_hills_and_canyon, window=((-3.0, 3.0), (-2.5, 2.5)),
            start=(-2.4, 1.4), minima=((2.2518847843844134, -0.48748000812808684),), minimum=0.014399079443979446,
            source=MADE_HERE,
        ),
    )
}  # fmt: skip


def function_of(given: str | Callable[..., Any]) -> Function:
    """A function of the table by name, or a user's: `file.py:name`, `module:name` or a callable of (x, y).

    Raises:
        UsageError: an unknown name. LandscapeError: the code that a spec names cannot be imported.

    >>> function_of("beale").minima
    ((3.0, 0.5),)
    """
    if isinstance(given, str) and given in FUNCTIONS:
        return FUNCTIONS[given]
    if isinstance(given, str) and ":" not in given:
        near = difflib.get_close_matches(given.lower(), FUNCTIONS, n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else f"expected {', '.join(FUNCTIONS)}"
        raise UsageError(f"function '{given}': {hint}; your own is file.py:callable or package.module:callable")
    if not isinstance(given, str) and not callable(given):
        raise UsageError(
            f"function of type {type(given).__name__}: expected a name, file.py:callable or a callable of (x, y)"
        )
    code = resolve_callable(given, "function") if isinstance(given, str) else given
    name = given.rpartition("/")[2] if isinstance(given, str) else getattr(code, "__qualname__", type(code).__name__)
    label = getattr(code, "__name__", name)
    return Function(
        name=name, label=label, of=code, window=OWN_WINDOW, start=OWN_START, pointwise=True, source="of the user"
    )
