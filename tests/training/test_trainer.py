"""The trainer against loops of plain torch, in float64."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import lr_scheduler

import landscape as ll
from landscape.data.load import load_splits
from landscape.errors import LandscapeError
from landscape.training.loader import make_loader
from landscape.training.seeding import seed_for


def batches_of(data, *, steps, batch_size, seed=0):
    """The batches a run sees, which are tested elsewhere."""
    split = load_splits(data, split=("train",)).splits["train"]
    place = {"device": torch.device("cpu"), "dtype": torch.float64}
    loader = make_loader(split, batch_size, augment=(), label_noise=0.0, seed=seed, **place)
    return [loader.batch(step) for step in range(steps)]


def by_hand(net, batches, optimizer, schedule, clip):
    for step, (inputs, targets) in enumerate(batches):
        torch.manual_seed(seed_for(0, "step", step))
        net.train()
        optimizer.zero_grad()
        F.cross_entropy(net(inputs), targets).backward()
        if clip:
            nn.utils.clip_grad_norm_(net.parameters(), clip)
        optimizer.step()
        schedule.step()
    return net


@pytest.mark.parametrize(
    ("options", "optimizer"),
    [
        ({"optimizer": "sgd", "momentum": 0.5, "lr": 0.2}, lambda p: torch.optim.SGD(p, 0.2, 0.5, weight_decay=5e-4)),
        ({"clip": 0.05}, lambda p: torch.optim.SGD(p, 0.1, 0.9, weight_decay=5e-4, nesterov=True)),
        (
            {"optimizer": "adamw", "weight_decay": 0.1, "optimizer_option": ["betas=(0.8,0.9)"]},
            lambda p: torch.optim.AdamW(p, 1e-3, betas=(0.8, 0.9), weight_decay=0.1),
        ),
        ({"optimizer": "rmsprop", "lr": 1e-2}, lambda p: torch.optim.RMSprop(p, 1e-2, weight_decay=5e-4)),
    ],
)
def test_equals_a_plain_loop(options, optimizer, small, images, tmp_path):
    data, net = images(), small()
    run = ll.train(
        net, data=data, epochs=3, batch_size=16, precision="fp64", out=tmp_path / "run", quiet=True, **options
    )
    twin = copy.deepcopy(net).double()
    torchs = optimizer(twin.parameters())
    rates = [group["lr"] for group in torchs.param_groups]
    schedule = lr_scheduler.OneCycleLR(torchs, rates, total_steps=13, cycle_momentum=False)
    wanted = by_hand(twin, batches_of(data, steps=12, batch_size=16), torchs, schedule, options.get("clip"))
    for name, tensor in run.model.state_dict().items():
        torch.testing.assert_close(tensor, wanted.state_dict()[name], rtol=1e-10, atol=1e-12)


def test_the_log_tells_means_over_the_epoch_and_the_test_split_after_it(small, images, tmp_path):
    data, net = images(), small()
    run = ll.train(net, data=data, epochs=2, batch_size=16, precision="fp64", lr=0.0, out=tmp_path / "run", quiet=True)
    first, *later = run.log
    assert [row["step"] for row in run.log] == [0, 4, 8] and [row["epoch"] for row in run.log] == [0.0, 1.0, 2.0]
    assert "train_loss" not in first
    losses, norms = [], []
    twin = copy.deepcopy(net).double().train()
    for step, (inputs, targets) in enumerate(batches_of(data, steps=8, batch_size=16)):
        torch.manual_seed(seed_for(0, "step", step))
        twin.zero_grad()
        loss = F.cross_entropy(twin(inputs), targets)
        loss.backward()
        losses.append(loss.item())
        norms.append(torch.cat([p.grad.flatten() for p in twin.parameters()]).norm().item())
    for k, row in enumerate(later):
        assert row["train_loss"] == pytest.approx(sum(losses[4 * k : 4 * k + 4]) / 4, rel=1e-10)
        assert row["gradient_norm"] == pytest.approx(sum(norms[4 * k : 4 * k + 4]) / 4, rel=1e-10)
    inputs, targets = data["test"]
    with torch.no_grad():
        outputs = twin.eval()(inputs.permute(0, 3, 1, 2).double() / 255)
    assert later[-1]["test_loss"] == pytest.approx(F.cross_entropy(outputs, targets).item(), rel=1e-10)
    assert later[-1]["test_accuracy"] == (outputs.argmax(1) == targets).double().mean().item()


def test_the_caller_keeps_net_and_chance(small, images, tmp_path):
    net = small()
    before = copy.deepcopy(net.state_dict())
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    run = ll.train(net, data=images(), epochs=1, batch_size=16, out=tmp_path / "run", quiet=True)
    assert torch.equal(torch.rand(3), wanted)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert any(not torch.equal(tensor, before[name]) for name, tensor in run.model.state_dict().items())


def test_init_seed_decides_the_first_weights_and_seed_all_else(tmp_path):
    def run(name, **seeds):
        ll.train("resnet20", data="digits", epochs=0.1, out=tmp_path / name, quiet=True, **seeds)
        return [
            ll.load_checkpoint(tmp_path / name / part).state_dict
            for part in ("checkpoints/step_0000000.pt", "final.pt")
        ]

    def same(a, b):
        return all(torch.equal(tensor, b[name]) for name, tensor in a.items())

    a, b, c = run("a", seed=1), run("b", seed=1, init_seed=2), run("c", seed=2, init_seed=1)
    assert same(a[0], c[0]) and not same(a[1], c[1])
    assert not same(a[0], b[0])


def test_ready_made_batches_and_a_loss_of_the_users_own(tmp_path):
    torch.manual_seed(0)
    x = torch.randn(40, 3)
    batches = [{"x": part, "y": part.sum(1, keepdim=True)} for part in x.split(8)]

    def loss(model, batch):
        return (model(batch["x"]) - batch["y"]).square().mean()

    run = ll.train(
        nn.Linear(3, 1), data={"train": batches, "test": batches}, loss=loss, epochs=60, optimizer="adam", lr=0.05,
        weight_decay=0, out=tmp_path / "run", quiet=True,
    )  # fmt: skip
    assert run.metrics["test_loss"] < 1e-3 < run.log[0]["test_loss"]
    torch.testing.assert_close(run.model.weight, torch.ones(1, 3), atol=0.05, rtol=0)


def test_a_lost_run_says_where_and_keeps_a_state_that_can_be_looked_at(tmp_path):
    with pytest.raises(LandscapeError, match=r"not finite any more at step \d+ \(lr .*clip=1"):
        ll.train("resnet20", data="digits", epochs=2, lr=1e30, schedule="constant", out=tmp_path / "run", quiet=True)
    kept = ll.load_checkpoint(tmp_path / "run")
    assert all(tensor.isfinite().all() for tensor in kept.state_dict.values())


class Weighing(nn.Module):
    """A loss with a weight of its own, which nobody trains."""

    def __init__(self):
        super().__init__()
        self.own = nn.Parameter(torch.zeros(1))

    def forward(self, outputs, targets):
        return F.cross_entropy(outputs, targets, reduction="none") * torch.exp(-self.own) + self.own


def test_parameters_of_a_loss_stay_as_they_are_and_are_named(tmp_path, capsys):
    generator, loss = torch.Generator().manual_seed(0), Weighing()
    data = torch.randn(24, 5, generator=generator), torch.arange(24) % 3
    ll.train(model=nn.Linear(5, 3), data=data, loss=loss, epochs=1, out=tmp_path / "run")
    assert "depends on tensors with gradients that are not parameters of the net (shapes 1)" in capsys.readouterr().err
    assert loss.own.grad is None and not loss.own.any()
