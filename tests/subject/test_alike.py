"""Nets that hold the same weights and give other values are refused, also where their code looks the same."""

import copy
import json
import re
import types

import h5py
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import landscape as ll
from landscape.objective.conduct import batch_statistics
from landscape.subject.program import program_of, unlike

INPUTS = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
DATA = (INPUTS, (INPUTS.sum(1) > 0).long())
LINE = {"data": DATA, "x": "0:1:3", "quiet": True, "metrics": ["loss"]}


class Base(nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.fc = nn.Linear(3, 2)
        self.take(scale)

    def forward(self, x):
        return self.fc(x) * self.factor()


class OfLayer(Base):
    def take(self, scale):
        self.fc._scale = scale

    def factor(self):
        return self.fc._scale


class Adder:
    def __init__(self, scale):
        self.scale = scale

    def add(self, x):
        return x * self.scale


class OfAdder(Base):
    def take(self, scale):
        self.adder = Adder(scale)

    def factor(self):
        return self.adder.add(1.0)


class OfDefault(Base):
    def take(self, scale):
        self.settings = {"scale": scale}

    def factor(self):
        return self.settings.setdefault("scale", 1.0)


class OfStack(Base):
    def take(self, scale):
        self.stack = [scale]

    def factor(self):
        scale = self.stack.pop()
        self.stack.append(scale)
        return scale


class OfNamespace(Base):
    def take(self, scale):
        self.cfg = types.SimpleNamespace(_scale=scale)

    def factor(self):
        return getattr(self.cfg, "_scale")  # noqa: B009


class OfElement(Base):
    def take(self, scale):
        self.both = [0.0, scale]

    def factor(self):
        self.both[0] = 1.0
        return self.both[1]


KINDS = [OfLayer, OfAdder, OfDefault, OfStack, OfNamespace, OfElement]


def made(kind, scale=1.0, seed=0):
    torch.manual_seed(seed)
    return kind(scale)


def line(model, **more):
    return ll.line(**{"model": model, **LINE, **more})


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_net_that_gives_other_values_is_refused(kind):
    first = made(kind)
    with pytest.raises(ll.UsageError, match="are different functions|differ in more than their weights"):
        line(first, to=made(kind, 3.0, seed=1))
    expected = F.cross_entropy(made(kind, seed=1)(DATA[0]), DATA[1])
    assert line(first, to=made(kind, seed=1)).values["train_loss"][-1] == pytest.approx(
        float(expected.detach()), rel=1e-6
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_not_continued_by_another_function(kind, tmp_path):
    out = tmp_path / "line.h5"
    line(made(kind), out=out)
    before = out.read_bytes()
    line(made(kind), out=out)
    assert out.read_bytes() == before
    with pytest.raises(ll.LandscapeError, match="holds another run"):
        line(made(kind, 3.0), out=out)


def test_the_line_says_both_values():
    with pytest.raises(ll.UsageError) as caught:
        line(made(OfLayer), to=made(OfLayer, 3.0, seed=1))
    with torch.no_grad():
        outputs = made(OfLayer)(DATA[0][:1])
        one, two = (float(F.cross_entropy(scale * outputs, DATA[1][:1])) for scale in (1, 3))
    said = re.search(
        r"loss ([\d.]+) and ([\d.]+) on the first samples of the train data, expected the same", str(caught.value)
    )
    assert [float(each) for each in said.groups()] == pytest.approx([one, two], rel=1e-4)


@pytest.mark.parametrize("read", ["connect", "trajectory", "align", "surface"])
def test_wherever_a_second_net_is_read(read):
    first, second, third = made(OfLayer), made(OfLayer, 3.0, seed=1), made(OfLayer, seed=2)
    calls = {
        "connect": lambda: ll.connect([first, second], data=DATA, points=3, quiet=True),
        "trajectory": lambda: ll.trajectory([[second, third, first]], data=DATA, x="auto:3", y="auto:3", quiet=True),
        "align": lambda: ll.align(wide(1.0), wide(3.0)),
        "surface": lambda: ll.surface(model=first, to=third, to_y=second, data=DATA, x="0:1:3", y="0:1:3", quiet=True),
    }
    with pytest.raises(ll.LandscapeError, match="different functions"):
        calls[read]()


def wide(scale):
    class Wide(nn.Sequential):
        def forward(self, x):
            return super().forward(x) * self[0]._scale

    net = Wide(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    net[0]._scale = scale
    return net


def own_loss(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1], reduction="none")


class Noisy(OfLayer):
    def forward(self, x):
        return super().forward(F.dropout(x, 0.5, training=True))


class Batched(OfLayer):
    def take(self, scale):
        super().take(scale)
        self.norm = nn.BatchNorm1d(3, track_running_stats=False)

    def forward(self, x):
        return super().forward(self.norm(x))


@pytest.mark.parametrize(
    ("kind", "more"),
    [(Noisy, {}), (Batched, {}), (OfLayer, {"loss": own_loss}), (OfLayer, {"lean": True}), (OfLayer, {"precision": "fp64"})],
)  # fmt: skip
def test_under_noise_statistics_of_batches_and_other_losses(kind, more, tmp_path):
    assert bool(batch_statistics(made(kind))) == (kind is Batched)
    first = made(kind)
    held = copy.deepcopy(first.state_dict())
    line(first, to=made(kind, seed=1), **more)
    with pytest.raises(ll.UsageError, match="different functions"):
        line(first, to=made(kind, 3.0, seed=1), **more)
    assert all(torch.equal(held[name], value) for name, value in first.state_dict().items())


def test_the_second_module_is_not_changed():
    second = made(OfLayer, seed=1).double().train()
    held = copy.deepcopy(second.state_dict())
    line(made(OfLayer), to=second)
    assert second.training and second.fc.weight.requires_grad
    assert all(torch.equal(held[name], value) for name, value in second.state_dict().items())


def test_a_file_of_an_earlier_version_is_continued(tmp_path):
    out = tmp_path / "line.h5"
    line(made(OfLayer), out=out)
    strip(out)
    assert np.isfinite(line(made(OfLayer, 3.0), out=out).values["train_loss"]).all()


def strip(out):
    """The file as an earlier version would have written it."""
    with h5py.File(out, "r+") as file:
        facts = json.loads(file.attrs["provenance"])
        for name in ("probe", "probe_of"):
            assert facts["run"].pop(name)
        file.attrs["provenance"] = json.dumps(facts)


def activated(inplace, harmful=False, seed=0):
    class Net(nn.Sequential):
        def forward(self, x):
            hidden = self[0](x)
            passed = self[1](hidden)
            return self[2](passed + hidden if harmful else passed)

    torch.manual_seed(seed)
    return Net(nn.Linear(3, 4), nn.ReLU(inplace=inplace), nn.Linear(4, 2))


def test_an_activation_in_place_is_the_same_net_where_it_gives_the_same(tmp_path):
    line(activated(False), to=activated(True, seed=1))
    line(activated(False), out=tmp_path / "a.h5")
    line(activated(True), out=tmp_path / "a.h5")
    with pytest.raises(ll.UsageError, match="different functions"):
        line(activated(False, harmful=True), to=activated(True, harmful=True, seed=1))
    line(activated(False, harmful=True), out=tmp_path / "b.h5")
    with pytest.raises(ll.LandscapeError, match="of the first 8 samples"):
        line(activated(True, harmful=True), out=tmp_path / "b.h5")


def test_a_setting_of_the_users_that_is_called_inplace_is_compared_as_any():
    class Own(nn.Module):
        def __init__(self, inplace):
            super().__init__()
            self.fc, self.inplace = nn.Linear(3, 2), inplace

        def forward(self, x):
            return self.fc(x) if self.inplace else -self.fc(x)

    assert (
        unlike(program_of(Own(True)), program_of(Own(False)))
        == "setting inplace is True in the first, False in the second"
    )


class OddOutputs(OfLayer):
    """Outputs that cannot be compared number by number, beside those that can."""

    def forward(self, x):
        found = self.fc(x)
        ragged = torch.nested.nested_tensor([found[0], found[1][:1]])
        return {
            "logits": found,
            "ragged": ragged,
            "coarse": torch.quantize_per_tensor(found.detach(), 0.1, 0, torch.qint8),
        }


def test_outputs_that_cannot_be_compared_are_left_out():
    def loss(model, batch):
        return F.cross_entropy(model(batch[0])["logits"], batch[1])

    assert ll.line(model=OddOutputs(1.0), to=OddOutputs(1.0), loss=loss, **LINE).counts()["done"] == 3


class ComplexOutputs(OfLayer):
    def forward(self, x):
        found = self.fc(x)
        return torch.complex(found, found * self.factor())


def test_the_imaginary_part_counts():
    """Also where the loss does not look at it."""

    def loss(outputs, targets):
        return F.cross_entropy(outputs.real, targets)

    assert ll.line(model=ComplexOutputs(1.0), to=ComplexOutputs(1.0), loss=loss, **LINE).counts()["done"] == 3
    with pytest.raises(ll.UsageError, match="are different functions: with the same weights they give output 0 "):
        ll.line(model=ComplexOutputs(1.0), to=ComplexOutputs(1.5), loss=loss, **LINE)
