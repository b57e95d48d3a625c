"""Frames as a file: an animated GIF, or a video in MP4.

Owns: both formats: times, colours and size of a GIF, and the program that makes a video. Frames are arrays (height, width, 3) of
uint8, all of one size. What they show is known elsewhere.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from landscape.errors import LandscapeError

GIF, MP4 = SUFFIXES = (".gif", ".mp4")
# Colours of a GIF: as many as leave it below 5 MB, which mail and most pages take.
COLORS, MOST_BYTES = (192, 96, 48), 5_000_000
# Frames per second of a video; a GIF has the times of its frames.
RATE = 30
# Frames from which the colours are chosen.
LOOKED_AT = 12


def write(frames: Iterable[np.ndarray], seconds: Sequence[float], path: Path, suffix: str) -> None:
    """The film of frames, each seen for some of the `seconds`. A GIF begins again at its end; what plays a video decides that.

    Raises:
        LandscapeError: a video, and there is no program that makes one.
    """
    if suffix == GIF:
        _write_gif(list(frames), seconds, path)
    else:
        _write_mp4(frames, seconds, path)


def _write_gif(frames: Sequence[np.ndarray], seconds: Sequence[float], path: Path) -> None:
    times = [round(1000 * each) for each in seconds]
    for colors in COLORS:
        first, *others = _with_colors(frames, colors)
        first.save(
            path, format="gif", save_all=True, append_images=others, duration=times, loop=0, optimize=False
        )  # fmt: skip
        if path.stat().st_size < MOST_BYTES:
            return


def _with_colors(frames: Sequence[np.ndarray], colors: int) -> list[Image.Image]:
    """One palette for all: with one for each, the same ground would flicker."""
    some = frames[:: max(1, len(frames) // LOOKED_AT)]
    palette = Image.fromarray(np.concatenate([*some, frames[-1]])).quantize(colors, dither=Image.Dither.NONE)
    return [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]


def _write_mp4(frames: Iterable[np.ndarray], seconds: Sequence[float], path: Path) -> None:
    program, rest = encoder(), iter(frames)
    first = _even(next(rest))
    size = f"{first.shape[1]}x{first.shape[0]}"
    words = [
        program,
        "-y",
        "-loglevel",
        "error",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-s",
        size,
        "-r",
        str(RATE),
        "-i",
        "-",
    ]
    # 4:2:0 is what every player knows, and the index in front lets a browser begin before it has all.
    words += ["-pix_fmt", "yuv420p", "-movflags", "+faststart", "-f", "mp4", str(path.absolute())]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    said = b""
    try:
        _, said = process.communicate(b"".join(_repeated(first, rest, seconds)))
    finally:
        process.kill()
    if process.returncode:
        lines = said.decode(errors="replace").strip().splitlines() or ["no message"]
        raise LandscapeError(f"{program} could not make the video: {lines[-1]}; take .gif instead")


def _repeated(first: np.ndarray, rest: Iterator[np.ndarray], seconds: Sequence[float]) -> Iterator[bytes]:
    """Each frame as often as the rate of a video asks for; the sum is kept, not each time."""
    shown, until = 0, 0.0
    for number, length in enumerate(seconds):
        frame = first if number == 0 else _even(next(rest))
        until += length
        count = max(1, round(until * RATE) - shown)
        shown += count
        yield frame.tobytes() * count


def _even(frame: np.ndarray) -> np.ndarray:
    """With white at the right and below, where a side is odd: 4:2:0 has one colour for two pixels."""
    more = [(0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0)]
    return np.pad(frame, more, constant_values=255)


def encoder() -> str:
    """The program ffmpeg: that of this machine, or the one that comes with imageio-ffmpeg.

    Raises:
        LandscapeError: there is neither.
    """
    if found := shutil.which("ffmpeg"):
        return found
    try:
        from imageio_ffmpeg import get_ffmpeg_exe
    except ImportError:
        raise LandscapeError(
            "a .mp4 needs ffmpeg: install it, or pip install 'nn-landscape[video]'; .gif needs neither"
        ) from None
    return str(get_ffmpeg_exe())
