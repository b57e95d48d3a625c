"""Which names the code of a net, or of a loss, may read: an attribute whose name is not among them decides no value.

Owns: whose code that is, and where it cannot be said. A name counts wherever it is read, of whatever object. What trains a net
or makes it is left out, unless code that is read calls it. Knows no values.
"""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from torch import nn
from torch.fx import GraphModule

from landscape.subject.code_members import unwrapped
from landscape.subject.code_names import names_in, read_in
from landscape.subject.code_stores import by_name, is_users

# Reads attributes by names that are not in the code.
DYNAMIC = frozenset(("getattr", "hasattr", "vars", "eval", "exec", "dir", "globals", "locals", "repr"))
DYNAMIC_ATTRIBUTES = frozenset(
    (
        "__dict__", "__getattribute__", "__getattr__", "__reduce__", "__reduce_ex__", "attrgetter", "methodcaller",
        "getmembers", "getattr_static", "getattr", "hasattr", "vars",
    )
)  # fmt: skip
# Objects that do, whatever the code calls them.
READERS = (getattr, hasattr, vars, eval, exec, dir, repr, globals, locals)
MAKES = frozenset(("__init__", "__del__", "__getstate__", "__setstate__", "configure_optimizers"))
LIGHTNING = ("lightning", "pytorch_lightning", "lightning_fabric")
# Beginnings and ends of the names of Lightning's methods that are not called for a value.
TRAINS = (
    "on_", "configure_", "optimizer_", "validation_", "test_", "predict_", "lr_scheduler_", "prepare_data", "setup",
)  # fmt: skip
LOADS = ("train_dataloader", "val_dataloader", "test_dataloader", "predict_dataloader", "teardown")
MOST_OBJECTS = 20000


@dataclass(frozen=True)
class Reads:
    """`names` that are read; with `anything` also others. `own` is what the user's code alone reads, without libraries'."""

    names: frozenset[str]
    anything: bool
    own: Reads | None = None

    def may_read(self, name: str) -> bool:
        return self.anything or name in self.names

    @property
    def trains(self) -> bool:
        """Whether it may put layers into training mode."""
        return self.anything or bool({"train", "set training"} & self.names)


def reads_of(*roots: Any) -> Reads:
    """Of modules, functions, or objects; of a module all of its layers with their hooks."""
    return _Reader().read(roots)


@functools.cache
def read_by_class(kind: type) -> frozenset[str]:
    """What the code of a layer of torch's reads, but for `nn.Module`, which reads none of a layer's settings."""
    bases = [base for base in kind.__mro__ if _is_torch(base) and base is not nn.Module]
    return frozenset(name for base in bases for function in _functions(base).values() for name in read_in(function))


class _Reader:
    def __init__(self) -> None:
        self._names, self._own = set[str](), set[str]()
        self._anything = self._own_anything = False
        self._seen: dict[int, Any] = {}  # with the object, whose id is taken only while it lives
        self._left_out: dict[str, list[Any]] = {}

    def read(self, roots: Iterable[Any]) -> Reads:
        waiting = list(roots)
        while waiting and not self._own_anything:
            while waiting and not self._own_anything:
                waiting.extend(self._follow(waiting.pop()))
            waiting = [each for name in self._names & set(self._left_out) for each in self._left_out.pop(name)]
        own = Reads(frozenset(self._own), self._own_anything)
        return Reads(frozenset(self._names), self._anything or self._own_anything, own)

    def _follow(self, value: Any) -> Iterator[Any]:
        """Takes the names that an object's code reads; the objects that it leads to."""
        if id(value) in self._seen or isinstance(value, (str, bytes, int, float, complex, type(None))):
            return
        self._seen[id(value)] = value
        self._own_anything |= len(self._seen) > MOST_OBJECTS or isinstance(value, GraphModule) or _is_reader(value)
        if isinstance(value, nn.Module):
            for layer in value.modules():
                yield type(layer)
                yield from (each for key, each in vars(layer).items() if key not in ("_parameters", "_buffers"))
        elif isinstance(value, (functools.partial, functools.partialmethod)):
            yield from (value.func, *value.args, *value.keywords.values())
        elif isinstance(value, functools.singledispatchmethod):
            yield from value.dispatcher.registry.values()
        elif isinstance(value, Mapping):
            yield from value.values()
        elif isinstance(value, (list, tuple, set, frozenset)):
            yield from value
        elif isinstance(value, type):
            yield from self._of_class(value)
        elif inspect.ismethod(value):
            yield from (value.__func__, value.__self__)
        elif inspect.isfunction(value):
            yield from self._of_function(value)
        elif is_users(type(value)):
            yield type(value)
            yield from getattr(value, "__dict__", {}).values()

    def _of_class(self, kind: type) -> Iterator[Any]:
        lightning = any(_package(base) in LIGHTNING for base in kind.__mro__)
        yield from (each for each in (type(kind),) if is_users(each))
        for base in kind.__mro__:
            if by_name(base) or _package(base) in LIGHTNING:
                continue
            positions = [each for each in vars(base).get("__match_args__", ()) if isinstance(each, str)]
            self._note(base, positions, anything="__getattr__" in vars(base) or "__getattribute__" in vars(base))
            for name, member in vars(base).items():
                if name in MAKES or (lightning and (name.startswith(TRAINS) or name in LOADS)):
                    self._left_out.setdefault(name, []).append(unwrapped(member))
                else:
                    yield unwrapped(member)

    def _of_function(self, function: Any) -> Iterator[Any]:
        names = names_in(function)
        read = read_in(function) | ({"set training"} if "training" in names.sets else set())
        self._note(function, read, anything=bool(DYNAMIC & names.loaded or DYNAMIC_ATTRIBUTES & names.used))
        yield getattr(function, "__wrapped__", None)
        if not is_users(function):
            return
        yield from (function.__defaults__, function.__kwdefaults__)
        for cell in function.__closure__ or ():
            yield _content(cell)
        for name in names.loaded & set(function.__globals__):
            found = function.__globals__[name]
            if isinstance(found, ModuleType):
                yield from (vars(found)[each] for each in names.used & set(vars(found)) if is_users(found))
            elif not by_name(found) or not callable(found) or _is_reader(found) or isinstance(found, functools.partial):
                yield found

    def _note(self, of: Any, names: Iterable[str] = (), *, anything: bool) -> None:
        self._names.update(names)
        self._anything |= anything
        if is_users(of):
            self._own.update(names)
            self._own_anything |= anything


def _is_reader(value: Any) -> bool:
    return isinstance(value, (operator.attrgetter, operator.methodcaller)) or any(value is each for each in READERS)


def _functions(kind: type) -> dict[str, Any]:
    return {name: inner for name, each in vars(kind).items() if inspect.isfunction(inner := unwrapped(each))}


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # an empty one
        return None


def _package(kind: Any) -> str:
    return (getattr(kind, "__module__", None) or "").partition(".")[0]


def _is_torch(kind: Any) -> bool:
    return _package(kind) == "torch"
