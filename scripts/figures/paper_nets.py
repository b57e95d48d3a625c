"""The paper's own two nets with their weights, for training that goes on from these.

Owns: the model specs of `scripts/figures/paper training`. The folder of the weights is in LI2018.
"""

from __future__ import annotations

import os
from pathlib import Path

from torch import nn

import landscape as ll
from landscape.models.zoo import build_zoo

NETS = Path(os.environ.get("LI2018", "../shared/reference/li2018"))


def resnet56() -> nn.Module:
    return _trained("resnet56")


def resnet56_noshort() -> nn.Module:
    return _trained("resnet56_noshort")


def _trained(name: str) -> nn.Module:
    net = build_zoo(name)
    net.load_state_dict(ll.load_checkpoint(NETS / f"{name}.t7").state_dict)
    return net
