"""Tensors that a loss is differentiated by beside the parameters of the net that is trained.

Owns: how they are found, in torch's graph of the loss, and the line about them. A loss may have parameters of its own (learned
weights of tasks, proxies of classes), may hold a second net, or may mean the caller's module, of which a copy is trained. The
optimizer moves none of them.
"""

from __future__ import annotations

from torch import Tensor, nn

from landscape.members import parameters_in
from landscape.printable import listed

SHOWN = 4


def reached_outside(loss: Tensor, model: nn.Module) -> list[Tensor]:
    """The leaves with gradients in the graph of `loss` () that are not parameters of `model`."""
    own = {id(parameter) for parameter in parameters_in(model)}
    nodes, seen, found = [loss.grad_fn], set(), dict[int, Tensor]()
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)  # of a node that accumulates a gradient
        if isinstance(leaf, Tensor) and id(leaf) not in own:
            found[id(leaf)] = leaf
        nodes.extend(following for following, _ in node.next_functions)
    return list(found.values())


def outside_note(found: list[Tensor]) -> str:
    shapes = [" x ".join(map(str, each.shape)) or "a number" for each in found]
    return (
        f"the loss depends on tensors with gradients that are not parameters of the net (shapes {listed(shapes, SHOWN)}): "
        "training leaves them as they are; to train them too, make the loss a part of the model"
    )
