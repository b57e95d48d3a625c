"""A pass of a few samples in which is heard what the modules of a net that rest give, and who reads it.

Owns: `resting_modules`, the largest without a moving tensor, and `Rehearsal`, which finds the calls of these that come before
anything moves, the results that other code reads, and modules that do more than take their arguments and return something:
write to what others read, or to their own attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from landscape.data.structure import tensors_in
from landscape.members import buffers_in, parameters_in
from landscape.objective.calls import NotPlain, flat, is_dense

Moves = Callable[[Tensor], bool]
_NOT_TAKEN = (nn.ModuleList, nn.ModuleDict, nn.Embedding)


class Place(NamedTuple):
    """A tensor among the results of a call."""

    call: int
    number: int


class _Stored(NamedTuple):
    """What recalling a call relies on from a moment on: the storage of a tensor, and the module concerned."""

    moment: int
    storage: int
    name: str
    place: Place | None  # None: it is an argument


def resting_modules(net: nn.Module, moves: Moves, unfit: set[str]) -> tuple[str, ...]:
    """The names of the largest modules without a moving tensor that are not `unfit`, but for the net itself.

    To look up an embedding again takes no more time than to compare it, and no memory.
    """

    def below(prefix: str, module: nn.Module) -> Iterator[str]:
        for key, child in module.named_children():
            name = f"{prefix}{key}"
            if name not in unfit and not isinstance(child, _NOT_TAKEN) and not _moves(child, moves):
                yield name
            else:
                yield from below(f"{name}.", child)

    return tuple(below("", net))


def _moves(module: nn.Module, moves: Moves) -> bool:
    return any(map(moves, parameters_in(module))) or any(map(moves, buffers_in(module)))


class Rehearsal(TorchDispatchMode):
    """Handles the calls of the modules `names` (calls.py) and hears all operations of torch within the block.

    `recalled`: number of a call -> its module; `needed`: results that other code reads; `unfit`: modules not to be taken whole.
    """

    def __init__(self, net: nn.Module, names: tuple[str, ...], moves: Moves, batch: Any):
        super().__init__()
        self.recalled: dict[int, str] = {}
        self.needed: set[Place] = set()
        self.unfit: set[str] = set()
        self._modules = {name: net.get_submodule(name) for name in names}
        self._holders = [each for each in net.modules() if _holds(each, moves)]
        self._batch = [*tensors_in(batch)]
        self._known: list[Tensor] = []  # results of recalled calls, which so live on, and keep their places in memory
        self._results: dict[int, list[tuple[int, Place]]] = {}  # storage -> (moment, result) there
        self._stored: list[_Stored] = []
        self._writes: list[tuple[int, int]] = []  # moment, storage
        self._moment, self._number, self._inside, self._moved = 0, -1, False, False

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Or torch imports its compiler, which takes seconds."""
        return False

    def __enter__(self) -> Rehearsal:
        self._hooks = [each.register_forward_pre_hook(self._notice) for each in self._holders]
        super().__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)
        for hook in self._hooks:
            hook.remove()
        for each in self._stored:
            relied = each.place is None or each.place in self.needed
            if relied and any(moment > each.moment and storage == each.storage for moment, storage in self._writes):
                self.unfit.add(each.name)

    def _notice(self, module: nn.Module, inputs: Any) -> None:
        self._moved = True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self._moment += 1
        kwargs = kwargs or {}
        if not self._inside:
            for each in _tensors((args, kwargs)):
                self._hear_read(_place(each))
        if func._schema.is_mutable:
            for argument, value in zip(func._schema.arguments, args, strict=False):
                self._hear_write(argument, value)
            for argument in func._schema.arguments:
                self._hear_write(argument, kwargs.get(argument.name))
        return func(*args, **kwargs)

    def _hear_read(self, storage: int) -> None:
        """What was written to meanwhile is another value, that of a later call or of other code."""
        found = self._results.get(storage, ())
        last = max((moment for moment, place in self._writes if place == storage), default=-1) if found else -1
        self.needed.update(place for moment, place in found if moment >= last)

    def _hear_write(self, argument: Any, value: Any) -> None:
        if argument.alias_info is not None and argument.alias_info.is_write:
            self._writes += [(self._moment, _place(each)) for each in _tensors(value)]

    def __call__(self, name: str, forward: Callable[..., Any], args: tuple, kwargs: dict[str, Any]) -> Any:
        self._number += 1
        inputs: list[Tensor] = []
        try:
            flat((args, kwargs), inputs)
        except NotPlain:
            self.unfit.add(name)
        if name in self.unfit or not self._is_still(inputs):
            return forward(*args, **kwargs)
        self._stored += [_Stored(self._moment, _place(each), name, None) for each in inputs if not self._is_known(each)]
        outputs = self._heard(name, lambda: forward(*args, **kwargs))
        results: list[Tensor] = []
        try:
            flat(outputs, results)
        except NotPlain:
            self.unfit.add(name)
        else:
            self._keep(name, results)
        return outputs

    def _is_still(self, inputs: list[Tensor]) -> bool:
        """Whether nothing that moves has a part in the arguments of a call."""
        given = all(self._is_known(each) or any(each is one for one in self._batch) for each in inputs)
        return given or not self._moved

    def _is_known(self, tensor: Tensor) -> bool:
        return any(tensor is each for each in self._known)

    def _heard(self, name: str, run: Callable[[], Any]) -> Any:
        """What a module returns; it is unfit if its attributes, or tensors in them, change meanwhile."""
        modules, began = [*self._modules[name].modules()], len(self._writes)
        before, self._inside = _attributes(modules), True
        try:
            outputs = run()
        finally:
            self._inside = False
        held = {_place(each) for each in _tensors([*before.values()])}
        if not _same(before, _attributes(modules)) or any(place in held for _, place in self._writes[began:]):
            self.unfit.add(name)
        return outputs

    def _keep(self, name: str, results: list[Tensor]) -> None:
        self.recalled[self._number] = name
        for number, each in enumerate(results):
            place = Place(self._number, number)
            self._results.setdefault(_place(each), []).append((self._moment, place))
            self._stored.append(_Stored(self._moment, _place(each), name, place))
        self._known += results


def _holds(module: nn.Module, moves: Moves) -> bool:
    held = (*module._parameters.values(), *module._buffers.values())
    return any(moves(each) for each in held if each is not None)


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


def _tensors(structure: Any) -> list[Tensor]:
    return [each for each in tree_leaves(structure) if isinstance(each, Tensor) and is_dense(each)]


def _attributes(modules: list[nn.Module]) -> dict[tuple[int, str], Any]:
    """The attributes of modules, their tensors among them."""
    own = {(id(module), key): value for module in modules for key, value in vars(module).items()}
    for module in modules:
        held = [*module._parameters.items(), *module._buffers.items()]
        own |= {(id(module), f"{key} of the module"): value for key, value in held}
    return own


def _same(before: dict[tuple[int, str], Any], after: dict[tuple[int, str], Any]) -> bool:
    plain = (int, float, str, bool, tuple)
    return before.keys() == after.keys() and all(
        value is after[key] or (isinstance(value, plain) and type(value) is type(after[key]) and value == after[key])
        for key, value in before.items()
    )
