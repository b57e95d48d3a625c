"""Functions that the shell does not have refuse values of the wrong type like those that it has: by one line that names them."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import landscape as ll
from landscape.errors import UsageError
from tests.render import conftest


class Writer:
    def add_image(self, *given, **named): ...

    def add_scalar(self, *given, **named): ...


FUNCTIONS = {
    "figure": lambda **given: ll.figure(conftest.bowl(), **given),
    "show": lambda **given: ll.show(conftest.bowl(), **given),
    "log_to": lambda **given: ll.log_to(Writer(), conftest.bowl(), **given),
    "plot": lambda **given: ll.plot(conftest.bowl(), **given),
    "compare": lambda **given: ll.compare([conftest.bowl(), conftest.bowl()], **given),
}
ODD = [5, [5], np.zeros(3), b"x", object()]
WRONG = [
    ("figure", ("metric", "title", "cmap", "kind", "font", "style", "facts", "scale", "vmin", "ax", "names")),
    ("show", ("metric", "kind", "names", "scale")),
    ("log_to", ("metric", "kind", "name", "step", "dpi")),
    ("plot", ("metric", "title", "scale", "out")),
    ("compare", ("names", "metric")),
]


@pytest.mark.parametrize(("function", "option"), [(name, each) for name, options in WRONG for each in options])
def test_a_value_of_the_wrong_type_is_one_line(function, option, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for odd in ODD:
        if isinstance(odd, int) and option in ("vmin", "step", "dpi"):
            continue
        with pytest.raises(UsageError, match=option) as raised:
            FUNCTIONS[function](**{option: odd})
        assert "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_axes_that_are_in_no_figure_are_refused():
    figure, axes = plt.subplots()
    axes.remove()
    for odd in (axes, figure, plt.subplots(1, 2)[1]):
        with pytest.raises(UsageError, match="ax of type .*: expected axes of a figure"):
            ll.figure(conftest.bowl(), ax=odd)
    plt.close("all")


def test_results_say_what_they_are_in_one_line():
    surface = conftest.bowl(source="a.h5")
    for result in (surface, ll.basins(surface), ll.show(surface)):
        assert len(repr(result)) < 120 and "\n" not in repr(result)
    assert repr(surface) == "Surface(13 x 11 points of train_loss, train_accuracy, from a.h5)"


def test_letters_that_the_font_lacks_are_one_warning(tmp_path):
    with pytest.warns(match="^the font lacks 漢字: boxes are drawn") as caught:
        ll.plot(conftest.bowl(), title="漢字漢字", out=tmp_path / "a.png")
    assert len(caught) == 1


def test_a_sheet_of_too_many_pixels_is_refused_before_it_is_drawn(tmp_path):
    with pytest.raises(UsageError, match="60 x 60 inches at 2400 dpi are 20,736 million pixels"):
        ll.plot(conftest.bowl(), size="60x60", dpi=2400, out=tmp_path / "a.png")
