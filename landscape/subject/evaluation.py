"""How a net and its loss are evaluated, in words: facts for the provenance, notes for the user.

Owns: the words. What was found out is the business of objective/conduct.py.
"""

from __future__ import annotations

from landscape.objective.adapt import batches_text, mean_text
from landscape.objective.objective import Objective
from landscape.printable import listed
from landscape.subject.net import Net
from landscape.surfaces.provenance import EvaluationFacts

LISTED = 3


def evaluation_facts(objective: Objective) -> EvaluationFacts:
    """Of an objective that is checked; empty for a net that is a function of weights and samples."""
    conduct = objective.conduct
    depends = conduct.depends_on_batches
    given, largest = objective.has_given_batches, max(split.size for split in objective.splits.values())
    return EvaluationFacts(
        mean=mean_text(objective),
        batches=batches_text(objective) if depends else None,
        batch_size=min(objective.batch_size, largest) if depends and not given else None,
        mixes=conduct.mixes,
        random=conduct.random,
        restored=list(conduct.changes) or None,
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
        found.append(f"the loss is one of whole batches ({facts.batches}); their mean is weighted by samples")
    if facts.restored:
        found.append(
            f"an evaluation changes {listed(facts.restored, LISTED)}: put back before each batch; derivatives take it as fixed"
        )
    if facts.gradients:
        found.append(f"the loss differentiates by {facts.gradients}, so it is evaluated with gradients")
    return found


def frozen_notes(net: Net) -> list[str]:
    """Says that frozen parameters move."""
    frozen = net.model.frozen
    if not frozen:
        return []
    return [
        f"{frozen:,} of {net.model.parameters or 0:,} parameters are frozen (requires_grad=False) and count like the others; "
        "ignore, a regular expression on their names, keeps them fixed"
    ]
