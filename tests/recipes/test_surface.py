"""The main job from Python: every value is a plain evaluation at its place, and nothing of the caller's is changed."""

import copy

import h5py
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import landscape as ll
from landscape.errors import LandscapeError
from landscape.layout import Layout
from landscape.options.option import Given
from landscape.recipes.words import plan_lines
from landscape.study.on_slice import Asked, on_plane
from landscape.study.study import Plan
from landscape.sweep.world import World


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)).train()


@pytest.fixture
def data() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(4)
    return torch.randn(50, 1, 4, 4, generator=generator), torch.randint(0, 3, (50,), generator=generator)


@pytest.fixture
def saved(net, tmp_path) -> dict:
    """The net in a file, and the options that load it: a module of ours, which moves itself."""
    torch.save(net.state_dict(), tmp_path / "net.pt")
    (tmp_path / "net.py").write_text(
        "from torch import nn\n\ndef build():\n"
        "    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3))\n"
    )
    return {"checkpoint": tmp_path / "net.pt", "model": f"{tmp_path / 'net.py'}:build"}


def plain_loss(net: nn.Module, weights: dict, data) -> float:
    """An independent evaluation: a fresh copy in float64, loaded by state dict."""
    other = copy.deepcopy(net).double().eval()
    other.load_state_dict({**other.state_dict(), **weights})
    with torch.no_grad():
        return nn.functional.cross_entropy(other(data[0].double()), data[1]).item()


def test_every_value_is_a_plain_evaluation_at_its_place(net, data, tmp_path):
    out = tmp_path / "a.h5"
    found = ll.surface(
        model=net, data=data, x=(-1, 1, 5), y=(-0.5, 2, 3), precision="fp64", out=out, save_directions=True, quiet=True
    )
    assert found.shape == found.values["train_loss"].shape == (3, 5)
    with h5py.File(tmp_path / "a.directions.h5") as file:
        for iy, y in enumerate(found.y):
            for ix, x in enumerate(found.x):
                moved = {
                    name: tensor.double()
                    + x * torch.from_numpy(file["x"][name][()]).double()
                    + y * torch.from_numpy(file["y"][name][()]).double()
                    for name, tensor in net.named_parameters()
                }
                assert found.values["train_loss"][iy, ix] == pytest.approx(plain_loss(net, moved, data), rel=1e-12)


def test_at_the_origin_bit_for_bit_the_untouched_model(net, data):
    found = ll.surface(model=net, data=data, x=(-1, 1, 3), y=(-1, 1, 3), batch_size=50, plain=True, quiet=True)
    with torch.no_grad():
        outputs = copy.deepcopy(net).eval()(data[0])
    each = nn.functional.cross_entropy(outputs, data[1], reduction="none").double()
    assert found.at_origin("train_loss") == (each.sum() / 50).item()


def test_the_callers_model_and_data_are_unchanged(net, data):
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    storage = [parameter.data_ptr() for parameter in net.parameters()]
    inputs = data[0].clone()

    def fails(outputs, targets):
        raise ValueError("stop")

    ll.line(model=net, data=data, x=(-1, 1, 3), batchnorm="recompute", quiet=True)
    with pytest.raises(ll.LandscapeError, match="stop"):
        ll.line(model=net, data=data, x=(-1, 1, 3), loss=fails, quiet=True)
    assert net.training
    assert all(parameter.requires_grad for parameter in net.parameters())
    assert storage == [parameter.data_ptr() for parameter in net.parameters()]
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert torch.equal(inputs, data[0])


def test_global_state_is_left_alone(net, data):
    threads, state, numpy_state = torch.get_num_threads(), torch.get_rng_state(), np.random.get_state()[1].copy()
    ll.line(model=net, data=data, x=(-1, 1, 3), threads=1 + threads % 2, quiet=True)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)
    assert torch.is_grad_enabled()


def test_seeds(net, data):
    first, again, other = (ll.line(model=net, data=data, x=(-1, 1, 3), seed=seed, quiet=True) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.values["train_loss"], again.values["train_loss"])
    assert not np.array_equal(first.values["train_loss"], other.values["train_loss"])


def test_a_shuffling_loader_and_a_dataset_give_what_the_tensors_give(net, data):
    expected = ll.line(model=net, data=data, x=(-1, 1, 3), precision="fp64", quiet=True).values["train_loss"]
    dataset = TensorDataset(*data)
    for source in (dataset, DataLoader(dataset, batch_size=7, shuffle=True), [(data[0], data[1])]):
        found = ll.line(model=net, data=source, x=(-1, 1, 3), precision="fp64", quiet=True)
        np.testing.assert_allclose(found.values["train_loss"], expected, rtol=1e-12)


