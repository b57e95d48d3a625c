"""What a command says when it is done.

Owns: the lines on stdout. Only the first rank speaks.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from landscape.sweep.launch import launched_rank


def speaks() -> bool:
    return launched_rank() == 0


def say(text: str) -> None:
    if speaks():
        print(text, flush=True)


def say_files(files: Sequence[Path], title: str = "wrote") -> None:
    if files:
        say(f"{title} " + ", ".join(map(str, files)))


def say_surface(surface: Any, out: str | Path) -> None:
    """One line on each metric, and what is not finite."""
    import numpy as np

    say(f"{out}: {surface.grid.size} points")
    for name, array in surface.values.items():
        if name.startswith("hessian"):  # was added by another command, which tells of it
            continue
        finite = array[np.isfinite(array)]
        spread = f"{finite.min():.4g} to {finite.max():.4g}" if finite.size else "no finite value"
        centre = surface.at_origin(name)
        at_centre = f", {centre:.4g} at the centre" if centre is not None else ""
        odd = "".join(
            f", {count} {word}"
            for word, count in (("nan", np.isnan(array).sum()), ("inf", np.isinf(array).sum()))
            if count
        )
        say(f"  {name}: {spread}{at_centre}{odd}")
    if reached := surface.provenance.get("run", {}).get("reached"):
        say_saving(reached, surface.provenance["tolerance"]["asked"])


def say_curvature(surface: Any) -> None:
    """Both ends over all points done, and the points that are not as good as was asked."""
    import numpy as np

    from landscape.scene.hessian import points_text, unsettled

    done = int((surface.status["hessian"] == 1).sum())
    largest, smallest = surface.values["hessian_max"], surface.values["hessian_min"]
    products = surface.values["hessian_products"]
    rough = surface.values.get("hessian_rough")
    besides = f" and {np.nanmean(rough):.1f} in bfloat16" if rough is not None and np.nansum(rough) else ""
    each = f"{np.nanmean(products):.1f} products with the Hessian{besides} at each"
    say(f"{surface.source or 'surface'}: {done} points, {each}")
    for name, array in (("largest", largest), ("smallest", smallest)):
        finite = array[np.isfinite(array)]
        spread = f"{finite.min():.4g} to {finite.max():.4g}" if finite.size else "no finite value"
        centre = surface.at_origin(f"hessian_{'max' if name == 'largest' else 'min'}")
        at_centre = f", {centre:.4g} at the centre" if centre is not None and np.isfinite(centre) else ""
        say(f"  {name} eigenvalue: {spread}{at_centre}")
    if count := unsettled(surface):
        say(
            f"  less precise than asked at {points_text(count)}; hessian_max_error and hessian_min_error tell by how much"
        )
    if "hessian_negative" in surface.values:
        shares = 100 * surface.values["hessian_negative"]
        say(f"  negative eigenvalues: {np.nanmin(shares):.3g} % to {np.nanmax(shares):.3g} %")


def say_spectrum(spectrum: Any) -> None:
    """What was found of each block."""
    import numpy as np

    say(f"{spectrum.source or 'spectrum'}: {spectrum.provenance['spectrum']['matrix']} at the weights")
    for block in spectrum.blocks.values():
        values = ", ".join(f"{value:.4g}" for value in block.values[::-1])
        say(f"  {block.name} ({block.dimension:,}): {values}")
        share, error = block.negative(spectrum.index)
        parts = []
        if np.isfinite(block.trace):
            parts.append(f"trace {block.trace:.4g} +- {block.trace_stderr:.2g}")
        if np.isfinite(share):
            spread = f" +- {100 * error:.2g}" if np.isfinite(error) else ""
            parts.append(f"{100 * share:.3g}{spread} % below -{spectrum.index:g} of the largest")
        if np.isfinite(block.sharpness):
            parts.append(f"critical sharpness {block.sharpness:.4g}")
        if parts:
            say("    " + ", ".join(parts))


def say_saving(reached: dict[str, Any], asked: float) -> None:
    """What a tolerance saved, and the error that was reached."""
    say(
        f"  computed {reached['points']:,} of {reached['of']:,} points, with {reached['evaluations']:,} of "
        f"{reached['of_evaluations']:,} evaluations of a sample (1/{reached['of_evaluations'] / reached['evaluations']:.3g})"
    )
    error = f"error at 95 % of the points {100 * reached['error']:.2g} % (asked: {100 * asked:g} %)"
    checks = f"; {reached['checks']} points checked, the worst off by {100 * reached['worst_check']:.2g} %"
    say(f"  {error}{checks if reached['checks'] else ''}")


def say_run(run: Any) -> None:
    """Where the trained net is, and how good."""
    found = ", ".join(
        f"{name.replace('_', ' ')} {100 * value:.2f} %"
        if name.endswith("accuracy")
        else f"{name.replace('_', ' ')} {value:.4g}"
        for name, value in run.metrics.items()
    )
    say(f"{run.folder / 'final.pt'}: {found}")


def say_plan(plan: Any) -> None:
    """What `--dry-run` prints."""
    data = plan.provenance["data"]
    splits = ", ".join(f"{name} {facts['samples']} of {facts['of']}" for name, facts in data["splits"].items())
    say(f"net      {plan.provenance['model']['name']}, {plan.provenance['model']['parameters']:,} parameters")
    say(f"data     {data['name']}: {splits}")
    say(f"points   {plan.points}, of which {plan.pending} are still to do; {plan.samples_per_point} samples each")
    say(f"memory   {_bytes(plan.weight_bytes)} of weights and directions, {_bytes(plan.data_bytes)} of data, per rank")
    say(
        f"speed    {plan.samples_per_second:,.0f} samples/s on this rank, {plan.ranks} rank{'s' if plan.ranks > 1 else ''}"
    )
    if plan.saving:
        say(
            f"saving   {plan.saving.points} points with about {plan.saving.samples:,} samples each, if the surface is smooth: "
            f"1/{plan.points * plan.samples_per_point / plan.saving.evaluations:.3g} of all evaluations; "
            "a rough one takes all points"
        )
    say(f"time     about {_duration(plan.seconds)}")


def say_info(facts: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        say(json.dumps(facts if len(facts) > 1 else facts[0], indent=2, default=str))
        return
    for one in facts:
        for line in _lines(one):
            say(line)


def say_bench(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        say(json.dumps(result, indent=2))
        return
    if "hessian" in result:
        say_bench_hessian(result)
        return
    trained = "plain" in result
    amount = f"trained in batches of {result['batch_size']}" if trained else f"{result['samples']} samples"
    threads = f"{result['threads']} thread{'s' if result['threads'] > 1 else ''}"
    say(f"{result['net']} on {result['data']}, {amount}, {threads}, {result['device']}")
    if trained:
        say(f"  {'plain loop, preloaded data':26s} {result['plain']:10,.0f} samples/s")
        say(f"  {'landscape':26s} {result['ours']:10,.0f} samples/s   {result['ours_to_plain']:.2f} x as fast")
        say(f"  the losses of the first step differ by {result['loss_difference']:.1e}")
        return
    ways = {"original": "DataLoader at every point", "bare": "bare loop, batch 128", "ours": "landscape"}
    for key, name in ways.items():
        if result[key] is not None:
            ratio = result.get(f"ours_to_{key}")
            faster = f"   landscape is {ratio:.2f} x as fast" if ratio else ""
            say(f"  {name:26s} {result[key]:10,.0f} samples/s{faster}")
    say(
        f"  batch {result['batch_size']}, program {result['program']}, losses differ by {result['loss_difference']:.1e}"
    )
    share = 100 * result["peak_fraction"]
    say(f"  {share:.0f} % of this machine's matrix products ({result['peak_gflops']:.0f} GFLOP/s)")


def say_bench_hessian(result: dict[str, Any]) -> None:
    threads = f"{result['threads']} thread{'s' if result['threads'] > 1 else ''}"
    say(f"{result['net']} on {result['data']}, {result['samples']} samples, {threads}, {result['device']}")
    say(f"  largest and smallest eigenvalue of the Hessian at {result['points']} neighbouring points, for each point:")
    names = {"original": "two eigsh, double backward", "ours": "landscape"}
    for key, name in names.items():
        row = result["hessian"][key]
        rough = f" + {row['rough']:.1f} in bfloat16" if row["rough"] else ""
        say(
            f"  {name:26s} {row['seconds']:8.2f} s   {row['products']:5.1f} products{rough}   "
            f"worst error {100 * row['worst_error']:.2g} %"
        )
    each = ", ".join(f"{ratio:.1f}" for ratio in result["speedups"])
    say(f"  landscape is {result['speedup']:.1f} x as fast ({each}); a product {result['one_product']:.1f} x")


def _lines(tree: dict[str, Any], indent: int = 0) -> list[str]:
    lines = []
    for key, value in tree.items():
        if isinstance(value, dict) and value and indent < 6:
            lines += [" " * indent + f"{key}:", *_lines(value, indent + 2)]
        elif value not in (None, {}, []):
            shown = ", ".join(map(str, value)) if isinstance(value, list) else value
            lines.append(" " * indent + f"{key}: {shown}")
    return lines


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
