"""The options that everything that computes has in common, checked and completed with their defaults.

Owns: `Options`, and the rules for what an option that was not given means (docs/options.md tells them to users).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from landscape.direction.normalize import NORMS
from landscape.errors import UsageError
from landscape.objective.batchnorm import POLICIES
from landscape.objective.numerics import dtype_of

STATES = ("weights", "states")
RANDOM, HESSIAN, GRADIENT = ALONG = ("random", "hessian", "gradient")
USUAL_TOLERANCE, MAX_TOLERANCE = 0.05, 0.5


@dataclass(frozen=True, kw_only=True)
class Options:
    """See `landscape.recipes.surface.surface` for the meaning of each."""

    checkpoint: Any = None
    model: Any = None
    data: Any = None
    data_root: str | None = None
    download: bool = False
    split: Sequence[str] = ("train",)
    samples: int | None = None
    normalize: str | None = None
    loss: str | Callable = "cross_entropy"
    metrics: Sequence[str | Callable] | None = None
    l2: float | None = None
    to: Any = None
    to_y: Any = None
    directions: str | Path | Sequence | None = None
    along: str = "random"
    norm: str | None = None
    ignore: str | None = None
    seed: int = 0
    orthogonal: bool = False
    lean: bool = False
    state: str = "weights"
    batchnorm: str | None = None
    device: str = "auto"
    precision: str = "fp32"
    batch_size: int | None = None
    threads: int | None = None
    plain: bool = False
    shard_data: bool = False
    tolerance: float = 0
    refine: bool | None = None
    out: str | Path | None = None
    overwrite: bool = False
    save_directions: bool = False
    quiet: bool = False

    def completed(self, ndim: int) -> Options:
        """With lists for single names, and every combination that cannot be meant refused.

        Raises:
            UsageError: the message names the option.
        """
        if self.norm is not None and self.norm not in NORMS:
            raise UsageError(f"norm '{self.norm}': expected one of {', '.join(NORMS)}")
        if self.state not in STATES:
            raise UsageError(f"state '{self.state}': expected weights or states")
        if self.batchnorm is not None and self.batchnorm not in POLICIES:
            raise UsageError(f"batchnorm '{self.batchnorm}': expected one of {', '.join(POLICIES)}")
        if self.state == "states" and self.batchnorm not in (None, "interpolate"):
            raise UsageError(
                f"state states moves the BN statistics, so batchnorm '{self.batchnorm}' cannot hold; drop one"
            )
        if self.directions and (self.to is not None or self.to_y is not None):
            raise UsageError("directions and to both say where the axes point; give one of them")
        if self.directions and (self.norm or self.ignore or self.orthogonal):
            raise UsageError("directions are taken from the file as they are; norm, ignore and orthogonal do not apply")
        if self.to_y is not None and (self.to is None or ndim < 2):
            raise UsageError("to-y needs to, and a surface: it is the third net of a plane")
        self._check_lean()
        self._check_along()
        if self.orthogonal and ndim < 2:
            raise UsageError("orthogonal needs two directions; a line has one")
        if self.seed < 0:
            raise UsageError(f"seed {self.seed}: expected 0 or more")
        if self.threads is not None and self.threads < 1:
            raise UsageError(f"threads {self.threads}: expected at least 1")
        dtype_of(self.precision)
        split = (self.split,) if isinstance(self.split, str) else tuple(self.split)
        metrics = (self.metrics,) if isinstance(self.metrics, str) else self.metrics
        metrics = (
            [m for part in metrics for m in (part.split(",") if isinstance(part, str) else [part])] if metrics else None
        )
        return replace(self, split=split, metrics=metrics, tolerance=self._tolerance())

    def _tolerance(self) -> float:
        """As given; `refine` alone means the usual one."""
        if not 0 <= self.tolerance <= MAX_TOLERANCE:
            raise UsageError(
                f"tolerance {self.tolerance:g}: expected a relative error of the loss from 0 (everything is evaluated) to "
                f"{MAX_TOLERANCE:g}, such as 0.05"
            )
        if self.refine is False and not self.tolerance:
            raise UsageError("no-refine leaves out samples only, and needs --tolerance, such as 0.05")
        return self.tolerance or (USUAL_TOLERANCE if self.refine else 0.0)

    def _check_along(self) -> None:
        """Directions that the loss itself names are just these, and known only when they are computed."""
        if self.along not in ALONG:
            raise UsageError(f"along '{self.along}': expected one of {', '.join(ALONG)}")
        refused = {
            "to": self.to is not None,
            "directions": self.directions is not None,
            "orthogonal": self.orthogonal,
            "lean": self.lean,
            "state states": self.state == "states",
            "batchnorm interpolate": self.batchnorm == "interpolate",
        }
        if self.along != RANDOM and any(refused.values()):
            named = next(name for name, given in refused.items() if given)
            raise UsageError(f"along {self.along} says where the axes point, which excludes {named}; drop one")

    def _check_lean(self) -> None:
        """What is drawn anew at each point is random, and is never there as a whole to be read, turned or written."""
        refused = {
            "to": self.to is not None,
            "directions": self.directions is not None,
            "orthogonal": self.orthogonal,
            "save-directions": self.save_directions,
            "state states": self.state == "states",
            "batchnorm interpolate": self.batchnorm == "interpolate",
        }
        if self.lean and any(refused.values()):
            named = next(name for name, given in refused.items() if given)
            raise UsageError(f"lean draws random directions anew at each point, which excludes {named}; drop one")
