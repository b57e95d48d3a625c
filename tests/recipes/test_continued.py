"""A run that is continued computes what its file lacks, and nothing else."""

import pytest
import torch
from torch import nn

import landscape as ll


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 3))


@pytest.fixture
def data() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(4)
    return torch.randn(50, 1, 4, 4, generator=generator), torch.randint(0, 3, (50,), generator=generator)


# evaluations of a few samples: of the input, with gradients and without, for what changes between them, for what is kept, for
# layers that are not in use, and halves of them and of others for whether values of samples depend on each other
CHECKS = 19


def test_continuing_computes_only_what_is_missing(net, data, tmp_path):
    calls = []

    def counted(outputs, targets):
        calls.append(len(targets))
        if len(calls) == 22:
            raise ValueError("stop here")
        return nn.functional.cross_entropy(outputs, targets, reduction="none")

    options = {"model": net, "data": data, "loss": counted, "x": (-1, 1, 9), "out": tmp_path / "a.h5", "quiet": True}
    options["threads"] = 1  # with more, ways to share a batch are timed
    with pytest.raises(ll.LandscapeError, match="stop here"):
        ll.line(**options)
    before = len(calls)
    counts = ll.load_surface(tmp_path / "a.h5").counts()
    assert counts["failed"] == 1
    found = ll.line(**options)
    assert found.counts()["done"] == 9
    assert len(calls) - before == 9 - counts["done"] + CHECKS, (
        "one batch for each missing point, and a few samples before"
    )
    calls.clear()
    ll.line(**options)
    assert len(calls) == CHECKS, "a finished file is not computed again"


def test_a_zero_loss_is_done_and_not_computed_again(net, data, tmp_path):
    calls = []

    def zero(outputs, targets):
        calls.append(1)
        return torch.zeros(len(targets))

    for _ in range(2):
        found = ll.line(model=net, data=data, loss=zero, x=(-1, 1, 4), out=tmp_path / "a.h5", quiet=True, threads=1)
    assert found.values["train_loss"].tolist() == [0.0] * 4
    assert len(calls) == 4 + 2 * CHECKS, "four points once, and a check of the input at each start"
