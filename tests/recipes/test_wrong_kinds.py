"""What is handed over in place of a net, a file, a loss or a result is named in one line, with what is expected."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import landscape as ll

X, Y = torch.linspace(-1, 1, 40).reshape(8, 5), torch.arange(8) % 3
DATA = (X, Y)


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))


def line(*given: object, **more: object) -> ll.Surface:
    return ll.line(*given, **{"x": (-1, 1, 2), "data": DATA, "quiet": True, **more})


def complex_values(outputs: Tensor, targets: Tensor) -> Tensor:
    return outputs.sum(1) * 1j


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: line(net()), "checkpoint of type Sequential: expected a file; pass a module as model="),
        (lambda: line(net().state_dict()), "checkpoint of type OrderedDict: expected the name of a file or a Checkpoint"),
        (lambda: line(model=nn.Linear), "expected a torch.nn.Module with its weights in it, such as what it returns when called"),
        (lambda: line(model=net), "expected a torch.nn.Module with its weights in it, such as what it returns when called"),
        (lambda: line(model=net().to("meta")), r"tensor 0.weight has no values \(meta device\)"),
        (lambda: line(model=net(), to=net().to("meta")), r"tensor 0.weight has no values \(meta device\)"),
        (lambda: line(model=nn.LazyLinear(3)), "tensor weight is not initialized yet"),
        (lambda: line(model=torch.jit.trace(net(), X)), "the model is scripted or traced"),
        (lambda: line(model=net(), device=None), "device 'None': expected auto, cpu"),
        (lambda: line(model=net(), loss=nn.CrossEntropyLoss), r"loss CrossEntropyLoss is a class: expected .*\(\)"),
        (lambda: line(model=net(), loss=None), "loss of type NoneType: expected a name or a callable"),
        (lambda: line(model=net(), metrics=[3]), "metric of type int: expected a name or a callable"),
        (lambda: line(model=net(), loss=complex_values), "returned complex numbers; expected real ones"),
        (lambda: line(model=net(), x=np.array([0, 1, 2])), "x range .*: expected from:to:points"),
        (lambda: ll.info([]), "no file given"),
        (lambda: ll.info(None), "path None: expected the name of a file"),
        (lambda: ll.plot(None), "surfaces None: expected a result or the name of a file"),
        (lambda: ll.plot(net()), "surfaces of type Linear: expected a result"),
        (lambda: ll.plot([]), "nothing to draw"),
        (lambda: ll.dynamics(None), "runs of type NoneType: expected the folder of a run, or a list of such folders"),
        (lambda: ll.dynamics([line(model=net())]), "runs of type list: expected the folder of a run"),
    ],
)  # fmt: skip
def test_what_is_none_is_named(call: Callable, said: str):
    with pytest.raises(ll.LandscapeError, match=said) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_device_and_one_metric_may_be_objects():
    by_name = line(model=net(), device="cpu", metrics=["loss", "accuracy"])
    assert np.array_equal(
        line(model=net(), device=torch.device("cpu")).values["train_loss"], by_name.values["train_loss"]
    )
    assert list(line(model=net(), metrics=F.l1_loss, data=(X, torch.zeros(8, 3)), loss="mse").values) == [
        "train_l1_loss"
    ]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda weight: weight.to_sparse(), "tensor 0.weight is sparse; save its to_dense"),
        (lambda weight: weight.to_sparse_csr(), "tensor 0.weight is sparse"),
        (lambda weight: torch.quantize_per_tensor(weight, 0.1, 0, torch.qint8), "tensor 0.weight is quantized"),
        (lambda weight: weight.to(torch.complex64), "tensor 0.weight is complex, and that of Sequential is real"),
        (lambda weight: torch.nested.nested_tensor([weight, weight]), "tensor 0.weight is a nested tensor"),
    ],
)
def test_a_tensor_of_a_file_that_is_no_plain_array_is_named(change: Callable, said: str, tmp_path):
    weights = net().state_dict()
    torch.save({**weights, "0.weight": change(weights["0.weight"])}, tmp_path / "odd.pt")
    torch.save(weights, tmp_path / "plain.pt")
    with pytest.raises(ll.LandscapeError, match=said):
        line(tmp_path / "odd.pt", model=net())
    with pytest.raises(ll.LandscapeError, match=said):
        line(tmp_path / "plain.pt", model=net(), to=tmp_path / "odd.pt")


def test_a_negated_view_in_a_file_is_its_values(tmp_path):
    weights = net().state_dict()
    for name, changed in (("view", torch._neg_view(weights["0.weight"])), ("plain", -weights["0.weight"])):
        torch.save({**weights, "0.weight": changed}, tmp_path / f"{name}.pt")
    view, plain = (line(tmp_path / f"{name}.pt", model=net()).values["train_loss"] for name in ("view", "plain"))
    assert np.array_equal(view, plain)
