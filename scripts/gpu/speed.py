"""Speed: the original's plane, the bare loop and the DataLoader beside it; what is waited for; memory that is bounded."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from _tools import SHARED, Place, Report, Skipped, best, check, relative, timed

PLANE = 51 * 51
AIM_SECONDS, AIM_RATIO = 120.0, 20.0


def prepared(at: Place, net: Any, **options: Any) -> Any:
    """(what is evaluated on a plane, the work of a point)."""
    from landscape.measurement.evaluate import Evaluate
    from landscape.options.option import Given
    from landscape.study.on_slice import Asked, on_plane
    from landscape.sweep.world import World

    asked = Asked.of(net, Given({"device": at.device, **options}))
    on = on_plane(asked, {"x": (-1, 1, 51), "y": (-1, 1, 51)}, World(), "surface")
    return on, Evaluate(on.subject, on.slice)


def point(work: Any, coords: tuple[float, float] = (0.2, -0.3)) -> float:
    from landscape.sweep.sampler import Point
    from landscape.sweep.work import compute_point

    return compute_point(work, Point(0, coords))["train_loss"]


@check(120)
def speed(at: Place, report: Report) -> None:
    """Seconds for a point of a plane over all images, and what 51 x 51 of them take."""
    data, count = at.cifar()
    report.facts["data"] = "CIFAR-10 (JPEG copy)" if at.cifar_is_real else "random images"
    ways: list[dict[str, Any]] = [
        {"precision": precision, "plain": plain} for precision in ("fp32", "tf32", "bf16") for plain in (False, True)
    ]
    ways += [{"precision": "tf32", "batch_size": size} for size in (256, 4096)]
    rates = {}
    for way in ways[: at.size(len(ways), 2)]:
        on, work = prepared(at, at.large(), data=data, normalize="li2018", **way)
        seconds = best(partial(point, work), at.device, rounds=at.size(3, 1))
        batch = on.subject.objective.batch_size
        program = "plain" if on.subject.objective.net is on.subject.objective.model else "folded"
        report.row(
            f"ResNet-56, {count:,} images of 32 x 32, one point", precision=way["precision"], program=program, batch=batch,
            seconds=seconds, samples_per_s=count / seconds, minutes_for_51_x_51=seconds * PLANE / 60,
        )  # fmt: skip
        rates[f"{way['precision']} {program} {batch}"] = seconds
        del on, work
    name = min(rates, key=rates.__getitem__)
    report.facts |= {"best": name, "best_seconds": rates[name], "plane_seconds": rates[name] * PLANE}
    report.facts["below_two_minutes"] = rates[name] * PLANE <= AIM_SECONDS


@check(100)
def bench(at: Place, report: Report) -> None:
    """`landscape bench` beside the bare loop and the original's way."""
    import landscape

    data, _ = at.cifar()
    nets: list[tuple[str, Any, dict[str, Any]]] = [
        (
            "ResNet-56, images of 32 x 32",
            at.large(),
            {"data": data, "normalize": "li2018", "samples": at.size(10_000, 64)},
        ),
        ("ResNet-56, digits", at.digits(), {"samples": at.size(1438, 64)}),
    ]
    for name, net, options in nets:
        for precision in ("fp32", "tf32", "bf16")[: at.size(3, 1)]:
            found = landscape.bench(net, device=at.device, rounds=1, precision=precision, **options)
            report.row(
                "`landscape bench`, samples per second", net=name, precision=precision, dataloader=found["original"],
                bare=found["bare"], landscape=found["ours"], x_dataloader=found["ours_to_original"],
                x_bare=found["ours_to_bare"], of_peak=found["peak_fraction"],
            )  # fmt: skip
            if precision == "fp32":
                report.most(f"{name}: losses differ", found["loss_difference"], 1e-4)
            if found["ours_to_original"]:
                report.facts[f"{name} {precision}: at least 20 x the original's way"] = (
                    found["ours_to_original"] >= AIM_RATIO
                )


@contextmanager
def counted(at: Place) -> Iterator[list[str]]:
    """Within: torch says when it waits for the GPU; afterwards the list holds where."""
    import torch

    places: list[str] = []
    if not at.gpu:
        yield places
        return
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield places
        finally:
            torch.cuda.set_sync_debug_mode(before)
    places += [
        f"{each.filename.rpartition('/')[2]}:{each.lineno}"
        for each in caught
        if "called a synchronizing" in str(each.message)  # and not that this way of counting is a prototype
    ]


