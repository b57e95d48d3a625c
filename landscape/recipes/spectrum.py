"""`landscape spectrum`: the curvature at one set of weights, as a spectrum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

from landscape.options.command import command
from landscape.options.groups import (
    AxesOptions,
    DataOptions,
    LossOptions,
    MachineOptions,
    NetOptions,
    OutputOptions,
)
from landscape.options.option import Given, again, flag, option
from landscape.recipes.hessian import IGNORED, PRODUCTS
from landscape.recipes.surface import CHECKPOINT, agreed, default_out

if TYPE_CHECKING:
    from landscape.surfaces.spectrum import Spectrum

ONLY = (
    "parameters that count, all others do not: WHAT as for surface --only (default: all; adapter where there are some)"
)


@dataclass(frozen=True, kw_only=True)
class OneSplit:
    title: ClassVar[str] = "data"

    split: str | Sequence[str] = again(
        DataOptions, "split", default="train", action=None, help="split whose loss is used (default: train)"
    )


@dataclass(frozen=True, kw_only=True)
class SpectrumOptions:
    title: ClassVar[str] = "spectrum"

    matrix: str = option(
        "hessian", "the Hessian, or its generalized Gauss-Newton part, which has no negative eigenvalues (default: hessian)",
        choices=("hessian", "ggn"),
    )  # fmt: skip
    only: str | Sequence[str] | None = again(AxesOptions, "only", help=ONLY)
    ignore: str | Sequence[str] | None = again(AxesOptions, "ignore", help=IGNORED)
    per: str = option("net", "layer: also the block of each layer (default: net)", choices=("net", "layer"))
    top: int = option(5, "largest eigenvalues (default: 5)", type=int, metavar="N")
    bottom: int = option(5, "smallest eigenvalues (default: 5)", type=int, metavar="N")
    tolerance: float = option(0.01, "accepted relative error of an eigenvalue (default: 0.01)", type=float, metavar="T")
    trace_products: int = option(
        30, "products spent on the trace, by Hutch++; 0: no trace (default: 30)", type=int, metavar="N"
    )
    probes: int = option(4, "random vectors for the density; 0: no density (default: 4)", type=int, metavar="N")
    steps: int = option(60, "Lanczos steps of each probe (default: 60)", type=int, metavar="N")
    index: float = option(
        0.001, "the saddle index counts eigenvalues below -T times the largest magnitude (default: 0.001)", type=float,
        metavar="T",
    )  # fmt: skip
    sharpness: bool = flag("also the critical sharpness along the gradient, from forward passes (Kalra et al. 2026)")
    products: str | None = option(
        None, "how products with the Hessian are computed (default: the first that the net allows)", choices=PRODUCTS
    )


@dataclass(frozen=True, kw_only=True)
class SpectrumMachine:
    title: ClassVar[str] = "machine"

    batchnorm: str | None = again(
        AxesOptions, "batchnorm", help="BN statistics: keep, or recompute on the training data (default: keep)"
    )
    precision: str = again(MachineOptions, "precision", choices=("fp32", "tf32", "fp64"))


@dataclass(frozen=True, kw_only=True)
class SpectrumOutput:
    title: ClassVar[str] = "output"

    save_directions: bool = again(
        OutputOptions, "save_directions",
        help="keep the eigenvectors of both ends, of unit length, in FILE.directions.h5, for surface --directions",
    )  # fmt: skip


def lines(spectrum: Any, shell: Mapping[str, Any]) -> list[str]:
    """The results for each block."""
    import numpy as np

    from landscape.scene.facts.moving import counted_words
    from landscape.scene.facts.spectrum import made_of

    words = counted_words(made_of(spectrum)) if spectrum.known.spectrum else "all"
    counted = "" if words == "all" else f"; {words}"
    said = [f"{spectrum.source or 'spectrum'}: {spectrum.known.spectrum.matrix} at the weights"]
    for block in spectrum.blocks.values():
        values = ", ".join(f"{value:.4g}" for value in block.values[::-1])
        which = counted if block is spectrum.whole else ""
        said.append(f"  {block.name} ({block.dimension:,}{which}): {values}" + " (a block of zeros)" * block.is_zero)
        if block.is_zero:
            continue
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
            said.append("    " + ", ".join(parts))
    return said


# Groups whose options are compared between ranks.
_COMPARED = (
    NetOptions,
    DataOptions,
    OneSplit,
    LossOptions,
    SpectrumOptions,
    MachineOptions,
    OutputOptions,
    SpectrumMachine,
)


@command(
    "eigenvalues, trace and density of the Hessian at a net's weights",
    *_COMPARED,
    SpectrumOutput,
    lines=lines,
    without=("metrics", "l2", "plain", "shard_data", "dry_run"),
    positional=(CHECKPOINT,),
    out=default_out("spectrum"),
    example="landscape spectrum resnet56.pt --samples 512 --plot",
)
def spectrum(checkpoint: Any = None, *, given: Given) -> Spectrum:
    """The spectrum of the Hessian of the mean loss at a net's weights.

    Args:
        checkpoint: path, `Checkpoint`, or None with `model` a module that has its weights.

    Returns:
        A `Spectrum`; under MPI on every rank.

    Raises:
        LandscapeError: bad input, a loss without second derivatives; what was computed is in `out`.
    """
    from landscape.measurement.spectrum_tasks import SpectrumParts
    from landscape.study.run import run
    from landscape.study.spectrum import SpectrumStudy
    from landscape.study.study import Plan

    asked = given[SpectrumOptions]
    plain = [field.name for field in fields(SpectrumParts) if field.name not in ("only", "ignore")]
    wanted = SpectrumParts(**{name: getattr(asked, name) for name in plain})
    found = run(
        lambda world: SpectrumStudy(checkpoint, given, wanted, (asked.only, asked.ignore), asked.products, world),
        agree={"command": "spectrum", **agreed(given, *_COMPARED)},
        code=(given[NetOptions].model, given[DataOptions].data, given[LossOptions].loss),
        quiet=given[OutputOptions].quiet,
        stall=given[MachineOptions].stall,
    )
    assert not isinstance(found, Plan)  # there is no dry run of a spectrum
    return found
