"""Law: a precision that is too coarse for a net is said before a run, and only then."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import landscape as ll
from landscape.objective.coarseness import coarse_loss
from landscape.subject.evaluation import evaluation_facts, evaluation_notes

N = 40


def fine_net() -> nn.Module:
    """Reads the ninth binary digit of its first input, which bfloat16 does not have."""
    net = nn.Linear(2, 2)
    net.weight.data.copy_(torch.tensor([[1024.0, -1024.0], [0.0, 0.0]]))
    net.bias.data.zero_()
    return net


@pytest.fixture
def points():
    labels = torch.arange(N) % 2
    return torch.stack([1 + (1 - labels) * 2.0**-9, torch.ones(N)], dim=1), labels


def test_both_losses_are_said(points, objective):
    task = objective(fine_net(), points, precision="bf16")
    task.check()
    low, exact = coarse_loss(task)
    assert exact == pytest.approx(F.cross_entropy(fine_net()(points[0]), points[1]).item(), rel=1e-6)
    assert low == pytest.approx(float(torch.tensor(2.0).log()), rel=1e-2), "the two inputs are one in bfloat16"
    (note,) = evaluation_notes(task, evaluation_facts(task))
    assert note.startswith("precision bf16 is too coarse for this net") and "0.693" in note and f"{exact:.3g}" in note


@pytest.mark.parametrize("precision", ["fp32", "fp64", "tf32", "bf16"])
def test_nothing_is_said_where_it_is_good_enough(precision, points, objective):
    torch.manual_seed(0)
    task = objective(nn.Linear(2, 2), points, precision=precision)
    task.check()
    assert coarse_loss(task) is None and not evaluation_notes(task, evaluation_facts(task))


def test_the_surface_is_computed_all_the_same(points, capsys):
    options = {"model": fine_net(), "data": points, "x": (-1, 1, 3), "quiet": False}
    coarse, fine = (ll.line(**options, precision=each).values["train_loss"][1] for each in ("bf16", "fp32"))
    assert coarse > 1.5 * fine
    assert capsys.readouterr().err.count("too coarse") == 1
