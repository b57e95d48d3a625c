"""No hang, no orphan: a rank that leaves a command takes the job with it, within ten seconds and with its message.

A few cases of the matrix (rank) x (moment) x (way); `scripts/attack ranks` has all of them, and this file its code.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

ATTACKS = Path(__file__).resolve().parents[2] / "scripts" / "attacks"
CASES = [
    (2, 1, "middle", "_exit0"),
    (2, 0, "saving", "term"),
]
SLOW = [
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


@pytest.mark.parametrize("case", [*CASES, *(pytest.param(case, marks=pytest.mark.slow) for case in SLOW)])
def test_a_rank_that_leaves_takes_the_job_with_it(attack, folder, mpiexec, case) -> None:
    mpiexec(case[0])  # a skip where there is no launcher
    ended, wrong = attack.attack(attack.Case(*case), folder, attack.jobs.here())
    assert not wrong, ended
