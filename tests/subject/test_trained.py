"""The loss of a run that gives none, and the name of a net in pictures: both follow from what the checkpoint says."""

import pytest
import torch
import torch.nn.functional as F

import landscape as ll
from landscape.checkpoint.save import save_checkpoint
from landscape.errors import UntrustedError
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
    with pytest.raises(UntrustedError, match="names code .loss .*give --loss"):
        ll.line(path, model=spec, **ROW)
    found = ll.line(path, model=spec, trust=path, **ROW)
    assert found.values["train_loss"][1] == pytest.approx(F.l1_loss(net(X), Y).item(), rel=1e-6)


def test_a_picture_calls_a_net_by_its_class(tmp_path):
    path, _, spec = net_file(tmp_path, "mse", "unused")
    assert subject(ll.line(path, model=spec, **ROW)).startswith("Regressor")
