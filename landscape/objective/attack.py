"""An attack on the inputs of a net, as people type it: `fgsm(eps=8/255)`, `pgd(eps=0.5, steps=20, norm=2)`.

Owns: its settings, their defaults and limits, and the text that the provenance holds. How it is carried out is known in
adversarial.py. Knows no net.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from landscape.errors import UsageError
from landscape.options.call import call_of, call_text, name_of

# Of one pixel from 0 to 1, as in Madry et al. 2018 for CIFAR-10; their ten steps of 2.5 eps / steps.
USUAL_EPS, USUAL_STEPS, USUAL_STRIDE = 8 / 255, 10, 2.5
MOST_STEPS, MOST_SEED, MOST_STARTS, MOST_CLASS = 1000, 2**63 - 1, 1000, 2**31
NUMBER = r"((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
FRACTION = re.compile(rf"{NUMBER}\s*/\s*{NUMBER}")
FGSM, PGD = "fgsm", "pgd"
SETTINGS = {
    FGSM: ("eps", "norm", "box"),
    PGD: ("eps", "steps", "step", "norm", "start", "seed", "restarts", "target", "box"),
}
LARGEST, EUCLIDEAN = math.inf, 2.0


@dataclass(frozen=True)
class Attack:
    """Steps up the loss of each sample, within a ball around it.

    Attributes:
        name: fgsm (Goodfellow et al. 2015: one step of eps from the sample) or pgd (Madry et al. 2018: `steps` from a random
            start).
        eps: radius of the ball, in units of the input before normalization, so that a pixel has the range 0 to 1.
        norm: of the ball and of a step: inf, the largest entry, whose steps go along the sign of the gradient; or 2, along the
            gradient.
        step: length of a step in the same norm.
        start: whether to begin at a random place of the ball; it follows from `seed` and the sample alone.
        restarts: how many times it is carried out, each from a random place of its own.
        target: the class that the steps lead to, by going down its loss; None: they go up the sample's own loss.
        box: lowest and highest valid entry of an input; None: (0, 1) for pixels, none for other inputs.
    """

    name: str = PGD
    eps: float = USUAL_EPS
    steps: int = USUAL_STEPS
    step: float = USUAL_STRIDE * USUAL_EPS / USUAL_STEPS
    norm: float = LARGEST
    start: bool = True
    seed: int = 0
    restarts: int = 1
    target: int | None = None
    box: tuple[float, float] | None = None

    @property
    def text(self) -> str:
        """All of it, as the provenance has it and `attack_of` reads it again; what an fgsm does not have is left out."""
        found: dict[str, Any] = {"eps": self.eps}
        if self.name == PGD:
            found |= {"steps": self.steps, "step": self.step, "start": int(self.start)}
            found |= {"seed": self.seed} if self.start else {}
            found |= {"restarts": self.restarts} if self.restarts > 1 else {}
            found |= {"target": self.target} if self.target is not None else {}
        found |= {"norm": 2} if self.norm == EUCLIDEAN else {}
        return call_text(self.name, found | ({"box": list(self.box)} if self.box else {}))

    @property
    def seeds(self) -> list[int]:
        """One for the start of each time that it is carried out; more restarts have all of fewer."""
        return [(self.seed + number) % (MOST_SEED + 1) for number in range(self.restarts)]

    @property
    def no_hessian(self) -> str | None:
        """Why the Hessian at fixed inputs is not that of the loss after it; None where it is.

        Steps along signs do not change with small changes of the weights, but for those at which a sign flips.
        """
        if self.norm != EUCLIDEAN or self.eps == 0:
            return None
        return (
            f"the attack {self.text} moves along gradients, which turn with the weights, so the Hessian at fixed inputs "
            "is not that of its loss; leave out norm=2 (steps along signs do not turn)"
        )


def attack_of(text: str) -> Attack:
    """The attack of a text; a number may be a fraction such as 8/255.

    Raises:
        UsageError: another name, setting or number.

    >>> attack_of("fgsm(eps=1/4)").text, attack_of("pgd(eps=0.1, steps=5)").step
    ('fgsm(eps=0.25)', 0.05)
    """
    if not isinstance(text, str):
        raise UsageError(f"attack of type {type(text).__name__}: expected a text such as 'pgd(eps=8/255, steps=10)'")
    if (name := name_of(text)) not in SETTINGS:
        raise UsageError(f"attack '{text}': expected fgsm or pgd, with settings such as pgd(eps=8/255, steps=10)")
    _, found = call_of("attack", FRACTION.sub(_quotient, text))
    if unknown := [key for key in found if key not in SETTINGS[name]]:
        raise UsageError(f"attack '{text}': {name} has the settings {', '.join(SETTINGS[name])}, and no '{unknown[0]}'")
    try:
        return _made(name, found)
    except ValueError as error:
        raise UsageError(f"attack '{text}': {error}") from None


def check_curvature(text: str | None) -> None:
    """Raises UsageError for an attack after which curvature is not measured; to be called before any file is read."""
    if text is not None and (why := attack_of(text).no_hessian):
        raise UsageError(why)


def _quotient(match: re.Match[str]) -> str:
    return repr(float(match[1]) / float(match[2])) if float(match[2]) else match[0]


def _made(name: str, found: dict[str, Any]) -> Attack:
    """Raises ValueError for a number out of its range, as text."""
    eps = _number("eps", found.get("eps", USUAL_EPS), 0.0)
    steps = _whole("steps", found.get("steps", 1 if name == FGSM else USUAL_STEPS), 1, MOST_STEPS)
    usual = eps if name == FGSM else USUAL_STRIDE * eps / steps
    if found.get("norm", 2) != 2:
        raise ValueError(f"norm {found['norm']}: expected 2, or none for that of the largest entry")
    start = name == PGD and bool(_whole("start", found.get("start", 1), 0, 1))
    restarts = _whole("restarts", found.get("restarts", 1), 1, MOST_STARTS)
    if restarts > 1 and not start:
        raise ValueError(f"restarts {restarts} with start=0: all would be the same; leave out start=0")
    return Attack(
        name=name,
        eps=eps,
        steps=steps,
        step=_number("step", found.get("step", usual), 0.0),
        norm=EUCLIDEAN if "norm" in found else LARGEST,
        start=start,
        seed=_whole("seed", found.get("seed", 0), 0, MOST_SEED),
        restarts=restarts,
        target=_whole("target", found["target"], 0, MOST_CLASS) if "target" in found else None,
        box=_box(found.get("box")),
    )


def _number(name: str, value: Any, least: float) -> float:
    if isinstance(value, list) or not least <= value < math.inf:
        raise ValueError(f"{name} {value}: expected a number from {least:g} on")
    return float(value)


def _whole(name: str, value: Any, least: int, most: int) -> int:
    if not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{name} {value}: expected a whole number from {least} to {most}")
    return value


def _box(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2 or not -math.inf < value[0] < value[1] < math.inf:
        raise ValueError(f"box {value}: expected the lowest and the highest valid entry, such as [0, 1]")
    return float(value[0]), float(value[1])
