"""What a module computes with its weights, as facts: two nets may hold the same tensors, and be two functions.

Owns: which parts of a module decide that: its layers, their settings and hooks, tensors that its state dict leaves out, and
the code of their classes. Knows no weights.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.fx import GraphModule

from landscape.members import OF_TORCH, buffers_in, parameters_in
from landscape.subject.code_members import unwrapped
from landscape.subject.code_names import names_in, words_in
from landscape.subject.code_reads import Reads, read_by_class, reads_of
from landscape.subject.code_stores import Lasting, Stores, by_name, is_users, stored_by
from landscape.subject.code_text import HASHED, CodeText, digest, settings_of, shortened

HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
# Of a library's layers, numbers with this in their names, and of torch's layers these: they decide nothing in evaluation mode.
DROP, IN_TRAINING = "drop", ("p", "inplace", "dropout")
DROPPING = (nn.modules.dropout._DropoutNd, nn.MultiheadAttention, nn.RNNBase)
# Of torch's layers: whether they write over their input, which changes each negative number of it or nothing.
SHOWN = "inplace"
OVERWRITING = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.CELU, nn.SELU, nn.SiLU, nn.Mish, nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh,
)  # fmt: skip
# A hook of transformers for training, which changes no output.
NO_HOOKS = ("make_inputs_require_grads",)
# Of a library's layers: where a net of transformers was read from, and whether a pass back computes what it needs twice.
NO_SETTINGS = ("name_or_path", "hf_device_map", "gradient_checkpointing", "grad_checkpointing")
# The method of a module of Lightning that says how it is trained, and where such a module keeps what it was made with.
TRAINS, HPARAMS = "configure_optimizers", "_hparams"
# What is no attribute, but stands in the table of them.
OF_MODULE = ("graph", "hooks")


@dataclass(frozen=True)
class Program:
    """`layers`: their names by class; `settings` by name, over all layers; `classes`: a hash of the code of each.

    `unread`: settings that no code of the net reads, and `resting`: those that decide something in training mode only.
    `shown`: settings of torch's layers that change whole outputs or nothing, so that values on one batch show which. `stores`:
    what hooks write into; it is not part of what the net computes.
    """

    layers: dict[str, str]
    settings: dict[str, str]
    classes: dict[str, str]
    unread: frozenset[str] = frozenset()
    resting: frozenset[str] = frozenset()
    shown: frozenset[str] = frozenset()
    stores: Stores = frozenset()

    def undecided(self, *others: Any) -> list[str]:
        """The settings that decide no value, also where other code, such as that of a loss, is called with the net."""
        reads = reads_of(*others)
        resting = frozenset() if reads.trains else self.resting
        return sorted(name for name in self.unread | resting if not reads.may_read(name))

    @property
    def digest(self) -> str:
        return digest(f"{sorted(self.layers.items())} {sorted(self.settings.items())} {sorted(self.classes.items())}")


def program_of(module: nn.Module, within: frozenset[int] = frozenset(), stores: Stores = frozenset()) -> Program:
    """The same for a copy, in any mode and with other weights; another one where a layer, a setting or its code differs.

    `within`: the ids of the nets in which it was found, which may lead back to each other. `stores`: what evaluations write into.
    """
    within |= {id(module)}
    state = {id(tensor) for tensor in itertools.chain(parameters_in(module), buffers_in(module))}
    layers = dict(module.named_modules(remove_duplicate=False))
    names = {id(layer): f"layer {name}" for name, layer in reversed(layers.items())}

    def reads(value: Any) -> str | None:
        """Of a layer its name, of a weight nothing: neither is a setting."""
        if id(value) in names:
            return names[id(value)]
        if id(value) in state:
            return "own tensor"
        return _other(value, within, stores) if isinstance(value, nn.Module) else None

    text, lasting = CodeText(reads, stores), Lasting(stores)
    settings: dict[str, dict[str, str]] = defaultdict(dict)
    code, deciding, resting, hidden = reads_of(module), set[str](), set[str](), set[str]()
    for name, layer in layers.items():
        for key, value in lasting.of(layer, dict(_settings(layer))).items():
            settings[key][name] = text.of(value)
            if not _is_shown(layer, key, value, code):
                hidden.add(key)
            if _rests(layer, key, value, code):
                resting.add(key)
            elif _may_decide(layer, key, code):
                deciding.add(key)
    by_class: dict[str, dict[str, type]] = defaultdict(dict)
    for name, layer in layers.items():
        by_class[type(layer).__qualname__][name] = type(layer)
    kinds = {
        name: [kind for kind in dict.fromkeys(each.values()) if not by_name(kind)] for name, each in by_class.items()
    }
    return Program(
        layers={name: shortened(", ".join(filter(None, each)) or "net") for name, each in sorted(by_class.items())},
        settings={key: _joined(settings[key]) for key in sorted(settings)},
        classes={name: shortened(" ".join(map(text.of, each))) for name, each in sorted(kinds.items()) if each},
        unread=frozenset(settings) - deciding - resting,
        resting=frozenset(resting - deciding),
        shown=frozenset(settings) - hidden,
        stores=stores.union(*(stored_by(hook) for layer in layers.values() for hook in _hooks(layer))),
    )


def unlike(first: Program, second: Program, *called: Any) -> str | None:
    """The first thing in which two nets differ beside their weights, as `setting slope is 0.1 in one and 0.2 in the other`.

    `called`: other code that is called with the nets, such as a loss. Settings that values show are left to subject/alike.py.
    """
    aside = {
        name for one, two in ((first, second), (second, first)) for name in one.undecided(*called)
        if name in two.undecided(*called) or name not in two.settings
    }  # fmt: skip
    aside |= first.shown & second.shown
    own, others = (
        {name: text for name, text in each.settings.items() if name not in aside} for each in (first, second)
    )
    # classes first: another class brings other settings with it
    tables = (
        ("class", first.layers, second.layers),
        ("setting", own, others),
        ("code of class", first.classes, second.classes),
    )
    for what, one, two in tables:
        for name in sorted(one.keys() | two.keys()):
            if one.get(name) != two.get(name):
                return f"{what} {name} {_pair(one.get(name), two.get(name))}"
    return None


def callable_digest(function: Any, stores: Stores = frozenset()) -> str:
    """A hash of what a loss or a metric computes, with the weights of nets that it calls, without what hooks store for it."""

    def reads(value: Any) -> str | None:
        return _other(value, frozenset(), stores) if isinstance(value, nn.Module) else None

    return digest(CodeText(reads, stores).of(function))


def _other(module: nn.Module, within: frozenset[int], stores: Stores) -> str:
    """A net beside the one at hand, with its weights."""
    if id(module) in within:
        return "again"
    tensors = CodeText().of([*parameters_in(module), *buffers_in(module)])
    return f"{program_of(module, within, stores).digest} {tensors}"


def _settings(layer: nn.Module) -> Iterator[tuple[str, Any]]:
    """Its attributes; private ones only where a class of the user's names them, for others are the business of a library."""
    bases = [base for base in type(layer).__mro__ if is_users(base)]
    members = [unwrapped(each) for base in bases for each in vars(base).values()]
    functions = [each for each in members if hasattr(each, "__code__")]
    named, of_training = names_in(*functions).used, _of_training(functions)
    own = is_users(type(layer))
    for key, value in settings_of(layer, vars(layer)).items():
        is_named = not key.startswith("_") or key in named or key[1:] in named
        is_setting = own or not (_is_cache(value) or key in NO_SETTINGS)
        if key in OF_TORCH or key in of_training or not (is_named and is_setting):
            continue
        if key == HPARAMS and isinstance(value, dict):
            value = {name: each for name, each in value.items() if name not in of_training}
        yield key, value
    if isinstance(layer, GraphModule):
        yield "graph", layer.code
    for key in layer._non_persistent_buffers_set:
        if (buffer := layer._buffers.get(key)) is not None:
            yield key, buffer.detach()  # another object than the one in the module, which is a weight to CodeText
    if hooks := [each for each in _hooks(layer) if getattr(each, "__name__", "") not in NO_HOOKS or is_users(each)]:
        yield "hooks", hooks


