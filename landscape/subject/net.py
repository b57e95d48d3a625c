"""The net of a job: from a checkpoint, a model spec or a module in memory to a module with its weights in it.

Owns: where the model comes from when it is not named (the checkpoint's metadata, else its tensors), what of the metadata
may be used (trust.py), and what the provenance says of both.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from landscape.checkpoint.checkpoint import IN_MEMORY, Checkpoint, tensors_digest
from landscape.checkpoint.entries import under
from landscape.checkpoint.fit import ANOTHER, NAME_IT, fit, fitting, leading_paths, tensors_of, widened
from landscape.direction.parts import Parts
from landscape.dispatched import gathered
from landscape.errors import CheckpointError, UsageError
from landscape.members import parameters_in, saved_state, tensors_in
from landscape.models.choose import ReadBatch, choose
from landscape.models.recognize import recognize
from landscape.models.resolve import build_model
from landscape.objective.batchnorm import tracking_layers
from landscape.objective.private import private_copy
from landscape.subject.entry import chosen_entry, fitting_entry, read
from landscape.subject.folders import adapter_tensors, net_of_folder, spec_of_folder
from landscape.subject.modules import bare, check_plain, class_name, given_model, stored_narrow
from landscape.subject.program import Program, program_of, unlike
from landscape.subject.trained import Recorded, asked_loss, label_of, recorded_beside, recorded_of
from landscape.surfaces.provenance import CheckpointFacts, ModelFacts
from landscape.trust import Trust, harmless, names_code, taken


@dataclass(frozen=True, eq=False)
class Net:
    """A module with trained weights, and its name in figures; `own` when no caller has the module, `of_file` when we read its
    weights from a file, so that no caller has a tensor of it.

    `meta` is what the checkpoint says and may be used: no spec in it names code that the user does not trust. `parts`: what its
    owner left frozen, too. `trained`: the loss that the checkpoint records, which may be code. `program`: what the net computes,
    where its name does not say that.
    """

    module: nn.Module
    name: str
    meta: dict
    model: ModelFacts
    checkpoint: CheckpointFacts
    label: str
    parts: Parts
    own: bool = True
    of_file: bool = False
    trained: Recorded | None = None
    program: Program | None = None


@dataclass(frozen=True, eq=False)
class Other:
    """A second net of the same architecture: its tensors under the names of the first, as they were stored.

    Of a second adapter there are only its own. `program`: of a module in memory; `module`: that module, which is only read.
    """

    tensors: dict[str, Tensor]
    label: str
    sha256: str = ""
    trained: Recorded | None = None
    of_file: bool = False
    program: Program | None = None
    module: nn.Module | None = None


def load_net(
    checkpoint: Any,
    model: Any,
    read_batch: ReadBatch | None = None,
    *,
    entry: str | None = None,
    data: Any = "",
    trust: Trust = (),
    mapped: bool = False,
    dtype: torch.dtype | None = None,
    divided: bool = False,
    asks_loss: bool = False,
    beside: Sequence[Any] = (),
) -> Net:
    """The net of a path or `Checkpoint`, and a spec or module; either may be None.

    Args:
        read_batch: reads a few samples of the data, which decide if the weights fit two nets of the zoo.
        entry: the one of the checkpoint that holds the weights.
        data: the given data; None if those that the checkpoint names are to be used.
        trust: the files whose specs may name code.
        mapped: the module's parameters are read from the file of a path when they are used, where its form allows that.
        dtype: a net that a folder describes is built in it.
        divided: a module whose parameters are divided among processes is taken; all of them call this.
        asks_loss: the loss that the checkpoint names will be used; where it is code, it is asked for at once with the rest.
        beside: the other nets of the run, which may name that loss too.

    Raises:
        UsageError: neither is given, or a spec without weights; UntrustedError: the checkpoint names code.
        CheckpointError: unreadable, unrecognized or unfit.
    """
    if checkpoint is None:
        return _without_checkpoint(model, entry, divided)
    if isinstance(checkpoint, nn.Module):
        raise UsageError(f"checkpoint of type {type(checkpoint).__name__}: expected a file; pass a module as model=...")
    model = given_model(model)
    of_file = _is_path(checkpoint)
    mapped = mapped and of_file  # tensors of a caller's are copied
    checkpoint = read(checkpoint, entry, mapped=mapped)
    wanted = {"model": checkpoint.meta.get("model")} if not model else {}
    wanted |= {"data": checkpoint.meta.get("data")} if data is None else {}
    meta = _meta_of(checkpoint, wanted, trust, recorded_beside(beside) if asks_loss else None)
    checkpoint = fitting_entry(checkpoint, model if isinstance(model, nn.Module) else model or meta.get("model"))
    spec = spec_of_folder(checkpoint, model or meta.get("model"))
    if isinstance(model, nn.Module):
        name, module = type(model).__name__, private_copy(model)
    elif spec:
        name = spec
        module, checkpoint = net_of_folder(checkpoint, spec, trust, mapped=mapped, dtype=dtype)
    else:
        name, state = _spec_of(checkpoint, model or meta.get("model"), read_batch)
        module = build_model(name, state_dict=state, settings=checkpoint.settings)
    if not spec:
        advice = NAME_IT if model is None else ANOTHER
        fit(widened(module, checkpoint), checkpoint, name=name, advice=advice, mapped=mapped)
    return _net(
        module, name, meta, _facts_of(checkpoint), label_of(checkpoint.source), of_file=of_file, trained=recorded_of(checkpoint),
        program=program_of_given(module, model if isinstance(model, nn.Module) else name),
    )  # fmt: skip


def _meta_of(
    checkpoint: Checkpoint, wanted: dict[str, Any], trust: Trust, beside: Iterable[Recorded | None] | None
) -> dict[str, Any]:
    """What may be used of what a checkpoint says; `wanted`: the specs of it that are, which may be refused.

    `beside`: the losses of other nets of the run; None where its loss is not used.
    """
    loss = None if beside is None else asked_loss(recorded_of(checkpoint), beside, trust)
    used = taken({**wanted, "loss": loss}, checkpoint.source, trust)
    return {**harmless(checkpoint.meta), **{name: used[name] for name in wanted if name in used}}


def _facts_of(checkpoint: Checkpoint) -> CheckpointFacts:
    return CheckpointFacts(
        path=checkpoint.source,
        sha256=checkpoint.sha256,
        entry=chosen_entry(checkpoint),
        stored=stored_narrow(checkpoint.state_dict),
    )


def program_of_given(module: nn.Module, given: Any) -> Program | None:
    """What a net computes, where the module or the spec that was given does not say that by a name."""
    return program_of(module) if isinstance(given, nn.Module) or names_code(given, "model") else None


def _without_checkpoint(model: Any, entry: str | None, divided: bool) -> Net:
    """The net of a module that has its weights in it.

    Raises:
        UsageError: it is not one, or an entry is named.
    """
    if entry:
        raise UsageError(f"entry '{entry}': there is no checkpoint that it could be one of; drop the option")
    if callable(model) and not isinstance(model, nn.Module):
        shown = getattr(model, "__qualname__", type(model).__name__)
        raise UsageError(
            f"model {shown}: expected a torch.nn.Module with its weights in it, such as what it returns when called"
        )
    if not isinstance(model, nn.Module):
        given = f"; what was passed as model is of type {type(model).__name__}" if model is not None else ""
        raise UsageError(
            f"no checkpoint: give one, or pass model=... as a torch.nn.Module with its weights in it{given}"
        )
    return _in_memory(model, divided)


def other_net(checkpoint: Any, like: Net, advice: str | None = None, *, mapped: bool = False) -> Other:
    """A second net of the same architecture, for directions toward it.

    `advice`: the end of the message on a net of another architecture (checkpoint/fit.py). `mapped`: see `load_checkpoint`.

    Raises:
        CheckpointError: it does not fit. UsageError: a module that computes something else with the same weights.
    """
    label, of_file, program, module = None, _is_path(checkpoint), None, None
    if isinstance(checkpoint, nn.Module):
        given = gathered(bare(checkpoint))
        label = type(given).__name__
        check_plain(given)
        module, program = given, program_of(given)
        if _shapes(given) == _shapes(like.module):  # the comparison of other tensors names them
            check_alike(like, program)
        checkpoint = Checkpoint(tensors_in(given), source=IN_MEMORY)
    else:
        checkpoint = read(checkpoint, like.checkpoint.entry, optional=True, mapped=mapped)
        if (part := adapter_tensors(checkpoint, like.module)) is not None:
            return Other(part, label_of(checkpoint.source), checkpoint.sha256, recorded_of(checkpoint), of_file)
        checkpoint = fitting_entry(checkpoint, like.module)
    usual = f"give two nets of one architecture, here that of {like.label}"
    advice = usual if advice is None else advice
    tensors = fitting(like.module, checkpoint, name=like.name, advice=advice, members=module is not None)
    return Other(
        tensors, label or label_of(checkpoint.source), checkpoint.sha256, recorded_of(checkpoint), of_file, program, module
    )  # fmt: skip


def _shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in saved_state(module).items() if isinstance(tensor, Tensor)}


def check_alike(like: Net, program: Program, *called: Any) -> None:
    """Raises UsageError for a module whose weights mean something else in the net that is evaluated.

    `program`: of that module. `called`: losses and metrics, which may read what the net's own code does not.
    """
    if found := unlike(like.program or program_of(like.module), program, *called):
        raise UsageError(
            f"the nets differ in more than their weights ({found}), so the first would compute something else with those of the "
            "second; give nets of one architecture, or, if both compute the same, the second as ll.Checkpoint(net.state_dict())"
        )


def _is_path(checkpoint: Any) -> bool:
    return isinstance(checkpoint, (str, os.PathLike))


def _in_memory(model: nn.Module, divided: bool) -> Net:
    given = bare(model)
    model = gathered(given)
    name = class_name(model)
    check_plain(model, divided)
    tensors = tensors_of(model)
    facts = CheckpointFacts(path=IN_MEMORY, sha256=tensors_digest(tensors), stored=stored_narrow(tensors))
    return _net(model, name, {}, facts, name, own=model is not given, program=program_of(model))


def _net(
    module: nn.Module, name: str, meta: dict, checkpoint: CheckpointFacts, label: str, *, own: bool = True,
    of_file: bool = False, trained: Recorded | None = None, program: Program | None = None,
) -> Net:  # fmt: skip
    """`name` may be a path to a user's file; only the file's name identifies the model, not its folder."""
    shown = f"{Path(name.rpartition(':')[0]).name}:{name.rpartition(':')[2]}" if ".py:" in name else name
    tensors = list(parameters_in(module))
    count = sum(each.numel() for each in tensors)
    # a net that is frozen as a whole is one that is not being trained
    frozen = sum(each.numel() for each in tensors if not each.requires_grad) % max(count, 1)
    facts = ModelFacts(
        name=shown,
        spec=name,
        title=_title(module, name),
        parameters=count,
        frozen=frozen or None,
        batch_norms=len(tracking_layers(module)),
    )
    return Net(module, shown, meta, facts, checkpoint, label, Parts.of(module), own, of_file, trained, program)


def _title(module: nn.Module, name: str) -> str | None:
    """The class of a net that code of the user's builds; a container of torch says less than the file's name."""
    own = type(module)
    return own.__name__ if names_code(name, "model") and not own.__module__.startswith("torch.") else None


def _spec_of(checkpoint: Checkpoint, model: str | None, read_batch: ReadBatch | None) -> tuple[str, dict]:
    """(model spec, state dict under the model's own names); `model` is the spec that is known, if any."""
    if model:
        return model, checkpoint.state_dict
    for prefix in leading_paths(checkpoint.state_dict):
        inner = under(checkpoint.state_dict, prefix)
        if candidates := recognize(inner):
            return choose(candidates, inner, read_batch), inner
    raise CheckpointError(
        f"checkpoint {checkpoint.source}: its net is not one of the zoo (first entries: "
        f"{', '.join(list(checkpoint.state_dict)[:3])}); name it with --model, such as torchvision:resnet18 or net.py:build"
    )
