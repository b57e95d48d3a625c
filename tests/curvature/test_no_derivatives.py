"""What cannot be differentiated is named; what can only be differentiated once goes by differences, and says so."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from landscape.curvature.operator import CurvatureOperator
from landscape.errors import EvaluationError
from landscape.objective.adapt import adapt


def hits(outputs, targets):
    return (outputs.argmax(dim=1) != targets).double()


def rounded(outputs, targets):
    return F.cross_entropy(outputs.round(), targets, reduction="none")


def plain_number(outputs, targets):
    return 0.5


def detached(outputs, targets):
    return F.cross_entropy(outputs.detach(), targets, reduction="none")


def numpys(outputs, targets):
    return F.cross_entropy(outputs, targets, reduction="none").numpy()


@pytest.mark.parametrize("loss", [hits, rounded, plain_number, detached, numpys])
def test_a_loss_without_derivatives_is_named(loss, cnn, images, products):
    with pytest.raises(EvaluationError) as error:
        products(cnn(), images, loss)
    assert "the loss has no derivatives" in str(error.value)
    assert "argmax" in str(error.value), "the usual causes are named"


def test_a_gradient_that_happens_to_be_zero_is_no_such_loss(cnn, images, products):
    net = cnn()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()

    def squared(outputs, targets):
        return outputs.square().mean(dim=1)

    found = products(net, images, squared, ignore="none")
    assert not found.gradient().any()
    assert found(found.gaussian(0)).any(), "the last bias has curvature"


class Failing(torch.autograd.Function):
    """The identity, with a backward pass that is a mistake."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return ctx.forgotten * gradient


class Written(nn.Module):
    """It changes what torch keeps for the gradient."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        found = self.net(x).sigmoid()
        found += found.detach()
        return found


@pytest.mark.parametrize("wrong, word", [(Failing.apply, "forgotten"), (None, "inplace")])
def test_a_gradient_that_fails_is_one_line(wrong, word, cnn, images, products):
    net = Written(cnn()) if wrong is None else nn.Sequential(cnn(), Applied(wrong))
    with pytest.raises(EvaluationError, match=word) as error:
        products(net, images)
    assert "no gradient" in str(error.value) and "no curvature" in str(error.value)


class Applied(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Once(torch.autograd.Function):
    """A square whose backward pass cannot be differentiated."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return 2 * x * gradient


class Custom(nn.Module):
    def __init__(self, once):
        super().__init__()
        self.inner, self.once = nn.Linear(72, 3), once

    def forward(self, x):
        x = self.inner(x.flatten(1))
        return Once.apply(x) if self.once else x * x


def test_what_can_be_differentiated_once_goes_by_differences(images, products):
    torch.manual_seed(0)
    net = Custom(once=True)
    found = products(net, images, ignore="none")
    assert found.backend == "differences"
    assert len(found.notes) == 1 and "products are differences of gradients" in found.notes[0]
    smooth = Custom(once=False)
    smooth.load_state_dict(net.state_dict())
    exact = products(smooth, images, ignore="none")
    assert exact.backend == "graph" and not exact.notes, "a square has no rule, but a graph"
    vector = exact.gaussian(0)
    torch.testing.assert_close(found(vector), exact(vector), rtol=1e-5, atol=1e-6)


class Normalized(nn.Module):
    """Its first derivative works, its second does not."""

    def __init__(self):
        super().__init__()
        self.inner, self.shift = nn.Linear(72, 3), nn.Parameter(torch.zeros(3))

    def forward(self, x):
        return Failing.apply(self.inner(x.flatten(1)) + self.shift)


