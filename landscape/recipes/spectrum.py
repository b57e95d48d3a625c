"""`landscape spectrum`: the curvature at one set of weights, as a spectrum.

Owns: the signature, which blocks of the Hessian there are, and the division into tasks (the ends, the trace, one probe of
the density), which are dealt out over ranks, kept as they come, and not done again when the command is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from landscape.curvature.operator import MATRICES
from landscape.errors import SurfaceFileError, UsageError
from landscape.recipes.job import Job, make_job, versions_used
from landscape.recipes.options import Options
from landscape.recipes.ranks import check_same, on_all_ranks, shared, together
from landscape.recipes.run import directions_path, marks_of
from landscape.recipes.spectrum_tasks import PAIRS, PROBE, SHARPNESS, TRACE, Tasks, merged
from landscape.surfaces.file import check_folder
from landscape.surfaces.provenance import difference, plain
from landscape.surfaces.spectrum import Block, Spectrum, load_spectrum, write_spectrum
from landscape.sweep.launch import World, connect
from landscape.sweep.loop import sweep
from landscape.sweep.progress import note
from landscape.sweep.sampler import Point, ThesePoints

PER = ("net", "layer")


@dataclass(frozen=True)
class Wanted:
    """What of the spectrum is asked for."""

    matrix: str
    ignore: str
    per: str
    top: int
    bottom: int
    tolerance: float
    trace_products: int
    probes: int
    steps: int
    index: float
    sharpness: bool

    def check(self) -> None:
        """Raises UsageError for what cannot be meant; the message names the option."""
        if self.matrix not in MATRICES:
            raise UsageError(f"matrix '{self.matrix}': expected hessian or ggn")
        if self.per not in PER:
            raise UsageError(f"per '{self.per}': expected net or layer")
        for name in ("top", "bottom", "probes", "trace_products"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name.replace('_', '-')} {getattr(self, name)}: expected 0 or more")
        if self.top + self.bottom < 1 or self.steps < 2:
            raise UsageError("top and bottom: expected at least one of both; steps: at least 2")
        if not 0 < self.tolerance <= 0.5:
            raise UsageError(
                f"tolerance {self.tolerance:g}: expected a relative error above 0, up to 0.5, such as 0.01"
            )
        if not 0 <= self.index < 1:
            raise UsageError(
                f"index {self.index:g}: expected a share of the largest magnitude from 0 to 1, such as 0.001"
            )


def spectrum(
    checkpoint: Any = None,
    *,
    model: Any = None,
    data: Any = None,
    data_root: str | None = None,
    download: bool = False,
    split: str | Sequence[str] = "train",
    samples: int | None = None,
    normalize: str | None = None,
    loss: str | Callable = "cross_entropy",
    matrix: str = "hessian",
    ignore: str = "biasbn",
    per: str = "net",
    top: int = 5,
    bottom: int = 5,
    tolerance: float = 0.01,
    trace_products: int = 30,
    probes: int = 4,
    steps: int = 60,
    index: float = 0.001,
    sharpness: bool = False,
    products: str | None = None,
    save_directions: bool = False,
    batchnorm: str | None = None,
    device: str = "auto",
    precision: str = "fp32",
    batch_size: int | None = None,
    threads: int | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    quiet: bool = False,
) -> Spectrum:
    """The spectrum of the Hessian of the mean loss at a net's weights.

    Args:
        checkpoint, model, data, data_root, download, samples, normalize, loss, batchnorm: as for `line`. split: train or test.
        matrix: "hessian", or "ggn" for its generalized Gauss-Newton part, which has no negative eigenvalues.
        ignore: parameters that do not count, as for `hessian`. per: "layer" adds a block for each layer's parameters.
        top, bottom: so many of the largest and smallest eigenvalues, each to a relative `tolerance`.
        trace_products: spent on the trace by Hutch++; 0 leaves it out.
        probes, steps: random vectors and Lanczos steps of each for the density; probes 0 leaves it out.
        index: the saddle index counts eigenvalues below minus `index` times the largest magnitude.
        sharpness: also the critical sharpness along the gradient, from forward passes (Kalra et al. 2026).
        products: "program", "graph" or "differences"; default the first that the net allows.
        save_directions: keep the eigenvectors of the largest and the smallest eigenvalue in FILE.directions.h5, of unit
            length, for `surface --directions`.
        out: the file; one of the same run is continued. None keeps the result in memory.

    Returns:
        A `Spectrum`; under MPI on every rank.

    Raises:
        LandscapeError: bad input, a loss without second derivatives; what was computed is in `out`.
    """
    wanted = Wanted(
        matrix, ignore, per, top, bottom, tolerance, trace_products, probes, steps, index, sharpness
    )  # fmt: skip
    wanted.check()
    names = [split] if isinstance(split, str) else list(split)
    if len(names) != 1:
        raise UsageError(f"split {', '.join(names)}: a spectrum is that of one split")
    options = Options(
        checkpoint=checkpoint, model=model, data=data, data_root=data_root, download=download, split=tuple(names),
        samples=samples, normalize=normalize, loss=loss, metrics=("loss",), batchnorm=batchnorm, device=device,
        precision=precision, batch_size=batch_size, threads=threads, plain=True, lean=True,
    )  # fmt: skip
    if save_directions and (out is None or not top or not bottom):
        raise UsageError(
            "save-directions needs out, top and bottom: the eigenvectors of both ends are kept beside the file"
        )
    world, threads_before = connect(), torch.get_num_threads()
    try:
        run = together(world, lambda: _set_up(options, wanted, products, out, overwrite, world))
        check_same(world, marks_of(run.job))
        for text in run.tasks.notes if world.leads else ():
            note(text, label=run.label, quiet=quiet)
        on_all_ranks(
            world, lambda: run.tasks.evaluate, lambda executor, evaluate: _lead(run, executor, evaluate, quiet)
        )
        if save_directions:
            together(world, lambda: run.tasks.write_ends(directions_path(out)) if world.leads else None)
    finally:
        torch.set_num_threads(threads_before)
    return shared(world, lambda: run.spectrum)


@dataclass(eq=False)
class _Run:
    """A spectrum in the making; `spectrum` is None on ranks that do not lead."""

    job: Job
    wanted: Wanted
    tasks: Tasks
    path: Path | None
    spectrum: Spectrum | None

    @property
    def label(self) -> str:
        return f"{self.job.provenance['model']['name']} spectrum"

    def save(self) -> None:
        if self.path is None:
            return
        try:
            write_spectrum(self.spectrum, self.path)
        except OSError as error:
            raise SurfaceFileError(f"cannot write {self.path}: {error.strerror or error}; give another -o") from error

    def pending(self) -> list[Point]:
        """The tasks that the file lacks: of each block first the ends, which the others are measured by."""
        found: list[tuple[float, float, float]] = []
        for number, block in enumerate(self.spectrum.blocks.values()):
            if not len(block.values):
                found.append((number, PAIRS, 0))
            if self.wanted.trace_products and np.isnan(block.trace):
                found.append((number, TRACE, 0))
            if self.wanted.sharpness and number == 0 and np.isnan(block.sharpness):
                found.append((number, SHARPNESS, 0))
            done = (
                np.isfinite(block.weights).all(axis=1)
                if len(block.weights)
                else np.zeros(self.wanted.probes, dtype=bool)
            )
            found += [(number, PROBE, probe) for probe in range(self.wanted.probes) if not done[probe]]
        return [Point(i, tuple(map(float, task))) for i, task in enumerate(found)]


def _set_up(options: Options, wanted: Wanted, way: str | None, out, overwrite: bool, world: World) -> _Run:
    if out and world.leads:
        check_folder(Path(out))
    job = make_job(options, {"x": (0, 1, 2)}, world, "spectrum")
    tasks = Tasks(job, wanted, way, world)
    known = {
        name: value for name, value in job.provenance.items() if name not in ("directions", "tolerance", "run", "l2")
    }
    facts = {
        **{name: getattr(wanted, name) for name in wanted.__dataclass_fields__},
        "split": options.split[0],
        "products": tasks.way,
    }
    run = {"versions": versions_used(), "ranks": world.size, "started": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
    provenance = plain({**known, "command": "spectrum", "spectrum": facts, "run": run})
    path = Path(out) if out else None
    found = None
    if world.leads:
        found = _opened(path, provenance, overwrite) or Spectrum(
            {name: Block(name, dimension) for name, dimension in tasks.blocks.items()}, provenance, str(path or "")
        )
    made = _Run(job, wanted, tasks, path, found)
    if world.leads:
        made.save()
    return made


def _opened(path: Path | None, provenance: dict, overwrite: bool) -> Spectrum | None:
    """The file of the same run, as far as it is."""
    if path is None or not path.exists() or overwrite:
        return None
    found = load_spectrum(path)
    if differing := difference(found.provenance, provenance):
        raise SurfaceFileError(
            f"{path} holds another spectrum: {differing}; give another -o, or --overwrite to start anew"
        )
    return found


def _lead(run: _Run, executor, evaluate, quiet: bool) -> None:
    pending = run.pending()
    names = list(run.spectrum.blocks)
    done = 0

    def keep(point: Point, result) -> None:
        nonlocal done
        done += 1
        number, kind, probe = (int(value) for value in point.coords)
        name = names[number]
        block = merged(run.spectrum.blocks[name], kind, probe, result, run.wanted)
        run.spectrum = replace(run.spectrum, blocks={**run.spectrum.blocks, name: block})
        run.save()
        note(f"{done}/{len(pending)}: {name}, {run.tasks.told(kind, result)}", label=run.label, quiet=quiet)

    sweep(ThesePoints(pending), executor, evaluate, keep)
