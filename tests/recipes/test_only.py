"""`--only`: the vectors hold what moves, all else rests, and every value is that of plain torch."""

import copy
import json

import h5py
import numpy as np
import pytest
import torch
from torch import nn

import landscape as ll
from landscape.errors import UsageError
from landscape.options.option import Given
from landscape.recipes.words import plan_lines
from landscape.study.on_slice import Asked, on_plane
from landscape.sweep.world import World
from tests.recipes.plain_only import dense, plain_loss, stored

PLANE = {"x": (-1, 1, 3), "y": (-0.5, 1, 4)}
EXACT = {"precision": "fp64", "quiet": True}


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(3)
    net = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 3)).double()
    with torch.no_grad():
        net(2 * torch.randn(40, 4).double())
        net[1].weight.uniform_(0.5, 1.5)
    return net.eval()


@pytest.fixture
def data() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(4)
    return torch.randn(30, 4, generator=generator).double(), torch.randint(0, 3, (30,), generator=generator)


@pytest.mark.parametrize(
    ("only", "ignore", "names"),
    [
        ("type:Linear", None, ["0.weight", "0.bias", "3.weight", "3.bias"]),
        (["^0", "type:BatchNorm1d"], None, ["0.weight", "0.bias", "1.weight", "1.bias"]),
        (["^0", "^3"], ["biasbn"], ["0.weight", "3.weight"]),
        ("biasbn", "^3", ["0.bias", "1.weight", "1.bias"]),
    ],
)
def test_only_what_is_named_moves(net, data, tmp_path, only, ignore, names):
    out, before = tmp_path / "a.h5", copy.deepcopy(net.state_dict())
    found = ll.surface(model=net, data=data, only=only, ignore=ignore, out=out, save_directions=True, **PLANE, **EXACT)
    x, y = stored(tmp_path / "a.directions.h5")
    assert list(x) == names
    for name in names:  # of the norm of the net, filter by filter; in one dimension every entry is a filter
        own = net.state_dict()[name].reshape(len(x[name]), -1).norm(dim=1)
        torch.testing.assert_close(y[name].reshape(len(own), -1).norm(dim=1), own, rtol=1e-6, atol=0)
    for iy, b in enumerate(found.y):
        for ix, a in enumerate(found.x):
            expected = plain_loss(net, {name: a * x[name] + b * y[name] for name in names}, data)
            np.testing.assert_allclose(found.values["train_loss"][iy, ix], expected, rtol=1e-12)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    made = found.provenance["directions"]
    assert made["moving"] == sum(net.state_dict()[name].numel() for name in names)
    assert made["only"] == (only if isinstance(only, str) else " + ".join(only))


def on(net, data, **options):
    given = {"model": net, "data": data, "precision": "fp64", **options}
    return on_plane(Asked.of(None, Given(given)), {"x": (-1, 1, 3), "y": (-1, 1, 3)}, World(), "surface")


def test_vectors_have_the_size_of_what_moves(net, data):
    some, whole = on(net, data, only="^3"), on(net, data)
    assert some.subject.objective.layout.names == ("3.weight", "3.bias")
    assert some.slice.nbytes == 3 * 8 * some.subject.objective.layout.size < whole.slice.nbytes / 2
    # what rests is held once, and counted
    rest = sum(tensor.numel() for name, tensor in net.named_parameters() if name[0] != "3")
    assert some.subject.objective.nbytes == 8 * (some.subject.objective.layout.size + rest)


def test_at_the_centre_the_net_is_the_callers_bit_for_bit(net, data):
    found = on(net, data, only="^1")
    objective = found.subject.objective
    found.slice.at((0.5, 0.5), out=objective.weights)
    found.slice.at((0.0, 0.0), out=objective.weights)
    for name, tensor in objective.model.state_dict().items():
        assert torch.equal(tensor, net.state_dict()[name]), name


def test_the_penalty_is_over_all_parameters(net, data):
    options = {"model": net, "data": data, "x": (-1, 1, 3), "l2": 0.1, **EXACT}
    found = ll.line(only="^3", **options)
    squares = {name: float(tensor.detach().square().sum()) for name, tensor in net.named_parameters()}
    penalty = found.values["train_loss_l2"] - found.values["train_loss"]
    np.testing.assert_allclose(penalty[1], 0.05 * sum(squares.values()), rtol=1e-12)
    assert penalty[0] > 0.05 * sum(value for name, value in squares.items() if name[0] != "3")


