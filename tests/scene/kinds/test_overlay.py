"""Two metrics over each other: one scale, one set of levels, two colours."""

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.scene.build import build_scene
from landscape.scene.compare import build_comparison

KINDS = ["overlay", "overlay3d"]


@pytest.fixture
def both(make_surface):
    """The test loss is ten times the train loss, but for a dent where it is lower."""

    def make(factor=10.0, **other):
        x, y = np.meshgrid(np.linspace(-1, 1, 25), np.linspace(-1, 1, 21))
        train = 0.05 + x**2 + y**2
        more = {"test_loss": factor * train, "train_accuracy": np.exp(-train), "test_accuracy": 0.9 * np.exp(-train)}
        return make_surface(train, more={**more, **other})

    return make


@pytest.mark.parametrize("kind", KINDS)
def test_both_layers_have_one_scale_and_the_same_levels(both, kind):
    surface = both()
    for overlay in build_scene(surface, kind=kind).views:
        one, other = (layer.field for layer in overlay.layers)
        assert one.scale == other.scale
        assert one.scale.vmin == surface.values["train_loss"].min()
        assert one.scale.vmax == surface.values["test_loss"].max()
        np.testing.assert_array_equal(one.levels, other.levels)
        np.testing.assert_array_equal(one.level_ticks.heights, other.level_ticks.heights)
        assert len(one.levels) > 5
        assert one.z_range == other.z_range
        assert (one.metric, other.metric) == ("train_loss", "test_loss")


def test_solid_and_dashed_in_two_colours_that_differ_in_blue_and_red(both):
    one, other = build_scene(both(), kind="overlay").views[0].layers
    assert (one.dashed, other.dashed) == (False, True)
    red, blue = ([int(layer.color[i : i + 2], 16) for layer in (one, other)] for i in (1, 5))
    assert red[1] - red[0] > 120 and blue[0] - blue[1] > 120, "blue against orange: seen with every colour blindness"
    for layer in (one, other):
        assert set(layer.field.line_colors) == {layer.color}


def test_numbers_of_the_lines_keep_away_from_each_other(both):
    one, other = (layer.field.label_points for layer in build_scene(both(1.02), kind="overlay").views[0].layers)
    assert len(one) and len(other)
    distance = np.linalg.norm(one[:, None, :2] - other[None, :, :2], axis=-1)
    assert distance.min() > 0.15


def test_wires_run_from_border_to_border_and_only_on_the_second(both):
    one, other = build_scene(both(), kind="overlay3d").views[0].layers
    assert len(one.wire_rows) == len(one.wire_columns) == 0
    assert (other.wire_rows[0], other.wire_rows[-1]) == (0, len(other.field.mesh.y) - 1)
    assert (other.wire_columns[0], other.wire_columns[-1]) == (0, len(other.field.mesh.x) - 1)
    assert 15 < len(other.wire_rows) < 30


def test_words(both):
    flat, relief = (build_scene(both(), kind=kind) for kind in KINDS)
    assert flat.title == relief.title == "train loss and test loss"
    assert any(note.startswith("lines of both at 0.1, 0.2, 0.5") for note in flat.notes)
    assert "train loss: sheet; test loss: wires, hidden where they run below the sheet" in relief.notes
    assert "train loss at the centre 0.05" in flat.facts and "test loss at the centre 0.5" in flat.facts
    assert flat.views[0].label == "loss (log scale)"
    assert [o.layers[0].field.scale.kind for o in flat.views] == ["log", "linear"]


def test_a_pair_can_be_chosen(both):
    shares = build_scene(both(), kind="overlay", metric="accuracy").views
    assert [layer.label for layer in shares[0].layers] == ["train accuracy", "test accuracy"]
    assert (len(shares), shares[0].label) == (1, "accuracy")
    assert build_scene(both(), kind="overlay", metric="test_loss").views[0].layers[0].label == "train loss"
    named = build_scene(both(test_loss_l2=np.full((21, 25), 3.0)), kind="overlay", metric="train_loss,test_loss_l2")
    assert named.views[0].layers[1].field.metric == "test_loss_l2"


def test_holes_of_either_are_holes_of_both_and_counted(both):
    surface = both()
    surface.values["test_loss"][3, 4] = np.inf
    scene = build_scene(surface, kind="overlay")
    one, other = (layer.field for layer in scene.views[0].layers)
    assert one.hole_cells[3, 4] == other.hole_cells[3, 4] == 1
    assert "test loss: 1 of 525 points not finite (1 inf or beyond 1e38)" in scene.notes
    assert sum("not finite" in note for note in scene.notes) == 1


def test_levels_follow_the_values_of_both(make_surface):
    x = np.linspace(0, 1, 21)
    steep, plateau = np.tile(1000 * x + 1, (21, 1)), np.tile(310 + 80 * x, (21, 1))
    surface = make_surface(steep, more={"test_loss": plateau, "train_loss_l2": steep})

    def lines_on_the_plateau(second):
        scene = build_scene(surface, kind="overlay", metric=f"train_loss,{second}", scale="linear")
        levels = scene.views[0].layers[0].field.levels
        return int(((levels > 300) & (levels < 400)).sum())

    assert lines_on_the_plateau("test_loss") > lines_on_the_plateau("train_loss_l2")


@pytest.mark.parametrize("kind", KINDS)
def test_what_has_no_pair_is_refused(both, make_surface, kind):
    with pytest.raises(UsageError, match="no test_loss in .*overlay needs train_loss and test_loss.*--split test"):
        build_scene(make_surface(), kind=kind)
    with pytest.raises(UsageError, match="no common scale"):
        build_scene(both(), kind=kind, metric="train_loss,test_accuracy")
    for metric in ("a,b,c", "train_loss,train_loss"):
        with pytest.raises(UsageError, match="an overlay has two"):
            build_scene(both(), kind=kind, metric=metric)
    with pytest.raises(UsageError, match="which has 1 axis; choose line or spread"):
        build_scene(make_surface(np.ones(5)), kind=kind)
    with pytest.raises(UsageError, match="is a comparison by itself"):
        build_comparison([both(), both()], kind=kind)
