"""The runs behind the counted claims of figure `dynamics`: break-even point, stiffness, learning rate over batch size, saddles.

Usage: dynamics_claims.py RUNS CLAIM ...: trains and measures what is missing in RUNS; the claims are a3, a4, a5, a6.

Owns: which runs there are and what is measured along each. What follows from them is in dynamics_claims_table.py.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import landscape as ll

NETS = Path(__file__).with_name("dynamics_nets.py")
PLAIN = {"data": "digits", "optimizer": "sgd", "momentum": 0, "weight_decay": 0, "schedule": "constant", "quiet": True}
# Training images of the digits.
SAMPLES = 1438

RATES, BATCHES, SEEDS, NORMS = (0.1, 0.01), (10, 300), (0, 1, 2), ("relu", "relu_bn")
STIFF_RATES = (0.01, 0.03, 0.1, 0.3, 1.0)
GRID_RATES, GRID_BATCHES = (0.02, 0.05, 0.1, 0.2, 0.5), (8, 16, 32, 64, 128)
SADDLE_RATES = (0.03, 0.1, 0.3)


def run(folder: Path, net: str, measured: dict[str, Any], **settings: Any) -> None:
    """Trains the run and measures it; both go on where they were stopped."""
    spec = f"{NETS}:{net}"
    ll.train(spec, **{**PLAIN, **settings}, out=folder)
    ll.dynamics(folder, model=spec, samples=SAMPLES, quiet=True, **measured)


def epochs(steps: int, batch: int) -> float:
    """Passes over the data in that many steps; the last batch of a pass may be short."""
    return steps / -(-SAMPLES // batch)


def break_even(runs: Path) -> None:
    """a3: 24 runs of 2,000 steps, their gradients' covariance every 50."""
    for net, lr, batch, seed in product(NORMS, RATES, BATCHES, SEEDS):
        run(
            runs / f"{net}_{lr:g}_{batch}_{seed}", net, {"measures": "covariance"},
            lr=lr, batch_size=batch, seed=seed, epochs=epochs(2000, batch), save_every=50, log_every=500,
        )  # fmt: skip


def stiffness(runs: Path) -> None:
    """a4: five learning rates, 30 passes in batches of 32."""
    for lr in STIFF_RATES:
        run(
            runs / f"lr_{lr:g}", "relu", {"measures": "stiffness", "stiff_samples": 256},
            lr=lr, batch_size=32, epochs=30, save_every=90, log_every=90,
        )  # fmt: skip


def three_factors(runs: Path) -> None:
    """a5: a grid of 25 runs of 40 passes, their first and last net."""
    for lr, batch in product(GRID_RATES, GRID_BATCHES):
        run(
            runs / f"{lr:g}_{batch}", "relu", {"measures": "hessian"},
            lr=lr, batch_size=batch, epochs=40, save_every="end", log_every="end",
        )  # fmt: skip


def saddles(runs: Path) -> None:
    """a6: three runs of a small net with full batches, the share of negative eigenvalues of its Hessian."""
    for lr in SADDLE_RATES:
        run(
            runs / f"lr_{lr:g}", "small", {"measures": "hessian", "index": 0.001},
            lr=lr, batch_size=SAMPLES, epochs=3000, save_every=150, log_every=500,
        )  # fmt: skip


CLAIMS = {"a3": break_even, "a4": stiffness, "a5": three_factors, "a6": saddles}


def folders(runs: Path, claim: str) -> Iterator[Path]:
    """The measured runs of a claim, in the order of their names."""
    return (path.parent for path in sorted((runs / claim).glob("*/dynamics.h5")))


if __name__ == "__main__":
    for name in sys.argv[2:]:
        CLAIMS[name](Path(sys.argv[1]) / name)
