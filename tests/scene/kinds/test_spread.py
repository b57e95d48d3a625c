"""Several lines in one picture: the median and the range at each place, whatever the order of the files."""

import copy

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.scene.build import build_scene, build_scenes
from landscape.scene.compare import build_comparison

X = np.linspace(-1, 1, 21)


@pytest.fixture
def lines(make_surface, provenance):
    """Five curvatures, whose mean is not their median, and as many seeds; the centre is one net, so all are equal there."""

    def make(curvatures=(1.0, 2.0, 3.0, 4.0, 9.0), **other):
        made = []
        for number, c in enumerate(curvatures):
            known = copy.deepcopy(provenance)
            known["directions"]["seed"] = 10 + number
            more = {"train_accuracy": np.exp(-c * X**2)}
            made.append(make_surface(0.01 + c * X**2, more=more, provenance=known, **other))
        return made

    return make


def spread(surfaces, **options):
    (scene,) = build_scenes(surfaces, kind="spread", **options)
    return scene


def strong(scene, metric):
    (curve,) = [c for c in all_curves(scene) if c.metric == metric and not c.faint]
    return curve


def all_curves(scene):
    lines = scene.views[0]
    return [*lines.curves, *(curve for strip in lines.strips for curve in strip.curves)]


def test_line_and_band_are_median_lowest_and_highest(lines):
    scene = spread(lines())
    loss, accuracy = strong(scene, "train_loss"), strong(scene, "train_accuracy")
    np.testing.assert_allclose(loss.y, 0.01 + 3 * X**2)
    np.testing.assert_allclose(loss.low, 0.01 + X**2)
    np.testing.assert_allclose(loss.high, 0.01 + 9 * X**2)
    np.testing.assert_allclose(accuracy.low, 100 * np.exp(-9 * X**2))
    (strip,) = scene.views[0].strips
    assert accuracy in strip.curves and strip.axis.percent and scene.views[0].right is None, "a panel of its own"


def test_each_loss_is_there_thin_and_unnamed_behind(lines):
    scene = spread(lines())
    thin = [c for c in scene.views[0].curves if c.faint]
    assert [c.metric for c in thin] == ["train_loss"] * 5, "accuracies are in the panel below"
    for curve, c in zip(thin, (1, 2, 3, 4, 9), strict=True):
        np.testing.assert_allclose(curve.y, 0.01 + c * X**2)
        assert (curve.label, curve.low) == ("", None)
    assert sum(c.faint for c in spread(lines(), metric="accuracy").views[0].curves) == 5


def test_the_order_of_the_files_does_not_matter(lines):
    surfaces = lines()
    one, other = spread(surfaces), spread(surfaces[::-1])
    for metric in ("train_loss", "train_accuracy"):
        for part in ("y", "low", "high"):
            np.testing.assert_array_equal(getattr(strong(one, metric), part), getattr(strong(other, metric), part))


def test_the_words_say_what_line_and_band_are(lines):
    scene = spread(lines())
    assert scene.title == "ResNet-56, digits: loss along a line, 5 seeds"
    assert "strong line: median of 5 seeds; band: lowest to highest" in scene.notes
    assert "thin lines: each of them" in scene.notes
    assert "seeds 10, 11, 12, 13, 14" in scene.notes
    assert "random directions, filter-normalized, biases and batch norm fixed" in scene.facts
    assert "train loss at the centre 0.01" in scene.facts
    assert not any("seed" in fact for fact in scene.facts), "what differs is not told as a common fact"
    assert spread(lines(), title="mine").title == "mine"


def test_without_seeds_files_tell_the_lines_apart(make_surface):
    surfaces = [make_surface(0.1 + c * X**2, source=f"runs/{name}.h5") for c, name in ((1, "a"), (2, "b"))]
    scene = spread(surfaces)
    assert "strong line: median of 2 lines; band: lowest to highest" in scene.notes
    assert "a.h5, b.h5" in scene.notes
    many = [make_surface(0.1 + X**2) for _ in range(15)]
    assert spread(many).notes[2].endswith("line 12, and 3 more")


def test_an_infinite_loss_counts_as_high_and_a_missing_one_not_at_all(lines):
    surfaces = lines()
    for surface in surfaces[:2]:
        surface.values["train_loss"][0] = np.inf
    surfaces[0].values["train_loss"][1] = np.nan
    scene = spread(surfaces)
    curve = strong(scene, "train_loss")
    assert curve.y[0] == pytest.approx(0.01 + 9), "3, 4, 9, inf, inf"
    assert curve.y[1] == pytest.approx(0.01 + 3.5 * X[1] ** 2), "2, 3, 4, 9"
    assert curve.low[0] == pytest.approx(0.01 + 3)
    assert "train loss, seed 10: 2 of 21 points not finite (1 inf or beyond 1e38, 1 nan)" in scene.notes
    for surface in surfaces:
        surface.values["train_loss"][5] = np.nan
    assert np.isnan(strong(spread(surfaces), "train_loss").y[5])


def test_thinned_curvature_is_laid_together_where_it_was_computed(lines):
    surfaces = lines()
    for number, surface in enumerate(surfaces):
        status = np.zeros(21, np.uint8)
        status[::2] = 1
        surface.status["hessian"] = status
        surface.values["hessian_max"] = np.where(status, float(number), np.nan)
    curve = strong(spread(surfaces, metric="hessian_max"), "hessian_max")
    np.testing.assert_allclose(curve.x, X[::2], atol=1e-12)
    assert (curve.y == 2.0).all() and (curve.high == 4.0).all()


def test_what_does_not_fit_together_is_refused(lines, make_surface):
    surfaces = lines()
    with pytest.raises(UsageError, match="at least two line surfaces together, not 1"):
        build_scene(surfaces[0], kind="spread")
    with pytest.raises(UsageError, match="same x range and points.*-1:1:21.*-1:1:11"):
        spread([surfaces[0], make_surface(np.ones(11))])
    with pytest.raises(UsageError, match="same x range"):
        spread([surfaces[0], make_surface(np.ones(21), x=(-1, 2))])
    with pytest.raises(UsageError, match="which has 2 axes"):
        spread([surfaces[0], make_surface()])
    with pytest.raises(UsageError, match="different metrics"):
        spread([surfaces[0], make_surface(np.ones(21), metric="test_loss")])
    with pytest.raises(UsageError, match="levels do not apply to kind 'spread'"):
        spread(surfaces, levels=5)
    with pytest.raises(UsageError, match="'spread' is a comparison by itself"):
        build_comparison(surfaces, kind="spread")
