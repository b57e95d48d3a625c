"""What `--tolerance` allows a run to leave out: points, samples, or both.

Owns: which of the two a run can use, and how the tolerance is divided between them.
"""

from __future__ import annotations

from dataclasses import dataclass

from landscape.errors import UsageError
from landscape.objective.census import sampling_obstacle
from landscape.objective.objective import Objective
from landscape.objective.rough import BF16, rough_obstacle
from landscape.options.groups import ToleranceOptions
from landscape.surfaces.provenance import ToleranceFacts

# Shares of a tolerance T. The standard error of a sampled value must be 0.4 T, so that 95 % of them are within 0.784 T;
# interpolation must add at most 0.62 T at 95 % of the points: in squares, that is T. All points draw the same samples, so
# their errors are correlated, and an unlucky draw of the whole surface should be within T too: T is 2.5 standard errors.
# With 0.35 and 0.7 the planes of four nets took 1.12 to 1.17 times as many samples, for as many points.
STDERR_SHARE, POINTS_SHARE = 0.4, 0.62


@dataclass(frozen=True)
class Reduction:
    """How a run saves work: relative `tolerance` of the loss, by leaving out `points`, `samples`, or both."""

    tolerance: float
    points: bool
    samples: bool

    @classmethod
    def of(cls, options: ToleranceOptions, objective: Objective) -> Reduction | None:
        """None when everything is to be evaluated.

        Raises:
            UsageError: only samples may be left out (`refine=False`), and they cannot; or they cannot pass in bfloat16.
        """
        tolerance = options.check()
        if not tolerance:
            return None
        why_not = sampling_obstacle(objective) if options.refine is not True else None
        if why_not and options.refine is False:
            raise UsageError(f"tolerance {tolerance:g} without refine: {why_not}; drop --no-refine")
        samples = options.refine is not True and not why_not
        if options.sampling == BF16:
            why_not = why_not or ("refine leaves out points only" if not samples else rough_obstacle(objective))
            if why_not:
                raise UsageError(f"sampling {BF16}: {why_not}; drop it")
        return cls(tolerance, options.refine is not False, samples)

    def facts(self) -> ToleranceFacts:
        return ToleranceFacts(asked=self.tolerance, points=self.points, samples=self.samples)

    @property
    def stderr(self) -> float:
        """The relative standard error wanted of a value estimated from some samples."""
        return STDERR_SHARE * self.tolerance

    @property
    def interpolation(self) -> float:
        """The relative error wanted of interpolation at 95 % of the points."""
        return POINTS_SHARE * self.tolerance if self.samples else self.tolerance
