"""A subject on a slice, and how one on a plane is built from options.

Owns: `Asked`, `OnSlice`, and the provenance that subject and slice give a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from landscape.direction.direction import Direction
from landscape.direction.regenerated import Regenerated
from landscape.direction.selection import Selection, choose, everything
from landscape.errors import UsageError
from landscape.grid import check_size, parse_range
from landscape.measurement.together import Together
from landscape.objective.narrow import built_in
from landscape.options.groups import (
    AxesOptions,
    DataOptions,
    LossOptions,
    MachineOptions,
    NetOptions,
    OutputOptions,
    ToleranceOptions,
)
from landscape.options.option import Given
from landscape.options.what import What
from landscape.pages import give_back_freed
from landscape.shards import place_of
from landscape.slice.axes import make_plane, other_nets, selection
from landscape.slice.shape import Shape, Within
from landscape.slice.slice import Slice
from landscape.slice.transform import Transform, Transformed
from landscape.study.idle import idle_notes
from landscape.study.reduction import Reduction
from landscape.study.still import still_notes
from landscape.subject.alike import buffer_notes, check_by_value
from landscape.subject.chosen import chosen_net
from landscape.subject.code_facts import check_alike_under
from landscape.subject.evaluation import moving_notes
from landscape.subject.net import Net
from landscape.subject.restored_loss import notes_on_others
from landscape.subject.subject import Subject, checked, device_of, make_subject, policy
from landscape.subject.trained import Recorded, states_loss, trained_loss
from landscape.surfaces.provenance import Provenance
from landscape.surfaces.same_run import identity
from landscape.surfaces.surface import Trail
from landscape.sweep.world import World


@dataclass(frozen=True)
class Asked:
    """The options of a run over a plane, in the groups of options/groups.py."""

    checkpoint: Any = None
    net: NetOptions = NetOptions()
    data: DataOptions = DataOptions()
    loss: LossOptions = LossOptions()
    axes: AxesOptions = AxesOptions()
    machine: MachineOptions = MachineOptions()
    tolerance: ToleranceOptions = ToleranceOptions()
    output: OutputOptions = OutputOptions()
    counted: tuple[What, What] | None = None
    """`only` and `ignore` of a curvature; None where none is computed."""
    states_loss: bool = True
    """Whether the loss was asked for; otherwise that of the nets' training is taken."""
    beside: tuple[Recorded | None, ...] = ()
    """The losses of nets that are drawn over the plane."""

    @classmethod
    def of(cls, checkpoint: Any, given: Given) -> Asked:
        return cls(
            checkpoint, given[NetOptions], given[DataOptions], given[LossOptions], given[AxesOptions],
            given[MachineOptions], given[ToleranceOptions], given[OutputOptions], states_loss=states_loss(given),
        )  # fmt: skip

    def check(self, ndim: int) -> None:
        """Raises UsageError for invalid values and combinations."""
        self.axes.check(ndim, self.output.save_directions)
        self.machine.check()
        if self.tolerance.check() and ndim > 2:
            raise UsageError(
                "tolerance leaves out points and samples of planes, and z is a third axis; drop z, or tolerance"
            )


@dataclass(frozen=True, eq=False)
class OnSlice:
    """A subject on a slice, with the provenance that both give a run.

    `trails` are drawn over the result; `directions` are held only if they are to be saved.
    """

    subject: Subject
    slice: Slice
    provenance: Provenance
    trails: Mapping[str, Trail] = field(default_factory=dict)
    directions: tuple[Direction | Regenerated, ...] = ()
    tolerance: ToleranceOptions = ToleranceOptions()
    reduction: Reduction | None = None
    """What the tolerance lets this subject leave out."""
    together: Together | None = None
    """What evaluates several points in one pass, where that was asked for and can be."""

    @property
    def marks(self) -> dict[str, str]:
        """What must be the same on every rank: the files' content, and every option that decides a value."""
        made, objective = self.provenance.directions or self.provenance.input, self.subject.objective
        directions = {"directions": str(made.fingerprint)} if made else {}
        grid = [(axis.values[0], axis.values[-1], len(axis.values)) for axis in self.slice.grid.axes]
        folded = objective.net is not objective.model
        passed = self.together.points_per_pass if self.together else 1
        options = f"{identity(self.provenance.json())} {grid} {objective.batch_size} {folded} {passed}"
        return {"options": options, **self.subject.marks, **directions}

    @property
    def weight_bytes(self) -> int:
        """What is held of weights and directions: origin, buffer, one vector per direction (or its seed), folded
        ones, and those of several points in one pass."""
        stacked = self.together.stack.nbytes if self.together else 0
        return self.subject.objective.nbytes + self.slice.nbytes + stacked


