"""Laws: where only late layers move, values are those of the whole net at every point, bit for bit, whatever the net does; what
rests is computed once where that can be proven; memory has a limit; what changes is not remembered."""

import contextlib

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from landscape.data.load import load_splits
from landscape.models.zoo import build_zoo
from landscape.objective import kept as kept_module
from landscape.objective import recall
from landscape.objective.kept_plan import expected
from landscape.objective.loss import make_measure
from landscape.objective.objective import Objective
from tests.objective.kept_nets import CALLS, Net, built, compared, pairs, points


@pytest.fixture(autouse=True)
def as_if_installed(monkeypatch):
    """The nets of these tests are of the user's code, whose modules are not recalled."""
    monkeypatch.setattr(recall, "is_installed", lambda kind: True)


def test_a_layer_that_rests_is_called_once_for_each_batch():
    objective = built(Net().eval(), pairs(), "late")
    CALLS.clear()
    points(objective, (0.0, 1.0, 2.0, 3.0))
    verified = 8 * kept_module.VERIFIED
    assert sum(CALLS) == 23 + verified + min(CALLS)  # all samples, the rehearsal, and what is computed both ways
    assert objective.keeping.kept.nbytes == (23 * 5) * 8
    assert not any("forward" in vars(module) or module._forward_pre_hooks for module in objective.model.modules())


def test_only_a_checked_objective_keeps_anything():
    net = Net().eval()
    measure, _, _ = make_measure("cross_entropy", None)
    splits = load_splits(pairs(), split=("train",)).splits
    made = Objective(net, splits, measure, fast=True, names=["late.weight"])
    points(made)
    assert made.keeping.kept is None


def images(n=6):
    torch.manual_seed(3)
    return torch.randn(n, 3, 16, 16), torch.randint(0, 10, (n,))


@pytest.mark.parametrize("batchnorm", ["keep", "interpolate", "recompute"])
def test_programs_of_residual_nets(batchnorm):
    """In the middle of the net the skip of a block crosses the cut."""
    kept = compared(build_zoo("resnet20"), images(), "layer3.1", precision="fp32", batchnorm=batchnorm)
    assert (kept is None) == (batchnorm == "recompute")
    if batchnorm == "keep":
        assert kept.way.layers == 17 and 0 < kept.nbytes <= 6 * 64 * 4 * 4 * 4 * 2


@pytest.mark.parametrize("precision", ["fp32", "fp64"])
def test_what_rests_may_change_between_points(precision):
    """Parameters and buffers that others write to, with and without torch's notice, and ones that are replaced."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 14 * 14, 10)
    ).eval()
    both = [built(net, images(), "4", precision=precision) for _ in range(2)]
    both[1].keeping.__init__(0.0, wanted=False)

    def replace(own):
        own[0].bias = nn.Parameter(own[0].bias.detach() + 1.0, requires_grad=False)

    before = points(both[0])
    writes = [lambda own: own[0].weight.mul_(1.5), lambda own: own[1].running_mean.data.add_(1.0), replace]
    for write in writes:
        with torch.no_grad():
            for objective in both:
                write(objective.model)
        found = points(both[0])
        assert found == points(both[1]) and found != before
        before = found


def test_other_data_are_other_activations():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 14 * 14, 10)).eval()
    objective, (inputs, targets) = built(net, images(), "3", precision="fp32"), images()
    before = points(objective)
    view = objective.view(splits=load_splits((inputs.flip(0), targets), split=("train",)).splits)
    assert objective.keeping.kept.nbytes > 0 and points(view) != before == points(objective)


def test_memory_has_a_limit():
    """Batches beyond it are passed through the whole net."""
    size = 8 * 5 * 8  # of a batch
    net, room = Net().eval(), 2 * 1.5 * size  # a half of the room is that of the data
    kept = compared(net, budget=room)
    assert kept.nbytes == size <= kept.limit
    assert compared(net, budget=0.0).nbytes == 0


def test_where_values_differ_nothing_is_kept_from_then_on(monkeypatch):
    """Whatever the reason; here what was kept is spoiled."""
    torch.manual_seed(0)
    net = Net().eval()
    objective = built(net, pairs(), "late")
    objective.evaluate()
    kept = objective.keeping.kept
    for memo in kept._memos.values():
        for done in memo.kept.done.values():
            with torch.inference_mode():
                done.outputs.add_(1.0)
    other = built(net, pairs(), "late")
    other.keeping.__init__(0.0, wanted=False)
    assert points(objective, (0.5, 1.0)) == points(other, (0.5, 1.0))
    assert kept.nbytes == 0


def test_threads_share_what_is_kept():
    torch.manual_seed(0)
    net, threads = Net().eval(), torch.get_num_threads()
    alone = points(built(net, pairs(200), "late"))
    torch.set_num_threads(2)
    try:
        objective = built(net, pairs(200), "late")
        assert points(objective) == alone
        assert len(objective.keeping.kept._memos) == 25
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("why", ["hooks", "a loss of (model, batch)", "nothing rests", "another cache", "not wanted"])
def test_nothing_is_kept_where_it_cannot_be_proven(why):
    net = Net().eval()
    if why == "hooks":
        net.early.register_forward_hook(lambda *given: None)
    if why == "another cache":
        net.early.forward = net.early.forward
    objective = built(net, pairs(), "" if why == "nothing rests" else "late", keeps=why != "not wanted")
    if why == "a loss of (model, batch)":
        objective.measure, _, _ = make_measure(lambda model, batch: F.cross_entropy(model(batch[0]), batch[1]), None)
    with contextlib.suppress(TypeError):  # of the loss, which changed on the way
        objective.evaluate()
    assert objective.keeping.kept is None


def test_a_plan_says_what_is_kept():
    objective = built(Net().eval(), pairs(), "late")
    found = expected(objective)
    assert (found.layers, found.of, found.share) == (1, 2, 1.0)
    assert found.nbytes == pytest.approx(23 * 5 * 8)
    assert expected(built(Net().eval(), pairs(), "")) is None
