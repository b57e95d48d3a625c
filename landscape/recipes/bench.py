"""`landscape bench`: speed on this machine, side by side with other implementations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from landscape.checkpoint.shipped import shipped
from landscape.errors import UsageError
from landscape.options.command import Positional, command
from landscape.options.groups import DataOptions, MachineOptions, NetOptions
from landscape.options.option import Option, rows_of

WAYS = {"original": "DataLoader at every point", "bare": "bare loop, batch 128", "ours": "landscape"}
_KNOWN = {row.name: row.option for group in (NetOptions, DataOptions, MachineOptions) for row in rows_of(group)}
_SHARED = ("model", "trust", "data", "samples", "normalize", "device", "precision", "batch_size", "threads", "plain")


def lines(result: Mapping[str, Any], shell: Mapping[str, Any]) -> Sequence[str]:
    if shell.get("json"):
        return json.dumps(result, indent=2).splitlines()
    return list(
        _hessian(result) if "hessian" in result else _training(result) if "plain" in result else _points(result)
    )


def _head(result: Mapping[str, Any], amount: str) -> str:
    threads = f"{result['threads']} thread{'s' if result['threads'] > 1 else ''}"
    return f"{result['net']} on {result['data']}, {amount}, {threads}, {result['device']}"


def _points(result: Mapping[str, Any]) -> Iterator[str]:
    yield _head(result, f"{result['samples']} samples")
    for key, name in WAYS.items():
        if result[key] is not None:
            ratio = result.get(f"ours_to_{key}")
            faster = f"   landscape is {ratio:.2f} x as fast" if ratio else ""
            yield f"  {name:26s} {result[key]:10,.0f} samples/s{faster}"
    yield f"  batch {result['batch_size']}, program {result['program']}, losses differ by {result['loss_difference']:.1e}"
    share = 100 * result["peak_fraction"]
    yield f"  {share:.0f} % of this machine's matrix products ({result['peak_gflops']:.0f} GFLOP/s)"


def _training(result: Mapping[str, Any]) -> Iterator[str]:
    yield _head(result, f"trained in batches of {result['batch_size']}")
    yield f"  {'plain loop, preloaded data':26s} {result['plain']:10,.0f} samples/s"
    yield f"  {'landscape':26s} {result['ours']:10,.0f} samples/s   {result['ours_to_plain']:.2f} x as fast"
    yield f"  the losses of the first step differ by {result['loss_difference']:.1e}"


def _hessian(result: Mapping[str, Any]) -> Iterator[str]:
    yield _head(result, f"{result['samples']} samples")
    yield f"  largest and smallest eigenvalue of the Hessian at {result['points']} neighbouring points, for each point:"
    for key, name in {"original": "two eigsh, double backward", "ours": "landscape"}.items():
        row = result["hessian"][key]
        rough = f" + {row['rough']:.1f} in bfloat16" if row["rough"] else ""
        counts = f"{row['products']:5.1f} products{rough}"
        yield f"  {name:26s} {row['seconds']:8.2f} s   {counts}   worst error {100 * row['worst_error']:.2g} %"
    each = ", ".join(f"{ratio:.1f}" for ratio in result["speedups"])
    yield f"  landscape is {result['speedup']:.1f} x as fast ({each}); a product {result['one_product']:.1f} x"


@command(
    "speed on this machine, side by side with a plain loop",
    lines=lines,
    rows={
        **{name: _KNOWN[name] for name in _SHARED},
        "train": Option("time training instead of evaluating", action="store_true"),
        "hessian": Option("time the ends of the Hessian's spectrum instead of evaluating", action="store_true"),
        "rounds": Option("alternating rounds", type=int, metavar="N"),
        "json": Option("print JSON", action="store_true", shell=True, apart=True),
    },
    positional=(Positional("checkpoint", "CKPT", "default: the ResNet-56 that ships", nargs="?"),),
)
def bench(
    checkpoint: Any = None,
    *,
    model: Any = None,
    trust: bool | str | Path | Sequence[str | Path] = (),
    data: Any = None,
    samples: int | None = None,
    normalize: str | None = None,
    device: Any = "auto",
    precision: str = "fp32",
    batch_size: int | None = None,
    threads: int | None = None,
    plain: bool = False,
    rounds: int = 5,
    train: bool = False,
    hessian: bool = False,
) -> dict[str, Any]:
    """Samples per second of the original program's method, a bare loop and ours, at one point of the landscape.

    Args:
        checkpoint: default the ResNet-56 that ships with the project.
        batch_size: of ours; the others take 128.
        rounds: how often the three alternate, after one round to warm up.
        hessian: time both ends of the Hessian's spectrum at `rounds` neighbouring points instead.
        train: time the training of such a net instead, beside a plain loop.

    Returns:
        The machine, medians of samples per second ("original", "bare", "ours"; "original" is None for data that are not
        uint8 images), medians of the ratios ("ours_to_bare", "ours_to_original"), the largest relative difference of
        the losses, and "peak_fraction": the arithmetic of ours as a share of the measured matrix-multiply speed.

    Raises:
        LandscapeError: bad input.
    """
    import torch

    if rounds < 1:
        raise UsageError(f"rounds {rounds}: expected at least 1")
    if train and hessian:
        raise UsageError("train and hessian are two benches; give one of them")
    shared: dict[str, Any] = {"data": data, "samples": samples, "normalize": normalize}
    place: dict[str, Any] = {"device": device, "precision": precision, "batch_size": batch_size, "threads": threads}
    checkpoint = checkpoint or shipped("resnet56_digits")
    threads_before = torch.get_num_threads()
    try:
        if train:
            from landscape.benchmarks.training import bench_training

            return bench_training(checkpoint, model, trust=trust, rounds=rounds, **shared, **place)
        if hessian:
            from landscape.benchmarks.hessian import bench_hessian

            return bench_hessian(checkpoint, model, rounds=rounds, options={"trust": trust, **shared, **place})
        from landscape.benchmarks.evaluation import bench_evaluation

        return bench_evaluation(checkpoint, model, rounds=rounds, plain=plain, trust=trust, shared=shared, place=place)
    finally:
        torch.set_num_threads(threads_before)
