"""`landscape demo`: the main commands on the nets and data that ship with the project.

Owns: the choice of nets, grids and pictures. Everything goes through the recipes that users call.
"""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

from landscape.checkpoint.shipped import shipped
from landscape.options.command import command
from landscape.options.option import Option
from landscape.options.values import named_path
from landscape.recipes.compare import compare
from landscape.recipes.hessian import hessian
from landscape.recipes.line import line
from landscape.recipes.plot import plot
from landscape.recipes.surface import surface
from landscape.recipes.words import files_lines
from landscape.sweep.launch import connect
from landscape.sweep.progress import note

# Curvature costs some hundred passes over the data at a point: it is shown on a coarser grid and fewer samples.
CURVATURE, CURVATURE_SAMPLES = 6, 64
NETS = {"with shortcuts": "resnet56_digits", "without shortcuts": "resnet56_noshort_digits"}


@command(
    "the main commands on the nets that ship with the project",
    lines=lambda files, shell: files_lines(files, "the demo wrote"),
    rows={
        "checkpoints": Option("folder of the nets that ship", metavar="DIR"),
        "out": Option("output folder (default: runs/demo)", ("-o", "--out"), metavar="DIR"),
        "points": Option("points of each axis", type=int, metavar="N"),
        "samples": Option("samples of each split", type=int, metavar="N"),
        "quiet": Option("neither progress bar nor notes", action="store_true"),
    },
)
def demo(
    *,
    checkpoints: str | Path | None = None,
    out: str | Path = "runs/demo",
    points: int = 25,
    samples: int = 512,
    quiet: bool = False,
) -> list[Path]:
    """Surfaces of a deep ResNet with and without shortcuts on the digits, and their curvature, drawn and compared.

    Args:
        checkpoints: folder with the two nets; default those that ship with the project.
        out: output folder; git ignores the default.
        points: of each axis. samples: of each split.

    Returns:
        The files written (on the first rank; elsewhere none).

    Raises:
        LandscapeError: the nets that ship are missing.
    """
    nets, out = {name: shipped(name, checkpoints) for name in NETS.values()}, named_path("out", out)
    leads = connect().leads
    if leads:
        out.mkdir(parents=True, exist_ok=True)
    silent = quiet or not leads
    shared: dict[str, Any] = {"samples": samples, "split": ("train", "test"), "quiet": quiet}
    files: list[Path] = []
    planes = [
        surface(net, x=(-1, 1, points), y=(-1, 1, points), out=out / f"{name}.h5", **shared)
        for name, net in nets.items()
    ]
    if leads:
        files += _maps(planes, list(nets), out)
        note(f"both surfaces side by side are in {out / 'comparison.html'}", label="demo", quiet=silent)
    for name, net in nets.items():
        lines = out / f"{name}_line.h5"
        line(net, x=(-1, 1, 2 * points + 1), out=lines, **shared)
        if leads:
            files += [lines, *plot(lines, out=out / f"{name}_line.png")]
    every = max(1, (points - 1) // CURVATURE)
    count = prod(map(len, planes[0].grid.lattice(every)))
    note(f"curvature at {count} points each follows; Ctrl-C keeps everything so far", label="demo", quiet=silent)
    maps = [out / f"{name}.h5" for name in nets]
    for file in maps:
        hessian(file, every=every, samples=CURVATURE_SAMPLES, quiet=quiet)
    ratios = [out / "comparison_ratio.png", out / "comparison_ratio.html"]
    return [*files, *compare(maps, names=tuple(NETS), kind="ratio", out=ratios)] if leads else []


def _maps(planes: list[Any], nets: list[str], out: Path) -> list[Path]:
    """The picture of both surfaces side by side first, as it is what the demo is for; then each surface."""
    files, names = [out / f"{name}.h5" for name in nets], tuple(NETS)
    files += compare(planes, names=names, kind="surface", out=[out / "comparison.html", out / "comparison_surface.png"])
    files += compare(planes, names=names, kind="contour", out=out / "comparison_contour.png")
    for name, plane in zip(nets, planes, strict=True):
        files += plot(plane, kind=["contour", "filled", "surface"], out=out / f"{name}.png")
    return files
