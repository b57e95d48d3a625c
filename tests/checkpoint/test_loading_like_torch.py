"""What `load_state_dict` of a net does beside copying: hooks that rename and convert, states that are not tensors."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import prune

import landscape as ll
from landscape.errors import CheckpointError, LandscapeError

X = torch.randn(20, 12, generator=torch.Generator().manual_seed(1))
Y = torch.randint(0, 4, (20,), generator=torch.Generator().manual_seed(2))
GIVEN = {"data": (X, Y), "x": (-1, 1, 3), "quiet": True}


def loss_of(net):
    with torch.no_grad():
        return F.cross_entropy(net(X), Y).item()


def found(path, net, **options):
    return ll.line(path, model=net, **GIVEN, **options).at_origin("train_loss")


class Scaled(nn.Module):
    def __init__(self, scale=1.0):
        super().__init__()
        self.layer, self.scale = nn.Linear(12, 4), scale

    def forward(self, x):
        return self.layer(x) * self.scale

    def get_extra_state(self):
        return {"scale": self.scale}

    def set_extra_state(self, state):
        self.scale = state["scale"]


class Renamed(nn.Module):
    """Its files have an older name."""

    def __init__(self):
        super().__init__()
        self.new = nn.Linear(12, 4)
        self._register_load_state_dict_pre_hook(self._rename)

    @staticmethod
    def _rename(state, *rest):
        for name in [name for name in state if name.startswith("old.")]:
            state[name.replace("old.", "new.")] = state.pop(name)

    def forward(self, x):
        return self.new(x)


@pytest.mark.parametrize("entry", ["", "state_dict"])
@pytest.mark.parametrize("prefix", ["", "module.", "model."])
def test_a_state_that_is_no_tensor_is_loaded(tmp_path, entry, prefix):
    """Without it the file gives another net, without a word."""
    net, file = nn.Sequential(Scaled(3.0)), tmp_path / "net.pt"
    state = {prefix + name: value for name, value in net.state_dict().items()}
    torch.save({entry: state} if entry else state, file)
    assert found(file, nn.Sequential(Scaled())) == pytest.approx(loss_of(net), rel=1e-6)
    assert found(None, net) == pytest.approx(loss_of(net), rel=1e-6)


def test_a_file_of_the_old_weight_norm_fits_the_new_one(tmp_path):
    old = nn.Sequential(torch.nn.utils.weight_norm(nn.Linear(12, 4)))
    torch.save(old.state_dict(), tmp_path / "old.pt")
    new = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(12, 4)))
    assert found(tmp_path / "old.pt", new) == pytest.approx(loss_of(old), rel=1e-6)


def test_a_hook_that_renames(tmp_path):
    """Also for the other net of a line."""
    nets = [Renamed(), Renamed()]
    files = [tmp_path / "a.pt", tmp_path / "b.pt"]
    for net, file in zip(nets, files, strict=True):
        torch.save({name.replace("new", "old"): value for name, value in net.state_dict().items()}, file)
    line = ll.line(files[0], model=Renamed(), to=files[1], data=(X, Y), x=(0, 1, 2), quiet=True)
    assert line.values["train_loss"] == pytest.approx([loss_of(net) for net in nets], rel=1e-6)
    torch.save({"old.weight": nets[0].new.weight.data, "odd": torch.zeros(3)}, files[0])
    with pytest.raises(CheckpointError, match="missing new.weight and new.bias; unexpected old.weight and odd"):
        found(files[0], Renamed())


def test_counters_of_profilers_do_not_count(tmp_path):
    net = nn.Sequential(nn.Linear(12, 4))
    torch.save(
        {**net.state_dict(), "total_ops": torch.zeros(1), "0.total_params": torch.zeros(1)}, tmp_path / "net.pkl"
    )
    assert found(tmp_path / "net.pkl", nn.Sequential(nn.Linear(12, 4))) == pytest.approx(loss_of(net), rel=1e-6)


def test_a_pruned_net_moves_what_is_left(tmp_path):
    """Its weights are products with a mask, at every point; the caller's net is unchanged."""
    net, other = (nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 4)) for _ in range(2))
    for each in (net, other):
        prune.l1_unstructured(each[0], "weight", 0.5)
    before = net[0].weight
    line = ll.line(model=net, to=other, data=(X, Y), x=(0, 1, 3), quiet=True)
    assert net[0].weight is before
    middle = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 4))
    with torch.no_grad():
        mean = {name: (value + dict(other.named_parameters())[name]) / 2 for name, value in net.named_parameters()}
        middle[0].weight.copy_(mean["0.weight_orig"] * net[0].weight_mask)
        middle[0].bias.copy_(mean["0.bias"])
        middle[2].weight.copy_(mean["2.weight"])
        middle[2].bias.copy_(mean["2.bias"])
    assert line.values["train_loss"][:2] == pytest.approx([loss_of(net), loss_of(middle)], rel=1e-6)
    torch.save(net.state_dict(), tmp_path / "pruned.pt")
    assert found(tmp_path / "pruned.pt", other) == pytest.approx(loss_of(net), rel=1e-6)
    prune.remove(other[0], "weight")
    with pytest.raises(
        ll.LandscapeError,
        match="it is of a pruned net; prune the net in the same way .* after torch.nn.utils.prune.remove",
    ):
        found(tmp_path / "pruned.pt", other)


@pytest.mark.filterwarnings("ignore")
def test_a_quantized_net_is_refused_by_name():
    net = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(12, 4)), {nn.Linear})
    with pytest.raises(
        LandscapeError, match="0._packed_params.dtype is a dtype, as quantized layers keep their weights"
    ):
        found(None, net)


def test_nets_in_memory_have_the_same_names_on_the_axes_and_at_their_points():
    nets = [nn.Sequential(nn.Linear(12, 4)) for _ in range(3)]
    plane = ll.surface(model=nets[0], to=nets[1], to_y=nets[2], data=(X, Y), x=(0, 1, 2), y=(0, 1, 2), quiet=True)
    assert plane.trails["nets"].labels == ("Sequential", "Sequential #2", "Sequential #3")
    labels = [axis.label for axis in plane.grid.axes]
    assert labels == ["x: Sequential (0) to Sequential #2 (1)", "y: Sequential (0) to Sequential #3 (1)"]


def test_a_second_net_with_a_compiled_layer_fits_in_memory_as_its_file_does(tmp_path):
    class Partly(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = torch.compile(nn.Linear(5, 4), backend="eager"), nn.Linear(4, 3)

        def forward(self, inputs):
            return self.last(self.first(inputs).tanh())

    torch.manual_seed(0)
    net, other = Partly(), Partly()
    inputs, targets = torch.randn(20, 5), torch.randint(0, 3, (20,))
    torch.save(other.state_dict(), tmp_path / "other.pt")
    expected = [float(F.cross_entropy(each(inputs), targets).detach()) for each in (net, other)]
    for to in (other, ll.Checkpoint(other.state_dict()), tmp_path / "other.pt"):
        found = ll.line(model=net, to=to, data=(inputs, targets), x=(0, 1, 2), quiet=True)
        assert found.values["train_loss"].tolist() == pytest.approx(expected, rel=1e-5)
