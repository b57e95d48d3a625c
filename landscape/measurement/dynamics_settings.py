"""What can be measured along a training run, and how: the names of the measures and their settings.

Owns: `DynamicsSettings`, and the numbers of batches and samples that are usual.
"""

from __future__ import annotations

from dataclasses import dataclass

from landscape.errors import UsageError
from landscape.options.groups import MAX_SEED
from landscape.options.option import check_whole

HESSIAN, BATCH, COVARIANCE, STIFFNESS, CRITICAL, GRADIENT, LAYERS, DISTANCE, PRECONDITIONED, RELATIVE = MEASURES = (
    "hessian", "batch", "covariance", "stiffness", "critical", "gradient", "layers", "distance", "preconditioned", "relative",
)  # fmt: skip
# Those that draw batches of their own.
PICKING = BATCH, COVARIANCE, STIFFNESS
# As Jastrzebski et al. 2020: 25 gradients of batches of 128, whose last eigenvalue that is not 0 is the 24th. With fewer samples
# than LEAST these batches would have most of theirs in common.
COVARIANCE_BATCHES, COVARIANCE_SIZE, LEAST = 25, 128, 4 * 128
# Batches of the run's own size: for the batch sharpness, and for the largest eigenvalue of mini-batches.
SHARP_BATCHES, EIGEN_BATCHES, EIGEN_TOLERANCE = 16, 4, 0.05
# Samples whose gradients are compared one by one.
STIFF_SAMPLES = 128
MOST = 1_000_000


@dataclass(frozen=True)
class DynamicsSettings:
    """`measures` of MEASURES; `batch_size` is that of the run; `seed` draws the batches."""

    measures: tuple[str, ...]
    batch_size: int = 128
    batches: int = SHARP_BATCHES
    stiff_samples: int = STIFF_SAMPLES
    seed: int = 0
    lr: float | None = None
    """The rate that was given for the whole run."""

    def checked(self) -> DynamicsSettings:
        """Raises UsageError for invalid values."""
        if unknown := [name for name in self.measures if name not in MEASURES]:
            raise UsageError(f"measures '{unknown[0]}': expected {', '.join(MEASURES)}")
        if not self.measures:
            raise UsageError(f"measures: expected one or more of {', '.join(MEASURES)}")
        check_whole("train-batch", self.batch_size, 1, MOST)
        check_whole("batches", self.batches, 1, MOST)
        check_whole("stiff-samples", self.stiff_samples, 2, MOST)
        check_whole("seed", self.seed, 0, MAX_SEED)
        return self
