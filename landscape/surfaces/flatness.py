"""What a file of flatness says: names, hyper-parameters and measures of its nets, and how each measure ranks them.

Owns: reading the table of nets back out of a `Surface`, and Kendall's tau of each measure with each gap. Knows no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from landscape.correlation import Tau, granulated, tau_of
from landscape.printable import listed
from landscape.quantity import AROUND, FLATNESS, GAP, HYPER, LOSS, MEASURE, SPLITS, Quantity
from landscape.surfaces.surface import DONE, Surface

# Why a measure may have no value for a net whose loss and gradient are finite (measurement/flatness.py).
REASONS = {
    "path_norm": "it is of nets of linear layers, convolutions, batch norm with running statistics, ReLU and pooling, that take "
    "one tensor",
    "fisher_rao": "the loss has no value for each sample",
    "distance": "no first net is known: a run keeps it as checkpoints/step_0000000.pt",
    "critical_sharpness": "the gradient is zero",
    "weighted_trace": "a product with the Hessian is not finite",
    "trace": "a product with the Hessian is not finite",
    "largest_eigenvalue": "a product with the Hessian is not finite",
}
FEW = 5
IN_NEIGHBOURHOOD = "the loss is not a number in the neighbourhood"
SEEDS = (f"{HYPER}_seed", f"{HYPER}_init_seed")


@dataclass(frozen=True)
class Ranking:
    """How a measure ranks the nets: its tau, and the granulated one, NaN without hyper-parameters."""

    measure: Quantity
    tau: Tau
    psi: float


def is_flatness(surface: Surface) -> bool:
    """Whether a surface holds the flatness of several nets."""
    return surface.ndim == 1 and FLATNESS in surface.status


def rows(surface: Surface, role: str) -> list[Quantity]:
    """The quantities of a role, such as MEASURE."""
    return [row for name in surface.values if (row := surface.quantity(name)).role == role]


def targets(surface: Surface) -> list[Quantity]:
    """What a measure may predict: the gaps, and the loss of test samples, as far as they are there."""
    test = [surface.quantity(name) for name in surface.values]
    return rows(surface, GAP)[::-1] + [row for row in test if row.kind == LOSS and row.split in SPLITS[1:]]


def names(surface: Surface) -> list[str]:
    """The nets by name, or by number where a file does not say."""
    found = _described(surface).get("nets")
    count = surface.grid.size
    good = isinstance(found, list) and len(found) == count and all(isinstance(each, str) for each in found)
    return list(found) if good and isinstance(found, list) else [f"net {k}" for k in range(count)]


def marks(surface: Surface) -> list[str]:
    """What each net is known by, in the order of the nets; empty where a file does not say it."""
    found = _described(surface).get("marks")
    good = isinstance(found, list) and len(found) == surface.grid.size and all(isinstance(each, str) for each in found)
    return list(found) if good and isinstance(found, list) else []


def first_values(surface: Surface) -> list[dict[str, float]]:
    """What each net gave on the first samples, in the order of the nets; empty where a file does not say it."""
    found = _described(surface).get("values")
    if (
        not isinstance(found, list)
        or len(found) != surface.grid.size
        or not all(isinstance(each, dict) for each in found)
    ):
        return []
    return [{str(n): float(v) for n, v in each.items() if isinstance(v, (int, float))} for each in found]


def evaluations(surface: Surface) -> list[dict]:
    """How each net was evaluated, in the order of the nets; empty where a file does not say it."""
    found = _described(surface).get("evaluations")
    good = isinstance(found, list) and len(found) == surface.grid.size and all(isinstance(each, dict) for each in found)
    return list(found) if good and isinstance(found, list) else []


def categories(surface: Surface, name: str) -> list[str]:
    """The texts that the numbers of a hyper-parameter stand for, in their order; empty for one that is a number."""
    found = _described(surface).get("categories")
    texts = found.get(name.removeprefix(f"{HYPER}_")) if isinstance(found, dict) else None
    return [str(text) for text in texts] if isinstance(texts, list) else []


def hypers(surface: Surface) -> dict[str, list[str]]:
    """The settings in which the nets differ, as texts, one for each net; empty where one is not known."""
    found = {}
    for row in rows(surface, HYPER):
        known = categories(surface, row.name)
        found[row.name] = [_text(value, known) for value in surface.values[row.name].flat]
    return found


def _text(value: float, known: Sequence[str]) -> str:
    if value != value:
        return ""
    return known[int(value)] if known and 0 <= value < len(known) else f"{value:g}"


def without_value(surface: Surface) -> dict[str, str]:
    """Of which nets a measure has no value, and why; nets whose loss or gradient is not finite have none at all."""
    loss, slope = surface.values.get("train_loss"), surface.values.get("gradient_norm")
    whole = np.ones(surface.grid.size, bool) if loss is None else np.isfinite(loss)
    found = {}
    if slope is not None and (bad := whole & ~np.isfinite(slope) & (surface.status[FLATNESS] == DONE)).any():
        whole = whole & ~bad
        found["gradient_norm"] = f"{_listed(surface, bad)}: the gradient is not finite, so no further measure is known"
    for row in rows(surface, MEASURE):
        if (lacks := whole & np.isnan(surface.values[row.name])).any():
            found[row.name] = f"{_listed(surface, lacks)}: {REASONS.get(row.name, IN_NEIGHBOURHOOD)}"
    return found


def _listed(surface: Surface, which: np.ndarray) -> str:
    if which.all():
        return "all nets" if len(which) > 1 else names(surface)[0]
    return listed([name for name, is_one in zip(names(surface), which, strict=True) if is_one], FEW)


def rankings(surface: Surface, against: Quantity, measures: Sequence[Quantity] | None = None) -> list[Ranking]:
    """One for each measure, in their order; the bootstrap has the seed of the file."""
    stored = surface.provenance.get(FLATNESS)
    seed = stored.get("seed", 0) if isinstance(stored, dict) else 0
    seed = seed if isinstance(seed, int) and seed >= 0 else 0
    hypers = {row.name: surface.values[row.name] for row in rows(surface, HYPER)}
    target = surface.values[against.name]
    found = []
    for row in measures or rows(surface, MEASURE):
        values = surface.values[row.name]
        psi = granulated(values, target, hypers, SEEDS)
        found.append(Ranking(row, tau_of(values, target, seed=seed), psi))
    return found


def curves(surface: Surface) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """What rises -> (radii (r,), rises (nets, r)): of quantiles of directions, and of the worst case."""
    found: dict[str, list[tuple[float, np.ndarray]]] = {}
    for row in rows(surface, AROUND):
        try:
            radius = float(row.name.rpartition("_")[2])
        except ValueError:
            continue
        if not 0 < radius < np.inf:
            continue
        found.setdefault(row.metric, []).append((radius, surface.values[row.name]))
    return {
        what: (np.array([radius for radius, _ in each]), np.column_stack([values for _, values in each]))
        for what, each in ((what, sorted(each, key=lambda pair: pair[0])) for what, each in found.items())
    }


def _described(surface: Surface) -> dict:
    run = surface.provenance.get("run")
    found = run.get(FLATNESS) if isinstance(run, dict) else None
    return found if isinstance(found, dict) else {}
