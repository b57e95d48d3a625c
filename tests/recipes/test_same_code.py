"""A file is continued with the code that began it: what has the same name and tensors and computes something else is refused."""

import functools
import json
import re
import types

import h5py
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import landscape as ll
from landscape.errors import LandscapeError

X, Y = torch.randn(12, 5, generator=torch.Generator().manual_seed(0)), torch.arange(12) % 3
BASIC = {"data": (X, Y), "x": (-1, 1, 3)}


def layers(activation=nn.ReLU, **settings):
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 4), activation(**settings), nn.Linear(4, 3))


class Own(nn.Module):
    """Settings of every sort: a function, a private number, a table, a buffer that no state dict has."""

    def __init__(self, function=F.relu, slope=0.5, scale=1.0, table=1.0):
        super().__init__()
        torch.manual_seed(1)
        self.into, self.function, self._slope, self.settings = nn.Linear(5, 3), function, slope, {"scale": scale}
        self.register_buffer("table", torch.full((3,), table), persistent=False)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return self._slope * self.settings["scale"] * self.table * self.function(self.into(x))


def hooked(factor):
    net = layers()
    net[1].register_forward_hook(lambda layer, inputs, outputs: factor * outputs)
    return net


def patched(factor):
    net = layers()
    net.forward = types.MethodType(lambda self, x: factor * nn.Sequential.forward(self, x), net)
    return net


def times(factor):
    return lambda outputs, targets: factor * F.cross_entropy(outputs, targets, reduction="none")


def scaled(factor, outputs, targets):
    return times(factor)(outputs, targets)


class Scaled:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, outputs, targets):
        return times(self.factor)(outputs, targets)


def distilled(seed):
    torch.manual_seed(seed)
    teacher = nn.Linear(5, 3)
    return lambda model, batch: (model(batch[0]) - teacher(batch[0])).square().mean(1)


def share(factor):
    def metric(outputs, targets):
        return factor * outputs[:, 0]

    return metric


OF_LOSS = "the code of the loss differs from that of the file"
# What the message names, the options of the first run, those of the second.
PAIRS = [
    ("code.layers.Tanh is not set", {"model": layers()}, {"model": layers(nn.Tanh)}),
    (
        "code.settings.negative_slope is 0.01 in the file, 0.5 now", {"model": layers(nn.LeakyReLU)},
        {"model": layers(nn.LeakyReLU, negative_slope=0.5)},
    ),
    ("code.settings.function is relu in the file, tanh now", {"model": Own()}, {"model": Own(torch.tanh)}),
    ("code.settings._slope is 0.5 in the file, 0.25 now", {"model": Own()}, {"model": Own(slope=0.25)}),
    ("code.settings.settings", {"model": Own()}, {"model": Own(scale=2.0)}),
    ("the net's setting table differs", {"model": Own()}, {"model": Own(table=2.0)}),
    ("the net's setting hooks differs", {"model": hooked(2)}, {"model": hooked(3)}),
    ("the net's setting forward differs", {"model": patched(2)}, {"model": patched(3)}),
    (OF_LOSS, {"loss": lambda o, t: F.cross_entropy(o, t)}, {"loss": lambda o, t: 2 * F.cross_entropy(o, t)}),
    (OF_LOSS, {"loss": times(1)}, {"loss": times(2)}),
    (OF_LOSS, {"loss": Scaled(1)}, {"loss": Scaled(2)}),
    (OF_LOSS, {"loss": functools.partial(scaled, 1)}, {"loss": functools.partial(scaled, 2)}),
    (OF_LOSS, {"loss": distilled(1)}, {"loss": distilled(2)}),
    ("the code of the metric metric differs", {"metrics": ["loss", share(1)]}, {"metrics": ["loss", share(2)]}),
]  # fmt: skip


@pytest.mark.parametrize(("what", "first", "second"), PAIRS)
def test_other_code_under_the_same_name_is_refused_and_named(what, first, second, tmp_path):
    (first, second), out = ({"model": layers(), **BASIC, **each} for each in (first, second)), tmp_path / "a.h5"
    held = ll.line(**first, out=out).values
    assert any(not np.array_equal(held[name], array) for name, array in ll.line(**second).values.items())
    with pytest.raises(LandscapeError, match=f"a.h5 holds another run: {re.escape(what)}"):
        ll.line(**second, out=out)
    assert all(np.array_equal(held[name], array) for name, array in ll.line(**first, out=out).values.items())


HIDDEN = types.SimpleNamespace(factor=1.0)


