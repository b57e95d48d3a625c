"""A rank that fails alone in set-up ends the job with its message, whatever the step."""

from __future__ import annotations

import pytest

from tests.recipes.conftest import BASIC

# each is what goes wrong on rank 1 alone, and a word of its message
FAULTS = {
    "checkpoint": ("os.remove('net.pt')", "net.pt"),
    "model": ("open('net.py', 'w').write('def other(): pass')", "build"),
    "data": ("os.remove('data.npz')", "data.npz"),
    "device": ("sys.argv += ['--device', 'nowhere']", "nowhere"),
    "range": ("sys.argv += ['-x', '1:0:3']", "1:0:3"),
    "loss": ("sys.argv += ['--loss', 'no_loss']", "no_loss"),
}
ALWAYS = ("checkpoint", "data", "loss")  # each case loads torch twice: the others run with `./scripts/test --all`


@pytest.mark.parametrize(
    ("command", "step"),
    [("line", step) for step in ALWAYS]
    + [("spectrum", "device")]
    + [pytest.param("line", step, marks=pytest.mark.slow) for step in FAULTS if step not in ALWAYS]
    + [pytest.param("spectrum", "checkpoint", marks=pytest.mark.slow)],
)
def test_a_rank_that_fails_alone_ends_the_job(here, on_ranks, command: str, step: str) -> None:
    fault, word = FAULTS[step]
    (here / "odd.py").write_text(
        "import os, shutil, sys, tempfile\n"
        "rank = os.environ.get('PMI_RANK', os.environ.get('OMPI_COMM_WORLD_RANK', '0'))\n"
        "if rank == '1':\n"
        "    place = tempfile.mkdtemp()\n"
        "    shutil.copytree('.', place, dirs_exist_ok=True)\n"
        "    os.chdir(place)\n"
        f"    {fault}\n"
        "from landscape.cli.main import main\n"
        "sys.exit(main())\n"
    )
    arguments = [a for a in BASIC if a not in ("--threads", "1")]  # the usual number is found out together
    done = on_ranks(2, "odd.py", command, "net.pt", *arguments, "-o", "a.h5", timeout=60)
    assert done.returncode != 0
    assert word in done.stderr and "Traceback" not in done.stderr, done.stderr
