"""The nets of figure `dynamics`. `build`: two hidden layers of 64 tanh units for the 8 x 8 digits, after Cohen et al. 2021."""

from torch import nn


def build() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10))


def relu() -> nn.Module:
    """Two hidden layers of 32 ReLU units, for the claims that are counted over many runs."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10))


def relu_bn() -> nn.Module:
    """The same with batch norm before each ReLU."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 32),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Linear(32, 32),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Linear(32, 10),
    )


def small() -> nn.Module:
    """One hidden layer of 8 tanh units: 610 parameters, few enough for the whole spectrum of the Hessian."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Tanh(), nn.Linear(8, 10))


def deep() -> nn.Module:
    """Five hidden layers of 32 sigmoid units, through which gradients vanish."""
    hidden = [part for _ in range(4) for part in (nn.Linear(32, 32), nn.Sigmoid())]
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.Sigmoid(), *hidden, nn.Linear(32, 10))