def _hooks(layer: nn.Module) -> list[Any]:
    return [hook for name in HOOKS for hook in getattr(layer, name).values()]


def _of_training(functions: list[Any]) -> frozenset[str]:
    """What only the method reads that makes the optimizers, such as a learning rate."""
    makes = [each for each in functions if each.__name__ == TRAINS]
    others = [each for each in functions if each.__name__ not in (TRAINS, "__init__")]
    return words_in(*makes) - words_in(*others) - {HPARAMS}


def _may_decide(layer: nn.Module, key: str, code: Reads) -> bool:
    """Whether code may read the attribute; that of a library other than torch may read any of its own."""
    kind: type = type(layer)
    stands_for_code = callable(getattr(kind, key, None)) or isinstance(getattr(kind, key, None), property)
    is_listed = key in OF_MODULE or key in layer._non_persistent_buffers_set  # code may go through all buffers
    if stands_for_code or is_listed or not (is_users(kind) or by_name(kind)):
        return True
    return code.may_read(key) or key in read_by_class(kind)


def _is_shown(layer: nn.Module, key: str, value: Any, code: Reads) -> bool:
    """Whether a layer of torch's computes the same with it, unless other code uses what it writes over."""
    return (
        key == SHOWN and isinstance(value, bool) and isinstance(layer, DROPPING + OVERWRITING)
        and not is_users(type(layer)) and not code.may_read(key)
    )  # fmt: skip


def _rests(layer: nn.Module, key: str, value: Any, code: Reads) -> bool:
    """Whether a setting of a layer of a library's decides nothing in evaluation mode, in which nets are evaluated."""
    own = code.own
    if is_users(type(layer)) or own is None or own.trains or key in own.names:
        return False
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return (isinstance(layer, DROPPING) and key in IN_TRAINING) or (number and DROP in key)


def _is_cache(value: Any) -> bool:
    """Of a library's layer: a tensor that is not in its state, or a table of them, says what was evaluated before."""
    return isinstance(value, Tensor) or (
        isinstance(value, dict) and all(isinstance(each, Tensor) for each in value.values())
    )


def _pair(one: str | None, two: str | None) -> str:
    if one is None or two is None:
        return f"is in the {'first' if two is None else 'second'} only"
    return (
        "differs" if one.startswith(HASHED) or two.startswith(HASHED) else f"is {one} in the first, {two} in the second"
    )


def _joined(by_layer: dict[str, str]) -> str:
    """What all layers that have it agree on, else a hash."""
    return next(iter(by_layer.values())) if len(set(by_layer.values())) == 1 else shortened(str([by_layer]))