def test_trainable_follows_the_callers_module(net, data):
    net[0].requires_grad_(False)
    net[1].requires_grad_(False)
    found, same = (ll.line(model=net, data=data, x=(-1, 1, 3), only=only, **EXACT) for only in ("trainable", "^3"))
    np.testing.assert_array_equal(found.values["train_loss"], same.values["train_loss"])
    kept = ll.line(model=net, data=data, x=(-1, 1, 3), ignore=["frozen", "biasbn"], **EXACT)
    assert kept.provenance["directions"]["ignore"] == "frozen + biasbn"
    assert [each.requires_grad for each in net.parameters()] == [False] * 4 + [True] * 2


def test_frozen_parameters_move_by_default_and_the_note_names_the_option(net, data, capsys):
    net[0].requires_grad_(False)
    ll.line(model=net, data=data, x=(-1, 1, 3), precision="fp64")
    said = capsys.readouterr()
    assert "30 of 63 parameters are frozen (requires_grad=False) and move like the others; only='trainable'" in (
        said.out + said.err
    )
    ll.line(model=net, data=data, x=(-1, 1, 3), precision="fp64", only="trainable")
    said = capsys.readouterr()
    assert "frozen" not in said.out + said.err


def test_a_lean_direction_is_the_stored_one(net, data):
    options = {"model": net, "data": data, "only": ["^0", "^1"], **PLANE, **EXACT}
    kept, lean = ll.surface(**options), ll.surface(**options, lean=True)
    np.testing.assert_array_equal(kept.values["train_loss"], lean.values["train_loss"])
    assert kept.provenance["directions"] == lean.provenance["directions"]


def test_saved_directions_move_what_they_hold(net, data, tmp_path):
    options = {"model": net, "data": data, **PLANE, **EXACT}
    first = ll.surface(only="^3", out=tmp_path / "a.h5", save_directions=True, **options)
    # without the attribute that says so, a file that lacks tensors is one of another net
    with h5py.File(tmp_path / "a.directions.h5") as file, h5py.File(tmp_path / "b.directions.h5", "w") as other:
        assert file["x"].attrs["only"] == "^3"
        other.attrs.update(file.attrs)
        for axis in "xy":
            file.copy(axis, other)
            del other[axis].attrs["only"]
    again = ll.surface(directions=tmp_path / "a.directions.h5", **options)
    np.testing.assert_array_equal(first.values["train_loss"], again.values["train_loss"])
    assert again.provenance["directions"]["only"] == "^3"
    with pytest.raises(ll.LandscapeError, match="is of another net: it has no 0.weight"):
        ll.surface(directions=tmp_path / "b.directions.h5", **options)
    with pytest.raises(UsageError, match="drop norm, ignore, only"):
        ll.surface(directions=tmp_path / "a.directions.h5", only="^3", **options)


def test_another_choice_is_another_run(net, data, tmp_path):
    options = {"model": net, "data": data, "x": (-1, 1, 3), "out": tmp_path / "a.h5", **EXACT}
    ll.line(only="^3", **options)
    with pytest.raises(ll.LandscapeError, match=r"only is \^3 in the file, \^0 now"):
        ll.line(only="^0", **options)
    with pytest.raises(ll.LandscapeError, match=r"ignore is none in the file, biasbn now|only is \^3 in the file"):
        ll.line(**options)
    assert ll.line(only=["^3"], **options).counts()["done"] == 3


@pytest.mark.parametrize("along", ["hessian", "gradient"])
def test_directions_along_the_loss_are_those_of_the_block(net, data, tmp_path, along):
    out = tmp_path / "a.h5"
    found = ll.line(model=net, data=data, only="^3", along=along, x=(0, 1, 2), out=out, **EXACT)
    assert found.provenance["directions"]["only"] == "^3"
    with h5py.File(tmp_path / "a.directions.h5") as file:
        assert sorted(file["x"]) == ["3.bias", "3.weight"]
        if along == "hessian":
            value = float(file["x"].attrs["eigenvalue"])
            np.testing.assert_allclose(value, dense(net, data, ["3.weight", "3.bias"])[-1], rtol=1e-4)
    assert ll.line(model=net, data=data, only="^3", along=along, x=(0, 1, 2), out=out, **EXACT).counts()["done"] == 2
    with pytest.raises(UsageError, match="holds other directions"):
        ll.line(model=net, data=data, ignore="none", along=along, x=(0, 1, 2), out=out, **EXACT)


