"""Curvature against the CPU in float64: products of every backend, the ends, a spectrum; seconds of a point."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from _tools import Place, Report, best, check, relative
from speed import prepared


def _operator(at: Place, net: Any, device: str, precision: str, **options: Any) -> Any:
    from landscape.curvature.operator import CurvatureOperator
    from landscape.objective.numerics import memory_budget

    place = Place(device, at.short, at.work)
    on, _ = prepared(place, net, precision=precision, samples=at.size(256, 16), plain=True)
    objective = on.subject.objective
    made = CurvatureOperator(objective, budget=memory_budget(objective.device), **options)
    made.refresh()
    return made


@check(60)
def products(at: Place, report: Report) -> None:
    """Hv and Gv of each backend, and in low precision, against float64 on the CPU."""
    net = at.digits()
    for matrix in ("hessian", "ggn"):
        exact = _operator(at, net, "cpu", "fp64", matrix=matrix, backend="graph")
        vector = exact.gaussian(0)
        truth = exact(vector)
        for backend in ("program", "graph", "differences")[: 3 if matrix == "hessian" else 2]:
            made = _operator(at, net, at.device, "fp32", matrix=matrix, backend=backend)
            given = vector.to(made.gaussian(0))
            found = made(given).cpu().double()
            report.most(f"{matrix} {backend}", float((found - truth).norm() / truth.norm()), 5e-3)
            if backend == "program":
                low = made.low_precision("bf16")
                made.refresh()
                rough = low(given).cpu().double()
                report.most(f"{matrix} in bfloat16", float((rough - truth).norm() / truth.norm()), 0.2)
            again = made(given).cpu().double()
            report.holds(f"{matrix} {backend}: same bits again", bool((again == made(given).cpu().double()).all()))


@check(70)
def ends(at: Place, report: Report) -> None:
    """`landscape hessian` along a line, in float32 and with the search in bfloat16, against float64 on the CPU."""
    import landscape

    found = {}
    samples = at.size(64, 16)
    ways = [
        ("cpu", "fp64", "exact"),
        (at.device, "fp32", "exact"),
        (at.device, "fp32", "bf16"),
        (at.device, "fp32", "auto"),
    ]
    for device, precision, search in ways[: at.size(4, 3)]:
        made = landscape.line(at.digits(), x="0:0.5:2", device=device, samples=samples, quiet=True)
        more = landscape.hessian(made, device=device, precision=precision, search=search, quiet=True)
        found[precision, search] = np.stack([more.values["hessian_max"], more.values["hessian_min"]])
        report.facts[f"products {precision} {search}"] = float(np.mean(more.values["hessian_products"]))
    truth = found.pop(("fp64", "exact"))
    scale = np.abs(truth).max(axis=0)
    for (precision, search), each in found.items():
        report.most(f"{precision} {search}", float(np.max(np.abs(each - truth) / scale)), 0.02)


@check(60)
def spectrum(at: Place, report: Report) -> None:
    import landscape

    options: dict[str, Any] = {"samples": at.size(64, 16), "top": 2, "bottom": 2, "probes": 1, "steps": 20}
    options |= {"trace_products": 8, "sharpness": True, "quiet": True}
    found, truth = (
        landscape.spectrum(at.digits(), device=device, precision=precision, **options).blocks["all parameters"]
        for device, precision in ((at.device, "fp32"), ("cpu", "fp64"))
    )
    scale = float(np.abs(truth.values).max())
    report.most("eigenvalues", float(np.abs(found.values - truth.values).max()) / scale, 0.02)
    report.most("trace", abs(found.trace - truth.trace) / max(abs(truth.trace), scale), 0.02)
    report.most("critical sharpness", relative(found.sharpness, truth.sharpness), 0.05)


@check(60)
def curvature_speed(at: Place, report: Report) -> None:
    """Seconds of a product, by backend and precision."""
    from landscape.curvature.operator import CurvatureOperator
    from landscape.objective.numerics import memory_budget

    for name, net, options in (
        ("ResNet-56, digits", at.digits(), {"samples": at.size(1438, 16)}),
        (
            "ResNet-56, images of 32 x 32",
            at.large(),
            {"data": at.cifar()[0], "normalize": "li2018", "samples": at.size(4096, 8)},
        ),
    ):
        on, _ = prepared(at, net, plain=True, **options)
        objective = on.subject.objective
        made = CurvatureOperator(objective, budget=memory_budget(objective.device))
        low = made.low_precision("bf16") if made.backend == "program" else None
        made.refresh()
        vector = made.gaussian(0)
        cells: dict[str, Any] = {"net": name, "samples": objective.samples, "backend": made.backend}
        cells["ms a product"] = 1e3 * best(partial(made, vector), at.device, rounds=at.size(3, 1))
        if low is not None:
            cells["ms in bfloat16"] = 1e3 * best(partial(low, vector), at.device, rounds=at.size(3, 1))
        report.row("Products with the Hessian", **cells)
        del made, low, on