class Failing(torch.autograd.Function):
    """A square whose second derivative fails for a reason of its own."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        if torch.is_grad_enabled():
            raise RuntimeError("expected Variable or None, but got None")
        return 2 * x * gradient


def test_whatever_fails_at_the_second_derivative_goes_by_differences(images, products):
    torch.manual_seed(0)
    found = products(Normalized(), images, ignore="none")
    assert found.backend == "differences"
    assert "got None" in found.notes[0]


class HalfProduct(torch.autograd.Function):
    """x y, with a backward pass in which y is a constant for x but x not for y: second derivatives are not symmetric."""

    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx, gradient):
        x, y = ctx.saved_tensors
        return gradient * y.detach(), gradient * x


class Gated(nn.Module):
    def __init__(self, wrong):
        super().__init__()
        self.left, self.right, self.wrong = nn.Linear(72, 3), nn.Linear(72, 3), wrong

    def forward(self, x):
        left, right = self.left(x.flatten(1)), self.right(x.flatten(1))
        return HalfProduct.apply(left, right) if self.wrong else left * right


def test_second_derivatives_that_are_not_symmetric_are_not_taken(images, products):
    torch.manual_seed(0)
    net = Gated(wrong=True)
    found = products(net, images, ignore="none")
    assert found.backend == "differences"
    assert "u'Hv and v'Hu differ by" in found.notes[0]
    right = Gated(wrong=False)
    right.load_state_dict(net.state_dict())
    exact = products(right, images, ignore="none")
    assert exact.backend != "differences"
    vector = exact.gaussian(0)
    torch.testing.assert_close(found(vector), exact(vector), rtol=1e-5, atol=1e-6)
    assert products(net, images, ignore="none", backend="graph").notes, "asked for, and said"


def test_rounding_of_samples_that_fit_is_not_a_wrong_derivative(products):
    """The first samples have losses of 1e-6, of which float32 keeps a digit or two; the others make the curvature."""
    torch.manual_seed(0)
    net, inputs = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 3)), torch.randn(40, 5)
    with torch.no_grad():
        net[2].weight.mul_(40)
        outputs = net(inputs)
        margins = outputs.topk(2).values
        targets, order = outputs.argmax(1), (margins[:, 0] - margins[:, 1]).argsort(descending=True)
    first = order[(F.cross_entropy(outputs, targets, reduction="none")[order] < 1e-5).nonzero()[:4, 0]]
    order = torch.cat([first, order[~torch.isin(order, first)]])
    single, double = (
        products(net, (inputs[order], targets[order]), precision=precision, ignore="none") for precision in ("fp32", "fp64")
    )  # fmt: skip
    assert single.notes == double.notes == [] and single.backend == double.backend == "program"
    vector = double.gaussian(0)
    torch.testing.assert_close(single(vector.float()).double(), double(vector), rtol=1e-3, atol=1e-4)


def test_ways_that_are_asked_for_are_not_replaced(images, products):
    with pytest.raises(EvaluationError, match="no second derivative"):
        products(Custom(once=True), images, backend="graph")


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.into, self.out = nn.Linear(12, 24), nn.Linear(8, 3)

    def forward(self, x):
        q, k, v = self.into(x.reshape(len(x), 6, 12)).chunk(3, dim=2)
        heads = [t.reshape(len(x), 6, 2, 4).transpose(1, 2) for t in (q, k, v)]
        mixed = F.scaled_dot_product_attention(*heads)
        return self.out(mixed.transpose(1, 2).reshape(len(x), 6, 8).mean(dim=1))


def test_fused_attention_falls_back_to_the_math_kernel_and_says_so(images, products, dense, materialized):
    torch.manual_seed(0)
    net = Attention()
    found = products(net, images)
    assert found.backend == "graph"
    assert found.notes == ["fused attention has no second derivative; its math kernel is used instead"]
    by_differences = products(net, images, backend="differences")
    vector = found.gaussian(0)
    torch.testing.assert_close(found(vector), by_differences(vector), rtol=1e-5, atol=1e-7)


class SingleOnly(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(72, 3)

    def forward(self, x):
        if x.dtype == torch.float64:
            raise TypeError("float32 only")
        return Once.apply(self.inner(x.flatten(1)))


def test_differences_in_single_precision_are_taken_in_double(cnn, images, products):
    """Steps that float32 needs cross kinks of ReLU and see third derivatives."""
    torch.manual_seed(0)
    net, single = cnn(), (images[0].float(), images[1])
    exact = products(net, images, ignore="none", backend="graph")
    found = products(net, single, ignore="none", backend="differences", precision="fp32")
    vector = exact.gaussian(0)
    torch.testing.assert_close(found(vector.float()).double(), exact(vector), rtol=1e-4, atol=1e-5)
    moved = found._objective.weights
    moved.mul_(1.1)
    found.refresh()
    exact._objective.weights.mul_(1.1)
    exact.refresh()
    torch.testing.assert_close(found(vector.float()).double(), exact(vector), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(moved, exact._objective.weights.float(), msg="the copy moves, not the net")


def test_differences_in_double_follow_the_statistics_of_the_net(cnn, images, products):
    """Those of batch norm are others at each point where they are estimated again, or move between two nets."""
    torch.manual_seed(0)
    net, single = cnn(), (images[0].float(), images[1])
    exact = products(net, images, ignore="none", backend="graph")
    found = products(net, single, ignore="none", backend="differences", precision="fp32")
    vector, before = exact.gaussian(0), exact(exact.gaussian(0))
    for each in (exact, found):
        for buffer in each._objective.model.buffers():
            buffer.mul_(2)
        each.refresh()
    torch.testing.assert_close(found(vector.float()).double(), exact(vector), rtol=1e-4, atol=1e-5)
    assert float((exact(vector) - before).norm()) > 0.1 * float(before.norm())


class Below(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.out = nn.Linear(72, 8), nn.Linear(8, 3)

    def forward(self, x):
        with torch.no_grad():
            hidden = torch.tanh(self.inner(x.flatten(1)))
        return self.out(hidden)


def test_what_gradients_do_not_reach_is_in_no_difference(images, products):
    """They change along it, and products would be those of no symmetric matrix."""
    torch.manual_seed(0)
    net = Below()
    found, exact = (products(net, images, ignore="none", backend=backend) for backend in ("differences", "graph"))
    vector = exact.gaussian(0)
    torch.testing.assert_close(found(vector), exact(vector), rtol=1e-4, atol=1e-6)


def test_a_net_for_single_precision_alone_says_so(images, products):
    found = products(SingleOnly(), (images[0].float(), images[1]), ignore="none", precision="fp32")
    assert found.backend == "differences"
    assert "gradients stay in fp32, as float64 does not work: TypeError: float32 only" in found.notes[-1]
    assert found(found.gaussian(0)).any()


class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.norm, self.out = nn.Linear(72, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)

    def forward(self, x):
        return self.out(F.dropout(torch.tanh(self.norm(self.inner(x.flatten(1)))), 0.5, training=True))


def test_both_sides_of_a_difference_have_the_same_random_numbers(images, products):
    torch.manual_seed(0)
    plain = products(Noisy(), (images[0].float(), images[1]), ignore="none", backend="graph", precision="fp32")
    adapt(plain._objective)
    found, exact = (
        CurvatureOperator(plain._objective, ignore="none", backend=each) for each in ("differences", "graph")
    )
    assert found.refresh() == pytest.approx(exact.refresh(), rel=0.5)
    vector = found.gaussian(0)
    first = found(vector)
    torch.testing.assert_close(found(vector), first, rtol=0, atol=0)
    assert float(first.norm()) == pytest.approx(float(exact(vector).norm()), rel=0.5), "not a difference of two noises"
