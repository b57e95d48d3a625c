"""A lean run holds one net, and gives the values of a run that holds origin and directions, to the bit."""

import json
import os

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import landscape as ll
from landscape.errors import LandscapeError, UsageError
from landscape.options.option import Given
from landscape.scene.facts.surface import facts
from landscape.study.on_slice import Asked, on_plane
from landscape.sweep.world import World

A, B, C = "a.safetensors", "b.pt", "c.safetensors"
GRID = {"x": (-1, 1, 3), "y": (-0.5, 1, 2), "quiet": True, "threads": 1, "loss": "mse", "metrics": ["loss"]}


def built():
    return nn.Sequential(nn.Linear(3, 200), nn.Tanh(), nn.Linear(200, 2000), nn.Tanh(), nn.Linear(2000, 1))


@pytest.fixture(scope="module")
def data():
    draw = torch.Generator().manual_seed(1)
    return torch.randn(40, 3, generator=draw), torch.randn(40, 1, generator=draw)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Three nets: as safetensors, as a torch file, and in bfloat16."""
    folder = tmp_path_factory.mktemp("nets")
    states = []
    for seed in range(3):
        torch.manual_seed(seed)
        states.append(built().state_dict())
    save_file(states[0], folder / A)
    torch.save(states[1], folder / B)
    save_file({name: tensor.bfloat16() for name, tensor in states[2].items()}, folder / C)
    return folder


def run(files, data, first, lean, **options):
    return ll.surface(files / first, model=built(), data=data, lean=lean, **{**GRID, **options})


@pytest.mark.parametrize(
    ("first", "options"),
    [
        (A, {}), (A, {"norm": "weight", "precision": "fp64"}), (A, {"to": B}), (A, {"to": C, "to_y": B}),
        (A, {"to": B, "norm": "filter", "ignore": "bias"}), (A, {"to": C, "only": "2"}), (B, {"only": "2.weight"}),
        (B, {"to": A}), (C, {}), (C, {"to": A, "norm": "layer"}),
    ],
    ids=str,
)  # fmt: skip
def test_values_and_axes_are_those_of_a_run_that_holds_all(files, data, first, options):
    options = {name: str(files / value) if name.startswith("to") else value for name, value in options.items()}
    kept, lean = (run(files, data, first, lean, **options) for lean in (False, True))
    assert np.ptp(kept.values["train_loss"]) > 0
    np.testing.assert_array_equal(lean.values["train_loss"], kept.values["train_loss"])
    assert lean.provenance["directions"] == kept.provenance["directions"]
    assert lean.provenance["checkpoint"] == kept.provenance["checkpoint"]
    assert lean.trails.keys() == kept.trails.keys()
    for name, trail in kept.trails.items():
        np.testing.assert_allclose(lean.trails[name].x, trail.x, atol=1e-9)
        # square roots of sums that cancel
        np.testing.assert_allclose(lean.trails[name].residual, trail.residual, atol=1e-5)


@pytest.mark.parametrize("first", [A, B, C])
def test_the_origin_is_back_bit_for_bit_after_many_points(files, data, first):
    wanted = {"model": built(), "data": data, "lean": True, "loss": "mse", "metrics": ["loss"], "threads": 1}
    asked = Asked.of(files / first, Given(wanted))
    on = on_plane(asked, {"x": "-1:1:3", "y": "-1:1:3"}, World(), "surface")
    weights = on.subject.objective.weights
    before = weights.numpy().tobytes()
    bytes_of_file = (files / first).read_bytes()
    for x in np.linspace(-1e6, 1e6, 7):
        on.slice.at((float(x), 1 / 3), out=weights)
        assert weights.numpy().tobytes() != before
        on.slice.at((0.0, 0.0), out=weights)
        assert weights.numpy().tobytes() == before
    assert (files / first).read_bytes() == bytes_of_file
    assert on.slice.origin.nbytes == 0, "no second copy"


@pytest.mark.parametrize("lean", [False, True])
def test_weights_in_bfloat16_move_in_float32(files, data, lean):
    """Against the same plane in float64: a few roundings of float32, where adding in bfloat16 would lose the whole step."""
    asked = {"model": built(), "data": data, "loss": "mse", "metrics": ["loss"], "threads": 1, "lean": lean}
    single, double = (
        on_plane(
            Asked.of(files / C, Given({**asked, "precision": kind})), {"x": "-1:1:3", "y": "-1:1:3"}, World(), "surface"
        )
        for kind in ("fp32", "fp64")
    )
    origin, step = single.slice.at((0.0, 0.0)), (1e-4, -3e-5)
    assert torch.equal(origin, origin.bfloat16().float()), "what is stored is read without rounding"
    found, exact = single.slice.at(step), double.slice.at(step)
    assert (found.double() - exact).abs().max() <= 3 * 2.0**-24 * exact.abs().max()
    moved = exact - origin.double()
    lost = origin.bfloat16() + moved.bfloat16() == origin.bfloat16()
    assert lost[moved != 0].float().mean() > 0.9 and (found == origin)[moved != 0].float().mean() < 0.01


def test_a_figure_says_what_weights_are_stored_in(files, data):
    found = run(files, data, C, False)
    assert found.provenance["checkpoint"]["stored"] == "bfloat16"
    assert "weights stored in bfloat16, moved in float32" in facts(found)
    assert "stored" not in run(files, data, A, False).provenance["checkpoint"]


def test_a_net_in_memory_is_its_own_origin(data):
    torch.manual_seed(4)
    net = built().bfloat16()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    kept, lean = (ll.surface(model=net, data=data, lean=lean, **GRID) for lean in (False, True))
    np.testing.assert_array_equal(lean.values["train_loss"], kept.values["train_loss"])
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


class KeepsWhatItIsGiven(nn.Sequential):
    """Code of the net's own makes the tensors of a state dict its parameters, as load_state_dict(assign=True) does."""

    def load_state_dict(self, state, strict=True, assign=False):
        return super().load_state_dict(state, strict, assign=True)


