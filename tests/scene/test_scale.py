"""The scale follows the values; what is clipped is clipped for a reason and said."""

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.scene.levels import choose_levels
from landscape.scene.scale import Scale, choose_scale, clipping_notes
from landscape.scene.scales import Limits, alternatives, scales_for

SMOOTH = np.geomspace(0.05, 300, 400)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (SMOOTH, "log"),
        (np.linspace(1.0, 19.0, 50), "linear"),
        (np.linspace(1.0, 21.0, 50), "log"),
        (np.append(SMOOTH, 0.0), "log"),
        (np.append(np.zeros(500), SMOOTH), "linear"),
        (np.linspace(-3.0, 2.0, 50), "linear"),
        (np.concatenate([-np.geomspace(1e-3, 1e4, 100), np.geomspace(1e-3, 1e4, 100)]), "symlog"),
        (np.full(9, 2.3), "linear"),
        (np.zeros(0), "linear"),
    ],
)
def test_auto_scale(values, kind):
    assert choose_scale(values).kind == kind


def test_nothing_is_clipped_where_no_value_is_far_out():
    scale = choose_scale(SMOOTH)
    assert (scale.vmin, scale.vmax) == (SMOOTH.min(), SMOOTH.max())
    assert clipping_notes(SMOOTH, scale) == []
    assert not scale.above
    assert not scale.below


def test_values_far_out_are_clipped_at_a_round_limit_and_counted():
    spikes = np.geomspace(1e8, 3.1e12, 12)
    values = np.concatenate([SMOOTH, spikes])
    scale = choose_scale(values)
    assert SMOOTH.max() < scale.vmax < spikes.min()
    assert float(f"{scale.vmax:.0e}") == scale.vmax
    assert scale.above
    assert clipping_notes(values, scale) == [f"values above {scale.vmax:g} clipped: 12 points, largest 3.1e12"]


def test_linear_scale_clips_too_when_one_value_would_flatten_the_rest():
    values = np.append(np.linspace(1, 5, 99), 1e6)
    scale = choose_scale(values, scale="linear")
    assert 5 <= scale.vmax < 50
    assert clipping_notes(values, scale)[0].endswith("clipped: 1 point, largest 1e6")


def test_a_moderate_outlier_stays():
    assert choose_scale(np.append(np.linspace(1, 5, 99), 12.0)).vmax == 12.0


def test_a_deep_minimum_is_no_outlier():
    values = np.append(np.geomspace(1, 10, 200), 1e-4)
    assert choose_scale(values).vmin == 1e-4


@pytest.mark.parametrize("deep", [1e-9, 1e-12, 1e-30])
def test_the_bottom_of_a_positive_loss_is_never_clipped(deep):
    """The well that the net sits in, decades below all else, is what the picture is about."""
    values = np.concatenate([np.geomspace(0.05, 300, 400), np.full(3, deep), [1e25]])
    scale = choose_scale(values)
    assert (scale.kind, scale.vmin, scale.below) == ("log", deep, False)
    assert scale.vmax < 1e25, "the top is"
    linear = choose_scale(np.append(np.linspace(99, 100, 99), deep), scale="linear")
    assert linear.vmin == deep and not linear.below


def test_zero_is_drawn_below_every_positive_value_and_said():
    values = np.append(SMOOTH, [0.0, 0.0])
    scale = choose_scale(values)
    assert 0 < scale.vmin < SMOOTH.min()
    assert clipping_notes(values, scale) == [f"zero values drawn at {scale.vmin:g} (log scale): 2 points"]
    assert np.isfinite(scale.heights(values)).all()


def test_shares_are_never_clipped_unless_asked():
    values = np.append(np.full(1000, 0.1), 1.0)
    assert choose_scale(values, bounded=True).vmax == 1.0
    assert choose_scale(values, bounded=True).kind == "linear"
    assert choose_scale(values, bounded=True, vmax=0.5).vmax == 0.5


def test_given_limits_win_and_decide_the_scale():
    values = np.append(np.linspace(1, 10, 100), 1e9)
    scale = choose_scale(values, vmin=2.0, vmax=8.0)
    assert (scale.kind, scale.vmin, scale.vmax) == ("linear", 2.0, 8.0)
    assert (scale.below, scale.above) == (True, True)
    notes = clipping_notes(values, scale)
    assert notes[0].startswith(f"values above 8 clipped: {(values > 8).sum()} points")
    assert notes[1].startswith(f"values below 2 clipped: {(values < 2).sum()} points")


