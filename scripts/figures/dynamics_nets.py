"""The net of figure `dynamics`: two hidden layers of 64 tanh units for the 8 x 8 digits, after Cohen et al. 2021."""

from torch import nn


def build() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10))
