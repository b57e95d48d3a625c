"""Contract 1: the same file on any number of ranks; and what happens when a rank fails."""

import numpy as np
import pytest

from landscape.cli.main import main
from landscape.surfaces import load_surface

GRID = ["-x", "-1:1:7", "-y", "-0.5:1:4"]


@pytest.fixture(scope="module")
def serial(made, tmp_path_factory):
    import landscape as ll

    out = tmp_path_factory.mktemp("serial") / "serial.h5"
    ll.surface(
        made / "net.pt",
        model=f"{made / 'net.py'}:build",
        data=f"npz:{made / 'data.npz'}",
        normalize="digits",
        x="-1:1:7",
        y="-0.5:1:4",
        split=["train", "test"],
        threads=1,
        quiet=True,
        out=out,
    )
    return load_surface(out)


@pytest.mark.parametrize("ranks", [pytest.param(2, marks=pytest.mark.slow), 4])
def test_values_do_not_depend_on_the_number_of_ranks(here, command, basic, serial, ranks):
    done = command("surface", "net.pt", *basic, *GRID, "--split", "train", "--split", "test", "-o", "a.h5", ranks=ranks)
    assert done.returncode == 0, done.stderr
    found = load_surface("a.h5")
    assert found.counts()["done"] == 28
    assert set(found.values) == {"train_loss", "train_accuracy", "test_loss", "test_accuracy"}
    for name, array in serial.values.items():
        np.testing.assert_array_equal(found.values[name], array)
        np.testing.assert_array_equal(found.stderr[name], serial.stderr[name])
    assert done.stdout.count("a.h5: 28 points") == 1, "only rank 0 speaks"


def test_a_lean_run_toward_another_net_has_the_same_bits_on_two_ranks(here, command, basic):
    line = ["-x", "-1:1:5", "--to", "other.pt", "--batchnorm", "keep"]
    done = command("line", "net.pt", *basic, *line, "--lean", "-o", "a.h5", ranks=2)
    assert done.returncode == 0, done.stderr
    assert main(["line", "net.pt", *basic, *line, "--quiet", "-o", "b.h5"]) == 0
    found, kept = load_surface("a.h5"), load_surface("b.h5")
    assert found.provenance["run"]["lean"] and found.provenance["run"]["ranks"] == 2
    np.testing.assert_array_equal(found.values["train_loss"], kept.values["train_loss"])
    np.testing.assert_array_equal(found.trails["nets"].x, [0, 1])


def test_more_ranks_than_points(here, command, basic):
    done = command("line", "net.pt", *basic, "-x", "-1:1:2", "-o", "a.h5", ranks=3)
    assert done.returncode == 0, done.stderr
    assert load_surface("a.h5").counts()["done"] == 2


@pytest.mark.parametrize("rank", ["0", "1"])
def test_a_failing_rank_ends_the_job_with_its_message_and_keeps_what_was_done(here, command, basic, rank):
    arguments = ["surface", "net.pt", *basic, *GRID, "--loss", "net.py:failing", "-o", "a.h5"]
    done = command(*arguments, ranks=2, FAILING_RANK=rank)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("landscape:")]
    assert len(lines) == 1, done.stderr
    assert f"rank {rank} of 2: evaluation failed at (" in lines[0]
    assert "ValueError: the loss gave up" in lines[0]
    counts = load_surface("a.h5").counts()
    assert counts["failed"] == 1
    assert counts["done"] >= 1


def refused(done, text, here):
    """All ranks have ended with this in their one line, before a file was begun."""
    assert done.returncode == 1 and text in done.stderr, done.stderr
    assert not (here / "a.h5").exists()


def test_ranks_that_read_other_data_are_stopped(here, command):
    (here / "odd.py").write_text(
        "import os\nimport torch\n\ndef load(split):\n"
        "    rank = os.environ.get('PMI_RANK', os.environ.get('OMPI_COMM_WORLD_RANK', '0'))\n"
        "    return torch.full((8, 1, 8, 8), float(rank)), torch.arange(8)\n"
    )
    done = command("line", "net.pt", "--model", "net.py:build", "--data", "odd.py:load", "-o", "a.h5", ranks=2)
    refused(done, "the ranks do not have the same data", here)


