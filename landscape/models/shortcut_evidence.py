"""Padded shortcuts or none? What the batch-norm statistics of a residual net say.

Owns: the decision between two nets whose state dicts have the same names and shapes: the one whose blocks add
a parameter-free shortcut (option A of He et al. 2016), and the one without any. No data are needed. A
trained net carries, for each convolution, the mean of its output (`running_mean` of the batch norm behind
it), and this mean follows from the mean of its input, which the two nets form differently:

    none:     input = relu(bn2(.)),            bn2(.) ~ N(bias, weight^2) in each channel
    padding:  input = relu(bn2(.) + previous), the moments of `previous` carried along from block to block

The net whose predicted means are nearer to the recorded ones is the one that was trained. Zero padding at the
image's border lowers the means, so the size of the images matters; it is not known, and the size is taken
with which the second convolutions of the blocks, whose inputs are formed alike in both nets, are predicted
best. The error of these is also the yardstick for "none", whose other inputs have the same form; "padding" is
rougher, for it takes the two summands to be independent and normal. Where the numbers are not clear, nothing
is decided.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from landscape.errors import CheckpointError

# Heights of the input images to choose from; the border matters little beyond the last.
SIDES = (4, 8, 16, 32, 64, 256)
# Running statistics begin as (0, 1) and forget that by a factor 0.9 per batch; before this many, a net with
# shortcuts was seen to look like one without.
MIN_BATCHES = 50
# Measured on 26 nets of known kind (20 to 110 layers, digits and CIFAR-10, images of 8 to 32 pixels) and
# along six training runs past that batch: without shortcuts none / same_in_both is 0.7 to 1.5, padding / none at least 50;
# with them none / same_in_both is at least 5, and padding / none 0.01 to 0.6 but for runs near divergence.
NONE_AT_MOST, NONE_AT_LEAST = 3.0, 4.0
PADDING_AT_LEAST = 4.0
EPS = 1e-5


@dataclass(frozen=True)
class Errors:
    """Squared errors of predicted means over the variance of what is averaged; mean over all channels."""

    none: float
    padding: float
    same_in_both: float


def has_shortcuts(state_dict: Mapping[str, Tensor], *, names: tuple[str, str]) -> bool:
    """Whether the weights are those of the net with padded shortcuts (True) or without any (False).

    Args:
        state_dict: of a ResNet with basic blocks and no shortcut parameters.
        names: of the net with padded shortcuts and of that without, for the message.

    Raises:
        CheckpointError: the running statistics are young, or do not tell.
    """
    untouched = not any(state_dict[f"{block}.bn1.running_mean"].any() for block in block_names(state_dict))
    if untouched or _batches(state_dict) < MIN_BATCHES:
        raise _undecided(f"has batch-norm statistics of fewer than {MIN_BATCHES} batches", names)
    errors = prediction_errors(state_dict)
    against_none = errors.none / max(errors.same_in_both, 1e-12)
    if against_none <= NONE_AT_MOST and errors.padding >= PADDING_AT_LEAST * errors.none:
        return False
    if against_none >= NONE_AT_LEAST and errors.padding < errors.none:
        return True
    raise _undecided("has batch-norm statistics that do not tell which", names)


def _undecided(why: str, names: tuple[str, str]) -> CheckpointError:
    return CheckpointError(
        f"the checkpoint fits {names[0]} (with shortcuts) and {names[1]} (without) alike, and {why}; "
        f"say --model {names[0]} or --model {names[1]}"
    )


def _batches(state_dict: Mapping[str, Tensor]) -> float:
    """How many batches the statistics have seen; infinite when the checkpoint does not say."""
    tracked = state_dict.get("bn1.num_batches_tracked")
    return math.inf if tracked is None else float(tracked)


def prediction_errors(state_dict: Mapping[str, Tensor]) -> Errors:
    """The errors of both hypotheses, with the image size that predicts the second convolutions best."""
    state = {key: value.detach().to("cpu", torch.float64) for key, value in state_dict.items()}
    tried = [_errors(state, side) for side in SIDES]
    return min(tried, key=lambda errors: errors.same_in_both)


def block_names(state_dict: Mapping[str, Tensor]) -> list[str]:
    """layer1.0, layer1.1, ... in the order in which they are run."""
    found = {match.groups() for key in state_dict if (match := re.match(r"layer(\d+)\.(\d+)\.", key))}
    return [f"layer{stage}.{block}" for stage, block in sorted(tuple(map(int, pair)) for pair in found)]


def relu_moments(mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of max(0, z) for z ~ N(mean, variance), elementwise: the rectified normal.

    >>> m, v = relu_moments(torch.zeros(1), torch.ones(1))
    >>> round(m.item(), 4), round(v.item(), 4)   # 1 / sqrt(2 pi), 1/2 - 1 / (2 pi)
    (0.3989, 0.3408)
    """
    deviation = variance.clamp_min(1e-12).sqrt()
    ratio = mean / deviation
    below = 0.5 * (1 + torch.erf(ratio / math.sqrt(2)))
    density = torch.exp(-0.5 * ratio**2) / math.sqrt(2 * math.pi)
    first = mean * below + deviation * density
    second = (mean**2 + variance) * below + mean * deviation * density
    return first, (second - first**2).clamp_min(0)


