"""The nets of trajectories, read one by one under the names of the net that they end in.

Owns: which of them can be used, and their weights as vectors. Which files they are is said in trajectory.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from landscape.errors import CheckpointError, LandscapeError
from landscape.layout import Layout
from landscape.printable import listed
from landscape.slice.trajectory import LISTED, Trajectory
from landscape.subject.net import Net, Other, other_net


def read_net(path: Trajectory, number: int, like: Net) -> Other:
    """Net `number` of a path, counted from 0.

    Raises:
        CheckpointError: it cannot be read, or is of another architecture than the net that the plane is around.
    """
    try:
        return _finite(other_net(path.nets[number], like, advice=""))  # the advice on all of a path follows
    except LandscapeError as error:
        raise unusable(path, number, error) from error


def unusable(path: Trajectory, number: int, error: LandscapeError) -> CheckpointError:
    """The error on a net of a path, counted from 0, for which `error` says what is wrong."""
    return CheckpointError(
        f"net {number + 1} of {len(path.nets)} of the path {path.name}: {error}; all nets of a path must be readable and of "
        "one architecture (skip-bad leaves out those that are not)"
    )


def _finite(net: Other) -> Other:
    bad = (name for name, tensor in net.tensors.items() if tensor.is_floating_point() and not tensor.isfinite().all())
    if (name := next(bad, None)) is not None:
        raise CheckpointError(f"checkpoint {net.label}: {name} holds NaN or inf")
    return net


def readable(paths: Sequence[Trajectory], like: Net) -> list[Trajectory]:
    """The paths without nets that cannot be read, do not fit, or are not finite, each with a note on what was left out.

    Raises:
        CheckpointError: fewer than two of a path are left.
    """
    found = []
    for path in paths:
        good = [number for number in range(len(path.nets)) if _is_good(path, number, like)]
        if len(good) < 2:
            raise CheckpointError(
                f"path {path.name}: {len(good)} of its {len(path.nets)} nets can be used; a path needs two"
            )
        found.append(shortened(path, good))
    return found


def shortened(path: Trajectory, kept: Sequence[int]) -> Trajectory:
    """A path with these of its nets, and a note on those that were left out."""
    lost = [number for number in range(len(path.nets)) if number not in kept]
    if not lost:
        return path
    named = listed([str(path.nets[number]) for number in lost], LISTED)
    note = f"{path.name}: {len(lost)} of {len(path.nets)} nets left out that cannot be used: {named}"
    return replace(path.of(kept), notes=(*path.notes, note))


def vectors(
    paths: Sequence[Trajectory], like: Net, layout: Layout, dtype: torch.dtype
) -> Iterator[tuple[Other, Tensor]]:
    """(net, its weights (layout.size,)) of all nets of all paths, one after the other."""
    for path in paths:
        for number in range(len(path.nets)):
            net = read_net(path, number, like)
            yield net, layout.flatten(net.tensors, dtype=dtype)


def _is_good(path: Trajectory, number: int, like: Net) -> bool:
    try:
        read_net(path, number, like)
    except CheckpointError:
        return False
    return True
