"""The norms `layer`, `weight`, `dlayer`, `none`, and what `ignore` leaves out. (`filter`, `dfilter`: test_filters.py)"""

import pytest
import torch

import landscape as ll
from landscape.direction import blocks
from landscape.direction.filters import filter_rules, rows
from landscape.direction.normalize import NORMS, ignored_names, named_by, normalized
from landscape.direction.random import gaussian
from landscape.errors import UsageError


@pytest.fixture
def net(cnn):
    return cnn()


def weights_of(net):
    return {name: tensor.detach() for name, tensor in net.named_parameters()}


def direction_of(net, **options):
    weights = weights_of(net)
    return normalized(gaussian(weights, seed=0, axis=0), weights, filter_rules(net), **options)


def raw_of(net):
    return gaussian(weights_of(net), seed=0, axis=0)


def test_the_defaults_are_filter_and_biasbn(net):
    """The defaults of the original give NaN, or move one-dimensional weights along themselves."""
    default, named = direction_of(net), direction_of(net, norm="filter", ignore="biasbn")
    assert all(torch.equal(default[name], named[name]) for name in named)
    for name, tensor in weights_of(net).items():
        assert bool(default[name].any()) == (tensor.ndim > 1), name
        assert bool(default[name].isfinite().all())


def test_commands_have_these_defaults_and_none_toward_another_net(net, mlp):
    run = {"data": (torch.randn(6, 6), torch.arange(6) % 3), "x": (-1, 1, 3), "quiet": True, "threads": 1}
    random, other = ll.line(model=mlp(), **run), ll.line(model=mlp(), to=mlp(seed=1), **run)
    named = ll.line(model=mlp(), norm="filter", ignore="biasbn", **run)
    assert random.values["train_loss"].tolist() == named.values["train_loss"].tolist()
    made = [each.known.directions for each in (random, named, other)]
    assert [(each.norm, each.ignore) for each in made] == [("filter", "biasbn")] * 2 + [("none", "none")]


def test_layer(net):
    d, raw = direction_of(net, norm="layer"), raw_of(net)
    for name, tensor in weights_of(net).items():
        if tensor.ndim > 1:
            assert float(d[name].double().norm()) == pytest.approx(float(tensor.double().norm()), rel=1e-6)
            assert torch.allclose(d[name] / d[name].norm(), raw[name] / raw[name].norm(), atol=1e-6)


def test_dlayer(net):
    d = direction_of(net, norm="dlayer", ignore="none")
    assert all(float(tensor.double().norm()) == pytest.approx(1.0, rel=1e-6) for tensor in d.values())


def test_weight(net):
    d, raw = direction_of(net, norm="weight", ignore="none"), raw_of(net)
    assert all(torch.equal(d[name], raw[name] * tensor) for name, tensor in weights_of(net).items())


def test_none(net):
    d, raw = direction_of(net, norm="none", ignore="none"), raw_of(net)
    assert all(torch.equal(d[name], raw[name]) for name in raw)


@pytest.mark.parametrize("norm", NORMS)
def test_the_vector_given_is_not_changed(norm, net):
    raw, before = raw_of(net), raw_of(net)
    d = normalized(raw, weights_of(net), filter_rules(net), norm=norm, ignore="none")
    for name in raw:
        d[name].add_(1)
        assert torch.equal(raw[name], before[name])


@pytest.mark.parametrize("norm", NORMS)
def test_what_is_ignored_has_no_influence_on_the_rest(norm, net):
    some, all_ = direction_of(net, norm=norm, ignore="biasbn"), direction_of(net, norm=norm, ignore="none")
    for name, tensor in weights_of(net).items():
        assert torch.equal(some[name], all_[name] if tensor.ndim > 1 else torch.zeros_like(tensor)), name


def test_weights_in_half_precision_are_measured_in_full(net):
    half = net.half()
    d = direction_of(half)
    assert d["0.weight"].dtype == torch.float32
    norms = filter_rules(half)["0.weight"]
    assert torch.allclose(norms.norms(d["0.weight"]), norms.norms(half[0].weight.detach()), rtol=1e-6)


def test_ignore(net):
    weights = weights_of(net)
    assert ignored_names(weights, "none") == set()
    assert ignored_names(weights, "biasbn") == {"1.weight", "1.bias", "3.bias", "4.weight", "4.bias", "7.bias"}
    assert ignored_names(weights, "^7") == {"7.weight", "7.bias"}
    assert ignored_names(weights, r"bias$") == {"1.bias", "3.bias", "4.bias", "7.bias"}
    assert not direction_of(net, ignore="^7")["7.weight"].any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"norm": "filters"}, "norm 'filters': expected one of filter, layer"),
        ({"ignore": "("}, r"ignore '\(': expected biasbn, none or a regular expression"),
        ({"ignore": "."}, "leaves out all 9 parameters"),
    ],
)
def test_options_that_cannot_be_meant(options, message, net):
    with pytest.raises(UsageError, match=message) as raised:
        direction_of(net, **options)
    assert "\n" not in str(raised.value)


def test_biasbn_of_a_net_that_has_nothing_else():
    with pytest.raises(UsageError, match="nothing would move"):
        ignored_names({"scale": torch.ones(3)}, "biasbn")


@pytest.mark.parametrize("norm", ["filter", "dfilter", "layer", "dlayer"])
def test_a_filter_of_zeros_stays_zero_beside_weights_of_any_size(norm):
    """Filters that do not move toward another net, say; what divides their norm must not make it infinite."""
    weights = {"w": torch.full((3, 4), 1e3)}
    still = torch.tensor([[0.0] * 4, [1.0] * 4, [0.0] * 4])
    rules = {"w": rows((3, 4))}
    found = normalized({"w": still}, weights, rules, norm=norm, ignore="none")["w"]
    assert torch.equal(found.bool(), still.bool()) and bool(found.isfinite().all())
    assert not normalized({"w": 0 * still}, weights, rules, norm=norm, ignore="none")["w"].any()


def test_every_filter_of_a_tensor_of_several_blocks_has_its_own_factor(monkeypatch):
    """Blocks have whole rows: five of 13, the last three."""
    monkeypatch.setattr(blocks, "BLOCK", 35)
    weights = {"w": torch.randn(13, 7, generator=torch.Generator().manual_seed(0)) * torch.arange(1.0, 14)[:, None]}
    found = normalized(gaussian(weights, seed=0, axis=0), weights, {"w": rows((13, 7))})["w"]
    torch.testing.assert_close(found.norm(dim=1), weights["w"].norm(dim=1))


def test_a_single_number_is_one_of_biasbn():
    """Such as the temperature of a net."""
    tensors = {"scale": torch.tensor(1.0), "bias": torch.ones(3), "weight": torch.ones(3, 3)}
    assert named_by("biasbn", tensors) == {"scale", "bias"}
