"""Pictures that move, frame by frame.

Owns: the frames of each kind of film, and that all of a film have one size. Which scenes follow each other is decided in
scene/films.py; how frames become a file is film.py's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from landscape.render.still import files, film, growing
from landscape.scene.films import film_of
from landscape.scene.look import Look
from landscape.scene.scene import Comparison, Scene
from landscape.scene.views.course import Course
from landscape.sweep.progress import Progress

SUFFIXES = film.SUFFIXES
# A relief is drawn finer by this factor and averaged, as in still pictures.
SMOOTH = 2
Draw = Callable[[Scene, Look], Figure]


def write(scene: Scene | Comparison, look: Look, path: Path, suffix: str, dpi: int, figure_of: Draw) -> None:
    """The film of a scene or comparison, at `dpi`; `figure_of` draws one scene.

    Raises:
        UsageError: nothing moves in it. LandscapeError: a video was asked for, but no encoder is installed.
    """
    if suffix == film.MP4:
        film.encoder()  # before minutes of drawing
    if isinstance(scene, Scene) and isinstance(scene.views[0], Course):
        film.write(*growing.frames(scene, look, dpi), path, suffix)
        return
    shown = film_of(scene)
    frames = []
    with Progress(len(shown.scenes), 0, 0, label="film", quiet=False, unit="frames") as progress:
        for each in shown.scenes:
            frames.append(_pixels(figure_of(each, look), dpi))
            progress.update()
    film.write(_of_one_size(frames), shown.seconds, path, suffix)


def _pixels(figure: Figure, dpi: int) -> np.ndarray:
    """(height, width, 3) uint8."""
    files.check_pixels(figure, dpi, files.MOST_OF_FRAME)
    smooth = SMOOTH if any(axes.name == "3d" for axes in figure.axes) else 1
    figure.set_dpi(dpi * smooth)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    fine = np.asarray(canvas.buffer_rgba())[..., :3]
    rows, columns = fine.shape[0] // smooth, fine.shape[1] // smooth
    blocks = fine[: rows * smooth, : columns * smooth].reshape(rows, smooth, columns, smooth, 3)
    return np.rint(blocks.mean(axis=(1, 3))).astype(np.uint8)


def _of_one_size(frames: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """With ground below those that have fewer lines of facts, so that all else stays where it is."""
    tall, wide = (max(frame.shape[axis] for frame in frames) for axis in (0, 1))
    for frame in frames:
        room = np.broadcast_to(frame[-1, -1], (tall, wide, 3)).copy()
        room[: frame.shape[0], : frame.shape[1]] = frame
        yield room
