"""What the presets of a look mean, and which options it refuses."""

import math
from dataclasses import replace

import pytest

from landscape.errors import UsageError
from landscape.options.looks import LookOptions
from landscape.scene.asides import EXTRA, SMOOTHED
from landscape.scene.look import LIGHT, NIGHT, look_of
from landscape.scene.scene import Caption


def look(**options):
    return look_of(LookOptions(**options))


def test_sizes_in_all_their_forms():
    assert look().width is None and look(size="column").width == 3.25 and look(size="text").width == 5.5
    assert (look(size="slide").width, look(size="slide").height) == (13.333, 7.5)
    for size in ("6.75x3", "6.75X3", (6.75, 3), [6.75, 3.0]):
        assert (look(size=size).width, look(size=size).height) == (6.75, 3.0)
    for size in ("6.75", 6.75, 7):
        assert look(size=size).width == float(size) and look(size=size).height is None


@pytest.mark.parametrize("width", [1.5, 3.25, 4.2, 5.5, 8.9, 9.1, 13.333, 40.0])
def test_letters_are_never_below_six_points(width):
    assert look(size=width).letters.foot >= 6.0 and look(size=width).letters.inline >= 6.0


def test_facts_follow_the_size_unless_they_are_asked_for():
    assert (look().facts, look(size="column").facts, look(style="hero").facts) == ("full", "short", "none")
    assert look(size="column", facts="full").facts == "full"


def test_colours_of_scenes_show_on_their_ground():
    paper, dark = look(), look(style="dark")
    assert (paper.shown(""), dark.shown("")) == (LIGHT.ink, NIGHT.ink) == (LIGHT.ink, dark.shown(LIGHT.ink))
    assert paper.shown("#0b5fa5") == "#0b5fa5" and dark.shown("#0b5fa5") > "#0b5fa5"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"size": "collumn"},
            "size 'collumn': expected one of column, text, slide, or inches from 1.5 to 60 as W or WxH",
        ),
        ({"size": "0x3"}, "size '0x3': expected"),
        ({"size": "3x4x5"}, "size '3x4x5': expected"),
        ({"size": math.nan}, "size 'nan': expected"),
        ({"size": 1e9}, "size '1000000000.0': expected"),
        ({"size": True}, "size 'True': expected"),
        ({"view": "up"}, "view 'up': expected degrees above the horizon"),
        ({"view": "91,0"}, "view '91,0': expected"),
        ({"view": (1, 2, 3)}, r"view '\(1, 2, 3\)': expected"),
        ({"without": ["titel"]}, "without 'titel': expected one of title, bar, legend, bands, axes"),
        ({"style": "night"}, "style 'night': expected one of paper, talk, dark, hero"),
        ({"facts": "some"}, "facts 'some': expected one of full, short, none"),
    ],
)
def test_what_cannot_be_is_refused(options, said):
    with pytest.raises(UsageError, match=said) as raised:
        look(**options)
    assert "\n" not in str(raised.value)


def test_a_column_says_nothing_twice_and_leaves_the_drawing_to_its_caption():
    caption = Caption("Train loss", ("all facts",), "train loss", ("few facts", SMOOTHED))
    column, free = look_of(LookOptions(size="column")), look_of(LookOptions())
    assert (column.heading(caption), free.heading(caption)) == ("", "Train loss")
    assert column.heading(replace(caption, title="Mine")) == "Mine"
    notes = ("values above 8 clipped: 2 points, largest 9", EXTRA.format(3))
    assert column.lines(caption, notes) == ("few facts", notes[0])
    assert free.lines(caption, notes) == ("all facts", *notes)
    assert column.bar_labels < free.bar_labels
