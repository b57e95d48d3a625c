"""Samples that carry much of the loss although they are few: found, taken at every point, and right with stated errors."""

import numpy as np
import pytest
import torch
from torch import nn

import landscape as ll
from landscape.objective.census import Census
from landscape.objective.frame import DrawnSamples, SamplingFrame
from landscape.objective.rare import MOST_TAKEN, TIMES_MEAN, rare, stand_out
from landscape.objective.rounds import Neighbour, PointEstimator

N = 8000


def losses_with(few, factor, seed=0):
    """(N,) losses near 1, of which `few` are `factor` times as large; and the numbers of these."""
    rng = np.random.default_rng(seed)
    losses, chosen = rng.gamma(4.0, 0.25, N), rng.choice(N, few, replace=False)
    losses[chosen] *= factor
    return losses, np.sort(chosen)


def test_few_that_stand_out_are_taken_and_more_are_a_stratum():
    losses, few = losses_with(8, 1000)
    assert rare(losses[None]).taken.tolist() == few.tolist() and not rare(losses[None]).strata
    losses, more = losses_with(MOST_TAKEN + 20, 1000)
    assert not len(rare(losses[None]).taken) and rare(losses[None]).strata[0].tolist() == more.tolist()
    assert not len(rare(losses_with(8, TIMES_MEAN / 10)[0][None]).taken)


def test_values_that_are_not_finite_stand_out_and_hide_no_others():
    losses, few = losses_with(8, 1000)
    usual = np.setdiff1d(np.arange(N), few)[:2]
    losses[usual] = np.nan, np.inf
    assert rare(losses[None]).taken.tolist() == sorted([*few.tolist(), *usual.tolist()])
    assert not stand_out(np.full(N, np.nan)).any() and not stand_out(np.zeros(N)).any()


def test_few_of_one_place_are_taken_out_of_the_many_of_another():
    (many, _), (few, eight) = losses_with(300, 1000), losses_with(8, 1000, seed=1)
    assert rare(np.stack([many, few])).taken.tolist() == eight.tolist() and len(rare(np.stack([many, few])).strata) == 1


def test_what_stands_out_at_one_net_only_is_taken_too():
    (first, one), (second, other) = losses_with(5, 1000), losses_with(7, 1000, seed=1)
    assert rare(np.stack([first, second])).taken.tolist() == sorted({*one.tolist(), *other.tolist()})


@pytest.mark.parametrize("beside", [False, True])
def test_their_sum_is_exact_and_the_rest_has_the_stated_error(beside):
    errors = []
    for seed in range(60):
        rng = np.random.default_rng(1000 + seed)
        centre, few = losses_with(8, 1000, seed)
        here = centre * rng.lognormal(0, 0.2, N)
        here[few] = rng.uniform(0, 3000, 8)  # which nothing foretells
        frame = SamplingFrame.of(Census({"loss": centre[None]}, None, None), "loss")
        point = PointEstimator(
            "train", DrawnSamples(frame, lambda numbers, here=here: {"loss": here[numbers]}), "loss", 0.01
        )
        found = point.results((point.beside([Neighbour({}, 0)]) if beside else None) or point.alone())
        assert found["drawn/train"][0] == 8 == frame.whole
        assert found["stderr/train_loss"] <= 0.01 * found["train_loss"]
        errors.append((found["train_loss"] - here.mean()) / found["stderr/train_loss"])
    assert np.mean(np.abs(errors) < 2) > 0.88 and abs(np.mean(errors)) < 0.4
    assert np.sqrt(np.mean(np.square(errors))) < 1.3


def classifier(scale, seed):
    """A net, and data of which 8 have a feature that is 0 in the others; the net reads it `scale` times."""
    chance = torch.Generator().manual_seed(100 + seed)
    inputs, weights = torch.randn(N, 6, generator=chance), torch.randn(6, 4, generator=chance)
    labels = (inputs @ weights + torch.randn(N, 4, generator=chance)).argmax(1)
    inputs[:, 0] = 0
    inputs[torch.randperm(N, generator=chance)[:8], 0] = 3000.0
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 4))
    with torch.no_grad():
        net[0].weight[:, 0] *= scale
    return net, (inputs, labels)


@pytest.mark.parametrize("scale", [0.0, 1.0], ids=["ordinary at the net", "dominant at the net"])
def test_one_kind_in_a_thousand_is_not_missed(scale, capsys):
    off = []
    for seed in range(4):
        net, data = classifier(scale, seed)
        options = {"model": net, "data": data, "x": "-1:1:21", "seed": seed, "out": None}
        whole, found = ll.line(**options, quiet=True), ll.line(**options, tolerance=0.05)
        off.append(found.values["train_loss"] / whole.values["train_loss"] - 1)
        evaluated = found.provenance["run"]["reached"]["evaluations"]
        assert evaluated < 0.4 * 21 * N
    assert np.quantile(np.abs(off), 0.95) < 0.05 and np.abs(off).max() < 0.1
    assert scale or "all are evaluated at 2 ends too" in capsys.readouterr().err


def test_the_look_takes_other_samples_at_each_corner():
    from landscape.grid import Grid, Range
    from landscape.study.far import FEWEST, corners, shares

    places = corners(Grid.of(Range(-1, 1, 5), Range(0, 2, 3)), [(0.0, 0.0)])
    assert places == [(-1.0, 0.0), (-1.0, 2.0), (1.0, 0.0), (1.0, 2.0)]
    parts = shares(50_000, len(places))
    together = np.concatenate(parts)
    assert len(together) == len(set(together.tolist())) == 4 * FEWEST and together.max() < 50_000
    assert [sorted(each.tolist()) for each in shares(1438, 4)] == [list(range(1438))] * 4
    assert [len(each) for each in shares(8000, 2)] == [8000] * 2
    odd = [np.sum(each % 2) / len(each) for each in shares(40_000, 2)]
    assert all(0.4 < share < 0.6 for share in odd)  # of data in a periodic order, all kinds are looked at
    assert corners(Grid.of(Range(0, 1, 5)), [(0.0,), (1.0,)]) == [] and shares(100, 0) == []


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_one_sample_whose_loss_is_not_finite_at_the_net_hides_nothing_of_the_others(bad):
    """Their logarithms are among what the census tells of them."""
    losses = np.random.default_rng(0).lognormal(-1, 1, (1, 3000))
    logs = np.delete(np.log(losses[0]), 7)
    losses[0, 7] = bad
    frame = SamplingFrame.of(Census({"loss": losses}, None, None), "loss")
    assert frame.strata.members[0].tolist() == [7] and frame.whole == 1
    known = np.delete(frame.auxiliary, 7, axis=0)
    missing = logs - known @ np.linalg.lstsq(known, logs, rcond=None)[0]
    assert missing.var() < 0.01 * logs.var()