def _errors(state: Mapping[str, Tensor], side: float) -> Errors:
    rows = list(_block_errors(state, side))
    # The input of the very first block is the same in both nets.
    none, padding, same = (sum(column) / len(column) for column in zip(*rows[1:], strict=True))
    return Errors(none, padding, same)


def _block_errors(state: Mapping[str, Tensor], side: float) -> Iterator[tuple[float, float, float]]:
    """(none, padding, same in both) for each block."""
    bare = padded = relu_moments(*_affine(state, "bn1"))
    for block in block_names(state):
        weight = state[f"{block}.conv1.weight"]
        stride = 1 if weight.shape[0] == weight.shape[1] else 2
        side = side / stride
        inside = relu_moments(*_affine(state, f"{block}.bn1"))
        yield (
            _error(state, f"{block}.bn1", _mean_after(weight, bare[0], side, stride)),
            _error(state, f"{block}.bn1", _mean_after(weight, padded[0], side, stride)),
            _error(state, f"{block}.bn2", _mean_after(state[f"{block}.conv2.weight"], inside[0], side, 1)),
        )
        mean, variance = _affine(state, f"{block}.bn2")
        bare = relu_moments(mean, variance)
        padded = relu_moments(mean + _pad(padded[0], mean), variance + _pad(padded[1], mean))


def _affine(state: Mapping[str, Tensor], norm: str) -> tuple[Tensor, Tensor]:
    """Mean and variance of a batch norm's output, per channel."""
    return state[f"{norm}.bias"], state[f"{norm}.weight"] ** 2


def _mean_after(weight: Tensor, mean: Tensor, side: float, stride: int) -> Tensor:
    """(out,) mean over the image of a 3x3 convolution's output, from the mean (in,) of its input.

    A tap above or below the centre falls on the zero border in one of `side` output rows; with stride 2, an
    even height and padding 1, only the one above does.
    """
    beside = 1 - 1 / side
    seen = torch.tensor([beside, 1.0, beside if stride == 1 else 1.0], dtype=weight.dtype)
    return torch.einsum("ochw,c,h,w->o", weight, mean, seen, seen)


def _error(state: Mapping[str, Tensor], norm: str, predicted: Tensor) -> float:
    difference = predicted - state[f"{norm}.running_mean"]
    return (difference**2 / (state[f"{norm}.running_var"] + EPS)).mean().item()


def _pad(values: Tensor, like: Tensor) -> Tensor:
    new = len(like) - len(values)
    return F.pad(values, (new // 2, new - new // 2))
