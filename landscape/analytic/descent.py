"""The path of an optimizer over a function of two variables.

Owns: `descend`, `Descent`, the noise that is added to gradients, and when a path ends. Everything is float64. Knows no file and
no picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from landscape.analytic.functions import Function, Point, Window
from landscape.analytic.methods import Method
from landscape.callables import contained, explain
from landscape.errors import LandscapeError, UsageError

# A path has left when it is this many widths of the window away from it.
FAR = 100.0


@dataclass(frozen=True, eq=False)
class Descent:
    """Where an optimizer was after each step; arrays (k + 1,), the start first.

    Attributes:
        slope: norm of the gradient there, without noise.
        gradients: how many gradients were computed until then.
        diverged: the step that led out of the window or to a value that is not finite; it is not part of the path. None: no step.
    """

    x: np.ndarray
    y: np.ndarray
    value: np.ndarray
    slope: np.ndarray
    gradients: np.ndarray
    diverged: int | None

    @property
    def final(self) -> float:
        """The value at the end; infinity for a path that has diverged."""
        return float(self.value[-1]) if self.diverged is None else math.inf

    def steps_to(self, level: float) -> int | None:
        """The first step at which the value is at most `level`; None when there is none."""
        reached = np.flatnonzero(self.value <= level)
        return int(reached[0]) if len(reached) else None


def noise_of(size: float, steps: int, seed: int) -> Tensor:
    """(steps, 2) Gaussian noise of standard deviation `size` on both components of the gradient: row k is that of step k + 1.

    The same for every optimizer; a longer run has the same beginning.
    """
    generator = torch.Generator().manual_seed(seed)
    return size * torch.randn(steps, 2, generator=generator, dtype=torch.float64)


def descend(function: Function, start: Point, method: Method, noise: Tensor) -> Descent:
    """As many steps as `noise` (n, 2) has rows, or fewer if it diverges.

    A step that asks for several gradients, as a line search does, has the same noise in all of them: that of the function
    tilted by it.

    Raises:
        UsageError: the optimizer refuses a setting. LandscapeError: the function fails, or is not finite at the start.
    """
    point = torch.tensor(start, dtype=torch.float64).reshape(method.shape).requires_grad_()
    optimizer = method.make(point, lambda place: _at(function, place))
    seen, count, diverged = _seen(function, point), 0, None
    rows = [(*seen.row, count)]
    if not all(map(math.isfinite, seen.row)):
        raise LandscapeError(
            f"function {function.name}: its value or gradient at the start ({start[0]:g}, {start[1]:g}) is not finite; "
            "give another --start"
        )
    for step, tilt in enumerate(noise, start=1):
        point.grad = (seen.gradient + tilt).reshape(method.shape)
        try:
            count += _step(optimizer, function, point, tilt)
        except (torch.linalg.LinAlgError, ZeroDivisionError, OverflowError):  # of numbers that are not finite
            diverged = step
            break
        except (RuntimeError, TypeError, ValueError, NotImplementedError) as error:
            raise UsageError(f"optimizer '{method.text}' on {function.name}: {explain(error)}") from error
        seen = _seen(function, point)
        if not all(map(math.isfinite, seen.row)) or _left(function.window, seen.row[:2]):
            diverged = step
            break
        rows.append((*seen.row, count))
    x, y, value, slope, gradients = np.array(rows, np.float64).T
    return Descent(x, y, value, slope, gradients, diverged)


def _step(optimizer: torch.optim.Optimizer, function: Function, point: Tensor, tilt: Tensor) -> int:
    """One step from the gradient that `point` has; how many gradients it took."""
    if not isinstance(optimizer, torch.optim.LBFGS):
        optimizer.step()
        return 1
    count = 0

    def measure() -> Tensor:
        nonlocal count
        count += 1
        optimizer.zero_grad()
        loss = _at(function, point) + (tilt * point.reshape(-1)).sum()
        loss.backward()
        return loss

    optimizer.step(measure)
    return count


class _Step(NamedTuple):
    """x, y, value and norm of the gradient; and the gradient (2,)."""

    row: tuple[float, float, float, float]
    gradient: Tensor


def _seen(function: Function, point: Tensor) -> _Step:
    place = point.detach().reshape(-1).clone().requires_grad_()
    value = _at(function, place)
    (gradient,) = torch.autograd.grad(value, place)
    x, y = place.tolist()
    return _Step((x, y, float(value.detach()), math.hypot(*gradient.tolist())), gradient)


def _at(function: Function, point: Tensor) -> Tensor:
    """The value at a point of two numbers, as a tensor that leads back to it.

    Raises:
        LandscapeError: a user's function raises, or returns anything else.
    """
    x, y = point.reshape(-1)
    if not function.pointwise:
        return function.of(x, y)
    try:
        with contained(f"function {function.name}"):
            value = function.of(x, y)
    except LandscapeError:
        raise
    except Exception as error:
        raise LandscapeError(f"function {function.name}: it raised {explain(error)}") from error
    if not isinstance(value, Tensor) or value.numel() != 1 or not value.requires_grad:
        what = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
        raise LandscapeError(
            f"function {function.name}: it returned {what}; expected one number, computed from x and y by torch's functions"
        )
    return value.reshape(())


def _left(window: Window, place: tuple[float, ...]) -> bool:
    return any(
        not low - FAR * (high - low) <= each <= high + FAR * (high - low)
        for each, (low, high) in zip(place, window, strict=True)
    )


def values_over(function: Function, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(ny, nx) values on the grid of x (nx,) and y (ny,)."""
    columns, rows = torch.from_numpy(x), torch.from_numpy(y)
    if not function.pointwise:
        with torch.no_grad():
            return function.of(columns.expand(len(y), -1), rows[:, None].expand(-1, len(x))).numpy().copy()
    found = [[float(_at(function, torch.stack([a, b]).requires_grad_()).detach()) for a in columns] for b in rows]
    return np.array(found, np.float64)