@pytest.mark.parametrize(
    "option",
    [
        pytest.param(["--loss", "mse"], marks=pytest.mark.slow),
        pytest.param(["-x", "-1:1:5"], marks=pytest.mark.slow),
        ["--along", "gradient"],
    ],
)
def test_ranks_that_were_given_other_options_are_stopped(here, on_ranks, basic, option):
    """As with `mpiexec -n 1 A : -n 1 B` where A and B differ."""
    (here / "odd.py").write_text(
        "import os, sys\nfrom landscape.cli.main import main\n"
        "rank = os.environ.get('PMI_RANK', os.environ.get('OMPI_COMM_WORLD_RANK', '0'))\n"
        f"sys.exit(main(sys.argv[1:] + ({option} if rank == '1' else [])))\n"
    )
    line = ["line", "net.pt", *basic, "-x", "-1:1:3", "-o", "a.h5"]
    done = on_ranks(2, "odd.py", *line)
    refused(done, f"the ranks do not have the same {option[0].lstrip('-')} (rank 0 has", here)


def test_ranks_with_another_version_of_the_users_code_are_stopped(here, on_ranks, basic):
    """The same command line, but each machine has its own folder, and one of them an older loss."""
    (here / "odd.py").write_text(
        "import os, shutil, sys\nfrom landscape.cli.main import main\n"
        "if os.environ.get('PMI_RANK', os.environ.get('OMPI_COMM_WORLD_RANK', '0')) == '1':\n"
        "    shutil.copytree('.', 'other')\n"
        "    os.chdir('other')\n"
        "    text = open('net.py').read().replace('> 6 else', '> 5 else')\n"
        "    open('net.py', 'w').write(text)\n"
        "sys.exit(main())\n"
    )
    done = on_ranks(2, "odd.py", "line", "net.pt", *basic, "--loss", "net.py:infinite", "-o", "a.h5")
    refused(done, "the ranks do not have the same code", here)


def test_ranks_that_import_another_module_of_one_name_are_stopped(here, on_ranks, basic):
    """What a spec's file imports: another folder in PYTHONPATH on one rank. The first samples have the same values."""
    for folder, odd in (("a", 0.0), ("b", 1.0)):
        (here / folder).mkdir()
        (here / folder / "helper.py").write_text(f"def odd(number):\n    return {odd} * (number > 8)\n")
    (here / "own.py").write_text(
        "import torch.nn.functional as F\nimport helper\n\ndef loss(outputs, targets):\n"
        "    return F.cross_entropy(outputs, targets, reduction='none') + helper.odd(len(targets))\n"
    )
    (here / "odd.py").write_text(
        "import os, sys\nfrom landscape.cli.main import main\n"
        "rank = os.environ.get('PMI_RANK', os.environ.get('OMPI_COMM_WORLD_RANK', '0'))\n"
        "sys.path.insert(0, 'ab'[int(rank)])\n"
        "sys.exit(main())\n"
    )
    done = on_ranks(2, "odd.py", "line", "net.pt", *basic, "--loss", "own.py:loss", "-o", "a.h5")
    refused(done, "the ranks do not have the same code: module helper is ", here)


# Where things lie, which are compared by content; and how a rank runs on its own machine.
MAY_DIFFER = {
    "checkpoint",
    "model",
    "trust",
    "data",
    "to",
    "to_y",
    "directions",
    "data_root",
    "download",
    "device",
    "threads",
    "quiet",
}


