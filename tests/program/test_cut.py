"""Laws: both parts of a divided graph together are the whole, bit for bit and again and again; nothing that moves is before the
cut; a graph whose calls write to what others read is not divided."""

import torch
import torch.nn.functional as F
from torch import fx, nn

from landscape.program.cut import divide


class Net(nn.Module):
    def __init__(self, way):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.act, self.own = nn.ReLU(inplace=True), nn.Parameter(torch.ones(4))
        self.same, self.way = nn.Identity(), way

    def forward(self, x):
        return self.way(self, x)


def read(module):
    return [*module.parameters(), *module.buffers()]


def divided(way, moving="c"):
    torch.manual_seed(0)
    net = Net(way)
    moves = {id(tensor) for name, tensor in net.named_parameters() if name.startswith(moving)}
    return net, divide(fx.symbolic_trace(net), lambda tensor: id(tensor) in moves, read)


@torch.inference_mode()
def check(way, moving="c"):
    """The values that cross the cut, after the parts were found to be the whole, also at other weights."""
    net, parts = divided(way, moving)
    inputs = torch.randn(3, 4)
    kept = parts.before(inputs)
    copies = [each.clone() for each in kept]
    for _ in range(3):
        assert torch.equal(parts.after(*kept), net(inputs))
        assert all(torch.equal(one, other) for one, other in zip(kept, copies, strict=True))
        for name, tensor in net.named_parameters():
            if name.startswith(moving):
                tensor.mul_(1.5)
    return kept


def test_a_chain_and_its_cut():
    assert len(check(lambda n, x: n.c(n.b(n.a(x)).tanh()))) == 1


def test_skips_and_branches_cross_the_cut():
    assert len(check(lambda n, x: n.c(n.a(x)) + n.a(x) + x)) == 4 - 1
    assert len(check(lambda n, x: torch.cat([n.c(x), n.b(n.a(x))], 1))) == 2


def test_what_is_behind_what_moves_is_not_before():
    net, parts = divided(lambda n, x: n.b(n.c(n.a(x))))
    assert [node.target for node in parts.before.graph.nodes if node.op == "call_module"] == ["a"]
    assert (parts.layers, parts.of) == (1, 3)


def test_parameters_that_are_read_directly_move():
    assert len(check(lambda n, x: n.b(n.a(x)) * n.own, "own")) == 1
    assert divided(lambda n, x: n.b(n.a(x * n.own)), "own")[1] is None


def test_what_is_kept_is_not_written_to():
    check(lambda n, x: n.act(n.a(x)) + n.c(x))  # before the cut
    check(lambda n, x: n.c(n.act(n.a(x))))
    check(lambda n, x: n.c(n.act(n.same(n.act(n.a(x)).mul_(2.0)))))
    check(lambda n, x: n.a(x).add_(n.c(x)))  # behind it, to a kept value


def test_writing_to_what_others_read_forbids_a_cut():
    def own(net, x):
        h = net.a(x)
        return net.c(net.act(h) + h)

    def view(net, x):
        return net.c(net.act(net.a(x).view(3, 4)))

    def passed(net, x):
        h = net.same(net.a(x))
        return net.c(net.act(net.same(h)) + h)

    def functional(net, x):
        h = net.a(x)
        return net.c(h + F.relu(h, inplace=True))

    def method(net, x):
        h = net.a(x)
        return net.c(h + h.mul_(2.0))

    assert [divided(way)[1] for way in (own, view, passed, functional, method)] == [None] * 5


def foreign(x):
    return x


fx.wrap("foreign")


def test_functions_from_elsewhere_forbid_a_cut():
    assert divided(lambda n, x: n.c(foreign(n.a(x))))[1] is None


def test_no_layer_before_is_no_cut():
    assert divided(lambda n, x: n.b(n.c(x.flatten(1))))[1] is None
    assert divided(lambda n, x: n.b(n.a(x)))[1] is None  # nothing that moves has a part
