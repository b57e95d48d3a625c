"""Preconditioners of torch's optimizers: with P held still, steps diverge on a quadratic exactly beyond the threshold."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn, optim

from landscape.curvature.stability import averaged_threshold
from landscape.errors import CheckpointError, UsageError
from landscape.training.preconditioner_files import read_preconditioner, remove_preconditioners, write_preconditioner
from landscape.training.preconditioning import preconditioner_of

# Weights so small that their gradients leave the held state as it is.
SIZE, STEPS, GROWN, TINY, RATE = 4, 300, 1e4, 1e-12, 0.01
CASES = {
    "adam": (optim.Adam, {}),
    "adam_l2": (optim.Adam, {"betas": (0.8, 0.99), "weight_decay": 0.3}),
    "amsgrad": (optim.Adam, {"amsgrad": True}),
    "adamw": (optim.AdamW, {"weight_decay": 20.0}),
    "nadam": (optim.NAdam, {}),
    "nadam_apart": (optim.NAdam, {"betas": (0.7, 0.99), "weight_decay": 20.0, "decoupled_weight_decay": True}),
    "radam": (optim.RAdam, {}),
    "radam_early": (optim.RAdam, {}),
    "adamax": (optim.Adamax, {}),
    "rmsprop": (optim.RMSprop, {"momentum": 0.6}),
    "centered": (optim.RMSprop, {"centered": True}),
    "adagrad": (optim.Adagrad, {"lr_decay": 0.01}),
}
# What the state is set to before each step; the others are what they become.
HELD = {
    "exp_avg_sq": lambda: torch.rand(SIZE).double() + 0.1, "max_exp_avg_sq": lambda: torch.rand(SIZE).double() + 2.0,
    "exp_inf": lambda: torch.rand(SIZE).double() + 0.1, "square_avg": lambda: torch.rand(SIZE).double() + 1.0,
    "grad_avg": lambda: 0.9 * torch.rand(SIZE).double(), "sum": lambda: torch.rand(SIZE).double() + 0.1,
    "mu_product": lambda: torch.tensor(0.01),
}  # fmt: skip


class Weights(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(SIZE, dtype=torch.float64))


def step_held(optimizer: optim.Optimizer, net: Weights, matrix: torch.Tensor, held: dict[str, torch.Tensor]) -> None:
    """A step on w'Mw / 2 whose state begins as `held`."""
    for name, value in held.items():
        optimizer.state[net.w][name].copy_(value)
    net.w.grad = matrix @ net.w.detach()
    optimizer.step()


def begun(name: str) -> tuple[Weights, optim.Optimizer, torch.Tensor, dict[str, torch.Tensor]]:
    """(a net of tiny weights, its optimizer after a step, the matrix of a quadratic, what is held)."""
    torch.manual_seed(3)
    kind, options = CASES[name]
    net, root = Weights(), torch.randn(SIZE, SIZE).double()
    optimizer, matrix = kind([net.w], lr=RATE, **options), root @ root.T
    step_held(optimizer, net, matrix, {})
    state = optimizer.state[net.w]
    held = {entry: make() for entry, make in HELD.items() if entry in state}
    held["step"] = torch.tensor(2.0 if name.endswith("early") else 10.0)
    for entry in {"exp_avg", "momentum_buffer"} & state.keys():
        state[entry].zero_()
    net.w.data = TINY * torch.randn(SIZE).double()
    step_held(optimizer, net, matrix, held)
    return net, optimizer, matrix, held


def size_at(bound: float, matrix: torch.Tensor, scale: torch.Tensor, decay: float) -> float:
    """The factor of the matrix M at which the largest eigenvalue of P^-1 (M + decay) is `bound`."""
    eye, low, high = torch.eye(SIZE).double(), 0.0, 1e9
    for _ in range(100):
        middle = (low + high) / 2
        found = float(torch.linalg.eigvals((middle * matrix + decay * eye) / scale[:, None]).real.max())
        low, high = (middle, high) if found < bound else (low, middle)
    return low


@pytest.mark.parametrize("name", CASES)
def test_steps_diverge_just_beyond_the_threshold(name):
    """torch's own optimizers with their state held, on quadratics just below and just above."""
    for factor in (0.97, 1.03):
        net, optimizer, matrix, held = begun(name)
        found = preconditioner_of(optimizer, net)
        assert found is not None
        size = size_at(factor * found.threshold, matrix, found.scales["w"].double(), found.decay["w"])
        longest = GROWN * float(net.w.detach().norm())
        for _ in range(STEPS):
            step_held(optimizer, net, size * matrix, held)
            if grown := bool(net.w.detach().norm() > longest):
                break
        assert grown == (factor > 1), (name, factor)


def test_thresholds_of_the_literature():
    """38 / lr at beta1 = 0.9 (Cohen et al. 2022); plain RMSprop as gradient descent."""
    assert averaged_threshold(1e-3, 0.9) == pytest.approx(38 / 1e-3)
    assert averaged_threshold(1e-3, 0.0) == pytest.approx(2 / 1e-3)
    net = Weights()
    for kind, options, bound in ((optim.Adam, {}, 38), (optim.RMSprop, {}, 2), (optim.Adagrad, {}, 2)):
        optimizer = kind(net.parameters(), lr=RATE, **options)
        assert preconditioner_of(optimizer, net) is None
        step_held(optimizer, net, torch.eye(SIZE).double(), {})
        assert preconditioner_of(optimizer, net).threshold == pytest.approx(bound / RATE)
        assert preconditioner_of(optimizer, net, 2 * RATE).threshold == pytest.approx(bound / RATE / 2)


