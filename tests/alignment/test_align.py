"""Laws of `align`: the same function, nearer to the other net; a permuted copy has no barrier; one line for what cannot be."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import landscape as ll
from landscape.alignment.groups import permuted, symmetry_of
from landscape.alignment.trace import plain_run
from landscape.cli.main import main
from landscape.errors import LandscapeError, UsageError
from tests.alignment.nets import Gated, Tied, drawn, filled, made, state, with_tensors


def net(seed, sizes=(6, 8, 7, 3)):
    torch.manual_seed(seed)
    layers = [layer for a, b in zip(sizes, sizes[1:], strict=False) for layer in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def shuffled(model, seed=1, inputs=None):
    """A permuted copy."""
    inputs = torch.randn(2, 6) if inputs is None else inputs
    groups = symmetry_of(copy.deepcopy(model).eval(), plain_run, inputs).groups
    other = copy.deepcopy(model)
    other.load_state_dict({**other.state_dict(), **permuted(model.state_dict(), groups, drawn(groups, seed))})
    return other


def test_a_permuted_copy_becomes_the_original():
    model = net(0)
    found = ll.align(model, shuffled(model))
    assert found.before > 0 and found.after == 0
    assert all(
        torch.equal(a, b)
        for a, b in zip(model.state_dict().values(), found.module().state_dict().values(), strict=True)
    )


def test_there_is_no_barrier_to_a_permuted_copy():
    """Of a residual net: each point of the line between a net and an aligned copy is the net."""
    model, inputs = made("resnet", 3)
    groups = symmetry_of(model, plain_run, inputs).groups
    other = with_tensors(lambda: copy.deepcopy(model), permuted(state(model), groups, drawn(groups, 2)))

    def halfway(second):
        middle = copy.deepcopy(model)
        middle.load_state_dict(
            {k: (v + second.state_dict()[k]) / 2 if v.is_floating_point() else v for k, v in model.state_dict().items()}
        )
        with torch.no_grad():
            return middle(inputs)

    with torch.no_grad():
        expected = model(inputs)
    assert not torch.allclose(halfway(other), expected, rtol=1e-2)
    assert torch.equal(halfway(ll.align(model, other, inputs=inputs).module()), expected)


@pytest.mark.parametrize("method", ["weights", "activations"])
def test_the_function_stays_and_the_nets_come_nearer(method):
    first, second = net(1), net(2)
    inputs, labels = torch.randn(64, 6), torch.zeros(64, dtype=torch.long)
    before = [copy.deepcopy(each.state_dict()) for each in (first, second)]
    found = ll.align(first, second, method=method, data=(inputs, labels))
    with torch.no_grad():
        assert torch.allclose(second(inputs), found.module()(inputs), atol=1e-6)
    assert found.difference <= 1e-12
    flat = [torch.cat([t.double().ravel() for t in state.values()]) for state in (first.state_dict(), found.tensors)]
    assert np.isclose(found.after, float((flat[0] - flat[1]).norm()), rtol=1e-12)
    assert np.isclose(found.inner_after, float(flat[0] @ flat[1]), rtol=1e-12)
    if method == "weights":
        assert found.after < found.before
        assert np.isclose(max(found.objectives), found.inner_after, rtol=1e-12)
    for state_dict, old in zip((first.state_dict(), second.state_dict()), before, strict=True):
        assert all(torch.equal(state_dict[key], old[key]) for key in old)


def test_a_seed_decides_every_bit():
    first, second = net(1, (6, 30, 30, 3)), net(2, (6, 30, 30, 3))
    one, two = (ll.align(first, second, seed=4) for _ in range(2))
    assert all(torch.equal(one.tensors[key], two.tensors[key]) for key in one.tensors)
    assert one.objectives == two.objectives


def test_tied_weights_stay_tied():
    first, second = filled(Tied(), 1), filled(Tied(), 2)
    found = ll.align(first, second, inputs=torch.arange(6).reshape(2, 3))
    assert found.moved and torch.equal(found.tensors["table.weight"], found.tensors["out.weight"])


def test_buffers_of_another_precision_and_counters_are_kept():
    first, second = made("resnet", 1)[0].float(), made("resnet", 2)[0].half()
    found = ll.align(first, second)
    assert {t.dtype for t in found.tensors.values()} == {torch.float16, torch.int64}


# files and the shell


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = []
    for seed in (1, 2):
        model = ll_zoo(seed)
        ll.save_checkpoint(
            f"{seed}.pt", model.state_dict(), {"model": "resnet20", "data": "digits", "metrics": {"loss": 1.0}}
        )
        names.append(f"{seed}.pt")
    return names


def ll_zoo(seed):
    from landscape.models.zoo import build_zoo

    torch.manual_seed(seed)
    return build_zoo("resnet20", in_channels=1)


def test_the_written_checkpoint_is_the_permuted_net_with_its_story(files, capsys):
    assert main(["align", *files, "--restarts", "1"]) == 0
    said = capsys.readouterr().out
    assert "wrote 2_aligned.pt" in said and "12 groups, 448 units" in said
    written = ll.load_checkpoint("2_aligned.pt")
    assert written.meta["model"] == "resnet20" and written.meta["metrics"] == {"loss": 1.0}
    story = written.meta["aligned"]
    assert (
        story["to_sha256"] == ll.load_checkpoint("1.pt").sha256
        and story["of_sha256"] == ll.load_checkpoint("2.pt").sha256
    )
    assert story["method"] == "weights" and story["moved"] > 0
    found = ll.align(*files, restarts=1)
    assert all(torch.equal(found.tensors[key], tensor) for key, tensor in written.state_dict.items())
    assert main(["align", *files, "--restarts", "1"]) == 2  # the output exists
    assert "--overwrite" in capsys.readouterr().err
    assert main(["align", "1.pt", "2_aligned.pt", "--restarts", "1", "-o", "again.pt"]) == 0
    for net in files:
        before = Path(net).read_bytes()
        assert main(["align", *files, "-o", net, "--overwrite"]) == 2
        assert "one of the two nets" in capsys.readouterr().err and Path(net).read_bytes() == before


def test_activations_need_data_and_take_those_that_the_checkpoint_names(files, capsys):
    assert main(["align", *files, "--method", "activations", "--samples", "40", "-o", "a.pt"]) == 0
    assert "mean correlation" in capsys.readouterr().out
    with pytest.raises(UsageError, match=r"give data=\.\.\."):
        ll.align(net(1), net(2), method="activations")


def test_the_same_net_twice_is_said(files, capsys):
    assert main(["align", files[0], files[0], "-o", "same.pt"]) == 0
    assert "nothing to move" in capsys.readouterr().out
    found = ll.align(net(1), net(1))
    assert found.identical and not found.moved


# what cannot be


class Outside(nn.Module):
    """Leaves torch's operators in the middle."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x):
        inside = torch.from_numpy(np.sort(self.a(x).detach().numpy()[:, ::-1].copy() * np.arange(8)))
        return self.b(inside.to(x.dtype))


