"""The loss of a run that gives none, and the name of a net in pictures: both follow from what the checkpoint says."""

from runpy import run_path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import landscape as ll
from landscape.checkpoint.save import save_checkpoint
from landscape.errors import UntrustedError, UsageError
from landscape.scene.facts.surface import subject

CODE = """
import torch
from torch import nn

class Regressor(nn.Linear):
    def __init__(self):
        super().__init__(3, 2)

def {name}(outputs, targets):
    return (outputs - targets).abs().mean(1)
"""
X, Y = torch.randn(8, 3, generator=torch.Generator().manual_seed(0)), torch.arange(16.0).reshape(8, 2) / 9
ROW = {"data": (X, Y), "x": (-1, 1, 3), "quiet": True, "threads": 1}


def net_file(folder, loss: str, name: str) -> tuple[str, torch.nn.Linear, str]:
    """(a checkpoint that names a loss, its net, the spec of its class)."""
    torch.manual_seed(1)
    net = torch.nn.Linear(3, 2)
    (folder / "net.py").write_text(CODE.format(name=name))
    save_checkpoint(folder / "net.pt", net.state_dict(), {"loss": loss})
    return str(folder / "net.pt"), net, f"{folder}/net.py:Regressor"


def test_the_loss_that_a_checkpoint_names_is_that_of_a_run_that_gives_none(tmp_path):
    path, net, spec = net_file(tmp_path, "mse", "unused")
    found = ll.line(path, model=spec, **ROW)
    assert found.values["train_loss"][1] == pytest.approx(F.mse_loss(net(X), Y).item(), rel=1e-6)
    found = ll.line(path, model=spec, loss="mae", **ROW)
    assert found.values["train_loss"][1] == pytest.approx(F.l1_loss(net(X), Y).item(), rel=1e-6)
    measured = ll.spectrum(
        path, model=spec, data=(X, Y), probes=0, trace_products=0, top=1, bottom=1, quiet=True, threads=1
    )
    assert measured.known.loss == "mse"


def test_a_loss_that_is_code_runs_where_the_file_is_trusted_only(tmp_path):
    loss = f"{tmp_path}/net.py:own"
    path, net, spec = net_file(tmp_path, loss, "own")
    with pytest.raises(UntrustedError, match="names code .loss .*give loss='"):
        ll.line(path, model=spec, **ROW)
    found = ll.line(path, model=spec, trust=path, **ROW)
    assert found.values["train_loss"][1] == pytest.approx(F.l1_loss(net(X), Y).item(), rel=1e-6)


def test_a_picture_calls_a_net_by_its_class(tmp_path):
    path, _, spec = net_file(tmp_path, "mse", "unused")
    assert subject(ll.line(path, model=spec, **ROW)).startswith("Regressor")


