"""How a sheet becomes a file.

Owns: the formats, and what makes their files the same for the same picture. Leaves the settings of matplotlib as they were.
"""

from __future__ import annotations

import logging
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from landscape.errors import UsageError
from landscape.scene.look import Look

VECTORS, PIXELS = (".pdf", ".svg", ".eps"), (".png", ".jpg", ".jpeg", ".tif", ".tiff")
SUFFIXES = (*PIXELS[:1], *VECTORS, *PIXELS[1:])
_NAMES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF"}
_QUALITY: dict[str, dict[str, Any]] = {"JPEG": {"quality": 95, "subsampling": 0}, "TIFF": {"compression": "tiff_lzw"}}
# 20,000 x 10,000: what viewers open; reliefs take four times as many while they are drawn. Of a frame: a little more than 4k, as
# all frames of a film are kept until they have one size.
MOST_PIXELS, MOST_OF_FRAME = 200_000_000, 9_000_000
# Formats without a transparent ground.
OPAQUE = (".jpg", ".jpeg", ".eps")
# Embedded TrueType: journals and conferences refuse the Type 3 fonts that are matplotlib's default. A fixed salt and no
# date make the same picture the same file.
SAVING: dict[Any, Any] = {"pdf.fonttype": 42, "ps.fonttype": 42, "svg.hashsalt": "landscape"}
_DATES: dict[str, dict[str, Any]] = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}


def check_pixels(figure: Figure, dpi: int, most: int = MOST_PIXELS) -> None:
    """Raises UsageError when a picture would have more than `most` pixels."""
    wide, tall = figure.get_size_inches()
    if (found := wide * tall * dpi**2) > most:
        raise UsageError(
            f"{wide:.0f} x {tall:.0f} inches at {dpi} dpi are {found / 1e6:,.0f} million pixels, expected "
            f"{most // 10**6} million at most; give a smaller dpi"
        )


def save(figure: Figure, look: Look, path: Path, suffix: str, dpi: int, *, smooth: int = 1) -> None:
    """Writes the figure; `suffix` chooses the format. `smooth` draws what is made of pixels finer by that factor."""
    if suffix in PIXELS:
        _save_pixels(figure, path, suffix, dpi, smooth, transparent=look.transparent)
        return
    texts: dict[Any, Any] = {"svg.fonttype": "none" if look.editable else "path"}
    written = BytesIO()
    # The format has no transparency, of which matplotlib warns; it draws what covers all the same.
    logging.getLogger("matplotlib.backends.backend_ps").setLevel(logging.ERROR)
    with rc_context({**SAVING, **texts}):
        figure.savefig(
            written, format=suffix[1:], dpi=dpi * smooth, metadata=_DATES.get(suffix), transparent=look.transparent
        )
    path.write_bytes(
        re.sub(rb"%%CreationDate: .*\n", b"", written.getvalue()) if suffix == ".eps" else written.getvalue()
    )


def _save_pixels(figure: Figure, path: Path, suffix: str, dpi: int, smooth: int, *, transparent: bool) -> None:
    """Many small tiles, each with its own soft edge, show seams; hard edges averaged over finer pixels do not."""
    if transparent:
        figure.patch.set_alpha(0.0)
    figure.set_dpi(dpi * smooth)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    image = Image.fromarray(_averaged(np.asarray(canvas.buffer_rgba()), smooth))
    if not transparent or suffix in OPAQUE:
        ground = Image.new("RGBA", image.size, to_hex(figure.get_facecolor()))
        image = Image.alpha_composite(ground, image).convert("RGB")
    image.save(path, format=_NAMES[suffix], dpi=(dpi, dpi), **_QUALITY.get(_NAMES[suffix], {}))


def _averaged(pixels: np.ndarray, smooth: int) -> np.ndarray:
    """(ny, nx, 4) bytes: the mean of each block of `smooth` x `smooth` pixels, colours weighted by what they cover."""
    if smooth == 1:
        return pixels
    rows, columns = pixels.shape[0] // smooth, pixels.shape[1] // smooth
    fine = pixels[: rows * smooth, : columns * smooth]
    parts = [fine[down::smooth, right::smooth] for down in range(smooth) for right in range(smooth)]
    if (fine[..., 3] == 255).all():  # as on any ground; whole numbers take a third of the time
        total = np.stack(parts).sum(axis=0, dtype=np.uint16)
        return ((total + len(parts) // 2) // len(parts)).astype(np.uint8)
    cover = sum(part[..., 3:].astype(np.float32) for part in parts)
    colors = sum(part[..., :3].astype(np.float32) * part[..., 3:] for part in parts) / np.maximum(cover, 1.0)
    return np.rint(np.concatenate([colors, cover / len(parts)], axis=-1)).astype(np.uint8)