@pytest.mark.parametrize("value", [2.3, 0.0, -1.5])
def test_equal_values_get_a_range_around_them(value):
    scale = choose_scale(np.full(5, value))
    assert scale.vmin < value < scale.vmax


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scale": "cubic"}, "expected one of auto, linear, log, symlog"),
        ({"vmin": 2.0, "vmax": 1.0}, "must be smaller"),
        ({"vmin": np.inf}, "finite"),
        ({"scale": "log", "vmin": 0.0}, "not positive"),
    ],
)
def test_wrong_options_are_refused(options, words):
    with pytest.raises(UsageError, match=words):
        choose_scale(SMOOTH, **options)


def test_log_without_a_positive_value_is_refused():
    with pytest.raises(UsageError, match="needs values above 1e-38 and there are none"):
        choose_scale(np.array([-1.0, 0.0]), scale="log")


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"vmax": 0.5}, "vmax 0.5 lies below all values, which go from 1 to 8; give a higher one"),
        ({"vmax": -1e9}, "vmax -1e\\+09 lies below all values"),
        ({"vmax": 1e-310}, "vmax 1e-310 lies below all values"),
        ({"vmin": 9.0}, "vmin 9 lies above all values, which go from 1 to 8; give a lower one"),
        ({"vmin": 0.0, "vmax": 5e-324}, "vmin 0 and vmax 4.94066e-324 are closer than 1e-38"),
        ({"vmin": -2.0, "vmax": 0.0, "scale": "log"}, "vmin -2 is not positive"),
    ],
)
def test_a_limit_beyond_all_values_is_refused(limits, said):
    with pytest.raises(UsageError, match=said):
        choose_scale(np.array([1.0, 2.0, 8.0]), **limits)


def test_two_limits_hold_for_any_values():
    """As of one series of pictures, some of which may lie beyond."""
    scale = choose_scale(np.array([1.0, 2.0, 8.0]), vmin=10.0, vmax=20.0)
    assert (scale.vmin, scale.vmax, scale.below) == (10.0, 20.0, True)


def test_there_is_no_switch_to_a_log_scale_that_ends_at_zero():
    values = np.array([-3.0, -1.0, -2.0, 1.0, 2.0])
    assert [each.kind for each in scales_for(values, "auto", Limits(None, 0.0))] == ["linear", "symlog"]
    assert [each.kind for each in scales_for(values[3:], "linear", Limits(-1.0, 1.5))] == ["linear"]


@pytest.mark.parametrize("kind", ["linear", "log", "symlog"])
def test_heights_and_values_are_inverse_and_rise(kind):
    low = -1e3 if kind == "symlog" else 0.01
    scale = Scale(kind, low, 1e3, unit=0.1)
    values = np.linspace(low, 1e3, 101)
    np.testing.assert_allclose(scale.values(scale.heights(values)), values, rtol=1e-9, atol=1e-9)
    assert (np.diff(scale.heights(values)) > 0).all()


def test_log_heights_are_decades_and_clipped():
    scale = Scale("log", 0.1, 100.0)
    np.testing.assert_allclose(scale.heights([0.0, 0.1, 10.0, 1e9]), [-1, -1, 1, 2])
    assert np.isnan(scale.heights([np.nan])).all()


def likelihood(depth=1.23, top=7160.0):
    """A loss that goes below zero: of points within [-1, 1]², the net in the middle is `depth` deep."""
    x = np.linspace(-1, 1, 21)
    rise = np.hypot(*np.meshgrid(x, x))
    return (np.expm1(6 * rise) / np.expm1(6 * rise.max()) * (top + depth) - depth).ravel()


def test_a_loss_below_zero_that_spans_decades_is_symmetric_log_and_keeps_its_lowest_values():
    values = likelihood()
    scale = choose_scale(values, signed=False)
    assert (scale.kind, scale.vmin, scale.below, scale.unit) == ("symlog", values.min(), False, 1.0)
    near = choose_levels(scale)
    assert (near < 10).sum() >= 4 and near[0] < 0, "several lines lie around the net"
    assert choose_scale(likelihood(top=7.2), signed=False).kind == "linear"
    assert choose_scale(likelihood(depth=1e-9), signed=False).unit > 1e-3, "rounding below zero is no depth"


def test_a_log_scale_is_refused_where_the_net_or_many_points_are_below_zero(make_surface):
    deep = make_surface(np.where(np.arange(63) == 31, -1.23, 5.0).reshape(7, 9))
    with pytest.raises(
        UsageError, match="scale log: 1 of 63 values are below zero, that of the net .-1.23. too; .*symlog"
    ):
        alternatives([deep], ["train_loss"], "log", Limits())
    with pytest.raises(UsageError, match="scale log: 9 of 63 values are below zero; choose scale symlog"):
        alternatives(
            [make_surface(np.r_[np.full(9, -1.0), np.full(54, 2.0)].reshape(7, 9))], ["train_loss"], "log", Limits()
        )
    one = make_surface(np.r_[-1.0, np.full(62, 2.0)].reshape(7, 9))
    assert alternatives([one], ["train_loss"], "log", Limits())[0].kind == "log"
