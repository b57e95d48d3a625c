"""The directions of a plane of inputs: random ones, up the loss, or towards other samples.

Owns: what `--along` of `landscape inputs` means, and how long a step is. Random and adversarial directions have a root mean
square of 1, so a step of 0.1 changes a pixel by 0.1 on average, in images of any size; towards a sample, 1 is the sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from landscape.data.pixels import Pixels
from landscape.direction.random import generator
from landscape.errors import EvaluationError, UsageError
from landscape.objective.adversarial import Losses, last
from landscape.objective.attack import EUCLIDEAN, FGSM, Attack

RANDOM, SIGNS, ADVERSARIAL, TO = "random", "signs", "adversarial", "to"
EXPECTED = "expected random, signs, adversarial, or to:A,B with the numbers of two other samples"


@dataclass(frozen=True)
class InputAxes:
    """Where a plane of inputs lies; `others` are the samples that it goes through beside its own."""

    kind: str
    others: tuple[int, ...] = ()

    @classmethod
    def of(cls, text: str) -> InputAxes:
        """Raises UsageError for another text.

        >>> InputAxes.of("to:7,12").others
        (7, 12)
        """
        kind, colon, rest = text.partition(":")
        if text in (RANDOM, SIGNS, ADVERSARIAL):
            return cls(kind)
        numbers = [part.strip() for part in rest.split(",")]
        if kind != TO or not colon or len(numbers) != 2 or not all(part.isdecimal() for part in numbers):
            raise UsageError(f"along '{text}': {EXPECTED}")
        if int(numbers[0]) == int(numbers[1]):
            raise UsageError(f"along '{text}': names sample {int(numbers[0])} twice, which is a line; give two samples")
        return cls(kind, tuple(map(int, numbers)))


def directions_of(
    along: InputAxes,
    samples: Tensor,
    losses: Losses,
    attack: Attack,
    pixels: Pixels,
    seed: int,
    device: torch.device | None = None,
    *,
    aim: Losses | None = None,
) -> tuple[Tensor, Tensor]:
    """Two directions (1, ...) of pixels for samples (1 or 3, ...), of which the first is the one that moves; on the CPU.

    `losses` take inputs on `device`, by default the CPU. `aim`: see `adversarial.worst`.

    Raises:
        EvaluationError: the loss has no gradient at the sample. UsageError: samples that lie on a line.
    """
    sample = samples[:1]
    if along.kind == TO:
        return _independent(*(pixels.of(other[None]) - pixels.of(sample) for other in samples[1:]))
    first, second = (_normal(sample, seed, axis) for axis in (0, 1))
    if along.kind == ADVERSARIAL:
        first = _adversarial(sample if device is None else sample.to(device), losses, attack, pixels, aim).cpu()
    if _of_signs(along, attack):
        first = first.sign()
        return first, _balanced(first, seed)
    return _unit(first), _unit(_orthogonal(second, first))


def _of_signs(along: InputAxes, attack: Attack) -> bool:
    """Whether the first direction has one size in every entry."""
    return along.kind == SIGNS or (along.kind == ADVERSARIAL and attack.name == FGSM and attack.norm != EUCLIDEAN)


def labels_of(along: InputAxes, attack: Attack, names: Sequence[str], *, pixels: bool) -> tuple[str, str]:
    """What the axes are called; `names`: of the other samples."""
    if along.kind == TO:
        return f"towards {names[0]}", f"towards {names[1]}"
    unit = f"{'pixel' if pixels else 'entry'} change"
    if along.kind == RANDOM:
        return f"random direction 1, rms {unit}", f"random direction 2, rms {unit}"
    if along.kind == SIGNS:
        return f"random signs 1, {unit}", f"random signs 2, {unit}"
    if _of_signs(along, attack):
        return f"end of {attack.name}, {unit}", f"random signs, {unit}"
    return f"end of {attack.name}, rms {unit}", f"random direction, rms {unit}"


def _normal(like: Tensor, seed: int, axis: int) -> Tensor:
    """Standard normal numbers of the shape of `like`."""
    return torch.from_numpy(generator(seed, axis).standard_normal(tuple(like.shape))).to(like.dtype)


def _adversarial(sample: Tensor, losses: Losses, attack: Attack, pixels: Pixels, aim: Losses | None) -> Tensor:
    """Where the attack leads from the sample, not cut to valid pixels: the plane goes beyond."""
    if not attack.eps:
        raise UsageError(
            f"attack {attack.name} with eps 0: its end is the sample itself, so it gives no direction; give eps above 0"
        )
    found = last(losses, sample, attack, Pixels(pixels.normalize, attack.box), aim=aim)
    if not bool(found.any()) or not bool(found.isfinite().all()):
        raise EvaluationError(
            "along adversarial: the gradient of the loss by the input is zero or not finite at this sample, so no direction "
            "leads up; give a random start, such as --attack 'pgd(eps=0.1)', or another sample"
        )
    return found


def _unit(direction: Tensor) -> Tensor:
    """With a root mean square of 1."""
    wide = direction.double()
    return (wide / wide.square().mean().sqrt()).to(direction.dtype)


def _orthogonal(direction: Tensor, first: Tensor) -> Tensor:
    one, other = first.double(), direction.double()
    return (other - one * ((one * other).sum() / one.square().sum())).to(direction.dtype)


def _balanced(first: Tensor, seed: int) -> Tensor:
    """Random signs, half of which are those of the first direction, so that both are orthogonal; where it is zero, any.

    Of an odd number of entries one is left over.
    """
    flat = first.reshape(-1)
    order = torch.from_numpy(generator(seed, 2).permutation(len(flat)))
    signs = torch.ones_like(flat)
    signs[order[: len(flat) // 2]] = -1
    moved = order[(flat != 0)[order]]
    found = torch.where(flat != 0, flat.sign(), signs)
    found[moved[: len(moved) // 2]] *= -1
    return found.reshape(first.shape)


def _independent(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    left = _orthogonal(second, first) if bool(first.any()) else first
    if float(left.norm()) <= 1e-6 * max(float(second.norm()), 1e-300) or not bool(first.any()):
        raise UsageError("along to: the three samples lie on a line, so they span no plane; give others")
    return first, second