def test_curvature_is_of_what_moves_or_of_what_is_asked_for(net, data, tmp_path):
    """Flat in one space may be sharp in another: the same plane, with the Hessian of what moves, of all, and of a layer."""
    out = tmp_path / "a.h5"
    options = {"model": net, "data": data, "quiet": True, "tolerance": 1e-4}
    ll.surface(model=net, data=data, only="^3", x=(-1, 1, 3), y=(-1, 1, 3), out=out, **EXACT)
    every = [name for name, _ in net.named_parameters()]
    for asked, names in (({}, every[4:]), ({"ignore": "none"}, every), ({"only": "^0"}, every[:2])):
        found = ll.hessian(out, overwrite=True, **options, **asked)
        values = dense(net, data, names)
        at_centre = [found.values[name][1, 1] for name in ("hessian_min", "hessian_max")]
        np.testing.assert_allclose(at_centre, values[[0, -1]], rtol=1e-3, atol=1e-6)
        assert found.provenance["hessian"]["parameters"] == len(values)
        assert found.provenance["hessian"].get("only") == {(): "^3", ("only",): "^0"}.get(tuple(asked))


@pytest.mark.parametrize(
    ("products", "precision"), [("graph", "fp64"), ("differences", "fp64"), ("differences", "fp32")]
)
def test_a_spectrum_is_of_the_block(net, data, products, precision):
    found = ll.spectrum(
        model=net, data=data, only=["^0", "^1"], per="layer", products=products, top=3, bottom=2, probes=0,
        trace_products=0, precision=precision, quiet=True,
    )  # fmt: skip
    assert {name: block.dimension for name, block in found.blocks.items()} == {"all parameters": 42, "0": 30, "1": 12}
    values = dense(net, data, ["0.weight", "0.bias", "1.weight", "1.bias"])
    np.testing.assert_allclose(found.whole.values, values[[0, 1, -3, -2, -1]], rtol=0.01, atol=1e-5)
    assert found.provenance["spectrum"]["only"] == "^0 + ^1" and found.provenance["spectrum"]["ignore"] == "none"


def test_nets_that_differ_in_what_rests_are_told(net, data, capsys):
    other = copy.deepcopy(net)
    with torch.no_grad():
        other[0].weight += 0.1
        other[3].weight += 0.2
    found = ll.line(model=net, to=other, data=data, only="^3", x=(0, 1, 2), precision="fp64")
    said = capsys.readouterr()
    assert "differ in what does not move too (0.weight)" in said.out + said.err
    np.testing.assert_allclose(found.trails["nets"].residual, [0, (other[0].weight - net[0].weight).norm().item()])
    ignoring = ll.line(model=net, to=other, data=data, ignore="^0", x=(0, 1, 2), precision="fp64")
    assert "differ in what does not move too (0.weight)" in "".join(capsys.readouterr())
    np.testing.assert_allclose(ignoring.trails["nets"].residual, found.trails["nets"].residual, atol=1e-6)
    mixed = copy.deepcopy(net)
    mixed[3] = other[3]
    np.testing.assert_allclose(found.values["train_loss"][1], plain_loss(mixed, {}, data), rtol=1e-12)
    same = copy.deepcopy(net)
    same[3] = other[3]
    found = ll.line(model=net, to=same, data=data, only="^3", x=(0, 1, 2), precision="fp64")
    assert "differ" not in "".join(capsys.readouterr())
    np.testing.assert_array_equal(found.trails["nets"].residual, [0, 0])


def test_statistics_move_with_the_layers_that_do(net, data):
    other = copy.deepcopy(net)
    with torch.no_grad():
        other[1].running_mean += 0.3
        other[1].weight += 0.2
    found = ll.line(model=net, to=other, data=data, only="type:BatchNorm1d", x=(0, 1, 2), **EXACT)
    assert found.provenance["batchnorm"] == "interpolate"
    np.testing.assert_allclose(found.values["train_loss"][1], plain_loss(other, {}, data), rtol=1e-12)
    whole = ll.line(model=net, to=other, data=data, only="trainable", x=(0, 1, 2), **EXACT)
    np.testing.assert_allclose(whole.values["train_loss"][1], plain_loss(other, {}, data), rtol=1e-12)


