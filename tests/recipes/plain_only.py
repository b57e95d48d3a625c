"""What `--only` computes, in plain torch: the loss of a net some of whose parameters moved, and the Hessian of a block."""

import h5py
import numpy as np
import torch
from torch import nn
from torch.func import functional_call, hessian


def plain_loss(net: nn.Module, moved: dict, data) -> float:
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    for name, step in moved.items():
        state[name] += step
    with torch.no_grad():
        return nn.functional.cross_entropy(functional_call(net, state, (data[0],)), data[1]).item()


def stored(path) -> list[dict[str, torch.Tensor]]:
    with h5py.File(path) as file:
        return [{name: torch.from_numpy(file[axis][name][()]).double() for name in file[axis]} for axis in ("x", "y")]


def dense(net: nn.Module, data, names: list[str]) -> np.ndarray:
    """Eigenvalues of the block of the Hessian that belongs to the named parameters."""
    own = {name: tensor.detach() for name, tensor in net.named_parameters()}
    sizes = [own[name].numel() for name in names]

    def loss(flat):
        parts = {name: part.view(own[name].shape) for name, part in zip(names, flat.split(sizes), strict=True)}
        return nn.functional.cross_entropy(functional_call(net, {**own, **parts}, (data[0],)), data[1])

    return np.linalg.eigvalsh(hessian(loss)(torch.cat([own[name].flatten() for name in names])).numpy())
