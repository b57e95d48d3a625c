"""No hang, no orphan: a rank that leaves a command takes the job with it, within ten seconds and with its message.

A few cases of the matrix (rank) x (moment) x (way); `scripts/attack ranks` has all of them, and this file its code.
"""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import forked

ATTACKS = Path(__file__).resolve().parents[2] / "scripts" / "attacks"
CASES = [
    (2, 1, "middle", "_exit0"),
    (2, 0, "saving", "term"),
]
SLOW = [
    *CASES,
    (2, 1, "data", "swallowed"),
    (2, 1, "build", "exit0"),
    (2, 1, "finish", "base"),
    (2, 1, "middle", "locked"),
    (3, 2, "saving", "kill"),
    (3, 0, "first", "never"),
    (1, 0, "middle", "locked"),
]


@pytest.fixture(scope="module")
def attack():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ATTACKS))
        yield importlib.import_module("ranks")
        for name in ("ranks", "_jobs"):
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def folder(attack, tmp_path_factory) -> Path:
    return attack.jobs.prepared(tmp_path_factory.mktemp("job"))


@pytest.mark.parametrize("case", CASES)
def test_a_rank_that_leaves_takes_the_job_with_it(attack, folder, mpiexec, monkeypatch, case) -> None:
    launcher = mpiexec(case[0])
    case, jobs = attack.Case(*case), attack.jobs
    for name in ("a.h5", "struck", "writing"):
        (folder / name).unlink(missing_ok=True)
    strike = {"STRIKE_STAGE": case.stage, "STRIKE_RANK": str(case.rank), "STRIKE_WAY": case.way}
    words, started = attack.words(case, jobs.here()), time.time()
    with monkeypatch.context() as patch:  # not longer: the processes found there afterwards are those left behind
        patch.chdir(folder)
        done = forked.run(launcher, words[words.index("run.py") :], timeout=90, **strike)
    job = SimpleNamespace(communicate=lambda **_: (done.stdout, done.stderr), returncode=done.returncode)
    ended = jobs.ended(job, folder, started, 0.0)
    assert not attack.fault(case, ended, folder, attack.WITHIN), ended


@pytest.mark.slow
@pytest.mark.parametrize("case", SLOW)
def test_also_where_each_rank_is_a_process_of_its_own(attack, folder, mpiexec, case) -> None:
    mpiexec(case[0])  # a skip where there is no launcher
    ended, wrong = attack.attack(attack.Case(*case), folder, attack.jobs.here())
    assert not wrong, ended
