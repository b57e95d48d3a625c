"""`landscape connect` from options to results: first the curve, then the losses along all paths, then the plane.

Owns: the order, that one rank trains for all, and what each step needs of the options.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from landscape.between.ends import Ends, in_order, read_ends
from landscape.between.study import (
    ConnectAsked,
    PathStudy,
    connect_subject,
    curve_plane,
    known_rows,
    on_paths,
    rows_of,
)
from landscape.between.training import CurveAsked, TrainedCurve, bends_of, check_curve, straight, train_curve
from landscape.data.load import usual_splits
from landscape.errors import UsageError
from landscape.grid import MAX_POINTS
from landscape.layout import Layout
from landscape.members import parameters_in
from landscape.options.groups import OWN, DataOptions, LossOptions, MachineOptions, NetOptions, OutputOptions
from landscape.options.option import Given, texts_of
from landscape.study.evaluation import EvaluationStudy
from landscape.study.on_slice import OnSlice
from landscape.study.ranks import shared, together
from landscape.study.run import run_prepared
from landscape.study.study import Plan
from landscape.subject.code_facts import check_alike_under
from landscape.subject.subject import device_of, source_of
from landscape.subject.trained import states_loss, trained_loss
from landscape.surfaces import load_surface
from landscape.surfaces.file import check_folder
from landscape.surfaces.provenance import DirectionFacts
from landscape.surfaces.study_facts import ConnectFacts
from landscape.surfaces.surface import Surface
from landscape.sweep.world import World

ALIGNED = "aligned"
# Evaluations that a gradient of a step costs: one pass forward and about two backward.
GRADIENT = 3


@dataclass(frozen=True)
class WantedPaths:
    """The options of the command that are its own; `groups` are all of its groups, which the ranks compare.

    `pairs`: numbers of the nets that lines join; None: all. `branches`: see `on_paths`. `names`: of the nets, in place of those
    of their files. `align`: the seed of matching the units of the others to those of the first; None: they stay. `repair`: also
    the lines with repaired statistics. `kept`: what a step has made for the next ones.
    """

    nets: Sequence[Any]
    points: int
    batchnorm: str | None
    curve: CurveAsked | None
    plane: int | None
    groups: Sequence[type]
    pairs: Sequence[tuple[int, int]] | None = None
    branches: Mapping[str, float] | None = None
    names: Sequence[str] | None = None
    align: int | None = None
    repair: bool = False
    kept: dict[str, Ends] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class _Ready:
    """What the ranks have in common before they set up: the paths of an existing file, and where the curve lies."""

    held: tuple[str, ...]
    folder: Path | None


def connected(wanted: WantedPaths, given: Given) -> Surface | Plan:
    """The losses along all paths; see `landscape.connect`.

    Raises:
        LandscapeError: bad input or a failing evaluation; what was computed is kept.
    """
    output, machine = given[OutputOptions], given[MachineOptions]
    _check_size(wanted)
    if wanted.curve:
        check_curve(wanted.curve, len(wanted.nets))
    if wanted.plane and wanted.curve and output.path:
        _check_plane(plane_file(output.path, wanted.curve.kind), wanted.plane, overwrite=output.overwrite)
    with ExitStack() as stack:
        folder = _folder(wanted, output, stack)

        def prepare(world: World) -> _Ready:
            together(world, lambda: check_folder(output.path) if output.path and world.leads else None)
            if wanted.curve and not output.dry_run:
                shared(world, lambda: _train(wanted, given, folder, world))
            return _Ready(tuple(shared(world, lambda: known_rows(output.path, output.overwrite))), folder)

        def make(world: World, prepared: _Ready) -> PathStudy:
            asked, ends, curve = _parts(wanted, given, prepared.folder, world)
            subject = connect_subject(asked, ends, device_of(machine, world), world)
            rows = rows_of(ends, curve, wanted.pairs, repair=wanted.repair)
            on = on_paths(asked, ends, subject, rows, prepared.held, curve, world, wanted.branches)
            return PathStudy(on, output)

        result = _run(wanted, given, prepare, make)
        if isinstance(result, Plan):
            return replace(result, further=_further(wanted, output, folder, result))
        if wanted.plane is not None:
            _run(wanted, given, lambda world: folder, lambda world, folder: _plane(wanted, given, folder, world))
    return result


def _check_size(wanted: WantedPaths) -> None:
    """Raises UsageError for more places than a result can hold, before any net is read."""
    count = len(wanted.nets)
    paths = len(wanted.pairs) if wanted.pairs else count * (count - 1) // 2
    if paths * wanted.points > MAX_POINTS:
        most = MAX_POINTS // paths
        raise UsageError(
            f"points {wanted.points}: {paths:,} paths of them are more than the {MAX_POINTS:,} places that a file holds; "
            f"give --points {most} or fewer, or fewer nets"
        )


def _further(wanted: WantedPaths, output: OutputOptions, folder: Path | None, plan: Plan) -> dict[str, float]:
    """Seconds for training the curve and for its plane, as far as these are not there, from the speed of evaluations."""
    if wanted.curve is None or folder is None:
        return {}
    rate, train = plan.samples_per_second, plan.provenance.splits.get("train")
    found = {}
    if output.overwrite or not (folder / "final.pt").exists():
        found["training of the curve"] = (
            GRADIENT * wanted.curve.settings["epochs"] * ((train and train.samples) or 0) / rate
        )
    plane = output.path and plane_file(output.path, wanted.curve.kind)
    if wanted.plane and (output.overwrite or not plane or not plane.exists()):
        found[f"plane of {wanted.plane} x {wanted.plane} points"] = (
            wanted.plane**2 * plan.samples_per_point / (rate * plan.ranks)
        )
    return found


def plane_file(path: Path, kind: str) -> Path:
    """Where the plane of a curve lies, beside the file of the paths."""
    return path.with_suffix(f".{kind}.plane.h5")


def _check_plane(path: Path, points: int, *, overwrite: bool) -> None:
    """Raises UsageError for a file that could not be continued, before the curve is trained."""
    if overwrite or not path.exists():
        return
    shape = load_surface(path).shape
    if shape != (points, points):
        found = " x ".join(map(str, shape[::-1]))
        raise UsageError(
            f"plane {points}: {path} holds {found} points; give --plane {shape[-1]}, another -o, or --overwrite"
        )


def _folder(wanted: WantedPaths, output: OutputOptions, stack: ExitStack) -> Path | None:
    """Where the curve is trained: beside the output, or for a result in memory in a folder that goes away."""
    if not wanted.curve:
        return None
    if output.path is None:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="landscape-curve-"))) / "curve"
    return output.path.with_suffix(f".{wanted.curve.kind}")


def _run(wanted: WantedPaths, given: Given, prepare: Any, make: Any) -> Any:
    output, net = given[OutputOptions], given[NetOptions]
    agree = texts_of(given, wanted.groups, without=OWN)
    codes = (net.model, given[DataOptions].data, given[LossOptions].loss, given[LossOptions].names)
    return run_prepared(
        prepare, make, agree={"command": "connect", **agree, "out": "given" if output.out else "none"}, code=codes,
        dry_run=output.dry_run, quiet=output.quiet, stall=given[MachineOptions].stall,
    )  # fmt: skip


def _train(wanted: WantedPaths, given: Given, folder: Path | None, world: World) -> None:
    assert wanted.curve is not None and folder is not None
    machine, output = given[MachineOptions], given[OutputOptions]
    device = device_of(machine, world)
    ends = _ends(wanted, given, device)
    layout = Layout.of(ends.net.module)
    ends.check(layout)
    train_curve(
        wanted.curve, ends, given[DataOptions], _loss(ends, given)[0], machine, folder, device, world,
        overwrite=output.overwrite, quiet=output.quiet,
    )  # fmt: skip


def _ends(wanted: WantedPaths, given: Given, device: torch.device) -> Ends:
    """The nets under the names that the file will have."""
    ends = read_ends(wanted.nets, given[NetOptions], given[DataOptions], device, asks_loss=not states_loss(given))
    if wanted.names:
        ends = replace(ends, labels=tuple(wanted.names), may_agree=wanted.branches is not None)
    if wanted.align is None:
        return ends
    if ALIGNED not in wanted.kept:  # minutes for a large net, and several steps of a command need it
        wanted.kept[ALIGNED] = in_order(ends, given[DataOptions], wanted.align)
    return replace(wanted.kept[ALIGNED], net=ends.net)


def _loss(ends: Ends, given: Given) -> tuple[LossOptions, list[str]]:
    """(the loss that was asked for, else that of the nets' training, notes)."""
    loss, notes = trained_loss(
        ends.trained, given[LossOptions], stated=states_loss(given), trust=given[NetOptions].trust
    )
    check_alike_under(loss, ends.net, ends.others)
    return loss, notes


def _parts(
    wanted: WantedPaths, given: Given, folder: Path | None, world: World
) -> tuple[ConnectAsked, Ends, TrainedCurve | None]:
    """The options of the evaluation, the nets, and the curve; for a dry run one that lies on the line."""
    device, output = device_of(given[MachineOptions], world), given[OutputOptions]
    ends = _ends(wanted, given, device)
    data = given[DataOptions]
    if not given.stated(["split"]):
        data = replace(data, split=usual_splits(source_of(ends.net, data)))
    loss, notes = _loss(ends, given)
    asked = ConnectAsked(data, loss, given[MachineOptions], output, wanted.points, wanted.batchnorm, notes)
    if not wanted.curve:
        return asked, ends, None
    layout = Layout.of(ends.net.module)
    if output.dry_run:
        module = ends.net.module
        origin = layout.flatten(layout.tensors(module), dtype=next(parameters_in(module)).dtype)
        first, last = ends.vectors(layout, origin)
        return asked, ends, wanted.curve.with_bends(straight(wanted.curve.kind, wanted.curve.bends, first, last))
    assert folder is not None
    return asked, ends, wanted.curve.with_bends(bends_of(folder, layout.size))


def _plane(wanted: WantedPaths, given: Given, folder: Path | None, world: World) -> EvaluationStudy:
    """The surface of the plane that the curve lies in, in a file beside that of the paths."""
    assert wanted.curve is not None and wanted.plane is not None
    asked, ends, curve = _parts(wanted, given, folder, world)
    subject = connect_subject(asked, ends, device_of(given[MachineOptions], world), world)
    rows = rows_of(ends, curve)
    on = on_paths(asked, ends, subject, rows, (), curve, world)
    plane, trails = curve_plane(on.slice.paths[-1], wanted.plane, ends.labels)  # type: ignore[attr-defined]
    directions = DirectionFacts(kind="curve", norm="none", fingerprint=rows[-1].id)
    known = on.provenance.connect or ConnectFacts()
    provenance = replace(
        on.provenance,
        checkpoint=subject.facts.checkpoint,
        connect=replace(known, paths=[rows[-1].id], lengths=(known.lengths or [])[-1:]),
        directions=directions,
    )
    output = given[OutputOptions]
    out = plane_file(output.path, wanted.curve.kind) if output.path else None
    return EvaluationStudy(OnSlice(subject, plane, provenance, trails), replace(output, out=out))
