"""A spectrum in a few words: the small lines under its pictures.

Owns: what is said of the matrix, the extreme eigenvalues, the trace, the negative ones and the estimate of the density, how a
number with an error is written, and the commands that compute what a file lacks. What is not known is not mentioned.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landscape.scene.facts.moving import counted_words
from landscape.scene.facts.surface import recorded_facts
from landscape.scene.text import short
from landscape.surfaces.spectrum import Block, Spectrum

GAUSS_NEWTON = "ggn"
MATRICES = {"hessian": "Hessian", GAUSS_NEWTON: "generalized Gauss-Newton matrix"}
SHORT_MATRICES = {"hessian": "Hessian", GAUSS_NEWTON: "Gauss-Newton"}
SIGN_OPEN = "grey: the error leaves the sign open"
STANDARD_ERRORS = "± standard error; of an eigenvalue, how far off it may be"
# An eigenvalue whose error is a smaller part of it is written without digits for the error.
EXACT, EXACTLY = 1e-4, "below 0.01 %"


def spectrum_facts(spectrum: Spectrum) -> list[str]:
    """One short phrase per fact on the spectrum of all parameters."""
    block = spectrum.whole
    return [*computed_facts(spectrum), *_trace(block), *_negative(spectrum), *_estimate(spectrum), *_sharpness(block)]


def computed_facts(spectrum: Spectrum) -> list[str]:
    """The facts without those on trace and density: model, data, matrix, and the ends."""
    return [*recorded_facts(spectrum), _of_what(spectrum), *_ends(spectrum)]


def what(spectra: Sequence[Spectrum]) -> str:
    """The subject of a title."""
    matrices = {matrix_label(spectrum) for spectrum in spectra}
    return f"{matrices.pop()} spectrum" if len(matrices) == 1 else "curvature spectra"


def matrix_of(spectrum: Spectrum) -> str:
    """The matrix that a spectrum is of, as options name it."""
    return str(made_of(spectrum).get("matrix") or "hessian")


def matrix_label(spectrum: Spectrum) -> str:
    """The matrix as a title names it."""
    return SHORT_MATRICES.get(matrix_of(spectrum), matrix_of(spectrum))


def can_be_negative(spectrum: Spectrum) -> bool:
    """The Gauss-Newton matrix has no negative eigenvalue except for rounding."""
    return matrix_of(spectrum) != GAUSS_NEWTON


def with_error(value: float, error: float) -> str:
    """A number with its error, each with the digits that the error allows.

    >>> with_error(0.33025, 0.0339), with_error(2074.1, 66.98), with_error(3.4e-7, 1.2e-8), with_error(426.045, 1e-9)
    ('0.330 ± 0.034', '2074 ± 67', '(3.40 ± 0.12)e-7', '426')
    """
    if not np.isfinite(error) or _is_exact(value, error):
        return minus(short(value))
    power = int(np.floor(np.log10(max(abs(value), error))))
    if -4 < power < 6:
        digits = max(0, 1 - int(np.floor(np.log10(error))))
        return minus(f"{value:.{digits}f} ± {error:.{digits}f}")
    return f"({with_error(value / 10.0**power, error / 10.0**power)})e{power}"


def eigenvalue_text(value: float, error: float) -> str:
    """The same; an error too small for its digits is written as a bound."""
    return f"{minus(short(value, 4))} (error {EXACTLY})" if _is_exact(value, error) else with_error(value, error)


def minus(text: str) -> str:
    """A number with a minus sign as wide as a plus; exponents stay as they are.

    >>> minus("-2e-5")
    '−2e-5'
    """
    return "−" + text[1:] if text.startswith("-") else text


def negative_bound(spectrum: Spectrum) -> float | None:
    """The magnitude from which on an eigenvalue counts as negative; None when not requested, or when none can be negative."""
    tolerance, values = made_of(spectrum).get("index"), spectrum.whole.values
    if tolerance is None or not can_be_negative(spectrum) or not len(values):
        return None
    return float(tolerance) * float(np.abs(values).max())


def ends_found(spectrum: Spectrum, block: Block) -> tuple[int | None, int | None]:
    """The numbers of the smallest and the largest eigenvalue among those found; None for an end that was not requested."""
    made = made_of(spectrum)
    found = len(block.values) > 0
    return (
        0 if found and made.get("bottom", 1) else None,
        len(block.values) - 1 if found and made.get("top", 1) else None,
    )


def made_of(spectrum: Spectrum) -> dict:
    """What was requested; empty when it is not known."""
    return spectrum.known.json().get("spectrum", {})


def command_for(spectrum: Spectrum, options: str) -> str:
    """The command that computes what is missing, with the names of the files where they are known."""
    checkpoint = spectrum.known.json().get("checkpoint")
    path = checkpoint.get("path") if isinstance(checkpoint, dict) else None
    out = f" -o {spectrum.source} --overwrite" if spectrum.source else ""
    return f"`landscape spectrum {path or 'CKPT'} {options}{out}`"


def _is_exact(value: float, error: float) -> bool:
    return bool(error <= EXACT * abs(value))


def _of_what(spectrum: Spectrum) -> str:
    name = MATRICES.get(matrix_of(spectrum), matrix_of(spectrum))
    return f"{name} of {spectrum.whole.dimension:,} parameters ({counted_words(made_of(spectrum))})"


def _ends(spectrum: Spectrum) -> list[str]:
    """Both in one phrase when their errors are too small to mention."""
    block = spectrum.whole
    named = zip(("smallest", "largest"), ends_found(spectrum, block), strict=True)
    ends = [(name, float(block.values[i]), float(block.errors[i])) for name, i in named if i is not None][::-1]
    if len(ends) == 2 and all(_is_exact(value, error) for _, value, error in ends):
        (_, largest, _), (_, smallest, _) = ends
        ends_text = [minus(short(value, 4)) for value in (largest, smallest)]
        return [f"largest eigenvalue {ends_text[0]}, smallest {ends_text[1]} (errors {EXACTLY})"]
    return [f"{name} eigenvalue {eigenvalue_text(value, error)}" for name, value, error in ends]


def _trace(block: Block) -> list[str]:
    return [f"trace {with_error(block.trace, block.trace_stderr)}"] if np.isfinite(block.trace) else []


def _negative(spectrum: Spectrum) -> list[str]:
    if negative_bound(spectrum) is None or spectrum.whole.density is None:
        return []
    tolerance = float(made_of(spectrum)["index"])
    share, error = spectrum.whole.negative(tolerance)
    text = f"{with_error(100 * share, 100 * error)} %" if share or error > 0 else "none"
    return [f"negative eigenvalues: {text} (below −{short(tolerance)} times the largest magnitude)"]


def _estimate(spectrum: Spectrum) -> list[str]:
    """How many random vectors, and how many steps from each."""
    density = spectrum.whole.density
    if density is None:
        return []
    done, steps = density.nodes.shape
    asked = int(made_of(spectrum).get("probes") or done)
    probes = f"{done} of {asked} probes so far" if done < asked else f"{done} probe{'s' * (done != 1)}"
    return [f"{probes}, {steps} Lanczos steps each"]


def _sharpness(block: Block) -> list[str]:
    return [f"critical sharpness {short(block.sharpness)}"] if np.isfinite(block.sharpness) else []
