"""`landscape inputs`: values against plain torch, closed forms of a linear net, ranks, resuming, refusals."""

from collections import namedtuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import landscape as ll
from landscape.errors import LandscapeError, UsageError
from landscape.scene.facts.surface import facts
from landscape.surfaces import load_surface
from landscape.surfaces.hdf5 import write_surface_file

GENERATOR = torch.Generator().manual_seed(2)
POINTS = torch.randn(9, 2, generator=GENERATOR, dtype=torch.float64)
THREE = torch.randint(0, 3, (9,), generator=GENERATOR)
IMAGES = torch.randint(0, 256, (6, 6, 6, 2), dtype=torch.uint8, generator=GENERATOR)
CLASSES = torch.randint(0, 3, (6,), generator=GENERATOR)


def test_values_are_those_of_plain_torch_at_the_moved_input(cnn):
    found = ll.inputs(
        model=cnn(), data=(IMAGES, CLASSES), normalize="0.4,0.6/0.5,0.2", sample=2, along="to:4,1", x=(-1, 1, 3), y=(0, 1, 2),
        precision="fp64", quiet=True,
    )  # fmt: skip
    net, pixels = cnn().double(), IMAGES.permute(0, 3, 1, 2).double() / 255
    mean, std = (torch.tensor(each, dtype=torch.float64).view(2, 1, 1) for each in ((0.4, 0.6), (0.5, 0.2)))
    for row, y in enumerate(found.y):
        for column, x in enumerate(found.x):
            there = pixels[2] + x * (pixels[4] - pixels[2]) + y * (pixels[1] - pixels[2])
            with torch.no_grad():
                outputs = net(((there - mean) / std)[None])
            own = outputs[0, CLASSES[2]]
            others = outputs[0][torch.arange(3) != CLASSES[2]]
            two = outputs[0].topk(2).values
            expected = {
                "loss": F.cross_entropy(outputs, CLASSES[2:3]), "class": outputs.argmax(), "margin": own - others.max(),
                "lead": two[0] - two[1], "outside": ((there < 0) | (there > 1)).double().mean(),
            }  # fmt: skip
            for name, value in expected.items():
                assert found.values[name][row, column] == pytest.approx(float(value), rel=1e-9, abs=1e-12), name


def test_of_a_linear_net_boundaries_are_straight_and_the_margin_is_known():
    net = nn.Linear(2, 3).double()
    found = ll.inputs(
        model=net, data=(POINTS, THREE), sample=0, x="-4:4:9", y="-4:4:9", precision="fp64", quiet=True, along="random"
    )
    assert "outside" not in found.values and found.trails["nets"].labels == ("sample 0",)
    # an affine function of the coordinates: on lines through the sample, second differences of each output vanish
    margin, own = found.values["margin"], int(THREE[0])
    with torch.no_grad():
        weights, bias = net.weight.numpy(), net.bias.numpy()
    first, second = (np.asarray(each) for each in _directions(found, net))
    for row, y in enumerate(found.y):
        for column, x in enumerate(found.x):
            scores = weights @ (POINTS[0].numpy() + x * first + y * second) + bias
            assert margin[row, column] == pytest.approx(scores[own] - np.delete(scores, own).max(), abs=1e-12)
            assert found.values["class"][row, column] == scores.argmax()
    assert (margin > 0).tolist() == (found.values["class"] == own).tolist()


def _directions(found, net):
    """As the manual says: two of a seeded generator, the second made orthogonal, both of unit root mean square."""
    draws = [
        np.random.Generator(np.random.Philox(np.random.SeedSequence([0, axis]))).standard_normal(2) for axis in (0, 1)
    ]
    draws[1] -= draws[0] * (draws[0] @ draws[1]) / (draws[0] @ draws[0])
    return [each / np.sqrt(np.mean(each**2)) for each in draws]


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    torch.manual_seed(0)
    torch.save(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).state_dict(), folder / "net.pt")
    (folder / "net.py").write_text(
        "from torch import nn\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))\n"
    )
    return folder