def on_plane(
    asked: Asked,
    ranges: Mapping[str, Any],
    world: World,
    command: str,
    *,
    plain: bool | None = None,
    shape: Shape | None = None,
) -> OnSlice:
    """Builds subject and plane, or a `shape` within one, on this rank, and checks them on one batch.

    Raises:
        LandscapeError: the input is wrong; raised before anything is computed.
    """
    asked.check(shape.directions if shape else len(ranges))
    parsed = [parse_range(spec, name=name) for name, spec in ranges.items()]
    check_size(parsed)
    if shape:
        _check_no_tolerance(asked)
    axes, device = asked.axes, device_of(asked.machine, world)
    net = _net(asked, device, world)
    device = place_of(net.module) or device
    batchnorm = policy(net, axes.batchnorm, moves=axes.to is not None, states=axes.state == "states")
    moved, others = selection(axes, net), other_nets(axes, net)
    recorded = [net.trained, *(other.trained for other in others), *asked.beside]
    loss, of_loss = trained_loss(recorded, asked.loss, stated=asked.states_loss, trust=asked.net.trust)
    check_alike_under(loss, net, others)
    subject = make_subject(
        net, asked.data, loss, asked.machine, device, world, batchnorm=batchnorm, plain=plain,
        chosen=moved, counted=_counted(asked, moved), lean=axes.lean,
    )  # fmt: skip
    spanned = shape.around(parsed) if shape else parsed
    made = make_plane(axes, subject, spanned, others, keep=asked.output.save_directions)
    if batchnorm == "interpolate" and not made.moves_buffers:
        batchnorm = "keep"  # the figure should state what happens
    if axes.lean:
        give_back_freed()  # blocks that making the plane read; a run keeps what it has at its peak
    of_what = moving_notes(subject.chosen) if asked.counted is None else moving_notes(subject.counted, "count")
    among = notes_on_others(net.trained, [other.trained for other in others], loss.loss)
    subject = checked(subject, (*of_loss, *among, *of_what, *made.notes))
    check_by_value(subject.objective, net, others)
    subject = replace(subject, notes=(*subject.notes, *buffer_notes(subject.objective, others)))
    del others  # only their places are needed from here on
    if asked.counted is None:
        subject = _with_notes_on_what_moves(subject, made.plane)
    run = replace(subject.run_facts(world), lean=axes.lean)
    provenance = replace(
        subject.facts, command=command, directions=made.plane.facts, slice=shape.facts if shape else None,
        batchnorm=batchnorm, run=run,
    )  # fmt: skip
    slice = Within(made.plane, shape, parsed) if shape else made.plane
    # on all ranks, for it evaluates samples
    reduction = Reduction.of(asked.tolerance, subject.objective)
    provenance = replace(provenance, tolerance=reduction.facts()) if reduction else provenance
    trails = {} if shape else made.trails
    on = OnSlice(subject, slice, provenance, trails, made.directions, asked.tolerance, reduction)
    if asked.machine.shard_data:
        _check_divisible(on)
    return on


def _net(asked: Asked, device: Any, world: World) -> Net:
    return chosen_net(
        asked.checkpoint, asked.net, asked.data, device, mapped=asked.axes.lean, dtype=built_in(asked.machine.precision),
        divided=world.lockstep, asks_loss=not asked.states_loss,
        beside=[each for each in (asked.axes.to, asked.axes.to_y) if each is not None],
    )  # fmt: skip


def _with_notes_on_what_moves(subject: Subject, slice: Slice) -> Subject:
    return replace(subject, notes=(*subject.notes, *idle_notes(subject, slice), *still_notes(subject, slice)))


def on_transform(asked: Asked, ranges: Mapping[str, Any], world: World, command: str, transform: Transform) -> OnSlice:
    """Builds a subject on this rank whose weights move by a transform of them, outside of any plane.

    Raises:
        LandscapeError: the input is wrong; raised before anything is computed.
    """
    asked.machine.check()
    _check_no_tolerance(asked)
    parsed = [parse_range(spec, name=name) for name, spec in ranges.items()]
    check_size(parsed)
    device = device_of(asked.machine, world)
    net = chosen_net(asked.checkpoint, asked.net, asked.data, device, asks_loss=not asked.states_loss)
    if place_of(net.module):
        raise UsageError(
            "a net that is divided among processes moves along random directions only; pass the net as one"
        )
    batchnorm = policy(net, asked.axes.batchnorm, moves=False, states=False)
    loss, of_loss = trained_loss([net.trained], asked.loss, stated=asked.states_loss, trust=asked.net.trust)
    subject = checked(make_subject(net, asked.data, loss, asked.machine, device, world, batchnorm=batchnorm), of_loss)
    slice = Transformed(subject.objective.weights.clone(), subject.objective.layout, transform, parsed)
    facts = replace(
        subject.facts, command=command, slice=transform.facts, batchnorm=batchnorm, run=subject.run_facts(world)
    )
    on = OnSlice(subject, slice, facts)
    if asked.machine.shard_data:
        _check_divisible(on)
    return on


def _check_no_tolerance(asked: Asked) -> None:
    if asked.tolerance.check():
        raise UsageError("tolerance leaves out points and samples of planes and lines along directions; drop it")


def _counted(asked: Asked, moved: Selection) -> Selection | None:
    """What a curvature is of: what was asked for, else all that was chosen to move, else what counts as usual."""
    if asked.counted not in (None, (None, None)):
        return choose(moved.parts, *asked.counted, adapters=False)
    return None if moved.only or asked.counted is None else everything(moved.parts)


def _check_divisible(on: OnSlice) -> None:
    samples = on.reduction and on.reduction.samples
    drawn = "tolerance draws samples at each point until they are enough" if samples else None
    if reason := on.subject.objective.indivisible or drawn:
        raise UsageError(
            f"shard-data: expected data that several ranks can share, but {reason}; "
            "drop shard-data, and whole points are dealt out"
        )