def test_a_loss_that_changes_what_rests_is_refused(net, data):
    def loss(model, batch):
        with torch.no_grad():
            model[0].weight.mul_(1.1)
        return nn.functional.cross_entropy(model(batch[0]), batch[1])

    with pytest.raises(ll.LandscapeError, match="the loss changes the weights"):
        ll.line(model=net, data=data, loss=loss, only="^3", x=(0, 1, 2), **EXACT)


def test_info_lists_what_moves_and_why_the_rest_does_not(net, capsys):
    net[0].requires_grad_(False)
    found = ll.info(None, model=net, moves=True, ignore=["frozen", "biasbn"])["moves"]
    tensors = {
        f"{path}.{name}": each for path, layer in found["layers"].items() for name, each in layer["tensors"].items()
    }
    assert [name for name, each in tensors.items() if each["moves"]] == ["3.weight"]
    assert (found["moving"], found["parameters"], found["ignore"]) == (18, 63, "frozen + biasbn")
    assert tensors["0.weight"]["why not"] == "ignored by frozen" and tensors["1.bias"]["why not"] == "ignored by biasbn"
    named = ll.info(None, model=net, moves=True, only="^3")["moves"]
    assert named["layers"]["1"]["tensors"]["bias"]["why not"] == "not among ^3" and named["moving"] == 21
    with pytest.raises(UsageError, match="only says what moves; give moves too"):
        ll.info("net.pt", only="^3")


def test_the_shell_takes_several(net, data, tmp_path, capsys, monkeypatch):
    from landscape.cli.main import main

    monkeypatch.chdir(tmp_path)
    torch.save(net.float().state_dict(), "net.pt")
    np.savez("data.npz", images=data[0].float().numpy().reshape(-1, 1, 2, 2), labels=data[1].numpy())
    (tmp_path / "net.py").write_text(
        "from torch import nn\n\n\nclass Net(nn.Sequential):\n"
        "    def forward(self, images):\n        return super().forward(images.flatten(1))\n\n\ndef build():\n"
        "    return Net(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 3))\n"
    )
    words = ["net.pt", "--model", "net.py:build", "--only", "^0", "--only", "type:BatchNorm1d", "--ignore", "bias$"]
    assert main(["line", *words, "-x", "0:1:2", "--data", "npz:data.npz", "-o", "a.h5", "--quiet"]) == 0
    assert ll.load_surface("a.h5").provenance["directions"]["only"] == "^0 + type:BatchNorm1d"
    capsys.readouterr()
    assert main(["info", *words, "--moves"]) == 0
    said = capsys.readouterr().out
    assert "weight  6 x 4  moves" in said and "rests: not among ^0 + type:BatchNorm1d" in said
    assert "rests: ignored by bias$" in said and "30 of 63 parameters move" in said
    assert main(["info", *words, "--moves", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["moves"]["moving"] == 30


def test_a_plan_says_what_is_computed_once(net, data, monkeypatch):
    monkeypatch.setattr("landscape.measurement.evaluate.SPEED_SECONDS", 0.02)
    of = {"model": net, "data": data, "only": "^3", "dry_run": True, **PLANE, **EXACT}
    plan, plain = ll.surface(**of), ll.surface(**of, plain=True)
    assert (plan.kept.layers, plan.kept.of) == (2, 3)
    said = [line for line in plan_lines(plan) if line.startswith("kept")]
    assert said == [
        "kept     what comes before the first layers that move is computed once, 2 of 3 layers: 1 kB of activations in all"
    ]
    first = plan.samples_per_point / plan.samples_per_second
    assert plan.seconds == pytest.approx(first + 11 * plan.kept.seconds)
    assert plain.kept is None and not any(line.startswith("kept") for line in plan_lines(plain))
    assert ll.surface(**of, points_per_pass=2).kept is None
    sizes = {"x": (-1, 1, 41), "y": (-1, 1, 41), "tolerance": 0.05, "refine": True}
    few = ll.surface(**of | sizes)  # a smooth surface leaves out most of its points
    first = few.samples_per_point / few.samples_per_second
    assert few.saving.points < few.pending / 2
    assert few.seconds == pytest.approx(first + (few.saving.points - 1) * few.kept.seconds)
