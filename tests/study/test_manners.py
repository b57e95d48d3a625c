"""Code of the user's that leaves the working directory, or handles signals in its own way, is answered; so is another process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss

import landscape as ll
from landscape.cli.main import main
from landscape.errors import Interrupted, LandscapeError
from landscape.surfaces import load_surface
from landscape.sweep.signals import current, interruptible, is_ours


@pytest.fixture
def fixed(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    torch.manual_seed(0)
    return {"data": (torch.randn(16, 3), torch.randn(16, 1)), "quiet": True, "threads": 1}


def line(fixed, loss, points=9):
    torch.manual_seed(1)
    return ll.line(model=nn.Linear(3, 1), loss=loss, x=f"-1:1:{points}", ignore="none", out="a.h5", **fixed)


def leaving(at):
    calls = []

    def loss(outputs, targets):
        calls.append(0)
        if len(calls) == at:
            os.chdir("elsewhere")
        return mse_loss(outputs, targets)

    return loss, calls


def test_a_loss_that_leaves_the_directory_is_refused_before_anything_is_written(fixed):
    home = Path.cwd()
    for call in (
        lambda loss: line(fixed, loss),
        lambda loss: ll.train(nn.Linear(3, 1), loss=loss, epochs=1, batch_size=8, out="run", **fixed),
    ):
        with pytest.raises(LandscapeError, match=r"or loss changed the working directory \(os.chdir to .*elsewhere\)"):
            call(leaving(1)[0])
        assert Path.cwd() == home and [each.name for each in home.iterdir()] == ["elsewhere"]


def test_one_that_leaves_it_in_the_middle_misplaces_nothing(fixed):
    home, (loss, calls) = Path.cwd(), leaving(0)
    whole = line(fixed, loss).values["train_loss"]
    Path("a.h5").unlink()
    with pytest.raises(LandscapeError, match="changed the working directory"):
        line(fixed, leaving(len(calls) - 3)[0])
    assert Path.cwd() == home and not list((home / "elsewhere").iterdir())
    assert load_surface("a.h5").values["train_loss"].tolist() == whole.tolist()


def test_a_folder_that_is_renamed_meanwhile_is_the_same(fixed, monkeypatch):
    (home := Path.cwd() / "first").mkdir()
    monkeypatch.chdir(home)
    calls = []

    def loss(outputs, targets):
        calls.append(0)
        if len(calls) == 40:
            home.rename(home.with_name("second"))
        return mse_loss(outputs, targets)

    assert line(fixed, loss, points=60).counts()["done"] == 60
    assert load_surface(home.with_name("second") / "a.h5").counts()["done"] == 60


def test_a_file_that_leaves_it_when_it_is_imported_is_named(fixed, capsys):
    torch.save(nn.Linear(3, 1).state_dict(), "net.pt")
    Path("net.py").write_text(
        "import os\nfrom torch import nn\nos.chdir('elsewhere')\ndef build():\n    return nn.Linear(3, 1)\n"
    )
    assert main(["line", "net.pt", "--model", "net.py:build", "--data", "digits"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("landscape: model 'net.py:build' changed the working directory (os.chdir to ")
    assert said.count("\n") == 1


def test_a_handler_that_a_loss_sets_once_is_replaced_before_the_next_point(fixed):
    ours = []

    def loss(outputs, targets):
        if not ours:
            signal.signal(signal.SIGINT, lambda *given: None)
        ours.append(is_ours(current(), signal.SIGINT))
        return mse_loss(outputs, targets)

    line(fixed, loss, points=99)
    assert not ours[0] and ours[-1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_a_loss_handles_in_its_own_way_stops_the_run_all_the_same(fixed, number):
    before, calls = signal.getsignal(number), []

    def loss(outputs, targets):
        calls.append(0)
        signal.signal(number, lambda *given: None)
        if len(calls) == 40:  # among the points; the request comes by another thread, and is answered before the next
            signal.raise_signal(number)
            last = time.monotonic() + 20
            while current().name is None and time.monotonic() < last:
                time.sleep(0.001)
        return mse_loss(outputs, targets)

    with pytest.raises(Interrupted, match="stopped by"):
        line(fixed, loss, points=99)
    assert len(calls) == 40 and 0 < load_surface("a.h5").counts()["done"] < 40
    assert signal.getsignal(number) == before


def trained(out, seed, **more):
    torch.manual_seed(seed)
    data = torch.randn(16, 3), torch.randn(16, 1)
    model = nn.Linear(3, 1)
    return ll.train(model, data=data, loss="mse", epochs=4, batch_size=8, out=out, quiet=True, threads=1, **more)


def test_nets_that_another_training_replaces_meanwhile_are_not_measured(fixed, monkeypatch):
    trained("run", 1)
    calls = []

    def loss(outputs, targets):
        calls.append(0)
        if len(calls) == most - 5:  # the last net is not read yet
            trained("other", 2)
            last = max(Path("run/checkpoints").iterdir())
            os.replace(Path("other/checkpoints") / last.name, last)
        return mse_loss(outputs, targets)

    def measured():
        return ll.dynamics("run", model=nn.Linear(3, 1), loss=loss, measures="distance", **fixed)

    most = 0
    whole = measured()
    most, calls = len(calls), []
    Path(whole.source).unlink()
    with pytest.raises(
        LandscapeError, match=r"step_0000008.pt: has changed since this command first looked at it; does another"
    ):
        measured()
    counts = load_surface("run/dynamics.h5").counts("dynamics")
    assert counts["done"] == whole.grid.size - 1 and counts["failed"] == 1


def test_a_net_of_a_table_that_is_replaced_meanwhile_is_not_measured(fixed, monkeypatch):
    for number in (1, 2, 3):
        torch.save(nn.Linear(3, 1).state_dict(), f"{number}.pt")
    calls = []

    def loss(outputs, targets):
        calls.append(0)
        if len(calls) == most // 2:
            os.replace("3.pt", "2.pt")
        return mse_loss(outputs, targets)

    def table(names):
        return ll.flatness(names, model=nn.Linear(3, 1), loss=loss, measures="gradient_norm", out="f.h5", **fixed)

    most = 0
    table(["1.pt", "2.pt"])
    Path("f.h5").unlink()
    most, calls = len(calls), []
    with pytest.raises(LandscapeError, match=r"2.pt: has changed since this command first looked at it"):
        table(["1.pt", "2.pt"])


def test_a_run_that_is_trained_while_a_table_reads_it_is_not_two_nets_in_one_row(fixed):
    torch.save(nn.Linear(3, 1).state_dict(), "1.pt")
    trained("run", 1)
    last, calls = Path("run/final.pt").rename("last.pt"), []  # as before the end: the last of its checkpoints counts

    def loss(outputs, targets):
        calls.append(0)
        if len(calls) == most // 2:
            os.replace(last, "run/final.pt")
        return mse_loss(outputs, targets)

    def table():
        return ll.flatness(
            ["1.pt", "run"],
            model=nn.Linear(3, 1),
            loss=loss,
            measures="gradient_norm",
            out="f.h5",
            overwrite=True,
            **fixed,
        )

    torch.save(nn.Linear(3, 1).state_dict(), "last.pt")
    most = 0
    table()
    most, calls = len(calls), []
    with pytest.raises(LandscapeError, match=r"run: has changed since this command first looked at it"):
        table()


def test_training_does_not_replace_nets_that_another_process_measures(fixed):
    trained("run", 1)
    ll.dynamics("run", model=nn.Linear(3, 1), loss="mse", measures="distance", **fixed)
    before = sorted(Path("run").rglob("[a-z]*.*"))
    holder = subprocess.Popen(
        [sys.executable, "-c", "import sys; from landscape.atomic import OutputLock; from pathlib import Path\n"
         "lock = OutputLock(Path('run/dynamics.h5')); print('held', flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LandscapeError, match=r"cannot write run/dynamics.h5: .*; wait for it, or give another"):
            trained("run", 2, overwrite=True)
    finally:
        holder.communicate()
    assert sorted(Path("run").rglob("[a-z]*.*")) == before


def test_a_signal_waits_while_torch_starts(monkeypatch):
    """Its C++ does not survive an exception there; the request is raised again until somebody has answered it."""
    with pytest.raises(Interrupted), interruptible() as stop:
        monkeypatch.setattr(torch.__spec__, "_initializing", True, raising=False)
        try:
            signal.raise_signal(signal.SIGINT)
        except Interrupted:
            pytest.fail("raised within its start")
        assert stop.pending
        monkeypatch.setattr(torch.__spec__, "_initializing", False)
        stop.again(signal.SIGINT)
        pytest.fail("not raised again")