@pytest.mark.parametrize("name", ["surface", "line", "hessian", "spectrum"])
def test_every_option_is_compared_unless_it_is_a_rank_of_its_own_business(name, monkeypatch):
    """An option that is added later is compared without further ado."""
    import landscape.study.run as study
    from landscape.cli.parser import find

    seen: list[dict[str, str]] = []

    def note(*_, agree, **__):
        seen.append(dict(agree))
        raise StopIteration

    monkeypatch.setattr(study, "run", note)
    monkeypatch.setattr(study, "run_prepared", note)

    def agreed(**given):
        with pytest.raises(StopIteration):
            find(name).run("a.h5", **given)
        return seen.pop()

    plain = agreed()
    for row in find(name).rows:
        if row.option.shell:
            continue
        choices = [each for each in row.option.choices or () if each != row.default]
        usual = {float: 0.02, int: 3}.get(row.option.type, "3")
        other = choices[0] if choices else not row.default if isinstance(row.default, bool) else usual
        other = {"split": "test", "metrics": "test", "refine": False}.get(row.name, other)
        if row.name == "to" and name == "line":
            continue  # decides the usual range of x, and is a file
        differs = {key for key, text in agreed(**{row.name: other}).items() if plain.get(key) != text}
        assert differs == (set() if row.name in MAY_DIFFER else {row.name.replace("_", "-")}), row.name


def test_bad_input_is_one_line_under_mpi(here, command, basic):
    done = command("surface", "gone.pt", *basic, *GRID, "-o", "a.h5", ranks=2)
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if "landscape:" in line] == [
        "landscape: checkpoint gone.pt: no such file; . holds net.pt, other.pt"
    ]


def test_wrong_usage_is_one_line_under_mpi(here, command, basic):
    done = command("surface", "net.pt", *basic, "-x", "1:0:5", ranks=2)
    assert done.returncode == 2
    assert done.stderr.count("x range '1:0:5'") == 1


@pytest.mark.parametrize(("ranks", "shard"), [(2, True), pytest.param(3, True, marks=pytest.mark.slow), (3, False)])
def test_values_do_not_depend_on_who_shares_a_point(here, command, basic, ranks, shard):
    import landscape as ll

    alone = ll.line(
        "net.pt", x="-1:1:3", model="net.py:build", data="npz:data.npz", normalize="digits", split=["train", "test"],
        batch_size=5, l2=0.01, threads=1, quiet=True,
    )  # fmt: skip
    more = ["--batch-size", "5", "--l2", "0.01", "--split", "train", "--split", "test", *(["--shard-data"] * shard)]
    done = command("line", "net.pt", *basic, "-x", "-1:1:3", *more, "-o", "a.h5", ranks=ranks)
    assert done.returncode == 0, done.stderr
    found = load_surface("a.h5")
    assert set(found.values) == set(alone.values)
    for name, array in alone.values.items():
        np.testing.assert_array_equal(found.values[name], array)
    for name, array in alone.stderr.items():
        np.testing.assert_array_equal(found.stderr[name], array)


def test_data_that_cannot_be_shared_are_refused(here, basic, capsys):
    assert main(["line", "net.pt", *basic, "--batchnorm", "recompute", "--shard-data"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "shard-data: expected data that several ranks can share, but batchnorm recompute" in line
    assert line.endswith("drop shard-data, and whole points are dealt out")


@pytest.mark.parametrize("reads", ["loss", "net"])
def test_ranks_that_compute_something_else_are_stopped(here, command, basic, reads):
    """The files are the same, and what they read of their process is not: here by a factor that hardly changes the loss."""
    (here / "odd.py").write_text(
        "import os\nimport torch\nimport net\n"
        "def factor():\n"
        "    return 1 + 0.01 * int(os.environ.get('PMI_RANK', os.environ.get('OMPI_COMM_WORLD_RANK', '0')))\n"
        "class Odd(torch.nn.Sequential):\n    def forward(self, x):\n        return factor() * super().forward(x)\n"
        "def build():\n    return Odd(*net.build())\n"
        "def loss(outputs, targets):\n"
        "    return factor() * torch.nn.functional.cross_entropy(outputs, targets, reduction='none')\n"
    )
    given = ["--loss", "odd.py:loss"] if reads == "loss" else ["--model", "odd.py:build"]
    done = command("line", "net.pt", *basic, *given, "-x", "-1:1:3", "-o", "a.h5", ranks=2)
    refused(done, "the ranks do not compute the same: the train ", here)
