"""What was computed, as plain numpy: the one type that plotting, comparing and exporting work on.

Owns: `Surface`, `Trail`, and the meaning of the status codes. Knows no file format, no torch, no plotting.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from landscape.errors import LandscapeError, UsageError
from landscape.grid import DIRECTION, STEP, Grid
from landscape.quantity import EVALUATION, Quantity, quantity_named
from landscape.surfaces.provenance import Provenance

PENDING, DONE, FAILED, INTERPOLATED = 0, 1, 2, 3
STDERR_SUFFIX = "_stderr"
# Trails that are points with names, not paths.
NETS, MINIMA = "nets", "minima"
# A trail that is the outline of the part of a plane of inputs whose pixels are all valid.
VALID = "valid pixels"
Drawn = dict[str, dict[int, np.ndarray]]


@dataclass(frozen=True, eq=False)
class Trail:
    """A path over the surface, such as a training run or the positions of named nets.

    `x`, `y`, `step`, `residual` have shape (n,): plane coordinates, training step, and distance from the plane. `metrics`: of
    the net itself (`train_loss`) and of its foot on the plane (`foot_train_loss`), NaN where `status` (n,) says PENDING.
    `nets`: hashes of the nets, where they are those of a training run; `clock`: what its steps count; `ended`: why the path ends
    early.
    """

    x: np.ndarray
    y: np.ndarray | None = None
    step: np.ndarray | None = None
    residual: np.ndarray | None = None
    metrics: dict[str, np.ndarray] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    status: np.ndarray | None = None
    nets: tuple[str, ...] = ()
    clock: str = "step"
    ended: str = ""

    @property
    def places(self) -> np.ndarray:
        """(n, 2) float64: x and y; y is 0 on a line."""
        x = np.asarray(self.x, dtype=np.float64)
        return np.column_stack([x, np.zeros_like(x) if self.y is None else self.y])


def of_file(source: str) -> str:
    """Where a result comes from, as the end of what it says of itself."""
    return f", from {source}" if source else ""


@dataclass(frozen=True, eq=False)
class Surface:
    """Metrics over a grid.

    `values[m]` and `stderr[m]` are float64 of shape `grid.shape`: (ny, nx), (nx,) or (nz, ny, nx). NaN and inf are results like
    any other. Only `status[group]` says whether a point was computed (uint8: 0 pending, 1 done, 2 failed, 3 interpolated),
    never its value. `provenance` says what was computed (see docs/surface-file.md). `quantities` say what each array of
    `values` holds; `quantity` also works for older files, which do not say it.
    `drawn[name][number]`, only before the end of a run under a tolerance: values of single samples at a point, with which a
    continued run estimates others.
    """

    grid: Grid
    values: dict[str, np.ndarray]
    stderr: dict[str, np.ndarray] = field(default_factory=dict)
    status: dict[str, np.ndarray] = field(default_factory=dict)
    trails: dict[str, Trail] = field(default_factory=dict)
    provenance: dict = field(default_factory=dict)
    source: str = ""
    quantities: dict[str, Quantity] = field(default_factory=dict)
    drawn: Drawn = field(default_factory=dict)

    def __repr__(self) -> str:
        """One line, for a notebook or a terminal."""
        points = " x ".join(str(n) for n in reversed(self.shape))
        return f"Surface({points} points of {', '.join(self.values) or 'nothing yet'}{of_file(self.source)})"

    @property
    def x(self) -> np.ndarray:
        """(nx,)"""
        return self.grid.axes[0].values

    @property
    def y(self) -> np.ndarray:
        """(ny,)

        Raises:
            LandscapeError: the surface has one dimension.
        """
        if self.ndim < 2:
            raise LandscapeError(f"{self.source or 'this surface'} is one-dimensional: it has no y axis")
        return self.grid.axes[1].values

    @property
    def ndim(self) -> int:
        return self.grid.ndim

    @property
    def shape(self) -> tuple[int, ...]:
        return self.grid.shape

    @property
    def known(self) -> Provenance:
        """The provenance as typed facts; what the file does not say is None."""
        return Provenance.read(self.provenance)

    @property
    def added(self) -> tuple[str, ...]:
        """The measurements that were added to the surface after its evaluation."""
        return tuple(group for group in self.status if group != EVALUATION)

    def quantity(self, name: str) -> Quantity:
        """What `values[name]` holds: its label, kind, unit and measurement."""
        return self.quantities.get(name) or quantity_named(name)

    def find(self, role: str) -> str | None:
        """The name of the value that has a role, such as `quantity.LARGEST`; None when there is none."""
        return next((name for name in self.values if self.quantity(name).role == role), None)

    def metric(self, name: str | None = None) -> str:
        """The full name of a metric: `None` is the first loss, `loss` finds `train_loss`.

        Raises:
            UsageError: no such metric; the message lists those there are.
        """
        if not self.values:
            raise LandscapeError(f"{self.source or 'this surface'} holds no values: nothing was computed yet")
        wanted = [name] if name else ["train_loss", "test_loss", next(iter(self.values))]
        for candidate in wanted:
            for full in (candidate, f"train_{candidate}", f"test_{candidate}"):
                if full in self.values:
                    return full
        raise UsageError(f"no metric '{name}' in {self.source or 'this surface'}: it has {', '.join(self.values)}")

    def showing(self, name: str | None) -> Surface:
        """This surface with the standard errors of a metric among its values, when `name` names them.

        Such names are `loss_stderr` and `train_loss_stderr`, as in exported tables.
        """
        if not name or not name.endswith(STDERR_SUFFIX) or name in self.values:
            return self
        wanted = name.removesuffix(STDERR_SUFFIX)
        full = next((f for f in (wanted, f"train_{wanted}", f"test_{wanted}") if f in self.stderr), None)
        return self if full is None else replace(self, values={**self.values, full + STDERR_SUFFIX: self.stderr[full]})

    def at_origin(self, metric: str) -> float | None:
        """The value at coordinate 0 of every axis; None when 0 is not on the grid, or no net stands there, as in a formula."""
        found = self.origin()
        return None if found is None else float(self.values[metric][found])

    def origin(self) -> tuple[int, ...] | None:
        """The index of coordinate 0 of every axis into the arrays; None when there is none."""
        position = []
        for axis in reversed(self.grid.axes):
            if axis.kind not in (DIRECTION, STEP):
                return None
            hits = np.flatnonzero(axis.values == 0.0)
            if len(hits) == 0:
                return None
            position.append(int(hits[0]))
        return tuple(position)

    def group_of(self, metric: str) -> str | None:
        """The status group that a metric was computed in; None when nothing is recorded.

        A path along training has one group only: the loss is found on the way to the curvature.
        """
        group = self.quantity(metric).group
        if group in self.status:
            return group
        if EVALUATION in self.status:
            return EVALUATION
        return next(iter(self.status)) if len(self.status) == 1 else None

    def status_of(self, metric: str) -> np.ndarray | None:
        """The status (same shape as the values) of the group a metric was computed in; None when nothing is recorded."""
        return self.status.get(self.group_of(metric) or "")

    def pending(self, group: str = EVALUATION) -> list[int]:
        """Numbers of the points that lack a result of a group; failed ones are tried again. All, if nothing is recorded."""
        status = self.status.get(group, np.full(self.shape, PENDING))
        return np.flatnonzero(np.isin(status, (PENDING, FAILED))).tolist()

    def counts(self, group: str = EVALUATION) -> dict[str, int]:
        """How many points are pending, done, failed and interpolated."""
        status = self.status.get(group)
        if status is None:
            return {"pending": 0, "done": self.grid.size, "failed": 0, "interpolated": 0}
        found = np.bincount(status.ravel(), minlength=4)
        return dict(zip(("pending", "done", "failed", "interpolated"), map(int, found), strict=False))

    def to_xarray(self):
        """An `xarray.Dataset` with dimensions (y, x); needs the xarray package."""
        try:
            import xarray
        except ImportError:
            raise LandscapeError("to_xarray needs xarray: pip install 'nn-landscape[xarray]'") from None
        names = tuple(axis.name for axis in reversed(self.grid.axes))
        arrays = {name: (names, value) for name, value in self.values.items()}
        arrays |= {f"{name}_stderr": (names, value) for name, value in self.stderr.items()}
        return xarray.Dataset(arrays, coords={axis.name: axis.values for axis in self.grid.axes})
