"""How a net and its loss are evaluated, in words: facts for the provenance, notes for the user.

Owns: the words. What was found out is the business of objective/conduct.py.
"""

from __future__ import annotations

from typing import Any

from landscape.direction.selection import Selection
from landscape.objective.adapt import batches_text, has_given_batches, mean_text
from landscape.objective.coarseness import coarse_loss
from landscape.objective.language import parts_of_transformers
from landscape.objective.loss_modules import reads_mode
from landscape.objective.measure import OutputMeasure
from landscape.objective.objective import Objective
from landscape.objective.reading import Call
from landscape.printable import listed
from landscape.surfaces.provenance import EvaluationFacts

LISTED = 3


def evaluation_facts(objective: Objective) -> EvaluationFacts:
    """Of an objective that is checked; empty for a net that is a function of weights and samples."""
    conduct = objective.conduct
    depends = conduct.depends_on_batches
    given, largest = has_given_batches(objective), max(split.size for split in objective.splits.values())
    return EvaluationFacts(
        mean=mean_text(objective),
        batches=batches_text(objective) if depends else None,
        batch_size=min(objective.batch_size, largest) if depends and not given else None,
        mixes=conduct.mixes,
        random=conduct.random,
        restored=list(conduct.changes) or None,
        whole=sorted(objective.measure.settled.whole) or None,
        classes="last" if objective.measure.settled.classes_last else None,
        gradients=conduct.gradients or None,
    )


def evaluation_notes(objective: Objective, facts: EvaluationFacts) -> list[str]:
    """One line for each thing that the user may not expect."""
    found = []
    if facts.random:
        found.append(
            f"{facts.random} draws random numbers: each batch gets the same ones at every point and in every run"
        )
    if facts.mixes:
        found.append(f"values depend on the batches ({facts.batches}), through {facts.mixes}")
    if objective.conduct.whole:
        found.append(
            f"{objective.conduct.whole_value} is one of whole batches ({facts.batches}); their mean is weighted by samples"
        )
    if objective.conduct.averaged and not (objective.conduct.whole or objective.conduct.pairs or facts.mixes):
        found.append(
            "the loss is one number for a batch: no standard errors; return one value for each sample to have them"
        )
    if facts.restored:
        found.append(
            f"an evaluation changes {listed(facts.restored, LISTED)}: put back before each batch; derivatives take it as fixed"
        )
    if objective.conduct.remembers:
        found.append(
            f"an evaluation changes {listed(objective.conduct.remembers, LISTED)}, which the loss reads: if a value depends on "
            "what was in it before, it depends on what was evaluated before"
        )
    if objective.conduct.undefined:
        values, source = listed(objective.conduct.undefined, LISTED), objective.conduct.source
        where = f"; {source}" if source else ""
        found.append(f"not a finite number at the net's own weights: {values} of the first samples{where}")
    if coarse := coarse_loss(objective):
        low, exact = coarse
        found.append(
            f"precision {objective.precision} is too coarse for this net: the loss of a few samples at its own weights is "
            f"{low:.3g}, in float32 {exact:.3g}; --precision fp32 (in Python precision='fp32') gives the true surface"
        )
    if _leaves_out_routers(objective):
        found.append(
            "the loss of the router, which the net adds to its own (output_router_logits), is left out; "
            "loss=lambda model, batch: model(**batch).loss, with labels in the batch, takes both"
        )
    if left := _left(objective):
        found.append(f"the net does not take {listed(left, LISTED)} of a batch, which is left out")
    if facts.whole:
        found.append(f"the net returns several parts, and {listed(facts.whole, LISTED)} takes all of them")
    if facts.classes:
        found.append("the classes are the last dimension of the outputs, of which another one is as long")
    if moded := reads_mode(objective.measure):
        found.append(f"{listed(moded, LISTED)} {'is' if len(moded) == 1 else 'are'} in evaluation mode, as the net is")
    if facts.gradients:
        found.append(f"the loss differentiates by {facts.gradients}, so it is evaluated with gradients")
    return found


def _leaves_out_routers(objective: Objective) -> bool:
    """Whether a mixture of experts of `transformers` has a second loss, of which a loss of outputs knows nothing."""
    configs = [getattr(each, "config", None) for each in parts_of_transformers(objective.model)]
    return isinstance(objective.measure, OutputMeasure) and any(
        getattr(each, "output_router_logits", False) for each in configs
    )


def _left(objective: Objective) -> tuple[str, ...]:
    """The entries of batches that are not passed to the net."""
    batch: Any = next(iter(next(iter(objective.splits.values())).batches(1)), None)
    is_call = isinstance(batch, (tuple, list)) and len(batch) == 2 and isinstance(batch[0], Call)
    return batch[0].left if is_call else ()


def moving_notes(chosen: Selection, verb: str = "move") -> list[str]:
    """Says what rests by default, and what moves though one might not expect it; `verb`: move or count."""
    return [*_frozen_notes(chosen, verb), *_hidden_notes(chosen, verb), *_tied_notes(chosen, verb)]


def _frozen_notes(chosen: Selection, verb: str) -> list[str]:
    parts = chosen.parts
    moving = parts.count(chosen.names)
    if chosen.by_default:
        return [
            f"only the adapters {verb}, {moving:,} of {parts.count():,} parameters; --ignore none (in Python ignore='none') "
            "takes all"
        ]
    there = [part for part in parts.parameters if chosen.names is None or part.name in chosen.names]
    frozen = parts.count([part.name for part in there if part.frozen and part.name not in chosen.ignored])
    if frozen in (0, moving):  # a net that is frozen as a whole is one that is not being trained
        return []
    return [
        f"{frozen:,} of {moving:,} parameters are frozen (requires_grad=False) and {verb} like the others; "
        "--only trainable (in Python only='trainable') takes the others alone"
    ]


def _hidden_notes(chosen: Selection, verb: str) -> list[str]:
    """On a method of the net's own that leaves out some of what moves."""
    parts, usual = chosen.parts, {part.name for part in chosen.parts.parameters}
    names = (usual if chosen.names is None else chosen.names) - chosen.ignored
    if not (hidden := [name for name in parts.hidden if name in names]):
        return []
    return [
        f"the net's own {parts.hidden_by}() leaves out {listed(hidden, LISTED)}: they are parameters of it, and {verb} like the "
        "others; name them with --ignore to leave them out"
    ]


def _tied_notes(chosen: Selection, verb: str) -> list[str]:
    """On a parameter that layers share, and an expression names by another than its first name."""
    found = []
    for option, other, name in chosen.tied:
        does, would = (f"does not {verb}", f"{verb}s") if option == "only" else (f"{verb}s", f"does not {verb}")
        found.append(
            f"{other} is the same tensor as {name}, the name by which it is chosen: it {does}; with --{option} '{name}' "
            f"(in Python {option}='{name}') it {would}"
        )
    return found
