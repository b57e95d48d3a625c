"""A plane through the input of one sample, as a study.

Owns: how it is built from options: the sample as the data of a subject, directions and provenance. The evaluation of its points
is that of any other slice; what is marked on it is known in input_marks.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from landscape.data.load import Data
from landscape.data.pixels import UNIT, Pixels
from landscape.data.single import samples_at
from landscape.data.split import TensorSplit, fingerprint_of
from landscape.errors import UsageError
from landscape.grid import Grid, check_size, parse_range
from landscape.measurement.outcome import Outcome
from landscape.objective.adversarial import Losses
from landscape.objective.attack import Attack
from landscape.objective.loss import make_measure
from landscape.objective.numerics import dtype_of
from landscape.objective.robust import aimed
from landscape.objective.weighted import mean_of
from landscape.options.groups import DataOptions, LossOptions, MachineOptions, NetOptions, OutputOptions
from landscape.slice.input_directions import ADVERSARIAL, TO, InputAxes, directions_of, labels_of
from landscape.slice.inputs import Inputs
from landscape.study.evaluation import EvaluationStudy
from landscape.study.input_marks import SampleNames, names_of, trails_of
from landscape.study.on_slice import OnSlice
from landscape.subject.chosen import chosen_net
from landscape.subject.net import Net
from landscape.subject.subject import Subject, checked, device_of, make_subject, policy, reader_of
from landscape.subject.trained import trained_loss
from landscape.surfaces.file import check_folder
from landscape.surfaces.provenance import InputFacts
from landscape.sweep.world import World

# Of both axes; towards other samples it holds all three.
USUAL, USUAL_TO = "-0.5:0.5:61", "-0.5:1.5:61"


@dataclass(frozen=True)
class InputAsked:
    """The options of a plane of inputs; a range of None is the usual one."""

    checkpoint: Any
    net: NetOptions
    data: DataOptions
    loss: LossOptions
    machine: MachineOptions
    output: OutputOptions
    along: InputAxes
    attack: Attack
    sample: int
    seed: int
    clip: bool
    states_loss: bool
    classes: Sequence[str] | None
    ranges: Mapping[str, Any]

    @property
    def numbers(self) -> tuple[int, ...]:
        """The samples that it needs: its own first."""
        return self.sample, *self.along.others


@dataclass(frozen=True, eq=False)
class Samples:
    """`inputs` (k, ...) as the net takes them and `targets` (k, ...), of which the first is the one that moves; on the CPU."""

    inputs: Tensor
    targets: Tensor
    pixels: Pixels
    data: Data
    """The first alone, as the data of a subject."""


def inputs_study(asked: InputAsked, world: World) -> EvaluationStudy:
    """The study on this rank.

    Raises:
        LandscapeError: bad input, or a folder that is missing or not writable; before anything is computed.
    """
    if asked.output.path and world.leads:
        check_folder(asked.output.path)
    usual = USUAL_TO if asked.along.kind == TO else USUAL
    parsed = [parse_range(asked.ranges.get(name) or usual, name=name) for name in ("x", "y")]
    check_size(parsed)
    subject, samples = _subject(asked, world)
    split = next(iter(subject.objective.splits.values()))
    assert isinstance(split, TensorSplit)
    device, aim = subject.objective.device, None
    targets = samples.targets[:1].to(device)
    if asked.along.kind == ADVERSARIAL:
        model, inputs = subject.objective.model, samples.inputs[:1].to(device)
        aim = aimed(partial(_losses, subject), model, inputs, targets, asked.attack)
    moves = directions_of(
        asked.along, samples.inputs, _losses(subject, targets), asked.attack, samples.pixels, asked.seed,
        device, aim=aim,
    )  # fmt: skip
    names = names_of(subject, split, samples.targets, asked.numbers, asked.classes)
    labels = labels_of(asked.along, asked.attack, names.samples[1:], pixels=samples.pixels.box is not None)
    plane = Inputs(samples.inputs[:1], moves, Grid.of(*parsed, labels=labels), samples.pixels, clip=asked.clip)
    trails, notes = trails_of(plane, asked.numbers)
    facts = _facts(asked, plane, samples, moves, names)
    provenance = replace(subject.facts, command="inputs", input=facts, run=subject.run_facts(world))
    subject = replace(subject, facts=provenance, notes=(*subject.notes, *notes))
    return EvaluationStudy(
        OnSlice(subject, plane, provenance, trails), asked.output, work=Outcome(subject, plane, split)
    )


def _subject(asked: InputAsked, world: World) -> tuple[Subject, Samples]:
    """The subject, whose data are the one sample."""
    if len(asked.data.splits) != 1:
        splits = ", ".join(asked.data.splits)
        raise UsageError(f"split {splits}: expected the one that the sample is of; give one of them")
    device, dtype = device_of(asked.machine, world), dtype_of(asked.machine.precision)
    net = chosen_net(asked.checkpoint, asked.net, asked.data, device, asks_loss=not asked.states_loss)
    loss, notes = trained_loss([net.trained], asked.loss, stated=asked.states_loss, trust=asked.net.trust)
    samples = _samples(net, asked, loss, world, dtype)
    subject = make_subject(
        net, asked.data, loss, asked.machine, device, world, read=lambda splits: samples.data,
        batchnorm=policy(net, None, moves=False, states=False),
    )  # fmt: skip
    subject = checked(replace(subject, notes=(*notes, *subject.notes)))
    if mixes := subject.objective.conduct.mixes:
        raise UsageError(
            f"a plane of one sample means nothing where its value depends on others of its batch, through {mixes}"
        )
    return subject, samples


def _samples(net: Net, asked: InputAsked, loss: LossOptions, world: World, dtype: torch.dtype) -> Samples:
    data = reader_of(net, asked.data, world)(asked.data.splits)
    ((name, split),) = data.splits.items()
    measure, _, _ = make_measure(loss.loss, loss.names)
    inputs, targets = samples_at(measure.read(data.splits, net.module)[name], asked.numbers, dtype)
    if not inputs.is_floating_point():
        raise UsageError(
            f"inputs of type {inputs.dtype} have no directions to move in; a plane of inputs needs real numbers"
        )
    mark = fingerprint_of((inputs[:1], targets[:1]))
    alone = TensorSplit(
        inputs[:1], targets[:1], of=split.of, fingerprint=mark, dtype=dtype, resident=True, is_read=True
    )
    facts = {**data.provenance, "splits": {name: {"samples": 1, "of": split.of, "fingerprint": mark}}}
    box = asked.attack.box or (UNIT if facts["pixels"] else None)
    if asked.clip and box is None:
        raise UsageError(
            "clip: inputs that come ready for the net have no known range; give it with the attack, such as 'fgsm(box=[0, 1])', "
            "or say by normalize how pixels were normalized"
        )
    pixels = Pixels(getattr(split, "normalize", Pixels().normalize), box)
    return Samples(inputs, targets, pixels, Data({name: alone}, facts))


def _losses(subject: Subject, target: Tensor) -> Losses:
    """The loss of the sample, with a target (1, ...), at other inputs, with gradients; both are where the net is."""
    objective = subject.objective

    def losses(inputs: Tensor) -> Tensor:
        with torch.inference_mode(False), torch.enable_grad():
            return mean_of(objective.measure(objective.model, (inputs, target))["loss"]).reshape(1)

    return losses


def _facts(
    asked: InputAsked, plane: Inputs, samples: Samples, moves: Sequence[Tensor], names: SampleNames
) -> InputFacts:
    adversarial = asked.along.kind == ADVERSARIAL
    others = f":{','.join(map(str, asked.along.others))}" if asked.along.others else ""
    return InputFacts(
        sample=asked.sample,
        target=names.target,
        along=asked.along.kind + others,
        seed=None if asked.along.kind == TO else asked.seed,
        attack=asked.attack.text if adversarial else None,
        clip=asked.clip,
        box=None if samples.pixels.box is None else [float(end) for end in samples.pixels.box],
        entries=samples.inputs[0].numel(),
        classes=names.classes,
        cosine=plane.cosine,
        fingerprint=fingerprint_of((samples.inputs, *moves)),
    )