@pytest.mark.parametrize("kind", [nn.Sequential, KeepsWhatItIsGiven])
def test_tensors_of_the_caller_are_read_and_never_given_back(files, data, kind):
    """They lie in a mapped file too, but what the caller wrote to them stands nowhere else."""
    state = torch.load(files / B, mmap=True)
    for tensor in state.values():
        tensor.mul_(2)
    before = {name: tensor.clone() for name, tensor in state.items()}
    kept, lean = (
        ll.surface(ll.Checkpoint(state), model=kind(*built()), data=data, lean=lean, **GRID) for lean in (False, True)
    )
    np.testing.assert_array_equal(lean.values["train_loss"], kept.values["train_loss"])
    assert all(torch.equal(tensor, before[name]) for name, tensor in state.items())


@pytest.mark.parametrize("moves", ["2", "0"])
def test_a_file_that_is_written_to_during_the_last_point_is_an_error(data, tmp_path, moves):
    """The file of parameters that move, and that of those which rest."""
    path, calls, last = tmp_path / "second.safetensors", [], None
    state = built().state_dict()
    files = {name: path.name if name.startswith("2") else "first.safetensors" for name in state}
    for file in set(files.values()):
        save_file({name: tensor for name, tensor in state.items() if files[name] == file}, tmp_path / file)
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": files}))

    def loss(model, batch):
        calls.append(1)
        if len(calls) == last:
            os.utime(path, ns=(1, 1))
        return nn.functional.mse_loss(model(batch[0]), batch[1], reduction="none").flatten()

    def found():
        return ll.surface(tmp_path, model=built(), data=data, lean=True, only=moves, **{**GRID, "loss": loss})

    whole, last = found(), len(calls)
    calls.clear()
    assert np.isfinite(whole.values["train_loss"]).all()
    with pytest.raises(LandscapeError, match="second.safetensors was written to while it was read from"):
        found()
    assert len(calls) == last


def test_layers_that_share_a_tensor_share_what_was_read(data, tmp_path):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
            self.second.weight = self.first.weight

        def forward(self, x):
            return self.second(self.first(x)).sum(1, keepdim=True)

    torch.manual_seed(5)
    state = Tied().state_dict()
    del state["second.weight"]
    save_file(state, tmp_path / "tied.safetensors")
    kept, lean = (
        ll.surface(tmp_path / "tied.safetensors", model=Tied(), data=data, lean=lean, **GRID) for lean in (False, True)
    )
    np.testing.assert_array_equal(lean.values["train_loss"], kept.values["train_loss"])


def test_a_net_that_loads_by_itself_is_loaded_by_itself(data, tmp_path):
    """Its hook doubles what is stored, which a parameter that is the stored tensor would not be."""

    class Doubled(nn.Linear):
        def _load_from_state_dict(self, state_dict, prefix, *rest):
            doubled = {name: 2 * tensor for name, tensor in state_dict.items()}
            super()._load_from_state_dict(doubled, prefix, *rest)

    save_file(nn.Linear(3, 1).state_dict(), tmp_path / "net.safetensors")
    kept, lean = (
        ll.surface(tmp_path / "net.safetensors", model=Doubled(3, 1), data=data, lean=lean, **GRID)
        for lean in (False, True)
    )
    np.testing.assert_array_equal(lean.values["train_loss"], kept.values["train_loss"])


def test_moving_statistics_are_refused(tmp_path):
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    torch.save(net.state_dict(), tmp_path / "a.pt")
    other = {name: 1 + tensor for name, tensor in net.state_dict().items()}
    torch.save(other, tmp_path / "b.pt")
    pair = torch.randn(8, 3), torch.randn(8, 1)
    asked = {"model": net, "data": pair, "to": tmp_path / "b.pt", "lean": True, **GRID}
    with pytest.raises(UsageError, match="lean moves no BN statistics"):
        ll.surface(tmp_path / "a.pt", **asked)
