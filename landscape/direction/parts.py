"""What there is to choose from in a module: its parameters and buffers, each with the layers that it belongs to.

Owns: `Parts`, made of the caller's module before it is copied, because our copies require no gradients at all; and which
parameters are the adapters of PEFT, without its library. Holds no tensors. What is chosen is the business of selection.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from landscape.layout import names_by_tensor
from landscape.members import has_own_names, left_out, named_buffers, named_parameters, own_names, state_of

# Besides what PEFT's own classes say of themselves: the names that its prompts have, and LoRA in whatever library.
PROMPTS = ("prompt_encoder", "adaption_prompt", "adaption_gate")
LORA = "lora_"


@dataclass(frozen=True)
class Part:
    """A parameter or buffer; `types`: the classes of the layers it belongs to directly; `layer`: the first of them.

    `around`: those of the modules around these layers. `aliases`: its further names, where layers share it, or its module's own
    state dict renames it.
    """

    name: str
    shape: tuple[int, ...]
    numel: int
    is_buffer: bool
    frozen: bool
    adapter: bool
    layer: str
    types: frozenset[str]
    around: frozenset[str] = frozenset()
    aliases: tuple[str, ...] = ()

    @property
    def ndim(self) -> int:
        return len(self.shape)


@dataclass(frozen=True)
class Parts:
    """The parameters of a module and the buffers of its state dict, in their order, except for whole numbers.

    `hidden`: those that a method of the module's own, `hidden_by`, leaves out.
    """

    all: tuple[Part, ...]
    hidden_by: str = ""
    hidden: tuple[str, ...] = ()

    @classmethod
    def of(cls, module: nn.Module) -> Parts:
        """Of a module in the state in which its owner left it. Parameters that are not initialized have no shape yet."""
        adapters, owners = adapter_names(module), _owners(module)
        layers = dict(
            module.named_modules(remove_duplicate=False)
        )  # names that a net's own methods give may lead to none
        names = names_by_tensor(named_parameters(module, remove_duplicate=False))
        stored, found = set(state_of(module)), []
        own = defaultdict(list)
        for given, name in own_names(module).items() if has_own_names(module) else ():
            own[name].append(given)
        tensors: list[tuple[str, Tensor, bool]] = [(name, tensor, False) for name, tensor in named_parameters(module)]
        tensors += [(name, tensor, True) for name, tensor in named_buffers(module) if name in stored]
        for name, tensor, is_buffer in tensors:
            lazy = nn.parameter.is_lazy(tensor)
            if not tensor.is_floating_point() and not tensor.is_complex():
                continue
            holders = owners.get(id(tensor), [])
            found.append(
                Part(
                    name,
                    () if lazy else tuple(tensor.shape),
                    0 if lazy else tensor.numel(),
                    is_buffer,
                    _is_frozen(module, name) if is_buffer else not tensor.requires_grad,
                    bool(adapters & set(names.get(id(tensor), [name]))),
                    type(holders[0]).__name__ if holders else "",
                    frozenset(_classes(holders)),
                    frozenset(_classes([layers[path] for path in _around(name) if path in layers])),
                    tuple(each for each in (*names.get(id(tensor), []), *own.get(name, [])) if each != name),
                )
            )
        return cls(tuple(found), *left_out(module))

    @property
    def parameters(self) -> tuple[Part, ...]:
        return tuple(part for part in self.all if not part.is_buffer)

    @property
    def has_adapters(self) -> bool:
        return any(part.adapter for part in self.all)

    def count(self, names: Collection[str] | None = None) -> int:
        """Entries of the named parameters; of all for None."""
        return sum(part.numel for part in self.parameters if names is None or part.name in names)


def adapter_names(module: nn.Module) -> set[str]:
    """The parameters of PEFT's adapters, as its own classes tell them; and those called `lora_`."""
    names = [name for name, _ in named_parameters(module, remove_duplicate=False)]
    found = {name for name in names if any(each.startswith(LORA) for each in name.split("."))}
    for path, layer in module.named_modules(remove_duplicate=False):
        held = getattr(type(layer), "adapter_layer_names", ())  # what a layer of PEFT holds of its own
        configured = bool({"peft_config", "_peft_config"} & vars(layer).keys())
        prefix = getattr(type(layer), "prefix", None) if configured else None
        held = held if isinstance(held, tuple) else ()
        prompts = PROMPTS if configured else ()
        if not held and not prefix and not prompts:
            continue
        for name, inner in _below(names, path):
            first, *_ = steps = inner.split(".")
            by_prefix = isinstance(prefix, str) and prefix and any(step.startswith(prefix) for step in steps)
            if first in held or by_prefix or any(step in prompts for step in steps):
                found.add(name)
    return found


def _below(names: Sequence[str], path: str) -> Iterator[tuple[str, str]]:
    start = f"{path}." if path else ""
    return ((name, name.removeprefix(start)) for name in names if name.startswith(start))


def _owners(module: nn.Module) -> dict[int, list[nn.Module]]:
    """By the id of a tensor: the layers that it belongs to directly."""
    found: dict[int, list[nn.Module]] = {}
    layers = dict(module.named_modules(remove_duplicate=False))
    for path, layer in layers.items():
        owner = layers[path.partition("parametrizations.")[0].rstrip(".")] if "parametrizations." in path else layer
        for tensor in [*layer._parameters.values(), *layer._buffers.values()]:
            if tensor is not None and owner not in found.setdefault(id(tensor), []):
                found[id(tensor)].append(owner)
    return found


def _classes(layers: Sequence[nn.Module]) -> Iterator[str]:
    """Their classes and those that these derive from: a Linear of one's own is a Linear."""
    for layer in layers:
        yield from (kind.__name__ for kind in type(layer).__mro__ if kind not in (nn.Module, object))


def _around(name: str) -> Iterator[str]:
    """The paths of the modules around a tensor."""
    while name:
        name = name.rpartition(".")[0]
        yield name


def _is_frozen(module: nn.Module, name: str) -> bool:
    """Whether a buffer belongs to what is frozen: to the nearest layer around it that has parameters, all of them frozen."""
    for path in _around(name):
        if parameters := [each for _, each in named_parameters(module.get_submodule(path))]:
            return not any(each.requires_grad for each in parameters)
    return False
