"""One row of options makes the shell's flag and Python's keyword, and both refuse the same."""

from __future__ import annotations

import argparse
import inspect
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from landscape.cli.parser import add_arguments
from landscape.errors import UsageError
from landscape.options.command import Positional, command
from landscape.options.groups import AxesOptions, MachineOptions, ToleranceOptions
from landscape.options.option import Given, again, check_choices, flag, option


@dataclass(frozen=True, kw_only=True)
class Shape:
    title: ClassVar[str] = "shape"

    side_length: int = option(3, "length of a side", "-s", "--side-length", type=int, metavar="N")
    colour: str = option("red", "of the shape", choices=("red", "blue", "green"))
    filled: bool = flag("fill it")
    shown: bool = flag("only in the shell", shell=True)


@dataclass(frozen=True, kw_only=True)
class Colours:
    title: ClassVar[str] = "colours"

    colour: str = again(Shape, "colour", default="blue", help="of all shapes")


@command("draws", Shape, lines=lambda result, shell: [], positional=(Positional("path", "PATH", "where"),))
def draw(path: str = "", *, given: Given) -> tuple[str, Shape]:
    """Draws a shape."""
    return path, given[Shape]


def test_python_has_a_keyword_for_each_row_with_its_default():
    parameters = inspect.signature(draw).parameters
    assert list(parameters) == ["path", "side_length", "colour", "filled"], "not what is for the shell only"
    assert parameters["side_length"].default == 3 and parameters["filled"].kind is inspect.Parameter.KEYWORD_ONLY
    assert "Options (shape):\n    side_length: length of a side" in draw.__doc__


def test_what_is_given_arrives_and_the_rest_has_its_default():
    path, shape = draw("p", side_length=5)
    assert (path, shape) == ("p", Shape(side_length=5))
    assert draw(path="q")[0] == "q"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"side_lenght": 5}, "draw has no option 'side_lenght'; did you mean side_length?"),
        ({"zzz": 5}, "draw has no option 'zzz'; it takes side_length, colour, filled"),
        ({"shown": True}, "draw has no option 'shown'"),
    ],
)
def test_an_unknown_keyword_is_named_with_the_nearest(given: dict[str, Any], said: str):
    with pytest.raises(UsageError, match=said.replace("?", r"\?")):
        draw(**given)


def test_the_shell_has_a_flag_for_each_row_and_passes_only_what_is_given():
    parser = argparse.ArgumentParser()
    add_arguments(parser, draw.command)
    assert vars(parser.parse_args(["p"])) == {"path": "p"}
    assert vars(parser.parse_args(["p", "-s", "4", "--filled", "--shown"])) == {
        "path": "p",
        "side_length": 4,
        "filled": True,
        "shown": True,
    }
    with pytest.raises(SystemExit):
        parser.parse_args(["p", "--colour", "mauve"])


def test_a_later_group_replaces_a_row_and_keeps_the_rest():
    @command("both", Shape, Colours, lines=lambda result, shell: [], without=("filled",))
    def both(*, given: Given) -> str:
        """Both."""
        return given[Colours].colour

    row = next(row for row in both.command.rows if row.name == "colour")
    assert (row.default, row.group, row.option.help) == ("blue", "colours", "of all shapes")
    assert row.option.choices == ("red", "blue", "green"), "what is not changed stays"
    assert "filled" not in inspect.signature(both).parameters and both() == "blue"


@pytest.mark.parametrize(
    ("group", "said"),
    [
        (Shape(colour="mauve"), "colour 'mauve': expected one of red, blue, green"),
        (AxesOptions(state="all"), "state 'all': expected weights or states"),
        (MachineOptions(precision="fp8"), "precision 'fp8': expected one of fp32, tf32, bf16, bf16-true, fp64"),
    ],
)
def test_python_refuses_what_the_shell_refuses(group: Any, said: str):
    with pytest.raises(UsageError, match=f"^{said}$"):
        check_choices(group)


def test_none_is_a_choice_only_where_it_is_the_default():
    check_choices(AxesOptions())
    with pytest.raises(UsageError, match="state 'None': expected"):
        check_choices(AxesOptions(state=None))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"seed": "3"}, "seed '3': expected a whole number"),
        ({"seed": None}, "seed None: expected a whole number"),
        ({"samples": 6.5}, "samples 6.5: expected a whole number or None"),
        ({"l2": "x"}, "l2 'x': expected a number or None"),
        ({"lean": "no"}, "lean 'no': expected True or False"),
        ({"norm": ["fc"]}, "norm of type list: expected a text or None"),
        ({"ignore": 3}, "ignore 3: expected a text or a list or None"),
        ({"split": 3}, "split 3: expected a text or a list"),
        ({"trust": 3}, "trust 3: expected True or False or a text or a path or a list"),
        ({"out": 3}, "out 3: expected a text or a path or None"),
    ],
)
def test_a_value_of_another_type_than_the_option_is_named(given: dict[str, Any], said: str):
    import landscape as ll

    with pytest.raises(UsageError, match=f"^{said}$"):
        ll.surface("net.pt", **given)


def test_values_that_mean_the_same_pass():
    assert draw(side_length=np.int64(4), filled=np.True_)[1] == Shape(side_length=4, filled=True)
    assert draw(filled=1)[1].filled == 1


def test_functions_with_written_out_keywords_name_the_nearest_too():
    import landscape as ll

    with pytest.raises(UsageError, match=r"plot has no option 'metrc'; did you mean metric"):
        ll.plot("a.h5", metrc="loss")


@pytest.mark.parametrize(
    ("options", "value"),
    [({}, 0), ({"tolerance": 0.1}, 0.1), ({"refine": True}, 0.05), ({"tolerance": 0.2, "refine": False}, 0.2)],
)
def test_refine_alone_means_the_usual_tolerance(options: dict[str, Any], value: float):
    assert ToleranceOptions(**options).check() == value


def test_a_command_may_have_no_options():
    @command("tells the length", lines=lambda result, shell: [], positional=(Positional("text", "TEXT", "what"),))
    def length(text: str) -> int:
        return len(text)

    assert length("abc") == 3 and length.command.rows == ()
    with pytest.raises(UsageError, match="length has no option 'txt'; did you mean text"):
        length(txt="abc")


@pytest.mark.parametrize(
    ("positional", "named", "said"),
    [
        (("p", "q"), {}, "draw takes only path without a name, got 2 values; pass several"),
        (("p",), {"path": "q"}, "draw got path twice"),
    ],
)
def test_values_in_wrong_places_are_named(positional: tuple[Any, ...], named: dict[str, Any], said: str):
    with pytest.raises(UsageError, match=said):
        draw(*positional, **named)


def test_the_same_without_groups():
    @command("tells the length", lines=lambda result, shell: [])
    def length(text: str, *, unit: int = 1) -> int:
        return len(text) * unit

    for positional, named in (((), {}), (("a", 2), {}), (("a",), {"text": "b"})):
        with pytest.raises(UsageError, match="^length (needs|takes|got)"):
            length(*positional, **named)
    assert length("abc", unit=2) == 6