def test_ranks_and_a_continued_run_give_the_same_file(digits, command, monkeypatch):
    monkeypatch.chdir(digits)
    usual = {"model": "net.py:build", "data": "digits", "along": "adversarial", "quiet": True}
    grid = {"x": "-0.4:0.4:5", "y": "-0.4:0.4:4"}
    one = ll.inputs("net.pt", **usual, **grid, sample=5, out="one.h5")
    words = ["--model", "net.py:build", "--data", "digits", "--along", "adversarial", "--sample", "5", "--quiet"]
    done = command(
        "inputs", "net.pt", *words, *[f"-{axis}={text}" for axis, text in grid.items()], "-o", "two.h5", ranks=2
    )
    assert done.returncode == 0, done.stderr
    assert "predicted: " in done.stdout
    lost = load_surface("one.h5")  # some points are lost, and computed again
    lost.status["evaluation"].flat[7:] = 0
    for values in lost.values.values():
        values.flat[7:] = np.nan
    write_surface_file(lost, digits / "lost.h5")
    again, two = ll.inputs("net.pt", **usual, **grid, sample=5, out="lost.h5"), load_surface("two.h5")
    for name, values in one.values.items():
        np.testing.assert_array_equal(two.values[name], values)
        np.testing.assert_array_equal(again.values[name], values)
    with pytest.raises(LandscapeError, match="holds another run"):
        ll.inputs("net.pt", **usual, **grid, sample=6, out="one.h5")
    with pytest.raises(UsageError, match="is a plane of inputs, where the weights rest"):
        ll.hessian("one.h5", quiet=True)


def test_the_loss_after_an_attack_does_not_depend_on_the_ranks(digits, command, monkeypatch):
    monkeypatch.chdir(digits)
    words = [
        "--model",
        "net.py:build",
        "--data",
        "digits",
        "--samples",
        "60",
        "--attack",
        "pgd(eps=0.1, steps=3)",
        "--quiet",
    ]
    done = command("line", "net.pt", *words, "-x", "-1:1:4", "--batch-size", "20", "-o", "attacked.h5", ranks=2)
    assert done.returncode == 0, done.stderr
    alone = ll.line(
        "net.pt", model="net.py:build", data="digits", samples=60, attack="pgd(eps=0.1, steps=3)", x="-1:1:4", batch_size=20,
        quiet=True,
    )  # fmt: skip
    found = load_surface("attacked.h5")
    for name, values in alone.values.items():
        np.testing.assert_array_equal(found.values[name], values)
    assert any("after pgd(eps=0.1, steps=3" in fact for fact in facts(found, "train_loss"))
    with pytest.raises(LandscapeError, match="holds another run: attack is"):
        ll.line("net.pt", model="net.py:build", data="digits", samples=60, x="-1:1:4", quiet=True, out="attacked.h5")


def test_what_cannot_be_a_plane_of_inputs_is_refused_in_one_line(mlp):
    net, data = nn.Linear(2, 3).double(), (POINTS, THREE)
    usual = {"x": (-1, 1, 2), "y": (-1, 1, 2), "quiet": True}
    cases = [
        (lambda: ll.inputs(model=net, data=data, sample=9, **usual), "expected a number from 0 to 8"),
        (lambda: ll.inputs(model=net, data=data, along="to:1,40", **usual), "sample 40"),
        (lambda: ll.inputs(model=net, data=data, classes="a,b", precision="fp64", **usual), "2 names, and the net has 3"),
        (lambda: ll.inputs(model=net, data=(POINTS.long(), THREE), **usual), "have no directions"),
        (lambda: ll.inputs(model=net, data=data, precision="fp64", clip=True, **usual), "have no known range"),
        (lambda: ll.inputs(model=net, data=data, attack="cw", **usual), "expected fgsm or pgd"),
        (
            lambda: ll.inputs(model=nn.Sequential(net, nn.BatchNorm1d(3, track_running_stats=False)).double(), data=data,
                              precision="fp64", **usual),
            "others of its batch|more than 1 value",
        ),
    ]  # fmt: skip
    for run, says in cases:
        with pytest.raises((UsageError, LandscapeError), match=says) as refusal:
            run()
        assert "\n" not in str(refusal.value)


