"""A GPU that is not there: CPU tensors that say they lie on `cuda:0`, and refuse to meet others.

Owns: the machine. Whatever mixes devices on it fails as it would on a GPU, and it counts what the CPU would wait for. As the
numbers are computed all the same, results can be compared with those of the CPU.

A tensor that torch makes from nothing within an operation counts as one of the CPU, so a few double backward passes fail that
would not on a GPU (max pooling, group norm).

torch's own fake tensors would do for a forward pass, but in a build for CUDA without a driver their backward pass asks for the
driver.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

GPU, CPU = torch.device("cuda", 0), torch.device("cpu")
FREE = 80e9
aten = torch.ops.aten
# A GPU takes these from both devices.
_MEETINGS = (aten.copy_.default, aten.index.Tensor, aten.index_put_.default, aten.index_put.default)
# The CPU waits for their result.
_READS = (aten._local_scalar_dense.default, aten.nonzero.default, aten.equal.default, aten.masked_select.default)
_NUMBERS = (Tensor.item, Tensor.tolist, Tensor.__float__, Tensor.__int__, Tensor.__bool__, Tensor.__index__)
_FROM_PYTHON = (torch.tensor, torch.from_numpy, torch.as_tensor, torch.asarray)


class MixedDevices(RuntimeError):
    pass


def place_of(tensor: Tensor) -> torch.device:
    with torch._C.DisableTorchFunction():
        return GPU if getattr(tensor.untyped_storage(), "on_gpu", False) else CPU


def _put(found: Any, place: torch.device) -> Any:
    with torch._C.DisableTorchFunction():
        for tensor in tree_leaves(found):
            if isinstance(tensor, Tensor):
                tensor.untyped_storage().on_gpu = place == GPU  # type: ignore[attr-defined]
    return found


class _Operations(TorchDispatchMode):
    """Every operation, also those of a backward pass: where its result lies, and whether its tensors may meet."""

    def __init__(self, machine: Machine):
        super().__init__()
        self._machine = machine

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
        places = {place_of(each) for each in tensors if each.ndim}
        if len(places) > 1 and func not in _MEETINGS:
            shapes = ", ".join(f"{tuple(each.shape)} on {place_of(each)}" for each in tensors)
            raise MixedDevices(f"{func}: expected all tensors to be on the same device: {shapes}")
        if func in _READS and place_of(tensors[0]) == GPU:
            self._machine.waits.append(str(func))
        if func is aten.copy_.default and place_of(args[0]) != place_of(args[1]):
            self._machine.copied(args[1], place_of(args[0]), queued=len(args) > 2 and args[2])
        before = {id(each.untyped_storage()) for each in tensors}
        held = [each.untyped_storage() for each in tensors]  # so that no address is used again
        found = func(*args, **kwargs)
        place = (
            self._machine.target if not tensors else place_of(args[0] if isinstance(args[0], Tensor) else tensors[0])
        )
        place = GPU if GPU in places and func not in _MEETINGS else place
        for each in tree_leaves(found):
            if isinstance(each, Tensor) and id(each.untyped_storage()) not in before:
                _put(each, place)
        del held
        return found


class Machine(TorchFunctionMode):
    """`waits`: what the CPU has waited for the GPU with, since it was last cleared."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[str] = []
        self.target = CPU

    def copied(self, source: Tensor, target: torch.device, *, queued: bool) -> None:
        assert target == GPU or not queued, (
            "a copy from the GPU that is not waited for would be read before it has arrived"
        )
        if not queued:
            self.waits.append(f"copy of {tuple(source.shape)} to {target}")

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name, owner = getattr(func, "__name__", ""), getattr(getattr(func, "__self__", None), "__name__", "")
        first = args[0] if args and isinstance(args[0], Tensor) else None
        if name == "__get__" and first is not None:
            if owner == "device":
                return place_of(first)
            if owner == "is_cuda":
                return place_of(first) == GPU
        if first is not None and func in (Tensor.to, Tensor.cpu, Tensor.cuda):
            return self._moved(func, first, args[1:], kwargs)
        if first is not None and func in (Tensor.numpy, Tensor.__array__) and place_of(first) == GPU:
            raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first")
        if first is not None and func in _NUMBERS and place_of(first) == GPU:
            waits = [
                *self.waits,
                name,
            ]  # one, whether or not the operation within is seen, as in inference mode it is not
            found = func(*args, **kwargs)
            self.waits[:] = waits
            return found
        if func is Tensor.pin_memory:
            return _put(first.clone(), CPU)
        if func is Tensor.__deepcopy__:
            return _put(func(*args, **kwargs), place_of(first))
        return self._made(func, args, kwargs)

    def _made(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """Calls what may make new tensors, on the device that it asks for."""
        wanted = kwargs.get("device")
        if wanted is not None:
            kwargs = {**kwargs, "device": CPU}
        before, self.target = self.target, torch.device(wanted) if wanted is not None else CPU
        assert kwargs.get("generator") is None or self.target == CPU, f"{func}: the generator is on the CPU"
        try:
            found = func(*args, **kwargs)
        finally:
            target, self.target = self.target, before
        made = func in _FROM_PYTHON and not (args and isinstance(args[0], Tensor))
        if made and target == GPU:
            self.waits.append(f"copy of {args[0]} to {GPU}")
        return _put(found, target) if made or wanted is not None else found

    def _moved(self, func: Any, tensor: Tensor, args: Any, kwargs: dict[str, Any]) -> Tensor:
        """`to` and its kin: on another device it is a copy."""
        wanted = {Tensor.cpu: CPU, Tensor.cuda: GPU}.get(func)
        given = [each for each in (*args, kwargs.get("device")) if isinstance(each, (torch.device, str))]
        wanted = wanted or (torch.device(given[0]) if given else None)
        others = [place_of(each) for each in (*args, kwargs.get("other")) if isinstance(each, Tensor)]
        wanted = wanted or (others[0] if others else place_of(tensor))
        if wanted.type == "meta":
            return func(tensor, *args, **kwargs)
        args, kwargs = tree_map(lambda each: CPU if isinstance(each, (torch.device, str)) else each, (args, kwargs))
        found = tensor if func in (Tensor.cpu, Tensor.cuda) else func(tensor, *args, **kwargs)
        if wanted == place_of(tensor):
            return found
        self.copied(tensor, wanted, queued=bool(kwargs.get("non_blocking")))
        return _put(
            found.clone() if found.untyped_storage()._cdata == tensor.untyped_storage()._cdata else found, wanted
        )


_group = torch._C._group_tensors_by_device_and_dtype


def _grouped(*args: Any) -> dict[Any, Any]:
    """By the device that the tensors say, not by the one that torch sees within."""
    found = _group(*args)
    return {
        (place_of(next(each for each in lists[0] if each is not None)), kind): (lists, numbers)
        for (_, kind), (lists, numbers) in found.items()
    }


@contextlib.contextmanager
def pretend_gpu() -> Iterator[Machine]:
    """Within: there is one GPU, `GPU`, in the eyes of torch and of this program."""
    autocast, generator, machine = torch.autocast, torch.Generator(), Machine()
    cuda: dict[str, Any] = {
        "device": lambda which: contextlib.nullcontext(),
        "Event": mock.MagicMock,
        "current_stream": lambda which: None,
        "init": lambda: None,
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "default_generators": (generator,),
        "get_rng_state": lambda which: generator.get_state(),
        "set_rng_state": lambda state, which: None,
        "mem_get_info": lambda which: (FREE, FREE),
        "get_device_name": lambda which: "a GPU that is not there",
        "is_bf16_supported": lambda: True,
    }
    with contextlib.ExitStack() as stack:
        for name, stand_in in cuda.items():
            stack.enter_context(mock.patch.object(torch.cuda, name, stand_in))
        for name in ("_accelerator_graph_capture_health_check", "_cuda_graph_capture_health_check"):
            stack.enter_context(mock.patch.object(torch.optim.Optimizer, name, lambda optimizer: None, create=True))
        stack.enter_context(mock.patch.object(torch._C, "_group_tensors_by_device_and_dtype", _grouped))
        stack.enter_context(mock.patch.object(torch.backends.cudnn, "is_acceptable", lambda tensor: False))
        stack.enter_context(mock.patch.object(torch, "autocast", lambda kind, dtype: autocast("cpu", dtype)))
        stack.enter_context(_Operations(machine))
        yield stack.enter_context(machine)
