"""Law: a product is that of the dense Hessian of the mean loss, whatever computes it and however samples are grouped."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from landscape.curvature import operator
from landscape.curvature.tapes import ProgramBackend
from landscape.errors import UsageError
from landscape.models.zoo import build_zoo
from tests.curvature.nets import NETS, seen


def cross_entropy(outputs, targets):
    return F.cross_entropy(outputs, targets)


def one_hot_mse(outputs, targets):
    return (outputs - F.one_hot(targets, outputs.shape[1])).square().mean()


@pytest.mark.parametrize(
    "name, ignore",
    [*((name, "biasbn") for name in NETS), *((name, "none") for name in ("projection", "joined", "transposed"))],
)
def test_the_program_multiplies_with_the_dense_hessian(name, ignore, images, products, multiplied, dense):
    torch.manual_seed(0)
    net = seen(NETS[name]())
    found = products(net, images, batch_size=10, ignore=ignore)
    assert found.backend == "program"
    truth = dense(net, *images, cross_entropy, found.names)
    product, expected = multiplied(found, truth)
    np.testing.assert_allclose(product, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


class Viewing(nn.Module):
    """Shapes that are read off the batch, a view of what lies channels-last, functions in place, a tensor of several uses."""

    def __init__(self, kind):
        super().__init__()
        self.conv, self.act, self.last, self.kind = nn.Conv2d(2, 4, 3), nn.SiLU(inplace=True), nn.Linear(64, 3), kind

    def forward(self, x):
        x = self.act(self.conv(x))
        if self.kind == "size":
            return self.last(x.view(x.size(0), -1))
        if self.kind == "shape":
            return self.last(x.reshape(x.shape[0], 64))
        if self.kind == "unpacked":
            n, c, h, w = x.shape
            return self.last(x.view(n, c * h * w))
        return self.last(x.view(-1, 64))


@pytest.mark.parametrize("kind", ["size", "shape", "unpacked", "minus one"])
def test_shapes_read_off_the_batch_are_those_of_each_batch(kind, images, products, multiplied, dense):
    torch.manual_seed(0)
    net = Viewing(kind)
    found = products(net, images, batch_size=10, ignore="none")
    truth = dense(net, *images, cross_entropy, found.names)
    product, expected = multiplied(found, truth)
    np.testing.assert_allclose(product, expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    assert found.backend == "program"


def test_a_net_that_counts_with_the_number_of_samples_goes_by_its_graph(images, products):
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.last = nn.Linear(72, 3)

        def forward(self, x):
            return self.last(x.reshape(x.size(0) * 2, 36).reshape(x.size(0), 72))

    assert products(Counting(), images).backend == "graph"


def test_a_program_that_was_asked_for_is_checked_too(images, products):
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(72, 8), nn.Linear(8, 3)

        def forward(self, x):
            h = self.first(x.flatten(1))
            y = F.relu(h, inplace=True)
            return self.last(torch.tanh(h) + y)

    assert products(InPlace(), images).backend == "graph"
    with pytest.raises(UsageError, match="products program: .*leave the option out"):
        products(InPlace(), images, backend="program")


def test_biases_alone(cnn, images, products, multiplied, dense):
    net = cnn()
    found = products(net, images, ignore="weight", backend="program")
    truth = dense(net, *images, cross_entropy, found.names)
    product, expected = multiplied(found, truth)
    np.testing.assert_allclose(product, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_outputs_that_are_flattened_count_once_for_each_sample(products):
    """As language models return them: (n * t, classes) for n samples, and a loss that is a mean."""

    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.line = nn.Linear(4, 3)

        def forward(self, x):
            return self.line(x).flatten(0, 1)

    generator = torch.Generator().manual_seed(0)
    data = torch.randn(6, 5, 4, generator=generator, dtype=torch.float64), torch.arange(30).view(6, 5) % 3
    loss = lambda outputs, targets: F.cross_entropy(outputs, targets.flatten())  # noqa: E731
    net = Tokens()
    ggn = products(net, data, loss, matrix="ggn")
    hessian = products(net, data, loss, backend="graph")
    vector = ggn.gaussian(0)
    assert ggn.loss == pytest.approx(hessian.loss)
    torch.testing.assert_close(ggn(vector), hessian(vector), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("matrix", ["hessian", "ggn"])
@pytest.mark.parametrize("loss", [("cross_entropy", cross_entropy), ("mse", one_hot_mse)], ids=["cross_entropy", "mse"])
@pytest.mark.parametrize("backend", ["program", "graph"])
def test_both_ways_give_both_matrices_of_both_losses(backend, loss, matrix, cnn, images, products, multiplied, dense):
    net = cnn()
    found = products(net, images, loss[0], batch_size=7, backend=backend, matrix=matrix)
    assert found.backend == backend
    truth = dense(net, *images, loss[1], found.names, matrix)
    product, expected = multiplied(found, truth)
    np.testing.assert_allclose(product, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_differences_come_near(cnn, images, products, multiplied, dense):
    net = cnn()
    found = products(net, images, backend="differences")
    truth = dense(net, *images, cross_entropy, found.names)
    product, expected = multiplied(found, truth)
    np.testing.assert_allclose(product, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("backend", ["program", "graph", "differences"])
def test_gradient_and_loss(backend, cnn, images, products):
    net = cnn()
    found = products(net, images, batch_size=9, backend=backend, ignore="none")
    model = net.double()
    value = cross_entropy(model(images[0]), images[1])
    value.backward()
    assert found.loss == pytest.approx(float(value.detach()), rel=1e-12)
    gradient = found._objective.layout.named(found.gradient())
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(gradient[name], parameter.grad, rtol=1e-9, atol=1e-12)


def test_it_follows_the_weights(cnn, images, products, dense):
    net = cnn().double()
    found = products(net, images)
    found._objective.weights.mul_(1.3)
    found.refresh()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(1.3)
    truth = torch.from_numpy(dense(net, *images, cross_entropy, found.names))
    vector = found.gaussian(2)
    entries = [e for e in found._objective.layout.entries if e.name in found.names]
    taken = torch.cat([torch.arange(e.offset, e.offset + e.numel) for e in entries])
    torch.testing.assert_close(found(vector)[taken], truth @ vector[taken], rtol=1e-9, atol=1e-11)


def test_a_loss_that_is_a_mean_counts_each_batch_by_its_samples(cnn, images, products):
    vector = products(cnn(), images).gaussian(0)
    mean = products(cnn(), images, lambda outputs, targets: F.cross_entropy(outputs, targets), batch_size=9)
    torch.testing.assert_close(mean(vector), products(cnn(), images)(vector), rtol=1e-11, atol=1e-13)


def test_a_loss_of_the_model_goes_by_its_graph(cnn, images, products):
    def loss(model, batch):
        return F.cross_entropy(model(batch[0]), batch[1])

    found = products(cnn(), images, loss, batch_size=9)
    assert found.backend == "graph"
    vector = found.gaussian(0)
    torch.testing.assert_close(found(vector), products(cnn(), images)(vector), rtol=1e-11, atol=1e-13)
    with pytest.raises(UsageError, match="hides the outputs"):
        products(cnn(), images, loss, matrix="ggn")


def test_a_regular_expression_leaves_out_what_it_names(cnn, images, products, multiplied, dense):
    net = cnn()
    found = products(net, images, ignore="^[04]|bias")
    assert found.names == ("1.weight", "3.weight", "7.weight")
    truth = dense(net, *images, cross_entropy, found.names)
    product, expected = multiplied(found, truth)
    np.testing.assert_allclose(product, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_a_block_is_a_part_of_the_whole(cnn, images, products):
    """Its products are those of the whole there, with vectors that are zero elsewhere."""
    whole, part = products(cnn(), images), products(cnn(), images, only=["3.weight"])
    named = part._objective.layout.named
    for seed in range(3):
        vector = part.gaussian(seed)
        assert {name for name, entries in named(vector).items() if entries.any()} == {"3.weight"}
        product, expected = part(vector), whole(vector)
        torch.testing.assert_close(named(product)["3.weight"], named(expected)["3.weight"], rtol=0, atol=1e-13)
        assert {name for name, entries in named(product).items() if entries.any()} == {"3.weight"}


def test_the_callers_net_is_unchanged(cnn, images, products):
    net = cnn()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    found = products(net, images)
    found(found.gaussian(0))
    products(net, images, backend="graph")(found.gaussian(0))
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert all(parameter.requires_grad for parameter in net.parameters())


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("vgg9", "densenet_cifar")]


@pytest.mark.parametrize("name", ["resnet20_a", *SLOW])
def test_the_other_nets_of_the_zoo_have_programs(name, products):
    net = build_zoo(name).eval()
    generator = torch.Generator().manual_seed(0)
    data = torch.randn(2, 3, 32, 32, generator=generator), torch.arange(2)
    found = products(net, data, precision="fp32")
    assert found.backend == "program"
    other = products(net, data, precision="fp32", backend="graph")
    vector = found.gaussian(0)
    torch.testing.assert_close(found(vector), other(vector), rtol=1e-3, atol=1e-3 * float(other(vector).abs().max()))


@pytest.mark.parametrize(
    "options, words",
    [
        ({"matrix": "fisher"}, "matrix 'fisher': expected hessian or ggn"),
        ({"backend": "magic"}, "products 'magic': expected program"),
        ({"ignore": "."}, "ignore '.' leaves out all 9 parameters"),
        ({"matrix": "ggn", "backend": "differences"}, "not possible"),
    ],
)
def test_bad_input(options, words, cnn, images, products):
    with pytest.raises(UsageError) as error:
        products(cnn(), images, **options)
    assert words in str(error.value)


def test_where_rounding_is_large_float64_tells(cnn, images, products, monkeypatch):
    """A program as near to float64 as autograd is taken though the two differ by more than the tolerance; another is not."""
    single = images[0].float(), images[1]
    monkeypatch.setattr(operator, "TOLERANCE", 0.0)
    assert products(cnn(), single, precision="fp32").backend == "program"
    right = ProgramBackend.probe
    monkeypatch.setattr(ProgramBackend, "probe", lambda *given: right(*given) * 1.001)
    assert products(cnn(), single, precision="fp32").backend == "graph"
