"""Measurements that say what to do next, and whether replays have the bits of launches."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from _tools import Place, Report, best, check, waited
from speed import point, prepared

if TYPE_CHECKING:
    from torch import Tensor

    from landscape.program.forward import FoldedNet

COMES_AGAIN = 4  # more often than landscape/program/replay.py waits for


@check(60)
def replays(at: Place, report: Report) -> None:
    """What is replayed has the bits of what is launched, at points and in products; the seconds of both."""
    few: dict[str, dict[str, Any]] = {"ResNet-56, digits": {}, "the same, 40 samples": {"samples": 40}}
    for name, options in few.items():
        on, work = prepared(at, at.digits(), **{"samples": at.size(None, 64), **options})
        net = on.subject.objective.net
        for _ in range(COMES_AGAIN):  # what is timed is replayed
            point(work)
        seconds = best(partial(point, work), at.device)
        loss = point(work)
        cells: dict[str, Any] = {"net": name, "ms a point": 1e3 * seconds}
        if at.gpu:
            cells |= _profile(work)
            _replay_nothing(net)
            cells["ms launched"] = 1e3 * best(partial(point, work), at.device)
            report.holds(f"{name}: same bits", loss == point(work))
        report.row("Points of small nets", **cells)
    products: tuple[tuple[str, Any, dict[str, Any]], ...] = (
        ("ResNet-56, digits", at.digits(), {"samples": at.size(None, 16)}),
        ("ResNet-56, 64 images of 32 x 32", at.large(), {"data": at.cifar()[0], "samples": at.size(64, 8)}),
    )
    for name, path, options in products:
        report.row("Replayed products", net=name, **_products(at, report, name, path, options))


def _replay_nothing(net: FoldedNet) -> None:
    """From here on each of its kernels is launched."""
    from landscape.program.replay import padded

    def launched(inputs: Tensor) -> Tensor:
        return net._run(padded(inputs))[: len(inputs)]

    net._prepare, net._call = net._fold, launched


def _products(at: Place, report: Report, name: str, net: Any, options: dict[str, Any]) -> dict[str, float]:
    from landscape.curvature.operator import CurvatureOperator
    from landscape.curvature.tapes import ProgramBackend

    on, _ = prepared(at, net, plain=True, normalize="li2018" if "data" in options else None, **options)
    made = CurvatureOperator(on.subject.objective, backend="program")
    low, backend = made.low_precision("bf16"), made._backend
    assert low is not None and isinstance(backend, ProgramBackend)
    refreshed = best(made.refresh, at.device, rounds=1)
    vector, cells = made.gaussian(0), {"ms to refresh": 1e3 * refreshed}
    for kind, replayed, launched in (("", made, backend._multiply), (" in bfloat16", low, backend._multiply_low)):

        def called(launched: Any = launched) -> Any:
            out = torch_zeros(vector)
            launched(vector, out)
            return out

        cells[f"ms{kind}"] = 1e3 * best(partial(replayed, vector), at.device, rounds=at.size(3, 1))
        cells[f"ms launched{kind}"] = 1e3 * best(called, at.device, rounds=at.size(3, 1))
        report.holds(f"{name}{kind}: same bits", bool((replayed(vector) == called()).all()))
    return cells


def torch_zeros(like: Any) -> Any:
    import torch

    return torch.zeros_like(like)


def _profile(work: Any) -> dict[str, Any]:
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as found:
        started = time.perf_counter()
        point(work)
        taken = time.perf_counter() - started
    events = [each for each in found.key_averages() if getattr(each, "self_device_time_total", 0) > 0]
    kernels = sum(each.self_device_time_total for each in events) * 1e-6
    launches = sum(each.count for each in found.key_averages() if "LaunchKernel" in each.key)
    return {"launches": launches, "gpu_busy": kernels / taken}


@check(45)
def layouts(at: Place, report: Report) -> None:
    """The folded program by memory layout and by what is fused: what the defaults should be."""
    import torch

    from landscape.objective.numerics import switched
    from landscape.program import forward
    from landscape.program.kernels import CuDnn, Kernels

    data, _ = at.cifar()
    usual = forward.kernels_for
    for precision in ("fp32", "tf32", "bf16")[: at.size(3, 1)]:
        on, _ = prepared(at, at.large(), data=data, normalize="li2018", precision=precision, samples=at.size(4096, 32))
        objective = on.subject.objective
        inputs = next(iter(next(iter(objective.splits.values())).batches(at.size(1024, 16))))[0]
        dtype = torch.bfloat16 if precision == "bf16" else None
        for layout in (torch.channels_last, torch.contiguous_format):
            for kind in (Kernels, CuDnn)[: at.size(2, 1)]:
                made = kind(layout=layout, dtype=dtype)
                forward.kernels_for = lambda *_, made=made: made
                try:
                    with torch.inference_mode(), switched(precision, objective.device):
                        net = forward.folded_net(objective.model, inputs, precision)
                        seconds = best(partial(net, inputs), at.device, rounds=2) if net else float("nan")
                finally:
                    forward.kernels_for = usual
                report.row(
                    "A batch of ResNet-56", precision=precision, layout=str(layout).rpartition(".")[2],
                    fused="with sum and ReLU" if kind is CuDnn else "batch norm only", samples_per_s=len(inputs) / seconds,
                )  # fmt: skip
    waited(at.device)
