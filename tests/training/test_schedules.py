"""The learning rate in closed form is that of torch's schedulers."""

import pytest
import torch
from torch.optim import lr_scheduler as theirs

from landscape.training.plateau import Plateau
from landscape.training.schedules import SCHEDULES, make_schedule

STEPS = 40


def rates(make) -> list[float]:
    """The rates of torch's scheduler at each step, as shares of the highest."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule, found = make(optimizer), []
    for _ in range(STEPS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def ours(name, **options) -> list[float]:
    share = make_schedule(name, **{"steps": STEPS, "warmup": None, "milestones": (0.5, 0.75), "gamma": 0.1, **options})
    return [share(step) for step in range(STEPS)]


@pytest.mark.parametrize(
    ("name", "options", "torchs"),
    [
        ("constant", {}, lambda o: theirs.ConstantLR(o, factor=1.0)),
        ("step", {}, lambda o: theirs.MultiStepLR(o, [20, 30], gamma=0.1)),
        ("step", {"milestones": (0.25,), "gamma": 0.3}, lambda o: theirs.MultiStepLR(o, [10], gamma=0.3)),
        ("cosine", {}, lambda o: theirs.CosineAnnealingLR(o, T_max=STEPS)),
        ("onecycle", {}, lambda o: theirs.OneCycleLR(o, 1.0, total_steps=STEPS + 1, cycle_momentum=False)),
        ("exponential", {}, lambda o: theirs.ExponentialLR(o, 0.1 ** (1 / STEPS))),
        ("hyperbolic", {}, lambda o: theirs.LambdaLR(o, lambda step: 1 / (1 + 9 * step / STEPS))),
        (
            "onecycle",
            {"warmup": 8.2},
            lambda o: theirs.OneCycleLR(o, 1.0, total_steps=STEPS + 1, pct_start=0.2, cycle_momentum=False),
        ),
    ],
)
def test_as_torch_has_it(name, options, torchs):
    assert ours(name, **options) == pytest.approx(rates(torchs), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", ["constant", "step", "cosine", "exponential", "hyperbolic", "plateau"])
def test_warmup_rises_in_equal_steps_to_the_full_rate(name):
    rising = ours(name, warmup=4)[:5]
    assert rising == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("steps", [0, 1, 2])
def test_the_shortest_runs_have_a_rate(name, steps):
    share = make_schedule(name, steps=steps, warmup=None, milestones=(0.5,), gamma=0.1)
    assert all(0 <= share(step) <= 1 for step in range(max(1, steps)))


def test_a_plateau_is_that_of_torch():
    losses = [3.0, 2.0, 2.1, 1.9999, 2.2, 1.5, 1.6, 1.7, 1.8, 1.9, 1.4999, 1.6, 1.6]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    reference, own = theirs.ReduceLROnPlateau(optimizer, factor=0.3, patience=1), Plateau(0.3, 1)
    factors = []
    for loss in losses:
        own.add(torch.tensor(loss - 1.0), 3)
        own.add(torch.tensor(loss + 3.0), 1)  # the mean over the samples, not over the steps
        own = restored(own)
        own.end_pass()
        reference.step(loss)
        assert own.factor == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
        factors.append(own.factor)
    assert len(set(factors)) > 3


def restored(plateau: Plateau) -> Plateau:
    again = Plateau(0.3, 1)
    again.restore(plateau.state())
    return again