def test_groups_of_parameters():
    """Rates join what steps are divided by, groups of rate 0 rest; different momenta have no common threshold."""
    one, net = nn.Linear(3, 2), nn.Linear(3, 2)
    net.load_state_dict(one.state_dict())
    plain = optim.Adam(one.parameters(), lr=0.1)
    groups = optim.Adam([{"params": [net.weight], "lr": 0.1}, {"params": [net.bias], "lr": 0.4}])
    for each, optimizer in ((one, plain), (net, groups)):
        each(torch.ones(5, 3)).square().sum().backward()
        optimizer.step()
    expected, found = preconditioner_of(plain, one), preconditioner_of(groups, net)
    torch.testing.assert_close(found.scales["weight"], expected.scales["weight"], rtol=0, atol=0)
    torch.testing.assert_close(found.scales["bias"], expected.scales["bias"] / 4)
    assert found.threshold == expected.threshold
    groups.param_groups[0]["lr"] = 0.0
    resting = preconditioner_of(groups, net)
    assert list(resting.scales) == ["bias"]
    assert resting.threshold == pytest.approx(expected.threshold / 4)
    torch.testing.assert_close(resting.scales["bias"], expected.scales["bias"])
    assert preconditioner_of(groups, net, 0.0) is None
    groups.param_groups[0]["lr"], groups.param_groups[1]["betas"] = 0.1, (0.5, 0.999)
    with pytest.raises(UsageError, match=r"momenta 0\.9 and 0\.5 have no common threshold"):
        preconditioner_of(groups, net)


def test_a_group_decays_at_its_own_rate():
    """Steps of the second group, whose rate is 1000 times that of the first, diverge just beyond the common threshold."""
    for factor in (0.97, 1.03):
        first, second = (nn.Parameter(torch.ones(1, dtype=torch.float64)) for _ in range(2))
        optimizer = optim.AdamW([{"params": [first], "lr": 1e-3}, {"params": [second], "lr": 1.0}], weight_decay=0.5)

        def step(size: float, moved=(first, second), optimizer=optimizer) -> None:
            for each in moved:
                each.grad = size * each.detach()
                for name, value in {"exp_avg_sq": 0.5, "step": 10.0}.items() if optimizer.state else ():
                    optimizer.state[each][name].fill_(value)
            optimizer.step()

        step(1.0)
        for each in (first, second):
            each.data.fill_(TINY)
            optimizer.state[each]["exp_avg"].zero_()
        step(1.0)
        found = preconditioner_of(optimizer, nn.ParameterList([first, second]))
        assert found.threshold == pytest.approx(28500)
        size, longest = factor * found.threshold * float(found.scales["1"]), GROWN * abs(second.item())
        for _ in range(STEPS):
            step(size)
            if grown := abs(second.item()) > longest:
                break
        assert grown == (factor > 1), factor


@pytest.mark.parametrize(
    ("kind", "options"), [(optim.Adam, {}), (optim.RMSprop, {}), (optim.Adagrad, {"lr_decay": 0.1})]
)
def test_a_division_by_zero_is_refused(kind, options):
    net = Weights()
    optimizer = kind(net.parameters(), lr=RATE, eps=0.0, **options)
    net.w.grad = torch.tensor([1.0, 0.0, 1.0, 1.0]).double()
    optimizer.step()
    with pytest.raises(UsageError, match=r"eps 0 leaves steps of w divided by 0, .*; expected an eps above 0"):
        preconditioner_of(optimizer, net)


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adadelta, optim.Rprop])
def test_optimizers_without_one_are_refused(kind):
    net = nn.Linear(3, 2)
    with pytest.raises(UsageError, match=rf"{kind.__name__} has no preconditioner; expected one of Adam, AdamW, NAdam"):
        preconditioner_of(kind(net.parameters(), lr=0.1), net)


def test_files_come_back_and_damaged_ones_are_named(tmp_path):
    net, optimizer, *_ = begun("adam_l2")
    found = preconditioner_of(optimizer, net)
    write_preconditioner(tmp_path, 7, found)
    back = read_preconditioner(tmp_path, 7)
    assert (
        torch.equal(back.scales["w"], found.scales["w"])
        and back.threshold == found.threshold
        and back.decay == found.decay
    )
    assert read_preconditioner(tmp_path, 8) is None
    for content in (
        [],
        {"scales": {"w": -torch.ones(2)}, "threshold": 1.0, "decay": {}},
        {"scales": {}, "threshold": np.nan},
    ):
        path = tmp_path / "preconditioners" / "step_0000009.pt"
        torch.save(content, path)
        with pytest.raises(CheckpointError, match=r"step_0000009\.pt: is not a preconditioner of landscape"):
            read_preconditioner(tmp_path, 9)
    remove_preconditioners(tmp_path, 7)
    assert read_preconditioner(tmp_path, 7) and read_preconditioner(tmp_path, 9) is None
    remove_preconditioners(tmp_path)
    assert not (tmp_path / "preconditioners").exists()
