"""`landscape demo`: the main job on what ships with the project.

Owns: the choice of nets, grids and pictures. Everything goes through the recipes that users call.
"""

from __future__ import annotations

from pathlib import Path

from landscape.errors import LandscapeError
from landscape.options.command import command
from landscape.options.option import Option
from landscape.recipes.compare import compare
from landscape.recipes.hessian import hessian
from landscape.recipes.line import line
from landscape.recipes.plot import plot
from landscape.recipes.surface import surface
from landscape.recipes.words import files_lines
from landscape.sweep.launch import connect

# Curvature costs some hundred passes over the data at a point: it is shown on a coarser grid and fewer samples.
CURVATURE, CURVATURE_SAMPLES = 6, 64
NETS = {"with shortcuts": "resnet56_digits", "without shortcuts": "resnet56_noshort_digits"}


@command(
    "the main job on what ships with the project",
    lines=lambda files, shell: files_lines(files, "the demo wrote"),
    rows={
        "checkpoints": Option("folder of the nets that ship", metavar="DIR"),
        "out": Option("folder of what is written (default: figures/demo)", ("-o", "--out"), metavar="DIR"),
        "points": Option("points of each axis", type=int, metavar="N"),
        "samples": Option("samples of each split", type=int, metavar="N"),
        "quiet": Option("no progress bar", action="store_true"),
    },
)
def demo(
    *,
    checkpoints: str | Path | None = None,
    out: str | Path = "figures/demo",
    points: int = 25,
    samples: int = 512,
    quiet: bool = False,
) -> list[Path]:
    """Surfaces of a deep ResNet with and without shortcuts on the digits, and their curvature, drawn and compared.

    Args:
        checkpoints: folder with the two nets; default the one that ships with the project.
        points: of each axis. samples: of each split.

    Returns:
        The files written (on the first rank; elsewhere none).

    Raises:
        LandscapeError: the nets that ship are not there.
    """
    folder, out = _folder(checkpoints), Path(out)
    leads = connect().leads
    if leads:
        out.mkdir(parents=True, exist_ok=True)
    shared = {"samples": samples, "split": ("train", "test"), "quiet": quiet}
    planes, files = [], []
    for name in NETS.values():
        file = out / f"{name}.h5"
        planes.append(surface(folder / f"{name}.pt", x=(-1, 1, points), y=(-1, 1, points), out=file, **shared))
        files.append(file)
        hessian(file, every=max(1, (points - 1) // CURVATURE), samples=CURVATURE_SAMPLES, quiet=quiet)
        lines = out / f"{name}_line.h5"
        row = line(folder / f"{name}.pt", x=(-1, 1, 2 * points + 1), out=lines, **shared)
        if leads:
            files.append(lines)
            files += plot(planes[-1], kind=["contour", "filled", "surface"], out=out / f"{name}.png")
            files += plot(row, out=out / f"{name}_line.png")
    if not leads:
        return []
    names = tuple(NETS)
    maps = [out / f"{name}.h5" for name in NETS.values()]
    files += compare(maps, names=names, kind="ratio", out=[out / "comparison_ratio.png", out / "comparison_ratio.html"])
    files += compare(planes, names=names, kind="contour", out=out / "comparison_contour.png")
    files += compare(planes, names=names, kind="surface", out=[out / "comparison.html", out / "comparison_surface.png"])
    return files


def _folder(checkpoints: str | Path | None) -> Path:
    beside = Path(__file__).resolve().parents[2] / "checkpoints"
    folder = Path(checkpoints) if checkpoints else beside if beside.is_dir() else Path("checkpoints")
    if missing := [name for name in NETS.values() if not (folder / f"{name}.pt").exists()]:
        raise LandscapeError(
            f"{folder}: {missing[0]}.pt is not there; run the demo in the project's folder, or name the folder of its nets "
            "with --checkpoints"
        )
    return folder
