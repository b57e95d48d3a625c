"""What a stopped run says it has kept is what its file holds, and the run that goes on says where it begins."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss

import landscape as ll
from landscape.cli.main import explained, main
from landscape.errors import Interrupted
from landscape.surfaces import load_surface
from landscape.surfaces.file import SurfaceFile


@pytest.fixture
def line(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    model, data = nn.Linear(3, 1), (torch.randn(16, 3), torch.randn(16, 1))
    fixed = {"model": model, "data": data, "x": "-1:1:9", "ignore": "none", "out": "a.h5", "threads": 1}
    return lambda loss=mse_loss, **more: ll.line(**fixed, loss=loss, **more)


def test_a_stop_names_the_points_in_the_file_and_the_next_run_says_where_it_goes_on(line, monkeypatch, capsys):
    record, seen = SurfaceFile.record, []

    def stopping(self, index, result, **more):
        record(self, index, result, **more)
        seen.append(index)
        if len(seen) == 4:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(SurfaceFile, "record", stopping)
        with pytest.raises(Interrupted) as stop:
            line()
    assert "goes on" not in capsys.readouterr().err
    done = load_surface("a.h5").counts()["done"]
    assert 4 <= done < 9 and stop.value.kept == f"{done} of 9 points are in a.h5"
    said, status = explained(stop.value, keeps=True)
    assert status == 130
    assert said == f"stopped by Ctrl-C; {done} of 9 points are in a.h5, run the same command to continue"
    line()
    assert f"{done} of 9 points are in a.h5; the run goes on\n" in capsys.readouterr().err
    line()
    assert "goes on" not in capsys.readouterr().err, "a file that is full is only read"


FILE = """
import signal
import torch
from torch import nn

def build():
    return nn.Linear(3, 1)

def data():
    signal.raise_signal(signal.SIGINT)
"""


@pytest.mark.parametrize("words", [["line", "net.pt", "-o", "a.h5"], ["train", "-o", "run"]])
@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
def test_a_stop_before_anything_is_written_claims_nothing(words, overwrite, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(FILE)
    torch.save(nn.Linear(3, 1).state_dict(), "net.pt")
    before = set(Path().iterdir())
    assert main([*words, "--model", "net.py:build", "--data", "net.py:data", "--loss", "mse", *overwrite]) == 130
    assert capsys.readouterr().err == (
        "landscape: stopped by Ctrl-C; nothing new was written, run the same command again\n"
    )
    assert {each for each in Path().iterdir() if each.name != "__pycache__"} == before
