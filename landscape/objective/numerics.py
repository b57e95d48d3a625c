"""Device, precision and threads of an evaluation.

Owns: the meaning of `--device` and `--precision`, and restoring torch's global switches afterwards.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from landscape.data.memory import host_budget
from landscape.errors import LandscapeError, UsageError
from landscape.members import parameters_in

# precision -> dtype of data, and of weights while they move. bf16 keeps float32 weights and lets autocast choose the kernels: a
# direction added to 8-bit mantissas would be lost in rounding. With bf16-true the sums are rounded (narrow.py).
PRECISIONS = {**dict.fromkeys(("fp32", "tf32", "bf16", "bf16-true"), torch.float32), "fp64": torch.float64}
DEVICES = ("auto", "cpu", "cuda")
Setting = tuple[object, str, object]  # owner, attribute, value


def choose_device(spec: str | torch.device, local_rank: int = 0) -> torch.device:
    """The device that `spec` names; `auto` takes the GPU of the local rank when there is one.

    Raises:
        UsageError: unknown device.
        LandscapeError: `spec` names a GPU that torch does not see.
    """
    name, _, number = str(spec).partition(":")
    if name not in DEVICES or (number and not number.isdigit()):
        raise UsageError(f"device '{spec}': expected auto, cpu, cuda or cuda:N")
    found = torch.cuda.device_count() if name != "cpu" and torch.cuda.is_available() else 0
    if name == "cpu" or (name == "auto" and not found):
        return torch.device("cpu")
    if not found:
        built = torch.version.cuda
        reason = "torch sees no GPU" if built else "this torch is built without CUDA"
        raise LandscapeError(f"device '{spec}': {reason}; use --device cpu, or check the driver (nvidia-smi)")
    if number and int(number) >= found:
        raise LandscapeError(
            f"device '{spec}': torch sees {found} GPU{'s' if found > 1 else ''}, numbered from 0; use --device auto or cuda:0"
        )
    return torch.device("cuda", int(number) if number else local_rank % found)


def dtype_of(precision: str) -> torch.dtype:
    """The dtype of weights and inputs; raises UsageError for an unknown precision."""
    if precision not in PRECISIONS:
        raise UsageError(f"precision '{precision}': expected one of {', '.join(PRECISIONS)}")
    return PRECISIONS[precision]


def numerics(precision: str, device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """Within the block: no gradients, and matrix products in exactly this precision.

    Not torch's inference mode: what the user's code makes in it and keeps, such as a mask in a cache, could not be trained with
    afterwards.
    """
    # here there is nothing to switch, and a tiny net notices three contexts
    if device.type == "cpu" and precision != "bf16":
        return torch.no_grad()
    return _switched_without_gradients(precision, device)


@contextlib.contextmanager
def _switched_without_gradients(precision: str, device: torch.device) -> Iterator[None]:
    with switched(precision, device), torch.no_grad():
        yield


@contextlib.contextmanager
def switched(precision: str, device: torch.device) -> Iterator[None]:
    """Within the block: matrix products in exactly this precision, with or without gradients, on this GPU, always by the same
    kernels.

    fp32 means fp32: by default torch lets cuDNN convolutions use TF32. And a user's code that says `.cuda()` means this GPU.
    """
    settings = _settings(precision) if device.type == "cuda" else []
    before = [getattr(owner, name) for owner, name, _ in settings]
    autocast = torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else contextlib.nullcontext()
    chosen = torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext()
    try:
        for owner, name, value in settings:
            setattr(owner, name, value)
        with chosen, autocast:
            yield
    finally:
        for (owner, name, _), value in zip(settings, before, strict=True):
            setattr(owner, name, value)


@contextlib.contextmanager
def with_gradients(model: nn.Module, precision: str, device: torch.device, *, parameters: bool) -> Iterator[None]:
    """Within the block: as `switched`, with gradients, of all the net's parameters too if `parameters`; none are left behind."""
    before = [
        (each, each.requires_grad) for each in parameters_in(model) if each.is_floating_point() or each.is_complex()
    ]
    with switched(precision, device), torch.enable_grad():
        for parameter, wanted in before:
            parameter.requires_grad_(wanted or parameters)
        try:
            yield
        finally:
            for parameter, wanted in before:
                parameter.requires_grad_(wanted)
                parameter.grad = None


def _settings(precision: str) -> list[Setting]:
    allows = precision in ("tf32", "bf16")
    tf32 = [(owner, name, allowed if allows else refused) for owner, name, allowed, refused in _tf32_switches()]
    return [*tf32, *_SAME_KERNELS]


# cuDNN chooses by fixed rules, not by timing, and takes no kernel whose sums have an order of their own each time: a point has
# the same bits on every rank, and a continued training those of one that was not stopped.
_SAME_KERNELS: list[Setting] = [
    (torch.backends.cudnn, "benchmark", False),
    (torch.backends.cudnn, "deterministic", True),
]


def _tf32_switches() -> list[tuple[object, str, object, object]]:
    """(owner, attribute, value that allows TF32, value that refuses it).

    From torch 2.9 on these are `fp32_precision` attributes: once a program has set one of them, reading the older
    `allow_tf32` is an error.
    """
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    if hasattr(cudnn, "conv"):
        return [(owner, "fp32_precision", "tf32", "ieee") for owner in (matmul, cudnn.conv, cudnn.rnn)]
    return [(owner, "allow_tf32", True, False) for owner in (matmul, cudnn)]


def multiplies_bf16(device: torch.device) -> bool:
    """Whether the device has bfloat16 kernels; without them bfloat16 is many times slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return device.type == "cpu" and supported is not None and torch.backends.mkldnn.is_available() and supported()


def sharers_of(spec: str | torch.device, local_size: int = 1) -> int:
    """How many of the ranks on this machine are on one device: all of them on the CPU, and on a GPU that is named by number.

    `choose_device` deals out GPUs to the ranks in turn.
    """
    name, _, number = str(spec).partition(":")
    if name == "cpu" or number or not torch.cuda.is_available():
        return local_size
    return -(-local_size // max(1, torch.cuda.device_count()))


def memory_budget(device: torch.device, sharers: int = 1) -> float:
    """Bytes that data may take on the device: half of the free memory, shared with the others on it (`sharers_of`).

    What torch has reserved but not in use counts as free.
    """
    if device.type == "cuda":
        idle = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return 0.5 * (torch.cuda.mem_get_info(device)[0] + idle) / sharers
    return host_budget(sharers)
