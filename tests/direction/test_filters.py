"""What a filter is: law |d_f| = |w_f| for every output channel of every kind of layer.

The entries that belong to an output channel are found by autograd, independently of the rules under test: those with a
gradient when only that channel is looked at.
"""

import pytest
import torch
import torch.nn.utils.prune  # an attribute of torch.nn.utils from then on
from torch import nn

from landscape.direction.filters import filter_rules
from landscape.direction.normalize import normalized
from landscape.direction.random import gaussian


class Conv1D(nn.Module):
    """As in Hugging Face transformers (pytorch_utils.py): a Linear with its weight stored as (inputs, outputs)."""

    def __init__(self, nf, nx):
        super().__init__()
        self.nf = nf
        self.weight = nn.Parameter(torch.randn(nx, nf))
        self.bias = nn.Parameter(torch.zeros(nf))

    def forward(self, x):
        return x @ self.weight + self.bias


LAYERS = {
    "Conv1d": (lambda: nn.Conv1d(4, 6, 3), (1, 4, 7)),
    "Conv1d groups": (lambda: nn.Conv1d(4, 6, 3, groups=2), (1, 4, 7)),
    "Conv2d": (lambda: nn.Conv2d(3, 5, 3), (1, 3, 6, 6)),
    "Conv2d depthwise": (lambda: nn.Conv2d(4, 4, 3, groups=4), (1, 4, 6, 6)),
    "Conv3d": (lambda: nn.Conv3d(2, 3, 2), (1, 2, 4, 4, 4)),
    "Linear": (lambda: nn.Linear(7, 5), (1, 7)),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(4, 6, 3), (1, 4, 5)),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(3, 5, 3), (1, 3, 5, 5)),
    "ConvTranspose2d groups": (lambda: nn.ConvTranspose2d(6, 4, 3, groups=2), (1, 6, 5, 5)),
    "ConvTranspose2d depthwise": (lambda: nn.ConvTranspose2d(4, 4, 3, groups=4), (1, 4, 5, 5)),
    "ConvTranspose3d groups": (lambda: nn.ConvTranspose3d(4, 6, 2, groups=2), (1, 4, 3, 3, 3)),
    "Conv1D of transformers": (lambda: Conv1D(5, 7), (1, 7)),
    "Embedding": (lambda: nn.Embedding(6, 4), None),
}


def channels(layer, shape):
    """For each output channel (for each token of an embedding) the boolean mask of the weight's entries that feed it."""
    inputs = torch.arange(layer.num_embeddings).unsqueeze(0) if shape is None else torch.rand(shape) + 0.1
    outputs = layer(inputs)
    for channel in range(outputs.shape[1]):
        (gradient,) = torch.autograd.grad(outputs[:, channel].sum(), layer.weight, retain_graph=True)
        yield gradient != 0


@pytest.fixture(params=LAYERS)
def layer(request):
    torch.manual_seed(0)
    make, shape = LAYERS[request.param]
    made = make()
    masks = list(channels(made, shape))
    with torch.no_grad():  # filters of very different norms, as after training
        for number, mask in enumerate(masks):
            made.weight[mask] *= 10.0 ** (number - 2)
    return made, shape


def direction_of(module, norm="filter", ignore="biasbn", prefix=""):
    weights = {prefix + name: tensor.detach() for name, tensor in module.named_parameters()}
    return normalized(gaussian(weights, seed=0, axis=0), weights, filter_rules(module), norm=norm, ignore=ignore)


def test_every_filter_of_the_direction_has_the_norm_of_the_weights_filter(layer):
    module, shape = layer
    d = direction_of(module)["weight"]
    covered = torch.zeros_like(d)
    for mask in channels(module, shape):
        assert float(d[mask].double().norm()) == pytest.approx(
            float(module.weight.detach()[mask].double().norm()), rel=1e-6
        )
        covered += mask
    assert bool((covered == 1).all())


def test_within_a_filter_the_random_numbers_keep_their_proportions(layer):
    module, shape = layer
    raw, d = gaussian({"weight": module.weight}, seed=0, axis=0)["weight"], direction_of(module)["weight"]
    for mask in channels(module, shape):
        ratio = d[mask].double() / raw[mask].double()
        assert float(ratio.std() / ratio.mean()) < 1e-6


