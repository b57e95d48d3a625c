"""Numbers that no run can mean: one line with the value, what was expected, and a number to take, before anything runs."""

from pathlib import Path

import pytest
import torch
from torch import nn

import landscape as ll
from landscape.errors import UsageError

DATA = (torch.randn(12, 6), torch.arange(12) % 3)
HUGE = (1e30, float("inf"), float("nan"), -1, 1e12, 10**400, 10**5000, -(10**400))


class Never(nn.Module):
    """Ends a run that has begun."""

    def __init__(self, seed: int):
        super().__init__()
        torch.manual_seed(seed)
        self.inner = nn.Linear(6, 3)

    def forward(self, x):
        raise RuntimeError("it ran")


def net(seed: int = 0) -> nn.Module:
    return Never(seed)


def train(folder, **options):
    ll.train(net(), data=DATA, out=folder / "out", quiet=True, **options)


def connect(folder, **options):
    options = {"points": 2, "curve": "bezier", "out": folder / "out.h5", **options}
    ll.connect([net(0), net(1)], data=DATA, quiet=True, **options)


def instability(folder, **options):
    ll.instability(net(), data=DATA, out=folder / "out", at="0", quiet=True, **options)


RATES = (1e300, float("inf"), float("nan"), -1, 10**400)
CASES = [
    *((command, "epochs", value) for command in (train, connect, instability) for value in HUGE),
    *(
        (command, name, value)
        for command in (train, connect, instability)
        for name in ("lr", "weight_decay")
        for value in RATES
    ),
    *((command, name, 10**400) for command in (train, connect, instability) for name in ("momentum", "clip", "warmup")),
    *((connect, name, value) for name in ("bends", "points", "plane") for value in (10**5000, 10**9, 0, -1)),
    *((connect, "train_batch", value) for value in (10**5000, 10**30, 0)),
    *((train, "batch_size", value) for value in (10**5000, 10**30, 0)),
    *((command, "samples", value) for command in (train, connect, instability) for value in (0, -1)),
    *((instability, "points", value) for value in (10**5000, 1)),
    *((instability, "copies", value) for value in (10**5000, 1)),
]


@pytest.mark.parametrize(("command", "option", "value"), CASES, ids=range(len(CASES)))
def test_a_number_of_absurd_size_is_one_line(tmp_path, command, option, value):
    with pytest.raises(UsageError) as caught:
        command(tmp_path, **{option: value})
    said = str(caught.value)
    assert said.startswith(f"{option.replace('_', '-')} ") and "expected" in said
    assert len(said) < 120 and "\n" not in said
    assert not any(path.name.startswith("out") for path in tmp_path.iterdir()), "something was written"


def test_a_dry_run_refuses_what_the_run_would():
    with pytest.raises(UsageError, match=r"epochs 1e\+30: expected a number of at most 1,000,000, such as 30"):
        connect(Path(), epochs=1e30, out=None, dry_run=True)


def test_more_places_than_a_file_holds_are_refused_before_a_net_is_read():
    with pytest.raises(UsageError, match="points 100000: 276 paths of them .* give points=90579 or fewer"):
        ll.connect([f"none_{k}.pt" for k in range(24)], points=100_000, quiet=True)
