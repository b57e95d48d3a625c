"""The ranks of torch.distributed as the world of a run, where a net is divided among them (FSDP2, tensor parallel).

Owns: finding out that a net is, what of a run is not offered for such a net, the communicator of these ranks, and how they part.
No MPI has a part in it: the user's program set up the process group before it divided its net.
"""

from __future__ import annotations

import contextlib
import os
from array import array
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from landscape.errors import LandscapeError, UsageError
from landscape.options.groups import RANDOM
from landscape.passing import is_of_connection, reporting
from landscape.shards import divided_in
from landscape.study.board import COME_SECONDS, Board
from landscape.study.on_slice import Asked
from landscape.study.ranks import together
from landscape.subject.modules import bare
from landscape.sweep.meeting import PATIENCE_SECONDS, PeerGone, PeerLeft, meet
from landscape.sweep.world import World, own_cores

LEAVING = 1  # the exit status of a rank that ends with an error
_over: list[Any] = []  # groups of runs that came to their end; destroyed once all ranks have left these
_runs = 0  # to which all ranks came


@contextlib.contextmanager
def dividing_world(asked: Asked, ranges: Mapping[str, Any]) -> Iterator[World | None]:
    """The ranks that the module of a run, inside the block, is divided among; None for any other. Collective.

    Raises:
        UsageError: an option that is not offered for such a net. LandscapeError: the ranks are not those of the process group.
    """
    model = asked.net.model
    divided = divided_in(bare(model)) if isinstance(model, nn.Module) else {}
    if not divided:
        yield None
        return
    import torch.distributed as dist

    rank, size = dist.get_rank(), dist.get_world_size()
    global _runs
    board = Board(_runs, rank, size)
    board.come(asked.machine.stall or COME_SECONDS)  # torch would wait for a rank that does not come for half an hour
    _runs += 1
    local = int(os.environ.get("LOCAL_WORLD_SIZE", size))
    messages, meeting = (dist.new_group(backend="gloo") for _ in range(2))
    while _over:  # all ranks are in this run now; the user may have destroyed all groups meanwhile
        with contextlib.suppress(ValueError):
            dist.destroy_process_group(_over.pop())
    world = World(
        rank, size, int(os.environ.get("LOCAL_RANK", rank)), local,
        max(1, len(own_cores()) // local), _Messages(messages), _Meeting(meeting), lockstep=True,
    )  # fmt: skip
    with _parting(world, board), reporting(board.report), board.watched():
        together(world, lambda: _check_offered(asked, ranges, divided, size))
        yield world
    _over.extend((messages, meeting))  # not after an error: another rank may never answer what is sent in them


@contextlib.contextmanager
def _parting(world: World, board: Board) -> Iterator[None]:
    """A rank that leaves the block with an error says so to those that wait for it, and gives them time to come to the same end.

    Raises:
        PeerGone: the error of another rank, where this one only came to know of it.
    """
    try:
        yield
    except PeerLeft as error:
        raise board.first() or error from error
    except BaseException as error:
        board.report(error)
        try:
            meet(world, LEAVING, PATIENCE_SECONDS)
        except PeerGone as gone:
            if is_of_connection(error):
                raise board.first() or gone from error
        raise


def _check_offered(asked: Asked, ranges: Mapping[str, Any], divided: Mapping[str, Any], size: int) -> None:
    """Raises UsageError for an option that is not offered for such a net; see also `_check_held`."""
    if refused := _refused(asked, ranges):
        raise UsageError(
            f"{refused}: not offered for a net that is divided among processes (FSDP2 or tensor parallel), which moves along "
            "random directions only; drop it, or pass the net as one"
        )
    for name, tensor in divided.items():
        _check_held(name, tensor, asked.machine.precision, size)


def _check_held(name: str, tensor: Any, precision: str, size: int) -> None:
    """Raises LandscapeError for a parameter on a mesh of some of the `size` ranks, or in a type that is not to be computed in.

    A lent net is not converted.
    """
    if tensor.device_mesh.size() != size:
        raise LandscapeError(
            f"parameter {name} is divided among {tensor.device_mesh.size()} of {size} processes; expected a mesh of all of them"
        )
    if tensor.dtype == torch.bfloat16 and precision != "bf16":
        raise UsageError(
            f"precision {precision}: parameter {name} is held in bfloat16, and a net that is divided among processes stays so; "
            "give precision bf16"
        )
    if tensor.dtype not in (torch.bfloat16, torch.float32) or precision == "fp64":
        held = str(tensor.dtype).removeprefix("torch.")
        raise UsageError(
            f"precision {precision}: parameter {name} is held in {held}; expected float32 with precision fp32, tf32 or bf16, or "
            "bfloat16 with bf16, for a net that is divided among processes"
        )


def _refused(asked: Asked, ranges: Mapping[str, Any]) -> str | None:
    """The first option of a run that a divided net does not take."""
    axes, machine = asked.axes, asked.machine
    given = {
        "a checkpoint beside the module": asked.checkpoint is not None,
        "to": axes.to is not None,
        "directions": axes.directions is not None,
        f"along {axes.along}": axes.along != RANDOM,
        "orthogonal": axes.orthogonal,
        "state states": axes.state == "states",
        f"batchnorm {axes.batchnorm}": axes.batchnorm not in (None, "keep"),
        "lean": axes.lean,
        "save-directions": asked.output.save_directions,
        "l2": asked.loss.l2 is not None,
        "attack": asked.loss.attack is not None,
        "shard-data": machine.shard_data,
        "points-per-pass": asked.tolerance.points_per_pass > 1,
        **{f"range {name} {spec}": _is_searched(spec) for name, spec in ranges.items()},
    }
    return next((name for name, is_given in given.items() if is_given), None)


def _is_searched(spec: Any) -> bool:
    return isinstance(spec, str) and spec.startswith("auto")


class _Grouped:
    """What the ranks of a process group do together."""

    def __init__(self, group: Any) -> None:
        import torch.distributed as dist

        self._dist: Any = dist
        self._group = group


class _Messages(_Grouped):
    """Any values between the ranks, through memory of the CPU."""

    def allgather(self, value: Any) -> list[Any]:
        found = [None] * self._dist.get_world_size()
        self._dist.all_gather_object(found, value, group=self._group)
        return found

    def bcast(self, value: Any, root: int) -> Any:
        box = [value]
        self._dist.broadcast_object_list(box, src=root, group=self._group)
        return box[0]


class _Meeting(_Grouped):
    """Where ranks wait for each other (sweep/meeting.py)."""

    def Iallgather(self, mine: array, everyone: array) -> _Request:  # the name that MPI has for it
        codes = [torch.zeros(1, dtype=torch.int64) for _ in everyone]
        sent = torch.tensor([mine[0]])
        return _Request(self._dist.all_gather(codes, sent, group=self._group, async_op=True), sent, codes, everyone)


class _Request:
    """A gathering that may not be complete; it holds what is sent until it is."""

    def __init__(self, work: Any, sent: torch.Tensor, codes: list[torch.Tensor], everyone: array):
        self._work, self._sent, self._codes, self._everyone = work, sent, codes, everyone

    def Test(self) -> bool:
        """Raises PeerGone when a process of the group has ended."""
        if not self._work.is_completed():
            return False
        try:
            self._work.wait()
        except RuntimeError as error:
            raise PeerGone("another process that holds a part of the net has ended; see what it said") from error
        self._everyone[:] = array("i", [int(code) for code in self._codes])
        return True
