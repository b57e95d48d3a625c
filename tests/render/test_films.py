"""Films as files: frames of one size, each for its time, read back by other programs."""

import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

import landscape as ll
from landscape.errors import LandscapeError, UsageError
from landscape.render.still import film, moving
from landscape.render.still.picture import draw
from landscape.scene import films
from landscape.scene.build import build_scene
from landscape.scene.compare import build_comparison

SIDE = 33  # odd: a video has even sides


@pytest.fixture
def squares() -> list[np.ndarray]:
    """Three frames of one colour each."""
    return [np.full((SIDE, SIDE + 2, 3), color, np.uint8) for color in ((200, 30, 30), (30, 160, 30), (30, 30, 200))]


def frames_of(path) -> tuple[list[np.ndarray], list[int]]:
    """The frames of a GIF, and the milliseconds of each."""
    with Image.open(path) as gif:
        found, times = [], []
        for number in range(gif.n_frames):
            gif.seek(number)
            found.append(np.asarray(gif.convert("RGB")))
            times.append(gif.info["duration"])
        assert gif.info["loop"] == 0, "it begins again for as long as it is seen"
    return found, times


def test_a_gif_has_the_frames_and_their_times(squares, tmp_path):
    film.write(squares, (0.1, 0.3, 2.0), tmp_path / "a.gif", ".gif")
    found, times = frames_of(tmp_path / "a.gif")
    assert times == [100, 300, 2000]
    np.testing.assert_array_equal(found, squares)


def test_a_gif_that_would_be_large_has_fewer_colours(tmp_path, monkeypatch):
    noise = list(np.random.default_rng(0).integers(0, 255, (3, SIDE, SIDE, 3), dtype=np.uint8))
    film.write(noise, (0.1,) * 3, tmp_path / "fine.gif", ".gif")
    monkeypatch.setattr(film, "MOST_BYTES", (tmp_path / "fine.gif").stat().st_size)
    film.write(noise, (0.1,) * 3, tmp_path / "coarse.gif", ".gif")
    colors = [len(np.unique(np.concatenate(frames_of(tmp_path / f"{name}.gif")[0]).reshape(-1, 3), axis=0))
              for name in ("fine", "coarse")]  # fmt: skip
    assert colors[1] <= film.COLORS[1] < colors[0] <= film.COLORS[0]
    assert (tmp_path / "coarse.gif").stat().st_size < film.MOST_BYTES


def test_a_video_has_the_frames_and_their_times(squares, tmp_path):
    film.write(iter(squares), (0.1, 0.25, 0.55), tmp_path / "a.mp4", ".mp4")
    words = [film.encoder(), "-loglevel", "error", "-i", tmp_path / "a.mp4", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(words, capture_output=True, check=True).stdout
    frames = np.frombuffer(raw, np.uint8).reshape(-1, SIDE + 1, SIDE + 3, 3)
    shown = [
        int(np.argmin([np.abs(frame[9, 9] - square[9, 9].astype(float)).sum() for square in squares]))
        for frame in frames
    ]
    assert [shown.count(number) for number in range(3)] == [3, 7, 17], "of 30 each second; their sum is kept"
    assert shown == sorted(shown) and (tmp_path / "a.mp4").read_bytes()[4:8] == b"ftyp"


def test_a_video_without_a_program_says_what_to_install_before_anything_is_drawn(surfaces, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    monkeypatch.setattr(moving, "_pixels", lambda *given: pytest.fail("drawn in vain"))
    with pytest.raises(LandscapeError, match=r"\.mp4 needs ffmpeg: install it, or pip install 'nn-landscape\[video\]'"):
        draw(build_scene(surfaces["bowl"], kind="surface"), tmp_path / "a.mp4")
    assert not list(tmp_path.iterdir())


def test_a_program_that_fails_is_quoted(squares, tmp_path, monkeypatch):
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho first >&2\necho 'no such codec' >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(film, "encoder", lambda: str(program))
    with pytest.raises(LandscapeError, match="made no video: no such codec; take .gif instead"):
        film.write(squares * 50, (1.0,) * 150, tmp_path / "a.mp4", ".mp4")


def test_a_relief_turns_and_nothing_around_it_moves(surfaces, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(films, "TURN_FRAMES", 4)
    monkeypatch.setattr("landscape.sweep.progress.SECONDS_BETWEEN_LINES", 0.0)
    frames, _ = frames_of(draw(build_scene(surfaces["bowl"], kind="surface"), tmp_path / "a.gif", dpi=60))
    assert len(frames) == 4
    said = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in said] == [f"film: {count}/4 frames" for count in (1, 2, 3, 4)]
    gray = np.array(frames, dtype=float).mean(axis=3)
    moved = (np.ptp(gray, axis=0) > 60).any(axis=1).nonzero()[0]
    tall, bar = len(gray[0]), gray.shape[2] - 10
    assert tall * 0.05 < moved.min() and moved.max() < tall * 0.93, "title and facts stand still"
    assert np.ptp(gray[:, :, bar:], axis=0).max() < 60, "and the bar of colours"
    assert all(np.abs(frame - gray[0]).max() > 100 for frame in gray[1:])


def test_a_box_that_turns_keeps_its_size_and_its_letters_clear_of_the_others(surfaces):
    scenes = films.film_of(build_scene(surfaces["bowl"], kind="surface", view=(60.0, -56.0))).scenes
    sizes = set()
    for figure in map(_figure, scenes[:20:4]):
        figure.draw_without_rendering()
        axes = figure.axes[0]
        sizes.add(tuple(axes._box_aspect.round(9)))
        texts = [text.get_window_extent() for text in figure.texts if text.get_text()]
        letters = [axis.label.get_window_extent() for axis in (axes.xaxis, axes.yaxis)]
        assert texts and not any(text.overlaps(label) for text in texts for label in letters)
    assert len(sizes) == 1


def test_surfaces_after_each_other_stay_in_place_whatever_their_facts(surfaces, tmp_path):
    holed, whole = surfaces["chaos"], surfaces["bowl"]
    comparison = build_comparison([whole, holed, whole], kind="heatmap", names=["one", "two", "three"])
    heights = [moving._pixels(draw_scene, 60).shape[0] for draw_scene in map(_figure, films.film_of(comparison).scenes)]
    assert len(set(heights)) == 2, "the one with holes has more lines below it"
    frames, times = frames_of(draw(comparison, tmp_path / "a.gif", dpi=60))
    assert len(frames) == 3 and len({frame.shape for frame in frames}) == 1 and times == [600, 600, 2000]
    axes = [np.argwhere(frame.sum(axis=2) < 200).min(axis=0) for frame in frames]
    assert abs(axes[0][0] - axes[1][0]) <= 1
    assert (np.abs(frames[0].astype(int) - frames[1]) > 60).any()


def _figure(scene):
    from landscape.render.still.picture import figure_of

    return figure_of(scene)


def test_the_command_refuses_what_does_not_move(tmp_path, surfaces):
    with pytest.raises(UsageError, match="nothing moves in it"):
        ll.plot(surfaces["bowl"], kind="contour", out=tmp_path / "a.mp4")
    assert not list(tmp_path.iterdir())