class Raises(nn.Linear):
    def forward(self, x):
        raise RuntimeError("not today")


def named(change):
    model = net(1)
    with torch.no_grad():
        change(model)
    return model


REFUSED = {
    "shapes": (lambda: (net(1), net(2, (6, 9, 7, 3))), "of another shape 0.weight"),
    "names": (lambda: (net(1), Gated()), "does not fit"),
    "linear": (lambda: (nn.Linear(3, 2), nn.Linear(3, 2)), "no units to permute"),
    "complex": (lambda: (nn.Linear(3, 2, dtype=torch.complex64), nn.Linear(3, 2, dtype=torch.complex64)), "complex"),
    "nan": (lambda: (net(1), named(lambda m: m[0].weight.fill_(float("nan")))), "0.weight of the second net"),
    "inf": (lambda: (named(lambda m: m[2].bias.fill_(float("inf"))), net(1)), "2.bias of the first net"),
    "raises": (lambda: (Raises(3, 2), Raises(3, 2)), "none of the inputs that were tried"),
    "quantized": (lambda: (net(1), quantized()), "quantized|quantization"),
    "not a net": (lambda: (net(1), 7), "expected the name of a file or a Checkpoint"),
}  # fmt: skip


def quantized():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(net(1), {nn.Linear}, dtype=torch.qint8)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_aligned_is_said_in_one_line(name):
    pair, message = REFUSED[name]
    with pytest.raises(LandscapeError, match=message) as error:
        ll.align(*pair())
    assert "\n" not in str(error.value)


def test_what_leaves_torchs_operators_is_found_out_by_the_check():
    """The matched permutation would change the function; only the comparison of outputs can tell."""
    with pytest.raises(LandscapeError, match="another function"):
        ll.align(Outside(), Outside(), inputs=torch.randn(4, 6))


def test_weights_shared_in_the_first_net_only_are_refused():
    def parted() -> Tied:
        net = Tied()
        net.out.weight = nn.Parameter(torch.randn(11, 8))
        return net

    with pytest.raises(LandscapeError, match="one tensor there, and differ"):
        ll.align(Tied(), parted(), inputs=torch.arange(6).reshape(2, 3))
    found = ll.align(parted(), Tied(), inputs=torch.arange(6).reshape(2, 3))
    assert torch.equal(found.tensors["table.weight"], found.tensors["out.weight"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"restarts": 0}, "restarts 0"), ({"method": "magic"}, "weights or activations"), ({"seed": -1}, "seed -1"),
        ({"out": "no/such/folder.pt"}, "does not exist"), ({"out": "b.h5"}, ".pt or .pth"), ({"model": "resnet20"}, "drop it"),
    ],
)  # fmt: skip
def test_bad_options_are_said_in_one_line(options, message):
    with pytest.raises(LandscapeError, match=message):
        ll.align(net(1), net(2), **options)