def trainer(at: Place, **settings: Any) -> Any:
    from landscape.training.job import make_training_job

    chosen = {"loss": "cross_entropy", "samples": at.size(None, 256), "epochs": 50, "batch_size": 64, **settings}
    job = make_training_job(
        "resnet20", "digits", chosen, data_root=None, download=False, normalize=None, device=at.device, threads=None,
        out=at.work / "run", quiet=True,
    )  # fmt: skip
    return job.trainer


@check(40)
def waits(at: Place, report: Report) -> None:
    """How often the CPU waits for the GPU: once a point, and not at all in a step of training."""
    points = at.size(4, 2)
    ways: dict[str, dict[str, Any]] = {"folded": {}, "plain": {"plain": True}, "recompute": {"batchnorm": "recompute"}}
    for name, options in ways.items():
        _, work = prepared(at, at.digits(), samples=at.size(None, 64), **options)
        point(work)
        with counted(at) as places:
            for number in range(points):
                point(work, (0.1 * number, 0.2))
        report.most(f"{name}, a point", len(places) / points, 1.0)
        report.facts[f"{name} at"] = sorted(set(places))
    training = trainer(at, augment=("crop", "flip"), clip=1.0)
    for _ in range(3):
        training.advance()
    with counted(at) as places:
        for _ in range(at.size(10, 2)):
            training.advance()
    report.most("ten steps of training", len(places), 0.0)
    report.facts["training at"] = sorted(set(places))


@check(60)
def memory(at: Place, report: Report) -> None:
    """Data that the budget does not allow are sent batch by batch: the same loss, and little memory."""
    import torch

    from landscape.subject import subject

    data, count = at.cifar()
    original, found = subject.memory_budget, {}
    for name, budget in (("resident", 1e12), ("sent", 1e6)):
        subject.memory_budget = lambda *_, budget=budget: budget
        try:
            on, work = prepared(at, at.large(), data=data, normalize="li2018", batch_size=at.size(1024, 64))
        finally:
            subject.memory_budget = original
        if at.gpu:
            torch.cuda.reset_peak_memory_stats()
        loss, seconds = point(work), best(partial(point, work), at.device, rounds=1)
        peak = torch.cuda.max_memory_allocated() if at.gpu else 0
        found[name] = (loss, seconds, peak)
        report.facts |= {f"{name}_seconds": seconds, f"{name}_gib": peak / 2**30}
        del on, work
    report.most("losses differ", relative(found["sent"][0], found["resident"][0]), 1e-5)
    if at.gpu:
        held = count * 32 * 32 * 3 * 4
        report.most(
            "memory not saved, as a share of the data", 1 - (found["resident"][2] - found["sent"][2]) / held, 0.3
        )
        growth = []
        _, work = prepared(at, at.digits())
        for number in range(12):
            point(work, (0.1 * number, 0.0))
            growth.append(torch.cuda.memory_allocated())
        report.most("bytes more after ten points", growth[-1] - growth[1], 0.0)


@check(60)
def paper(at: Place, report: Report) -> None:
    """The paper's two nets at the centre and at distance 1, against the CPU."""
    folder = SHARED / "reference" / "li2018"
    if not folder.is_dir():
        raise Skipped(f"no folder {folder}")
    data, _ = at.cifar()
    samples = at.size(1024, 16)
    for path in sorted(folder.glob("*.t7"))[: at.size(2, 1)]:
        losses = []
        for device in (at.device, "cpu"):
            place = Place(device, at.short, at.work)
            with timed(device) as taken:
                _, work = prepared(place, path, data=data, normalize="li2018", samples=samples)
                losses.append([point(work, (0.0, 0.0)), point(work, (1.0, 0.0))])
            report.facts[f"{path.stem}_{device}_seconds"] = taken[0]
        report.row("Losses of the paper's nets", net=path.stem, gpu_centre=losses[0][0], cpu_centre=losses[1][0],
                   gpu_at_1=losses[0][1], cpu_at_1=losses[1][1])  # fmt: skip
        report.most(path.stem, relative(*map(np.array, losses)), 1e-3)
