"""What would move: a net's parameters layer by layer, with the reason why one rests.

Owns: the table of `landscape info --moves`, as plain values and as lines. What is chosen is the business of
direction/selection.py. Loads torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from landscape.options.what import BIASBN, What


def moves(checkpoint: Any, model: Any, *, only: What, ignore: What, entry: str | None, trust: Any) -> dict[str, Any]:
    """What `landscape surface` would move along random directions, of a checkpoint's net or of a module.

    Raises:
        LandscapeError: no such net; a word that stands for nothing.
    """
    from landscape.direction.selection import choose
    from landscape.subject.net import load_net

    net = load_net(checkpoint, model, entry=entry, data="", trust=trust)
    chosen = choose(net.parts, only, ignore)
    text, names = chosen.moving(BIASBN)
    layers: dict[str, Any] = {}
    for part in net.parts.parameters:
        path, _, name = part.name.rpartition(".")
        layer = layers.setdefault(path or "(net)", {"type": part.layer, "tensors": {}})
        why = None if part.name in names else _reason(chosen, text, part.name)
        layer["tensors"][name] = {
            "shape": list(part.shape), "parameters": part.numel, "moves": part.name in names, "frozen": part.frozen,
            **({"why not": why} if why else {}),
        }  # fmt: skip
    return {
        "only": chosen.only, "ignore": text, "moving": net.parts.count(names), "parameters": net.parts.count(), "layers": layers,
    }  # fmt: skip


def moves_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """One line for each parameter, under its layer, then the sum."""
    yield "moves:" + (f" only {found['only']}," if found["only"] else "") + f" ignored {found['ignore']}"
    rows = [
        (f"  {path}" + (f" ({layer['type']})" if layer["type"] else ""), name, tensor)
        for path, layer in found["layers"].items()
        for name, tensor in layer["tensors"].items()
    ]
    names = max((len(name) for _, name, _ in rows), default=0)
    shapes = max((len(_shape(tensor)) for _, _, tensor in rows), default=0)
    last = None
    for layer, name, tensor in rows:
        if layer != last:
            yield layer
        last = layer
        state = "moves" if tensor["moves"] else f"rests: {tensor['why not']}"
        frozen = ", frozen" if tensor["frozen"] and tensor["moves"] else ""
        yield f"    {name:{names}}  {_shape(tensor):>{shapes}}  {state}{frozen}"
    yield f"  {found['moving']:,} of {found['parameters']:,} parameters move"


def _shape(tensor: Mapping[str, Any]) -> str:
    return " x ".join(map(str, tensor["shape"])) or "1"


def _reason(chosen: Any, ignore: str, name: str) -> str:
    from landscape.direction.selection import matching
    from landscape.options.what import NONE, parted

    for what in parted(ignore) or ():
        if what != NONE and name in matching(chosen.parts, what, "ignore"):
            return f"ignored by {what}"
    return f"not among {chosen.only}"
