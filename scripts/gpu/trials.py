"""Measurements that say what to do next; nothing here can fail but by an error."""

from __future__ import annotations

import time
from typing import Any

from _tools import Place, Report, best, check, waited
from speed import point, prepared


@check(60)
def small(at: Place, report: Report) -> None:
    """Nets bound by launches: how busy the GPU is, and what replaying a CUDA graph of the same pass would save."""
    import torch

    for name, options in {"ResNet-56, digits": {}, "the same, 64 samples": {"samples": 64}}.items():
        on, work = prepared(at, at.digits(), **{"samples": at.size(None, 64), **options})
        seconds = best(lambda work=work: point(work), at.device)
        cells: dict[str, Any] = {"net": name, "samples": on.subject.objective.samples, "ms_a_point": 1e3 * seconds}
        if at.gpu:
            cells |= _profile(work) | _graph(on.subject.objective)
        report.row("Points of small nets", **cells)
    if at.gpu:
        report.facts["allocated"] = torch.cuda.memory_allocated()


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


def _graph(objective: Any) -> dict[str, Any]:
    """Milliseconds of a forward pass of one batch, called and as a graph."""
    import torch

    split = next(iter(objective.splits.values()))
    inputs = next(iter(split.batches(objective.batch_size)))[0].clone()
    try:
        with objective.ready(), torch.no_grad():
            called = best(lambda: objective.net(inputs), str(objective.device))
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                objective.net(inputs)
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                objective.net(inputs)
            replayed = best(graph.replay, str(objective.device))
    except RuntimeError as error:
        return {"graph": str(error)[:80]}
    return {"ms_of_a_batch": 1e3 * called, "ms_as_a_graph": 1e3 * replayed}


@check(45)
def layouts(at: Place, report: Report) -> None:
    """The folded program by memory format and by how cuDNN chooses: what the defaults should be."""
    import torch
    from torch.backends import cudnn

    from landscape.objective.numerics import switched

    data, _ = at.cifar()
    for precision in ("fp32", "tf32", "bf16")[: at.size(3, 1)]:
        on, _ = prepared(at, at.large(), data=data, normalize="li2018", precision=precision, samples=at.size(4096, 32))
        objective = on.subject.objective
        inputs = next(iter(next(iter(objective.splits.values())).batches(at.size(1024, 16))))[0]
        for memory_format in (torch.channels_last, torch.contiguous_format):
            given = inputs.contiguous(memory_format=memory_format)
            for tuned in (False, True):
                with torch.no_grad(), switched(precision, objective.device):
                    cudnn.benchmark, cudnn.deterministic = tuned, not tuned
                    net = objective.model if memory_format == torch.contiguous_format else objective.net
                    seconds = best(lambda net=net, given=given: net(given), at.device, rounds=2)
                report.row(
                    "A batch of ResNet-56", precision=precision, layout=str(memory_format).rpartition(".")[2],
                    cudnn="by timing" if tuned else "fixed", net="unchanged" if net is objective.model else "program",
                    samples_per_s=len(given) / seconds,
                )  # fmt: skip
    cudnn.benchmark = cudnn.deterministic = False
    waited(at.device)
