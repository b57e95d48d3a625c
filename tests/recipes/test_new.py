"""`landscape new`: the template runs as it stands, and its commands give what plain torch gives."""

import runpy

import pytest
import torch
import torch.nn.functional as F

import landscape as ll
from landscape.cli.main import main
from landscape.errors import LandscapeError, UsageError


def test_the_template_runs_and_its_commands_work(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["new", "my_task.py"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[1] == "  python my_task.py"
    written = runpy.run_path("my_task.py", run_name="__main__")
    command = said[2].split()
    assert command[0] == "landscape" and command[-1] == "--plot"
    assert main([*command[1:-1], "-x=-1:1:3", "-y=-1:1:3", "-o", "out.h5", "--quiet"]) == 0
    net = written["build"]()
    net.load_state_dict(torch.load("my_task.pt"))
    inputs, targets = written["data"]("train")
    expected = F.cross_entropy(net(inputs), targets).item()
    found = ll.load_surface("out.h5")
    assert found.at_origin("train_loss") == pytest.approx(expected, rel=1e-5)
    assert found.stderr["train_loss"][1, 1] > 0


def test_what_is_there_stays(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("mine")
    with pytest.raises(LandscapeError, match="the file exists; give another name, or overwrite=True to replace it"):
        ll.new(file)
    assert file.read_text() == "mine"
    assert ll.new(file, overwrite=True) == file and "def build" in file.read_text()
    for name in ("task", "task.txt", "my-task.py", "class.py"):
        with pytest.raises(UsageError, match="expected the name of a Python file, such as my_task.py"):
            ll.new(tmp_path / name)
    with pytest.raises(LandscapeError, match="does not exist; create it"):
        ll.new(tmp_path / "nowhere" / "task.py")


@pytest.mark.parametrize("name", ["random.py", "torch.py", "landscape.py"])
def test_a_name_that_would_hide_a_module_is_refused(name, tmp_path):
    with pytest.raises(UsageError, match="a module of that name is part of Python or of what this program needs"):
        ll.new(tmp_path / name)
    assert not (tmp_path / name).exists()
