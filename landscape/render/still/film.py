"""Frames as a file: an animated GIF, or a video in MP4.

Owns: both formats: times, colours and size of a GIF, and the program that makes a video. Frames are arrays (height, width, 3) of
uint8, all of one size. What they show is known elsewhere.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from landscape.errors import LandscapeError

GIF, MP4 = SUFFIXES = (".gif", ".mp4")
# Colours of a GIF: as many as leave it below 5 MB, which mail and most pages take.
COLORS, MOST_BYTES = (256, 128, 64), 5_000_000
# Frames per second of a video; a GIF has the times of its frames.
RATE = 30
# 4:2:0 is what every player knows, and the index in front lets a browser begin before it has all.
MADE = ["-pix_fmt", "yuv420p", "-movflags", "+faststart", "-f", "mp4"]
# Frames from which the colours are chosen.
LOOKED_AT = 12


def write(frames: Iterable[np.ndarray], seconds: Sequence[float], path: Path, suffix: str) -> None:
    """The film of frames, each seen for some of the `seconds`. A GIF begins again at its end; what plays a video decides that.

    Raises:
        LandscapeError: a video was asked for, but no encoder is installed.
    """
    if suffix == GIF:
        _write_gif(list(frames), seconds, path)
    else:
        _write_mp4(frames, seconds, path)


def _write_gif(frames: Sequence[np.ndarray], seconds: Sequence[float], path: Path) -> None:
    times = [round(1000 * each) for each in seconds]
    for colors in COLORS:
        first, *others = _with_colors(frames, colors)
        first.save(path, format="gif", save_all=True, append_images=others, duration=times, loop=0, optimize=False)
        if path.stat().st_size < MOST_BYTES:
            return


def _with_colors(frames: Sequence[np.ndarray], colors: int) -> list[Image.Image]:
    """One palette for all: with one for each, the same ground would flicker."""
    some = np.concatenate([*frames[:: max(1, len(frames) // LOOKED_AT)], frames[-1]])
    # By the range of the colours, not by their number: a bar of colours is small, and a white ground stays white.
    palette = Image.fromarray(some).quantize(colors, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    return [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]


def _write_mp4(frames: Iterable[np.ndarray], seconds: Sequence[float], path: Path) -> None:
    program, rest = encoder(), iter(frames)
    first = _even(next(rest))
    words = [program, *_given(first.shape[1], first.shape[0]), *MADE, str(path.absolute())]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said)
        assert process.stdin is not None
        try:
            with contextlib.suppress(BrokenPipeError), process.stdin as taken:  # it says why on stderr
                for part in _repeated(first, rest, seconds):
                    taken.write(part)
            failed = process.wait()
        finally:
            process.kill()
            process.wait()
        if failed:
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines() or ["it says nothing"]
            raise LandscapeError(f"{program} made no video: {lines[-1]}; take .gif instead")


def _given(wide: int, tall: int) -> list[str]:
    """What is sent to the program."""
    return f"-y -loglevel error -f rawvideo -pix_fmt rgb24 -s {wide}x{tall} -r {RATE} -i -".split()


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