NET = """
import torch
from torch import nn

def build():
    return nn.Linear(3, 2)

def data(split):
    draws = torch.Generator().manual_seed(0)
    return torch.randn(8, 3, generator=draws), torch.randn(8, 2, generator=draws)
"""
# What trains with a loss of its own choice.
TRAIN = {"train", "instability"}
FAST = {"quiet": True, "threads": 1}
PAIR = ["mse/final.pt", "mse_again/final.pt"]
WITH_LOSS = {
    "surface": lambda here: ll.surface(PAIR[0], to=PAIR[1], x="0:1:2", y="0:1:2", **here),
    "line": lambda here: ll.line(PAIR[0], to=PAIR[1], x="0:1:2", **here),
    "inputs": lambda here: ll.inputs(PAIR[0], sample=0, x="0:1:2", y="0:1:2", **here),
    "spectrum": lambda here: ll.spectrum(PAIR[0], probes=0, trace_products=0, top=1, bottom=1, **here),
    "flatness": lambda here: ll.flatness(PAIR, measures="weight_norm", **here),
    "connect": lambda here: ll.connect(PAIR, points=2, **here),
    "trajectory": lambda here: ll.trajectory(
        ["mse", "mse_again"], x="0:1:2", y="0:1:2", along="random", marks=1, **here
    ),
    "dynamics": lambda here: ll.dynamics("mse", measures="gradient", **here),
    "hessian": lambda here: ll.hessian("mse", every=9, **here),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Nets trained with mse, and one with mae."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "net.py").write_text(NET)
    own = {"data": f"{folder}/net.py:data", "epochs": 1, "batch_size": 4, "quiet": True, "threads": 1}
    for seed, (name, loss) in enumerate({"mse": "mse", "mse_again": "mse", "mae": "mae"}.items()):
        ll.train(f"{folder}/net.py:build", loss=loss, seed=seed, init_seed=seed, out=folder / name, **own)
    return folder


@pytest.mark.parametrize("command", WITH_LOSS)
def test_every_command_measures_the_loss_of_training(runs, command, monkeypatch):
    monkeypatch.chdir(runs)
    assert WITH_LOSS[command](FAST).known.loss == "mse"


def test_no_command_with_a_loss_is_left_out():
    from landscape.commands import COMMANDS

    having = {name for name in COMMANDS if "loss" in {row.name for row in getattr(ll, name).command.rows}}
    assert having == {*WITH_LOSS, *TRAIN}


@pytest.mark.parametrize(
    "measure",
    [
        lambda: ll.line("mse/final.pt", to="mae/final.pt", x="0:1:2", **FAST),
        lambda: ll.surface("mse/final.pt", to="mse_again/final.pt", to_y="mae/final.pt", x="0:1:2", y="0:1:2", **FAST),
        lambda: ll.flatness(["mse/final.pt", "mae/final.pt"], measures="weight_norm", **FAST),
        lambda: ll.flatness(["mse", "mae"], measures="weight_norm", **FAST),
        lambda: ll.connect(["mse/final.pt", "mae/final.pt"], points=2, **FAST),
        lambda: ll.trajectory(["mse", "mae"], x="0:1:2", y="0:1:2", along="random", marks=1, **FAST),
        lambda: ll.dynamics(["mse", "mae"], measures="gradient", **FAST),
    ],
    ids=["line", "surface", "flatness of files", "flatness of runs", "connect", "trajectory", "dynamics"],
)
def test_nets_of_different_losses_are_refused_until_one_is_given(runs, measure, monkeypatch):
    monkeypatch.chdir(runs)
    with pytest.raises(UsageError, match=r"different losses \(.* with mse, .* with mae\).*give it with loss=\.\.\."):
        measure()


def test_a_net_of_the_usual_loss_is_one_of_another_loss(runs, tmp_path):
    torch.manual_seed(2)
    usual = {"training": {"loss": "cross_entropy"}}  # the usual loss stands beside the settings of a training only
    save_checkpoint(tmp_path / "usual.pt", torch.nn.Linear(3, 2).state_dict(), usual)
    with pytest.raises(UsageError, match="usual with cross_entropy"):
        ll.connect([runs / "mse/final.pt", tmp_path / "usual.pt"], points=2, model=f"{runs}/net.py:build", **FAST)


def test_a_given_loss_counts_for_all_nets(runs, monkeypatch):
    monkeypatch.chdir(runs)
    found = ll.connect(["mse/final.pt", "mae/final.pt"], points=2, loss="mae", **FAST)
    net = torch.nn.Linear(3, 2)
    net.load_state_dict(ll.load_checkpoint("mse/final.pt").state_dict)
    inputs, targets = run_path("net.py")["data"]("train")
    assert found.values["train_loss"][0, 0] == pytest.approx(F.l1_loss(net(inputs), targets).item(), rel=1e-6)


def test_a_loss_that_was_an_object_is_asked_for(tmp_path):
    path, _, spec = net_file(tmp_path, "MSELoss", "unused")
    with pytest.raises(
        UsageError, match=r"net was trained with the loss MSELoss, which cannot be made .*with loss=\.\.\."
    ):
        ll.line(path, model=spec, **ROW)


@pytest.fixture
def three(tmp_path):
    """Files of three nets: the losses of the first two are one function of a file of code, that of the third is another."""
    code = CODE.format(name="own") + "\ndef other(outputs, targets):\n    return (outputs - targets).square().mean(1)\n"
    (tmp_path / "net.py").write_text(code)
    for seed, (name, loss) in enumerate({"a": "own", "b": "own", "c": "other"}.items()):
        torch.manual_seed(seed)
        save_checkpoint(
            tmp_path / f"{name}.pt", torch.nn.Linear(3, 2).state_dict(), {"loss": f"{tmp_path}/net.py:{loss}"}
        )
    return tmp_path, {"model": f"{tmp_path}/net.py:Regressor", "data": (X, Y), "quiet": True, "threads": 1}


PAIRS = {
    "line": lambda nets, **given: ll.line(nets[0], to=nets[1], x="0:1:2", **given),
    "surface": lambda nets, **given: ll.surface(nets[0], to=nets[1], x="0:1:2", y="0:1:2", **given),
    "connect": lambda nets, **given: ll.connect(nets, points=2, **given),
    "flatness": lambda nets, **given: ll.flatness(nets, measures="weight_norm", **given),
}


@pytest.mark.parametrize("command", PAIRS)
@pytest.mark.parametrize("trusted", ["a", "b"])
def test_to_trust_one_of_the_files_that_name_the_loss_is_enough(three, command, trusted):
    folder, given = three
    nets = [f"{folder}/a.pt", f"{folder}/b.pt"]
    with pytest.raises(UntrustedError, match="names code .loss"):
        PAIRS[command](nets, **given)
    found = PAIRS[command](nets, trust=f"{folder}/{trusted}.pt", **given)
    assert found.known.loss == f"{folder}/net.py:own"
    net = torch.nn.Linear(3, 2)
    net.load_state_dict(torch.load(nets[0])["state_dict"])
    assert float(np.ravel(found.values["train_loss"])[0]) == pytest.approx(F.l1_loss(net(X), Y).item(), rel=1e-5)


@pytest.mark.parametrize("command", PAIRS)
@pytest.mark.parametrize("trusted", [(), "a", "c"])
def test_that_two_losses_differ_is_said_before_one_of_them_is_asked_for(three, command, trusted):
    folder, given = three
    with pytest.raises(UsageError, match=r"trained with different losses \(a with .*own, c with .*other\)"):
        PAIRS[command]([f"{folder}/a.pt", f"{folder}/c.pt"], trust=f"{folder}/{trusted}.pt" if trusted else (), **given)


def test_trust_in_a_file_that_names_another_loss_is_not_enough(three):
    folder, given = three
    torch.save(torch.nn.Linear(3, 2).state_dict(), folder / "plain.pt")
    with pytest.raises(UntrustedError, match="a.pt names code .loss"):
        ll.line(
            f"{folder}/a.pt",
            to=f"{folder}/plain.pt",
            x="0:1:2",
            trust=[f"{folder}/plain.pt", f"{folder}/c.pt"],
            **given,
        )