def test_dfilter_gives_every_filter_norm_one(layer):
    module, shape = layer
    d = direction_of(module, "dfilter")["weight"]
    for mask in channels(module, shape):
        assert float(d[mask].double().norm()) == pytest.approx(1.0, rel=1e-6)


def test_a_filter_of_norm_zero_does_not_move(layer):
    module, shape = layer
    dead = list(channels(module, shape))[1]
    with torch.no_grad():
        module.weight[dead] = 0
    d = direction_of(module)["weight"]
    assert not d[dead].any() and bool(d[~dead].any()) and bool(d.isfinite().all())


def test_a_filter_of_norm_zero_in_the_vector_gives_zeros(layer):
    """As between two nets with a filter in common: there is no way to scale nothing."""
    module, shape = layer
    dead = list(channels(module, shape))[1]
    vector = {"weight": torch.ones_like(module.weight)}
    vector["weight"][dead] = 0
    weights = {"weight": module.weight.detach()}
    for norm in ("filter", "dfilter", "layer", "dlayer"):
        d = normalized(vector, weights, filter_rules(module), norm=norm)["weight"]
        assert not d[dead].any() and bool(d.isfinite().all())


def test_in_one_dimension_each_entry_is_a_filter(cnn):
    net = cnn()
    d = direction_of(net, ignore="none")
    for name, tensor in net.named_parameters():
        if tensor.ndim == 1:
            assert torch.allclose(d[name].abs(), tensor.detach().abs(), rtol=1e-6), name


def test_a_layer_that_only_looks_like_conv1d_is_taken_by_rows():
    class Other(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(3, 4))

    d = direction_of(Other())["weight"]
    assert d.shape == (3, 4)
    rules = filter_rules(Other())["weight"]
    assert rules.norms(torch.ones(3, 4)).flatten().tolist() == [2.0] * 3


COMPUTED = {
    "weight norm": (nn.utils.parametrizations.weight_norm, "parametrizations.weight.original1"),
    "spectral norm": (nn.utils.parametrizations.spectral_norm, "parametrizations.weight.original"),
    "old weight norm": (nn.utils.weight_norm, "weight_v"),
    "old spectral norm": (nn.utils.spectral_norm, "weight_orig"),
    "pruning": (lambda layer: nn.utils.prune.l1_unstructured(layer, "weight", 0.3), "weight_orig"),
}


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")
@pytest.mark.parametrize("kind", ["ConvTranspose1d", "ConvTranspose2d", "ConvTranspose2d groups", "Conv1D", "Linear"])
@pytest.mark.parametrize("how", COMPUTED)
def test_a_weight_that_is_computed_has_the_filters_of_the_layer(kind, how):
    build, name = (
        {**{"Conv1D": lambda: Conv1D(5, 7)}, **{key: make for key, (make, _) in LAYERS.items()}}[kind],
        COMPUTED[how],
    )
    rule = filter_rules(build())["weight"]
    layer = name[0](build())
    held = {**dict(layer.named_parameters()), **dict(layer.named_buffers())}
    rules = filter_rules(nn.Sequential(layer))
    assert rules[f"0.{name[1]}"] == rule
    assert all(rules[f"0.{key}"].norms(tensor).numel() >= 1 for key, tensor in held.items())


def test_the_net_itself_may_be_a_single_layer_or_deep_inside_others():
    torch.manual_seed(0)
    deep = nn.Sequential(nn.Sequential(nn.Sequential(nn.ConvTranspose2d(2, 3, 3))))
    assert filter_rules(deep)["0.0.0.weight"] == filter_rules(deep[0][0][0])["weight"]


def test_the_directions_of_the_original_obey_the_same_law(original):
    """Its file was made with its own code: filter by filter the norms are those of the checkpoint."""
    from landscape.checkpoint.checkpoint import load_checkpoint
    from landscape.direction.files import read_directions
    from landscape.layout import Layout
    from landscape.models.zoo import build_zoo

    net = build_zoo("resnet20_a")
    net.load_state_dict(load_checkpoint(original.folder / "checkpoint.th").state_dict, strict=False)
    for direction in read_directions(original.folder / "directions.h5", net, Layout.of(net), ndim=2):
        rules = filter_rules(net)
        for name, weight in net.named_parameters():
            if weight.ndim > 1:
                norms = rules[name].norms(direction.vector[name]), rules[name].norms(weight.detach())
                assert torch.allclose(*norms, rtol=1e-5), name
            else:
                assert not direction.vector[name].any(), name
