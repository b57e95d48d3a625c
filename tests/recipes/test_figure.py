"""Pictures as figures of matplotlib, in axes of the caller's, and captions beside files."""

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import landscape as ll
from landscape.errors import UsageError
from tests.render import conftest


def axes_of(**options):
    figure = Figure()
    FigureCanvasAgg(figure)
    return figure.add_subplot(**options)


def test_it_returns_a_figure_and_changes_no_setting():
    before = dict(matplotlib.rcParams)
    figure = ll.figure(conftest.bowl(), size="column", font="serif")
    assert isinstance(figure, Figure) and figure.get_size_inches()[0] == 3.25
    assert dict(matplotlib.rcParams) == before


def test_several_stand_side_by_side():
    figure = ll.figure([conftest.bowl(), conftest.bowl()], kind="contour", names=["one", "two"], letters=True)
    assert {"one", "two", "(a)", "(b)"} <= {text.get_text() for text in figure.texts}


@pytest.mark.parametrize("kind", ["contour", "filled", "heatmap", "line"])
def test_axes_of_the_callers_are_drawn_into(kind):
    axes = axes_of()
    source = conftest.line() if kind == "line" else conftest.bowl()
    figure = ll.figure(source, kind=kind, ax=axes, title="mine", without=["bar"])
    assert figure is axes.figure and axes.get_title() == "mine" and axes.get_xlabel()
    half = (source.x[1] - source.x[0]) / 2 if kind == "heatmap" else 0
    np.testing.assert_allclose(axes.get_xlim(), (source.x[0] - half, source.x[-1] + half))
    assert not figure.texts, "neither facts nor a title of ours"
    figure.canvas.draw()


def test_a_relief_wants_axes_in_three_dimensions():
    figure = ll.figure(conftest.bowl(), kind="surface", ax=axes_of(projection="3d"), view=(20, 10))
    assert (figure.axes[0].elev, figure.axes[0].azim) == (20, 10)
    with pytest.raises(ll.UsageError, match="ax: has the projection 'rectilinear', expected '3d'"):
        ll.figure(conftest.bowl(), kind="surface", ax=axes_of())


def test_what_does_not_fit_into_one_axes_is_refused():
    with pytest.raises(ll.UsageError, match="ax: 2 results stand side by side"):
        ll.figure([conftest.bowl(), conftest.bowl()], ax=axes_of())
    with pytest.raises(ll.UsageError, match="figure has no option 'sise'; did you mean size"):
        ll.figure(conftest.bowl(), sise="column")


def test_letters_need_pictures_side_by_side():
    with pytest.raises(UsageError, match="letters name pictures that stand side by side, and this is one"):
        ll.figure(conftest.bowl(), kind="contour", letters=True)


def test_what_a_picture_leaves_out_stands_beside_it(tmp_path):
    written = ll.plot(conftest.bowl(), size="column", out=tmp_path / "a.png", dpi=50)
    assert [path.name for path in written] == ["a.png", "a.caption.txt"]
    assert "random directions" in (tmp_path / "a.caption.txt").read_text()
    written = ll.plot(conftest.bowl(), size="column", out=[tmp_path / "b.pdf", ".tex"])
    assert [path.name for path in written] == ["b.pdf", "b.tex"]
    assert [path.name for path in ll.plot(conftest.bowl(), out=tmp_path / "c.png", dpi=50)] == ["c.png"]


def test_a_page_takes_no_look_but_the_view(tmp_path):
    with pytest.raises(ll.UsageError, match="size 'column': is for still pictures"):
        ll.plot(conftest.bowl(), size="column", out=tmp_path / "a.html")
    assert not list(tmp_path.iterdir())


def test_the_view_is_that_of_the_options():
    near, far = (ll.figure(conftest.bowl(), kind="surface", view=f"{up},-30") for up in (20, 70))
    assert (near.axes[0].elev, far.axes[0].elev, far.axes[0].azim) == (20, 70, -30)
    assert not np.array_equal(near.axes[0].collections[0].get_facecolor(), far.axes[0].collections[0].get_facecolor())


def test_a_bar_stays_within_the_axes_it_is_given():
    """So that two pictures side by side do not run into each other, whatever their numbers."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3))
    for axes in (left, right):
        ll.figure(conftest.bowl(), ax=axes)
    figure.draw_without_rendering()
    bar = next(axes for axes in figure.axes if axes not in (left, right))
    ends = max(text.get_window_extent().x1 for text in (bar.yaxis.label, *bar.get_yticklabels()) if text.get_text())
    assert bar.yaxis.label.get_text() and ends < right.yaxis.label.get_window_extent().x0
    plt.close(figure)
