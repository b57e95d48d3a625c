"""`landscape optimizers` in the shell, and its picture: paths in the plane, values beside them, and what is said of both."""

from __future__ import annotations

import numpy as np
import pytest

import landscape as ll
from landscape.cli.main import main
from landscape.scene.build import build_scenes
from landscape.scene.kinds import default_kind
from landscape.surfaces import load_surface

COARSE = {"x": (-3, 3, 9), "y": (-2, 2, 9)}


@pytest.fixture(scope="module")
def surface():
    """Gradient descent diverges from the bowl, the others reach its middle."""
    return ll.optimizers("narrow_bowl", optimizers="sgd,momentum(lr=0.02),newton", lr=0.1, steps=30, **COARSE)


def view_of(surface):
    (scene,) = build_scenes([surface], kind=default_kind(surface).name)
    return scene.views[0]


def test_the_picture_shows_paths_in_the_plane_and_values_beside_it(surface):
    view = view_of(surface)
    paths = {trace.name: trace for trace in view.flat.field.traces if trace.kind == "path"}
    assert list(paths) == ["sgd", "momentum", "newton"]
    for name, trace in paths.items():
        np.testing.assert_array_equal(trace.x, surface.trails[name].x)
    assert len({trace.color for trace in paths.values()}) == 3
    curves = view.lines.curves
    assert [curve.label for curve in curves] == ["sgd", "momentum", "newton"] and not view.lines.strips
    np.testing.assert_array_equal(curves[1].x, np.arange(31))
    scale = view.lines.left
    np.testing.assert_allclose(curves[1].y, np.clip(surface.trails["momentum"].metrics["value"], scale.low, scale.high))
    assert [trace.kind for trace in view.flat.field.traces if trace.kind != "path"] == [
        "nets"
    ]  # the minimum, and no centre
    assert view.along.x_label == "step"
    beside = ll.optimizers("rosenbrock", optimizers="newton", steps=2, x=(-2, 2, 5), y=(-2, 2, 5))
    assert [trace.kind for trace in view_of(beside).flat.field.traces] == ["path", "nets"]
    (contour,) = build_scenes([beside], kind="contour")
    assert [trace.kind for trace in contour.views[0].field.traces] == ["path", "nets"]


def test_the_picture_says_what_was_computed_and_what_diverged(surface):
    view = view_of(surface)
    assert view.caption.title == "Narrow bowl: paths of optimizers"
    assert "from (-2.5, 1), 30 steps" in view.caption.facts
    assert "sgd(lr=0.1), momentum(lr=0.02), newton" in view.caption.facts
    assert f"sgd: {surface.trails['sgd'].ended}" in view.notes and "diverged at step" in surface.trails["sgd"].ended
    assert any(note.startswith("sgd: ") and note.endswith("points lie outside of the picture") for note in view.notes)
    noisy = ll.optimizers("narrow_bowl", optimizers="newton", noise=0.5, seed=7, steps=3, **COARSE)
    assert any("standard deviation 0.5" in fact and "seed 7" in fact for fact in view_of(noisy).caption.facts)


def test_a_path_of_one_point_and_a_single_optimizer_are_drawn(tmp_path):
    lost = ll.optimizers("beale", optimizers="sgd(lr=1)", start=(-4, -4), steps=5, x=(-4.5, 4.5, 9), y=(-4.5, 4.5, 9))
    assert len(lost.trails["sgd"].x) == 1
    assert ll.plot(lost, out=[tmp_path / "lost.png", tmp_path / "lost.html"])


def test_other_kinds_draw_the_file_too(surface, tmp_path):
    assert len(ll.plot(surface, kind="contour,heatmap", out=tmp_path / "a.png")) == 2


def test_the_command_writes_prints_and_draws(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("def pit(x, y):\n    return x ** 2 + 3 * (y - x) ** 2\n")
    words = ["optimizers", "bowl", "mine.py:pit", "--optimizers", "sgd,adam(lr=0.5, betas=[0.5, 0.9])", "--lr", "0.1"]
    window = ["-x", "-2:2:9", "-y", "-2:2:9", "--start", "-1,1", "--steps", "12", "--level", "0.5"]
    assert main([*words, *window, "-o", "both.h5", "--plot"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("both_bowl.h5: Round bowl from (-1, 1), 12 steps, minimum 0, level 0.5")
    assert said[4].startswith("both_pit.h5: pit from (-1, 1), 12 steps, no known minimum, level 0.5")
    assert said[2].split()[:3] == ["sgd(lr=0.1)", f"{0.9**24:.5g}", "4"]  # 0.9^(2k) <= 0.5 from k = 4 on
    assert {path.name for path in tmp_path.glob("both_*")} == {
        "both_bowl.h5",
        "both_bowl.png",
        "both_pit.h5",
        "both_pit.png",
    }
    pit = load_surface("both_pit.h5")
    assert list(pit.trails) == ["sgd", "adam"]  # no minimum of it is known
    np.testing.assert_allclose(pit.values["value"], pit.x**2 + 3 * (pit.y[:, None] - pit.x) ** 2, rtol=1e-14)


def test_without_names_the_shell_takes_rosenbrock(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["optimizers", "--optimizers", "newton", "--steps", "7"]) == 0
    newton = capsys.readouterr().out.splitlines()[2].split()
    assert newton[0] == "newton" and float(newton[1]) < 1e-20
    assert (tmp_path / "rosenbrock.optimizers.h5").exists()


def test_curvature_of_nets_refuses_a_formula(surface):
    with pytest.raises(ll.UsageError, match="is of the function narrow_bowl, not of a net"):
        ll.hessian(surface)
