"""A comparison has one scale, one set of levels, one frame, and tells each fact once."""

import copy

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.scene.asides import SMOOTHED
from landscape.scene.compare import build_comparison
from landscape.scene.kinds.kind import names_of


def fields_of(scene):
    return [view.field for view in scene.views]


@pytest.fixture
def pair(make_surface, provenance):
    other = copy.deepcopy(provenance)
    other["model"] = {"name": "resnet56_noshort", "parameters": 853018}
    low = make_surface(lambda x, y: 0.1 + x**2 + y**2, provenance=provenance)
    high = make_surface(lambda x, y: 50 + 40 * np.sin(9 * x) * y, nx=31, ny=17, x=(-1, 0.5), provenance=other)
    return low, high


@pytest.mark.parametrize("kind", ["contour", "filled", "heatmap", "surface"])
def test_the_shared_range_is_that_of_the_union(pair, kind):
    panels = build_comparison(pair, kind=kind).panels
    both = np.concatenate([s.values["train_loss"].ravel() for s in pair])
    for panel in panels:
        assert (panel.views[0].field.scale.vmin, panel.views[0].field.scale.vmax) == (both.min(), both.max())
        assert panel.views[0].field.scale == panels[0].views[0].field.scale
        np.testing.assert_array_equal(panel.views[0].field.levels, panels[0].views[0].field.levels)
        assert panel.views[0].field.colors == panels[0].views[0].field.colors
        assert panel.views[0].field.z_range == panels[0].views[0].field.z_range
        assert panel.frame == panels[0].frame
        assert panel.camera == panels[0].camera


def test_frames_cover_all(pair):
    for surfaces in (pair, pair[::-1]):
        for panel in build_comparison(surfaces, kind="contour").panels:
            assert panel.frame.x_range == (-1.0, 1.0)


def test_names_and_titles(pair):
    comparison = build_comparison(pair, kind="contour")
    assert comparison.names == ("ResNet-56", "ResNet-56 without shortcuts")
    assert [panel.title for panel in comparison.panels] == list(comparison.names)
    assert comparison.title == "Train loss"
    assert build_comparison(pair, kind="contour", names=["A", "B"]).names == ("A", "B")


def test_facts_are_shared_or_own(pair):
    comparison = build_comparison(pair, kind="contour")
    assert "cross-entropy" in comparison.facts
    assert SMOOTHED in comparison.facts
    assert "ResNet-56, 855,770 parameters" in comparison.panels[0].facts
    assert "ResNet-56 without shortcuts, 853,018 parameters" in comparison.panels[1].facts
    for panel in comparison.panels:
        assert not set(panel.facts + panel.notes) & set(comparison.facts)


def test_names_fall_back_to_files_then_letters(make_surface, provenance):
    files = [make_surface(provenance=provenance, source=f"runs/{name}.h5") for name in ("small", "large")]
    assert names_of(files) == ("small", "large")
    assert names_of([make_surface(), make_surface(), make_surface()]) == ("A", "B", "C")
    assert names_of([*files, *files, files[0]]) == ("small", "large", "small #2", "large #2", "small #3")


def test_names_are_what_differs(make_surface, provenance):
    def named(**changes):
        return make_surface(provenance={**provenance, **changes}, source=f"{len(changes)}.h5")

    nets = [named(checkpoint={"path": f"{stem}.pt"}, data={"name": f"mytask.py:{stem}"}) for stem in ("cnn0", "cnn1")]
    assert names_of(nets) == ("cnn0", "cnn1")
    draws = [named(directions={"kind": "random", "seed": seed}) for seed in (3, 4)]
    assert names_of(draws) == ("seed 3", "seed 4")


def test_lines_share_their_axes(make_surface):
    x = np.linspace(-1, 1, 9)
    surfaces = [make_surface(k + x**2, more={"train_accuracy": 0.5 + 0 * x}) for k in (1.0, 100.0)]
    panels = build_comparison(surfaces, kind="line").panels
    assert panels[0].views[0].left == panels[1].views[0].left
    assert panels[0].views[0].left.high > 101
    assert panels[0].views[0].left.low < 1.0


def test_only_metrics_of_all_can_be_switched_to(pair, make_surface):
    more = make_surface(more={"test_loss": np.ones((21, 25))})
    comparison = build_comparison([more, pair[0]], kind="contour", names=["a", "b"])
    assert {f.metric for panel in comparison.panels for f in fields_of(panel)} == {"train_loss"}


def test_what_cannot_be_compared_is_refused(pair, make_surface):
    with pytest.raises(UsageError, match="at least two"):
        build_comparison(pair[:1], kind="contour")
    with pytest.raises(UsageError, match="different numbers of axes"):
        build_comparison([pair[0], make_surface(np.arange(4.0))], kind="contour")
    with pytest.raises(UsageError, match="different metrics"):
        build_comparison([pair[0], make_surface(metric="test_loss")], kind="contour")
    with pytest.raises(UsageError, match="3 names for 2 surfaces"):
        build_comparison(pair, kind="contour", names=["a", "b", "c"])
    with pytest.raises(UsageError, match="kind 'line'"):
        build_comparison(pair, kind="line")


def test_a_panel_that_is_a_speck_in_the_common_frame_says_so(make_surface):
    small, large = make_surface(source="a.h5"), make_surface(x=(-500, 500), y=(-500, 500), source="b.h5")
    first, second = build_comparison([small, large], kind="contour").panels
    assert any("covers 0.2 % of the common frame" in note for note in first.notes)
    alike = build_comparison([small, make_surface(x=(-2, 2), source="c.h5")], kind="contour").panels
    assert not any("common frame" in note for panel in (second, *alike) for note in panel.notes)