class Hidden(nn.Module):
    """Reads what no reading of its code finds, and draws random numbers."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.into = nn.Linear(5, 3)

    def forward(self, x):
        return getattr(globals()["HID" + "DEN"], "fac" + "tor") * self.into(F.dropout(x, 0.3, True))


def test_code_that_reading_does_not_reach_is_found_by_value_also_where_random_numbers_are_drawn(tmp_path, monkeypatch):
    options = {"model": Hidden(), **BASIC, "out": tmp_path / "a.h5"}
    torch.manual_seed(5)
    first = ll.line(**options).values["train_loss"]
    torch.manual_seed(6)  # which the run's own numbers do not follow
    assert np.array_equal(ll.line(**options).values["train_loss"], first)
    monkeypatch.setattr(HIDDEN, "factor", 2.0)
    with pytest.raises(LandscapeError, match="holds another run: the train loss of the first 8 samples is"):
        ll.line(**options)


def changed(path, change):
    with h5py.File(path, "r+") as file:
        provenance = json.loads(file.attrs["provenance"])
        change(provenance)
        file.attrs["provenance"] = json.dumps(provenance)


def other_python(provenance):
    provenance["code"] |= {"python": "3.8", "loss": "#00000000"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda known: known.pop("code"), "an earlier version wrote it"),
        (other_python, "another Python .3.8. computed it"),
    ],
)
def test_a_file_whose_code_cannot_be_compared_is_continued_with_a_note(change, reason, tmp_path, capsys):
    out, loss = tmp_path / "a.h5", times(1)
    held = ll.line(model=layers(), **BASIC, loss=loss, out=out)
    assert "cannot be compared" not in capsys.readouterr().err
    changed(out, change)
    found = ll.line(model=layers(), **BASIC, loss=loss, out=out)
    assert np.array_equal(found.values["train_loss"], held.values["train_loss"])
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "cannot be compared" in line]
    assert reason.replace(".3.8.", "(3.8)") in line and "overwrite=True" in line


def test_settings_are_compared_between_versions_of_python(tmp_path):
    out = tmp_path / "a.h5"
    ll.line(model=layers(nn.LeakyReLU), **BASIC, out=out)
    changed(out, lambda known: known["code"].update(python="3.8"))
    with pytest.raises(LandscapeError, match="negative_slope"):
        ll.line(model=layers(nn.LeakyReLU, negative_slope=0.5), **BASIC, out=out)


def test_every_command_with_a_file_knows_the_code(tmp_path):
    one, other = layers(), layers(nn.Tanh)
    plane = ll.line(model=one, **BASIC, out=tmp_path / "a.h5")
    few = {"top": 1, "bottom": 1, "steps": 2, "trace_products": 0}
    runs = {
        "line along": lambda net: ll.line(model=net, **BASIC, along="gradient", out=tmp_path / "g.h5"),
        "hessian": lambda net: ll.hessian(tmp_path / "a.h5", model=net, data=BASIC["data"]),
        "spectrum": lambda net: ll.spectrum(model=net, data=BASIC["data"], **few, out=tmp_path / "s.h5"),
        "connect": lambda net: ll.connect(
            [net, scaled_weights(net)], data=BASIC["data"], points=3, out=tmp_path / "c.h5"
        ),
        "train": lambda net: ll.train(net, data=BASIC["data"], epochs=1, out=tmp_path / "run"),
    }
    assert plane.known.code.layers["ReLU"] == "1"
    for name, run in runs.items():
        run(one)
        run(one)
        with pytest.raises(LandscapeError, match="code"):
            pytest.fail(f"{name} went on: {run(other)}")


def scaled_weights(net):
    other = layers(type(net[1]))
    with torch.no_grad():
        other[0].weight.mul_(2)
    return other


FILE = """
from torch import nn
FACTOR = {}


class Net(nn.Sequential):
    def forward(self, x):
        return FACTOR * super().forward(x)


def build():
    return Net(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
"""


def test_edited_code_of_a_spec_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(layers().state_dict(), "net.pt")
    (tmp_path / "net.py").write_text(FILE.format(1))
    options = {**BASIC, "model": "net.py:build", "out": "a.h5"}
    ll.line("net.pt", **options)
    (tmp_path / "net.py").write_text("# a comment\n" + FILE.format(1))
    ll.line("net.pt", **options)
    (tmp_path / "net.py").write_text(FILE.format(20))
    with pytest.raises(LandscapeError, match="the code of the class Net differs from that of the file"):
        ll.line("net.pt", **options)


def test_a_metric_that_reads_something_else_is_refused(tmp_path):
    """The file keeps its value on the first samples, and goes on without it."""
    share, out = tmp_path / "share.txt", tmp_path / "m.h5"

    def metric(outputs, targets):
        return float(share.read_text()) * (outputs.argmax(1) == targets).double()

    run = {**BASIC, "loss": "cross_entropy", "out": out, "quiet": True}
    share.write_text("1")
    ll.line(model=layers(), metrics=["loss", metric], **run)
    share.write_text("0.5")
    with pytest.raises(LandscapeError, match="the train metric of the first 8 samples is .* in the file, .* now"):
        ll.line(model=layers(), metrics=["loss", metric], **run)
    ll.hessian(out, model=layers(), data=(X, Y), quiet=True)


def test_a_hook_that_stores_into_a_dict_at_an_index_is_the_same_after_a_run_and_another_one_is_not():
    store, data = {}, (torch.randn(20, 5), torch.arange(20) % 3)
    net = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.Linear(4, 3))
    hook = net[0].register_forward_hook(lambda layer, inputs, output: store.__setitem__("features", output))
    line = ll.line(model=net, data=data, x=(-1, 1, 3), quiet=True)
    assert store
    ll.hessian(line, model=net, data=data, quiet=True)
    hook.remove()
    net[0].register_forward_hook(lambda layer, inputs, output: store.__setitem__("others", output))
    with pytest.raises(ll.LandscapeError, match="hooks"):
        ll.hessian(line, model=net, data=data, quiet=True)
