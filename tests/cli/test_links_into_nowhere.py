"""A link as output whose folder is not there: every command says so in the same words, before it computes anything."""

from pathlib import Path

import pytest
import torch
from torch import nn

import landscape as ll
from landscape.cli.main import main


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """l.h5, a line and s.h5, a plane of a small net, and a.pt and b.pt, nets of two seeds."""
    folder = tmp_path_factory.mktemp("here")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("net.py").write_text(
            "from torch import nn\n\ndef build():\n    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))\n"
        )
        for seed, name in enumerate(("a.pt", "b.pt")):
            torch.manual_seed(seed)
            net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
            torch.save(net.state_dict(), name)
        options = {"model": net, "data": (torch.randn(12, 4), torch.arange(12) % 2), "x": (-1, 1, 5), "quiet": True}
        ll.line(**options, out="l.h5")
        ll.surface(**options, y=(-1, 1, 5), out="s.h5")
    return folder


COMMANDS = {
    "p.png": "plot l.h5 -o p.png",
    "p.pdf": "plot l.h5 -o p.pdf",
    "p.html": "plot l.h5 -o p.html",
    "p.txt": "plot l.h5 -o p.txt",
    "c.html": "compare l.h5 l.h5 -o c.html",
    "e.csv": "export l.h5 e.csv",
    "e.npz": "export l.h5 e.npz",
    "al.pt": "align a.pt b.pt --model net.py:build -o al.pt",
    "b.csv": "basins s.h5 --csv b.csv",
    "mine.py": "new mine.py",
    "o.h5": "optimizers beale -o o.h5",
    "n.h5": "line a.pt --model net.py:build --data digits -o n.h5",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_place_that_it_leads_to_is_named(name, here, tmp_path, monkeypatch, capsys):
    for each in here.iterdir():
        if each.is_file():
            (tmp_path / each.name).write_bytes(each.read_bytes())
    monkeypatch.chdir(tmp_path)
    Path(name).symlink_to("nowhere/real")
    before = sorted(tmp_path.rglob("*"))
    assert main(COMMANDS[name].split()) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert (
        f"{name}: links to {tmp_path.resolve()}/nowhere/real, whose folder does not exist; create it or give another"
        in line
    )
    assert sorted(tmp_path.rglob("*")) == before
