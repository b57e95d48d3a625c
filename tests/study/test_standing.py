"""What a stopped run says it has kept is what its file holds, and the run that goes on says where it begins."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss

import landscape as ll
from landscape.cli.main import explained
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


def test_a_stop_before_the_first_point_claims_nothing(line):
    def stopping(outputs, targets):
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted) as stop:
        line(stopping, quiet=True)
    assert stop.value.kept == "nothing new was computed" and not Path("a.h5").exists()
