"""Batches of every form that a net of two inputs takes, and the loss of all of them in plain torch."""

import dataclasses

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

N = 11
GENERATOR = torch.Generator().manual_seed(1)
U, V = (torch.randn(N, width, generator=GENERATOR, dtype=torch.float64) for width in (3, 2))
T = torch.randint(0, 4, (N,), generator=GENERATOR)


class Two(nn.Module):
    """A net of two inputs."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b = nn.Linear(3, 4), nn.Linear(2, 4)
        self.double()

    def forward(self, u, v):
        return self.a(u) + self.b(v).tanh()


class OfDict(Two):
    def forward(self, parts):
        return {"out": super().forward(parts["u"], parts["v"]), "aux": parts["u"]}


class OfAnything(Two):
    def forward(self, **named):
        return super().forward(named["u"], named["v"])


@dataclasses.dataclass(frozen=True)
class Record:
    u: torch.Tensor
    v: torch.Tensor
    y: torch.Tensor


class Dicts(Dataset):
    def __len__(self):
        return N

    def __getitem__(self, i):
        return {"u": U[i], "v": V[i], "label": T[i]}


def cut(size, make):
    return [make(slice(start, start + size)) for start in range(0, N, size)]


FORMS = {
    "tuple of three": (Two, DataLoader(TensorDataset(U, V, T), batch_size=4)),
    "dataset of three": (Two, TensorDataset(U, V, T)),
    "nested": (Two, cut(4, lambda s: ((U[s], V[s]), T[s]))),
    "dict": (Two, cut(4, lambda s: {"v": V[s], "u": U[s], "labels": T[s]})),
    "dict with more in it": (Two, cut(4, lambda s: {"v": V[s], "u": U[s], "y": T[s], "name": ["x"], "id": T[s]})),
    "dataset of dicts": (Two, Dicts()),
    "dict and targets": (OfDict, cut(4, lambda s: ({"u": U[s], "v": V[s]}, T[s]))),
    "dict to the net": (OfDict, cut(4, lambda s: {"u": U[s], "v": V[s], "target": T[s]})),
    "any keywords": (OfAnything, cut(4, lambda s: {"u": U[s], "v": V[s], "targets": T[s]})),
    "record": (Two, cut(4, lambda s: Record(U[s], V[s], T[s]))),
}
EXPECTED = F.cross_entropy(Two()(U, V), T).item()