def test_train_and_test_in_one_run(net, data):
    other = (data[0] + 1, data[1])
    found = ll.line(model=net, data={"train": data, "test": other}, split=["train", "test"], x=(-1, 1, 3), quiet=True)
    alone = ll.line(model=net, data=other, x=(-1, 1, 3), quiet=True)
    np.testing.assert_array_equal(found.values["test_loss"], alone.values["train_loss"])
    assert list(found.values) == ["train_loss", "train_accuracy", "test_loss", "test_accuracy"]
    assert list(found.stderr) == list(found.values)


def test_a_line_between_two_nets_has_them_at_0_and_1(net, data):
    other = copy.deepcopy(net)
    with torch.no_grad():
        for tensor in other.state_dict().values():
            if tensor.is_floating_point():
                tensor.mul_(1.5).add_(0.1)
    found = ll.line(model=net, data=data, to=other, x=(0, 1, 3), precision="fp64", quiet=True)
    first, _, last = found.values["train_loss"]
    assert first == pytest.approx(plain_loss(net, {}, data), rel=1e-12)
    assert last == pytest.approx(plain_loss(other, {}, data), rel=1e-6)  # the difference is kept in float32
    assert found.provenance["batchnorm"] == "interpolate"
    assert found.trails["nets"].x.tolist() == [0.0, 1.0]
    kept = ll.line(model=net, data=data, to=other, x=(0, 1, 3), batchnorm="keep", quiet=True)
    assert kept.values["train_loss"][2] != pytest.approx(last, rel=1e-3), "with kept statistics, 1 is another net"


def test_a_plane_through_three_nets(net, data):
    generator = torch.Generator().manual_seed(9)
    others = []
    for _ in range(2):
        other = copy.deepcopy(net)
        with torch.no_grad():
            for parameter in other.parameters():
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
        others.append(other)
    found = ll.surface(model=net, data=data, to=others[0], to_y=others[1], x=(0, 1, 2), y=(0, 1, 2), quiet=True)
    loss = found.values["train_loss"]
    for place, one in (((0, 0), net), ((0, 1), others[0]), ((1, 0), others[1])):
        assert loss[place] == pytest.approx(plain_loss(one, {}, data), rel=1e-5)
    nets = found.trails["nets"]
    assert list(zip(nets.x, nets.y, strict=True)) == [(0, 0), (1, 0), (0, 1)]


def test_a_range_where_a_variance_would_be_negative_is_refused(net, data):
    other = copy.deepcopy(net)
    with torch.no_grad():
        other[1].running_var.mul_(0.25)
    with pytest.raises(ll.LandscapeError, match=r"1\.running_var becomes negative .* at \(2\).*recompute"):
        ll.line(model=net, data=data, to=other, x=(0, 2, 3), quiet=True)
    assert np.isfinite(ll.line(model=net, data=data, to=other, x=(0, 1.2, 3), quiet=True).values["train_loss"]).all()


def test_dry_run_computes_nothing(net, data, tmp_path):
    plan = ll.surface(model=net, data=data, x="-1:1:5", y="-1:1:3", out=tmp_path / "a.h5", dry_run=True)
    assert isinstance(plan, Plan)
    assert (plan.points, plan.pending, plan.samples_per_point, plan.ranks) == (15, 15, 50, 1)
    assert plan.seconds > 0 and plan.weight_bytes >= 4 * 4 * sum(p.numel() for p in net.parameters())
    assert list(tmp_path.iterdir()) == []


def test_directions_are_used_again(net, data, tmp_path):
    first = ll.surface(
        model=net, data=data, x="-1:1:3", y="-1:1:3", seed=7, out=tmp_path / "a.h5", save_directions=True, quiet=True
    )
    again = ll.surface(
        model=net, data=data, x="-1:1:3", y="-1:1:3", directions=tmp_path / "a.directions.h5", quiet=True
    )
    np.testing.assert_array_equal(first.values["train_loss"], again.values["train_loss"])


@pytest.mark.parametrize("norm", ["filter", "layer", "dfilter", "dlayer", "weight", "none"])
def test_orthogonal_axes_are_told_in_the_provenance(net, data, norm):
    found = ll.surface(model=net, data=data, x="-1:1:2", y="-1:1:2", norm=norm, orthogonal=True, quiet=True)
    assert abs(found.provenance["directions"]["cosine"]) < 1e-6


