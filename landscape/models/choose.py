"""Which of several zoo nets a state dict belongs to, by how well each classifies.

Owns: the decision among nets whose state dicts have the same names and shapes. Parameter-free shortcuts leave no entry, so a
ResNet with padded shortcuts and one without any load each other's weights; a trained net works in one of them only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from landscape.callables import explain
from landscape.errors import CheckpointError
from landscape.models.recognize import sizes
from landscape.models.zoo import ZOO, build_zoo

# The samples on which two predictors differ must favour one of them by this many standard deviations of a fair coin.
DEVIATIONS = 4.0
KINDS = {"padding": "with shortcuts", "none": "without"}
# (inputs, class numbers (n,)); read only where it is needed
ReadBatch = Callable[[], tuple[Tensor, Tensor] | None]


def choose(candidates: Sequence[str], state_dict: Mapping[str, Tensor], read_batch: ReadBatch | None = None) -> str:
    """The candidate that works: the only one, or the one that classifies better than all others and than one fixed class.

    Losses would not do: with the wrong preprocessing a net may lose more than one that has collapsed to a constant.

    Args:
        candidates: names of the zoo whose nets load this state dict; see `recognize`.
        read_batch: gives a few hundred samples; it, or what it gives, is None where there are no class numbers.

    Raises:
        CheckpointError: neither works better, or there are no samples to try.
    """
    if len(candidates) == 1:
        return candidates[0]
    batch = read_batch() if read_batch is not None else None
    if batch is None:
        raise _undecided(candidates, "and names and shapes alone do not decide")
    inputs, targets = batch
    try:
        hits = {name: _predicted(name, state_dict, inputs) == targets for name in candidates}
    except Exception as error:
        raise _undecided(candidates, f"and neither takes the data ({explain(error)})") from error
    fixed = targets == targets.mode().values
    best = max(candidates, key=lambda name: int(hits[name].sum()))
    if all(_better(hits[best], other) for other in (fixed, *(hits[name] for name in candidates if name != best))):
        return best
    rates = " and ".join(f"{float(hits[name].float().mean()):.0%}" for name in candidates)
    raise _undecided(candidates, f"and on {len(targets)} samples neither is clearly right (accuracies {rates})")


def _predicted(name: str, state_dict: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
    """(n,) the classes that a candidate names."""
    net: nn.Module = build_zoo(name, **sizes(state_dict)).to(inputs.device)
    net.load_state_dict(state_dict, strict=False)  # old files lack num_batches_tracked
    net.eval()
    with torch.inference_mode():
        return torch.cat([net(part).argmax(dim=1) for part in inputs.split(64)])


def _better(first: Tensor, second: Tensor) -> bool:
    """Whether the first predictor is right more often, beyond chance, where just one of them is right (McNemar 1947)."""
    won, lost = int((first & ~second).sum()), int((second & ~first).sum())
    return won - lost > DEVIATIONS * (won + lost) ** 0.5


def _undecided(candidates: Sequence[str], why: str) -> CheckpointError:
    listed = " and ".join(f"{name} ({KINDS[ZOO[name].keywords['shortcut']]})" for name in candidates)
    options = " or ".join(f"--model {name}" for name in candidates)
    return CheckpointError(f"the checkpoint fits {listed} alike, {why}; say {options}")
