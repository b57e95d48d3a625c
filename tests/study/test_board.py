"""A rank of torch.distributed that leaves alone takes the others with it, also those that wait for it inside of a pass.

Each case is two processes, and all run at once. One that still waits after a while is ended by an alarm, and its case fails.
"""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn

import landscape as ll
import landscape.study.evaluation
import landscape.study.run  # what the processes import is shared by forking
from tests.study.test_process_group import RANKS, data, net, sharded

PATIENCE, SECONDS = 0.5, 60
GRID = {"x": "-1:1:3", "quiet": True, "threads": 1, "batch_size": 10}
GONE = "PeerGone: another process that holds a part of the net has ended"
CASES, RARE = ("trial", "census"), ("killed", "point", "options", "signal", "missing")
# What rank 1 says, and what rank 0 does.
SAID = {
    "trial": ("EvaluationError: the loss does not accept these batches.*gave up", "rank 1 of 2: the loss does not"),
    "point": ("PointFailed: evaluation failed at .*gave up", "rank 1 of 2: ValueError: gave up"),
    "census": ("gave up", "rank 1 of 2: ValueError: gave up"),
    "options": ("UsageError: l2: not offered", "UsageError: rank 1 of 2: l2: not offered"),
    "killed": ("", GONE),
    "signal": ("Interrupted: stopped by SIGTERM", "rank 1 of 2: stopped by SIGTERM"),
    "missing": ("", "rank 1 of 2 has not come for 0.5 s"),
}  # fmt: skip


class Leaves:
    """A loss that is left, on rank 1, at one of its calls."""

    def __init__(self, case, rank):
        self.case, self.calls, self.rank = case, 0, rank
        self.at = {"trial": 1, "point": 20, "killed": 20, "signal": 20}.get(case)

    def __call__(self, outputs, targets):
        self.calls += 1
        if self.rank == 1 and self.calls == self.at:
            if number := {"killed": signal.SIGKILL, "signal": signal.SIGTERM}.get(self.case):
                os.kill(os.getpid(), number)
            else:
                raise ValueError("gave up")
        return nn.functional.cross_entropy(outputs, targets, reduction="none")


def run(case, rank, folder):
    from landscape.study import board, estimator, process_group

    board.GRACE_SECONDS = process_group.PATIENCE_SECONDS = PATIENCE
    dist.init_process_group("gloo", store=dist.FileStore(str(folder / case), RANKS), rank=rank, world_size=RANKS)
    loss, given, census = Leaves(case, rank), dict(GRID), estimator.take_census
    model = sharded(net())
    if case == "census":
        given |= {"tolerance": 0.2, "refine": False}
        estimator.take_census = lambda *rest: setattr(loss, "at", loss.calls + 2) or census(*rest)
    if case == "options" and rank == 1:
        given["l2"] = 0.1
    if case == "missing":
        process_group.COME_SECONDS = PATIENCE
        if rank == 0:
            with pytest.raises(ll.LandscapeError) as caught:
                ll.line(model=model, data=data(200), loss=loss, **given)
            sys.stderr.write(str(caught.value))
        process_group.COME_SECONDS = SECONDS
        dist.barrier()
    ll.line(model=model, data=data(200), loss=loss, **given)


def of_process(case, rank, folder):
    signal.alarm(SECONDS)
    os.dup2(os.open(folder / f"{case}-{rank}", os.O_CREAT | os.O_WRONLY), 2)
    try:
        run(case, rank, folder)
        os._exit(0)
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.stderr.flush()
        os._exit(1)


@pytest.mark.parametrize("cases", [CASES, pytest.param(RARE, marks=pytest.mark.slow)], ids=["usual", "rare"])
def test_a_rank_that_leaves_alone_takes_the_other_with_it(tmp_path, cases):
    command = [sys.executable, "-m", __name__, str(tmp_path), *cases]
    subprocess.run(command, cwd=Path(__file__).parents[2], check=True)
    statuses = dict(line.split() for line in (tmp_path / "statuses").read_text().splitlines())
    for case in cases:
        other, leaving = ((tmp_path / f"{case}-{rank}").read_text() for rank in range(RANKS))
        own, cause = SAID[case]
        assert re.search(own, leaving), leaving
        ended = "0" if case == "missing" else "1"  # the next call, to which both come, is like any other
        assert cause in other and statuses[f"{case}-0"] == ended, other


if __name__ == "__main__":
    torch.set_num_threads(1)
    started, folder = {}, Path(sys.argv[1])
    for case in sys.argv[2:]:
        for rank in range(RANKS):
            if not (process := os.fork()):
                of_process(case, rank, folder)
            started[process] = f"{case}-{rank}"
    ended = [os.waitpid(process, 0) for process in started]
    lines = [f"{started[process]} {os.waitstatus_to_exitcode(status)}" for process, status in ended]
    (folder / "statuses").write_text("\n".join(lines))