@pytest.mark.parametrize("norm", ["filter", "weight"])
def test_lean_gives_the_same_values_and_continues_the_same_file(saved, data, tmp_path, norm):
    options = {**saved, "data": data, "x": "-1:1:3", "y": "-1:1:4", "norm": norm, "quiet": True}
    expected = ll.surface(**options)
    found = ll.surface(**options, lean=True, out=tmp_path / "a.h5")
    for name, values in expected.values.items():
        np.testing.assert_array_equal(found.values[name], values)
    assert found.provenance["directions"] == expected.provenance["directions"]
    assert found.provenance["run"]["lean"] and not expected.provenance["run"]["lean"]
    again = ll.surface(**options, out=tmp_path / "a.h5")  # an error, were it another run
    assert again.provenance["run"]["lean"]


def test_the_plan_tells_the_memory_that_is_held(net, data):
    options = {"model": net, "data": data, "x": "-1:1:5", "y": "-1:1:3", "dry_run": True, "plain": True}
    size = 4 * Layout.of(net).size
    assert ll.surface(**options).weight_bytes == 4 * size, "origin, net and two directions"
    assert ll.surface(**options, precision="fp64").weight_bytes == 8 * size
    large = nn.Sequential(nn.Flatten(), nn.Linear(16, 4000), nn.ReLU(), nn.Linear(4000, 200), nn.Linear(200, 3))
    size = 4 * Layout.of(large).size
    lean = ll.surface(**{**options, "model": large}, lean=True).weight_bytes
    assert 2 * size < lean < 3 * size


def test_a_dry_run_onto_the_file_of_another_run_plans_it_and_names_a_free_file(net, data, tmp_path):
    options = {"model": net, "data": data, "x": "-1:1:3", "quiet": True, "out": tmp_path / "a.h5"}
    ll.line(**options)
    plan = ll.line(**options, dry_run=True)
    assert (plan.pending, plan.taken) == (0, None), "the same run, which is complete"
    (tmp_path / "a-2.h5").touch()
    plan = ll.line(**options, seed=1, dry_run=True)
    assert plan.pending == 3
    assert "a.h5 holds another run: directions.seed is 0 in the file, 1 now; give another -o, such as " in plan.taken
    assert str(tmp_path / "a-3.h5") in plan.taken and plan_lines(plan)[-1] == f"output   {plan.taken}"
    with pytest.raises(LandscapeError, match="holds another run: directions.seed"):
        ll.line(**options, seed=1)


def test_nothing_else_is_held_of_the_net(net, saved, data):
    """Other nets, the checkpoint, the net as it was loaded: what a point needs is origin, net and directions."""
    with torch.no_grad():
        net[0].weight.mul_(1.5)
    given = Given({**saved, "data": data, "to": net, "plain": True, "threads": 1})
    on = on_plane(Asked.of(saved["checkpoint"], given), {"x": (0, 1, 3)}, World(), "line")
    objective, plane = on.subject.objective, on.slice
    vectors = {id(vector) for vector in (objective.weights, plane.origin, *plane.directions)}
    assert len(vectors) == 3 and on.weight_bytes == 3 * 4 * objective.layout.size
    assert on.directions == ()
    storage = objective.weights.untyped_storage().data_ptr()
    assert all(p.untyped_storage().data_ptr() == storage for p in objective.model.parameters())


def test_provenance_tells_what_was_computed(net, data):
    facts = ll.surface(model=net, data=data, x="-1:1:2", y="-1:1:2", samples=20, seed=3, quiet=True).provenance
    assert facts["command"] == "surface"
    parameters = sum(p.numel() for p in net.parameters())
    assert facts["model"] == {"name": "Sequential", "spec": "Sequential", "parameters": parameters, "batch_norms": 1}
    assert facts["data"]["splits"]["train"] | {"fingerprint": None} == {"samples": 20, "of": 50, "fingerprint": None}
    assert (facts["loss"], facts["metrics"]) == ("cross_entropy", ["loss", "accuracy"])
    directions = facts["directions"]
    assert (directions["seed"], directions["norm"], directions["ignore"]) == (3, "filter", "biasbn")
    assert (facts["batchnorm"], facts["precision"]) == ("keep", "fp32")
    assert set(facts["run"]["versions"]) >= {"landscape", "torch", "numpy", "h5py", "python"}


def test_wrapped_models_are_unwrapped(net, data):
    plain = ll.line(model=net, data=data, x=(-1, 1, 3), quiet=True).values["train_loss"]
    for wrapped in (nn.DataParallel(net), torch.compile(net), torch.compile(nn.DataParallel(net))):
        found = ll.line(model=wrapped, data=data, x=(-1, 1, 3), quiet=True)
        np.testing.assert_array_equal(found.values["train_loss"], plain)


def test_a_second_net_of_another_architecture_is_refused_by_name(net, data):
    other = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    with pytest.raises(ll.LandscapeError, match=r"in memory does not fit Sequential: missing .*0\.weight"):
        ll.line(model=net, data=data, to=other, x=(0, 1, 3), quiet=True)
