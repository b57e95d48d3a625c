"""The commands: for each its help, its arguments, and the function that runs it.

Owns: the table `COMMANDS`. Recipes are imported inside the functions, so that `--help` loads nothing heavy and drawing
loads no torch.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landscape.cli import report
from landscape.cli.options import COMPUTE, DRAW, HESSIAN, SPECTRUM, TRAIN

Given = dict[str, Any]


@dataclass(frozen=True)
class Command:
    """`positional`: (name, keywords of add_argument); `recipe`: the function of the Python interface it calls."""

    help: str
    recipe: str
    run: Callable[[Given], None]
    options: list[str]
    positional: tuple[tuple[str, dict[str, Any]], ...] = ()
    epilog: str = ""


def _surface(given: Given) -> None:
    from landscape.recipes.surface import surface

    _computed(surface, given, "surface")


def _line(given: Given) -> None:
    from landscape.recipes.surface import line

    _computed(line, given, "line")


def _computed(recipe: Callable, given: Given, command: str) -> None:
    from landscape.recipes.run import Plan

    draw = given.pop("draw", False)
    given.setdefault("out", f"{Path(given['checkpoint']).stem}.{command}.h5")
    found = recipe(**given)
    if isinstance(found, Plan):
        report.say_plan(found)
        return
    report.say_surface(found, given["out"])
    if draw and report.speaks():
        from landscape.recipes.plot import plot

        report.say_files(plot(given["out"], out=Path(given["out"]).with_suffix(".png")))


def _plot(given: Given) -> None:
    from landscape.recipes.plot import plot

    report.say_files(plot(given.pop("files"), **given))


def _compare(given: Given) -> None:
    from landscape.recipes.plot import compare

    report.say_files(compare(given.pop("files"), **given))


def _export(given: Given) -> None:
    from landscape.recipes.export import export

    report.say_files([export(given.pop("file"), given.pop("out"), **given)])


def _info(given: Given) -> None:
    from landscape.recipes.info import info

    report.say_info([info(file) for file in given["files"]], as_json=given.get("json", False))


def _demo(given: Given) -> None:
    from landscape.recipes.demo import demo

    report.say_files(demo(**given), title="the demo wrote")


def _bench(given: Given) -> None:
    from landscape.benchmarks.bench import bench

    as_json = given.pop("json", False)
    report.say_bench(bench(given.pop("checkpoint", None), **given), as_json=as_json)


def _train(given: Given) -> None:
    from landscape.recipes.train import train

    given.setdefault("out", None)  # there is always a folder
    report.say_run(train(**given))


def _hessian(given: Given) -> None:
    from landscape.recipes.hessian import hessian
    from landscape.recipes.run import Plan

    draw = given.pop("draw", False)
    found = hessian(given.pop("surface"), **given)
    if isinstance(found, Plan):
        report.say_plan(found)
        return
    report.say_curvature(found)
    if draw and report.speaks():
        from landscape.recipes.plot import plot

        kind = "ratio" if found.ndim > 1 else "curvature"
        report.say_files(plot(found.source, kind=kind, out=Path(found.source).with_suffix(f".{kind}.png")))


def _spectrum(given: Given) -> None:
    from landscape.recipes.spectrum import spectrum

    draw = given.pop("draw", False)
    given.setdefault("out", f"{Path(given['checkpoint']).stem}.spectrum.h5")
    report.say_spectrum(spectrum(given.pop("checkpoint"), **given))
    if draw and report.speaks():
        from landscape.recipes.plot import plot

        report.say_files(plot(given["out"], out=Path(given["out"]).with_suffix(".png")))


CHECKPOINT = (
    "checkpoint",
    {"metavar": "CKPT", "help": "trained net: .pt .pth .th .t7 .ckpt .safetensors, or a folder"},
)
FILES = (
    "files",
    {"metavar": "FILE", "nargs": "+", "help": "surface files, ours or the original program's, or run folders"},
)

COMMANDS: dict[str, Command] = {
    "surface": Command(
        "loss over a plane through a net's weights (2-D)", "surface", _surface,
        ["x", "y", "to_y", "orthogonal", *COMPUTE], (CHECKPOINT,),
        "example: mpiexec -n 4 landscape surface resnet56.pt -x -1:1:51 -y -1:1:51 -o resnet56.h5 --plot",
    ),
    "line": Command(
        "loss along a line through a net's weights, or between two nets (1-D)", "line", _line,
        ["x", *COMPUTE], (CHECKPOINT,),
        "example: landscape line small_batch.pt --to large_batch.pt --split train --split test --plot",
    ),
    "hessian": Command(
        "largest and smallest Hessian eigenvalue at every point of a surface, or along a training run", "hessian", _hessian,
        HESSIAN, (("surface", {"metavar": "SURFACE.h5", "help": "surface file, which is extended; or a run folder"}),),
        "example: mpiexec -n 4 landscape hessian resnet56.h5 --every 2; landscape plot resnet56.h5 --kind ratio",
    ),
    "spectrum": Command(
        "eigenvalues, trace and density of the Hessian at a net's weights", "spectrum", _spectrum, SPECTRUM, (CHECKPOINT,),
        "example: landscape spectrum resnet56.pt --samples 512 --plot",
    ),
    "train": Command(
        "a net, with checkpoints and a log, stopped and continued at will", "train", _train, TRAIN, (),
        "example: landscape train --model resnet20 --data cifar10 --download --augment crop,flip -o runs/resnet20",
    ),
    "plot": Command(
        "pictures of surface files and training runs", "plot", _plot, ["kind", "outs", *DRAW], (FILES,),
        "example: landscape plot resnet56.h5 --kind contour,surface -o resnet56.png .pdf",
    ),
    "compare": Command(
        "surfaces or training runs side by side on one scale", "compare", _compare, ["kind", "names", "outs", *DRAW], (FILES,),
        "example: landscape compare skip.h5 noskip.h5 -o comparison.html",
    ),
    "export": Command(
        "a surface as a table or in another program's layout", "export", _export, ["format"],
        (("file", {"metavar": "FILE", "help": "surface file"}), ("out", {"metavar": "OUT", "help": "output file"})),
        "example: landscape export resnet56.h5 resnet56.csv",
    ),
    "info": Command(
        "what a checkpoint, surface, direction file or run folder is", "info", _info, ["json"],
        (("files", {"metavar": "FILE", "nargs": "+", "help": "files"}),),
    ),
    "demo": Command(
        "the main job on what ships with the project", "demo", _demo, ["checkpoints", "folder", "points", "samples", "quiet"]
    ),
    "bench": Command(
        "speed on this machine, side by side with a plain loop", "bench", _bench,
        ["model", "data", "samples", "normalize", "device", "precision", "batch_size", "threads", "plain",
         "train", "hessian", "rounds", "json"],
        (("checkpoint", {"metavar": "CKPT", "nargs": "?", "help": "default: the ResNet-56 that ships"}),),
    ),
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser, command: Command) -> None:
    """The positional arguments of a command."""
    for name, keywords in command.positional:
        optional = {"default": argparse.SUPPRESS} if keywords.get("nargs") == "?" else {}
        parser.add_argument(name, **keywords, **optional)
