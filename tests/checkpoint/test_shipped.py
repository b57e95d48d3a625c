"""The nets that ship are found in a checkout and in an installed package (`scripts/wheel_trial` installs one)."""

import ast
from pathlib import Path

import pytest

from landscape.checkpoint import shipped as module
from landscape.checkpoint.shipped import shipped
from landscape.errors import CheckpointError
from landscape.recipes.demo import NETS

SETUP = Path(__file__).resolve().parents[2] / "setup.py"


@pytest.mark.parametrize("name", NETS.values())
def test_the_nets_of_the_demo_are_there(name):
    assert shipped(name).stat().st_size > 1e6


def test_a_wheel_takes_the_nets_of_the_demo_along():
    assigned = {
        node.targets[0].id: node.value for node in ast.parse(SETUP.read_text()).body if isinstance(node, ast.Assign)
    }
    assert set(ast.literal_eval(assigned["NETS"])) == {f"{name}.pt" for name in NETS.values()}


def test_those_of_the_package_come_first(tmp_path, monkeypatch):
    inside, beside = tmp_path / "inside", tmp_path / "beside"
    monkeypatch.setattr(module, "FOLDERS", (inside, beside))
    for folder in (beside, inside):
        folder.mkdir()
        (folder / "a.pt").touch()
        assert shipped("a") == folder / "a.pt"
    assert shipped("a", beside) == beside / "a.pt"


def test_a_net_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"resnet56_digits\.pt is not there; give the folder .* --checkpoints"):
        shipped("resnet56_digits", tmp_path)
