"""Whatever result a path names: a surface, a spectrum or a training run.

Owns: `load_source`, which picks the reader. What is read is the business of the readers.
"""

from __future__ import annotations

from pathlib import Path

from landscape.errors import UsageError
from landscape.options.option import shown
from landscape.surfaces import load_surface
from landscape.surfaces.run_log import RunLog, is_run_folder, load_run
from landscape.surfaces.spectrum import Spectrum, is_spectrum, load_spectrum
from landscape.surfaces.surface import Surface

Source = Surface | Spectrum | RunLog
Given = Source | str | Path


def load_source(source: Given) -> Source:
    """A folder is a training run; a file is a spectrum if it says so, otherwise a surface; a result is returned.

    Raises:
        UsageError: no result. LandscapeError: unreadable.
    """
    if isinstance(source, Source):
        return source
    if not isinstance(source, (str, Path)):
        raise UsageError(f"surfaces {shown(source)}: expected a result or the name of a file of one")
    if is_run_folder(source):
        return load_run(source)
    return load_spectrum(source) if is_spectrum(source) else load_surface(source)
