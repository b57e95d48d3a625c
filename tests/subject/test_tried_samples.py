"""A second net is tried on eight samples, whatever the batch size is."""

import pytest
import torch
from torch import nn

import landscape as ll


class FromFifth(nn.Module):
    """Scales samples whose number, their first input, is 5 or more."""

    def __init__(self, scale):
        super().__init__()
        self.fc = nn.Linear(3, 2)
        self.settings = {"scale": scale}

    def forward(self, x):
        return self.fc(x) * torch.where(
            x[:, :1] >= 5, self.settings.setdefault("scale", 1.0) * torch.ones(()), torch.ones(())
        )


@pytest.mark.parametrize("size", [2, 3, 8])
def test_as_many_samples_are_tried_whatever_the_batch_size_is(size):
    inputs = torch.stack([torch.arange(8.0), torch.ones(8), torch.zeros(8)], 1)
    first, second = FromFifth(1.0), FromFifth(2.0)
    with pytest.raises(ll.LandscapeError, match="different functions"):
        ll.line(model=first, to=second, data=(inputs, torch.zeros(8).long()), x="0:1:3", quiet=True, batch_size=size)


@pytest.mark.parametrize("size", [2, 8])
def test_other_buffers_of_later_samples_are_named_whatever_the_batch_size_is(size, capsys):
    class Shift(nn.Module):
        def __init__(self, shift):
            super().__init__()
            self.fc = nn.Linear(3, 2)
            self.register_buffer("shift", torch.tensor(shift))

        def forward(self, x):
            return self.fc(x) + self.shift * (x[:, :1] >= 5)

    inputs = torch.stack([torch.arange(8.0), torch.ones(8), torch.zeros(8)], 1)
    ll.line(model=Shift(0.0), to=Shift(1.0), data=(inputs, torch.zeros(8).long()), x="0:1:3", batch_size=size)
    assert "has other buffers" in "".join(capsys.readouterr())