def test_another_box_is_another_run(cnn, tmp_path):
    asked = {
        "model": cnn(),
        "data": (IMAGES, CLASSES),
        "normalize": "0.4,0.6/0.5,0.2",
        "x": (-1, 1, 3),
        "y": (-1, 1, 3),
    }
    asked |= {"clip": True, "quiet": True, "out": tmp_path / "a.h5"}
    ll.inputs(**asked, attack="fgsm(box=[0, 1])")
    with pytest.raises(LandscapeError, match="input.box"):
        ll.inputs(**asked, attack="fgsm(box=[0, 0.2])")
    assert ll.inputs(**asked, attack="fgsm(box=[0, 1])", classes="a,b,c").known.input.box == [
        0,
        1,
    ]  # names change nothing


def test_a_named_tuple_that_begins_with_its_target_is_read_by_its_names(cnn):
    batch, kinds = namedtuple("Batch", "target image"), torch.tensor([0, 1, 2, 0])
    images = torch.randn(4, 2, 6, 6)
    named, pairs = (
        ll.inputs(model=cnn(), data=[each], quiet=True, x=(-1, 1, 2), y=(-1, 1, 2))
        for each in (batch(kinds, images), (images, kinds))
    )
    np.testing.assert_array_equal(named.values["margin"], pairs.values["margin"])


def test_a_net_of_values_has_no_classes():
    net, asked = nn.Linear(2, 3).double(), {"x": (-1, 1, 3), "y": (-1, 1, 3), "precision": "fp64", "quiet": True}
    targets = torch.randn(9, 3, generator=GENERATOR, dtype=torch.float64)
    assert list(ll.inputs(model=net, data=(POINTS, targets), loss="mse", **asked).values) == ["loss"]
    shares = targets.softmax(1)
    assert "class" in ll.inputs(model=net, data=(POINTS, shares), **asked).values


def test_a_loss_that_calls_a_net_of_two_inputs_has_its_values():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 3)

        def forward(self, x, scale):
            return scale * self.layer(x)

    def loss(model, batch):
        return F.cross_entropy(model(batch[0], 2.0), batch[1], reduction="none")

    net = Two().double()
    found = ll.inputs(
        model=net, data=(POINTS, THREE), loss=loss, x=(-1, 1, 3), y=(-1, 1, 3), precision="fp64", quiet=True
    )
    assert list(found.values) == ["loss"]
    with torch.no_grad():
        assert found.values["loss"][1, 1] == pytest.approx(float(loss(net, (POINTS[:1], THREE[:1]))), rel=1e-12)


SWAPPED = ll.Loss(inputs=1, targets=0)
NAMED = ll.Loss(inputs="place", targets="kind")


@pytest.mark.parametrize(
    ("data", "options"),
    [
        ((THREE, POINTS), {"loss": SWAPPED}),
        ([(THREE[:4], POINTS[:4]), (THREE[4:], POINTS[4:])], {"loss": SWAPPED}),
        ([{"place": POINTS, "weight": POINTS, "kind": THREE}], {"loss": NAMED}),
        ([{"place": POINTS[k : k + 3], "y": THREE[k : k + 3]} for k in range(0, 9, 3)], {}),
    ],
    ids=["swapped", "batches, swapped", "named", "a dict"],
)
def test_samples_are_read_as_the_loss_reads_its_batches(data, options):
    torch.manual_seed(0)
    net, of = nn.Linear(2, 3).double(), {"sample": 5, "x": "-1:1:3", "y": "-1:1:2", "precision": "fp64", "quiet": True}
    pairs, found = ll.inputs(model=net, data=(POINTS, THREE), **of), ll.inputs(model=net, data=data, **options, **of)
    assert list(found.values) == list(pairs.values)
    for name, values in pairs.values.items():
        np.testing.assert_array_equal(found.values[name], values)


def test_what_the_net_takes_beside_one_tensor_is_named():
    with pytest.raises(LandscapeError, match="moves the one tensor that the net takes.*ll.Loss"):
        ll.inputs(
            model=nn.Linear(2, 3).double(),
            data=[{"a": POINTS, "b": POINTS, "y": THREE}],
            x="0:1:2",
            y="0:1:2",
            quiet=True,
        )
