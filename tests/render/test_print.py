"""Pictures for print: every type at every size, letters that can be read, and parts that are left out."""

import functools
import warnings

import matplotlib.text
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread
from PIL import Image

from landscape.errors import UsageError
from landscape.grid import Grid, Range
from landscape.options.looks import PARTS, SIZES, LookOptions
from landscape.render.still import picture as still
from landscape.scene.asides import without_asides
from landscape.scene.build import build_scene
from landscape.scene.compare import build_comparison
from landscape.scene.look import WIDTHS, look_of
from landscape.surfaces.surface import Surface
from tests.render import conftest
from tests.render.test_curvature_pictures import SCENES as CURVED
from tests.render.test_spectrum_pictures import SCENES as SPECTRA
from tests.scene.kinds import test_flatness, test_trajectory

SMALLEST = 6.0  # points; what journals ask for


def two_splits():
    surface = conftest.bowl()
    surface.values["test_loss"] = surface.values["train_loss"] * 1.4
    return surface


def path_over_a_plane():
    grid = Grid.of(Range(-2, 10, 13), Range(-2, 5, 8))
    x, y = np.meshgrid(grid.axes[0].values, grid.axes[1].values)
    return Surface(grid, {"train_loss": 0.1 + (x / 8) ** 2 + (y / 9) ** 2}, trails={"mine": test_trajectory.run()})


FLATS = ("contour", "filled", "heatmap", "surface")


def compared(kind, count=2):
    surface = conftest.line() if kind == "line" else conftest.bowl()
    return build_comparison([surface] * count, kind=kind, names=[f"net {n}" for n in range(count)])


PICTURES = conftest.once(
    {
        **{kind: functools.partial(build_scene, conftest.bowl(), kind=kind) for kind in FLATS},
        **{kind: functools.partial(build_scene, two_splits(), kind=kind) for kind in ("overlay", "overlay3d")},
        "chaos": lambda: build_scene(conftest.chaos(), kind="contour"),
        "oblong": lambda: build_scene(conftest.bowl(9, 7, (-0.5, 1.5), (-1, 0.25)), kind="surface"),
        "line": lambda: build_scene(conftest.line(), kind="line"),
        "long name": lambda: build_scene(conftest.bowl(), kind="contour", title="a name of many letters " * 9),
        "trajectory": lambda: build_scene(path_over_a_plane(), kind="trajectory"),
        "flatness": lambda: build_scene(test_flatness.made(), kind="flatness"),
        **{f"two of {kind}": functools.partial(compared, kind) for kind in ("contour", "surface", "line")},
        "five": lambda: compared("contour", 5),
        **CURVED,
        **SPECTRA,
    }
)  # fmt: skip


@functools.cache
def drawn(name: str, **options) -> Figure:
    figure = still.figure_of(PICTURES[name](), look_of(LookOptions(**options)))
    figure.set_dpi(200)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.draw_without_rendering()  # every letter has its place then; pixels take as long again
    return figure


def texts(figure: Figure) -> list[matplotlib.text.Text]:
    found = [text for text in figure.findobj(matplotlib.text.Text) if text.get_text().strip() and text.get_visible()]
    # Axes that are switched off, and ticks beyond the ends of an axis, keep texts that nobody sees.
    return [text for text in found if not np.isinf(text.get_window_extent().x0) and text.get_window_extent().width > 0]


def words(figure: Figure) -> str:
    return " ".join(text.get_text() for text in texts(figure))


@pytest.mark.parametrize("name, size", [
    # pages of curvature and spectra are laid out as the others; with --all on every sheet
    pytest.param(name, size, marks=pytest.mark.slow if size == "slide" and name in {**CURVED, **SPECTRA} else ())
    for name in PICTURES for size in ("column", "text", "slide")
])  # fmt: skip
def test_sheets_have_the_size_that_was_asked_for_and_hold_all_letters(name, size):
    figure = drawn(name, size=size)
    width, height = figure.get_size_inches()
    assert width == pytest.approx(WIDTHS[size][0]) and (size != "slide" or height == pytest.approx(7.5))
    (across, up), seen = figure.canvas.get_width_height(), texts(figure)
    for text in (
        *figure.texts,
        *(axes.xaxis.label for axes in figure.axes),
        *(axes.yaxis.label for axes in figure.axes),
    ):
        if text in seen:
            box = text.get_window_extent()
            assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= across + 1 and box.y1 <= up + 1, text


@pytest.mark.parametrize("name", [name for name in PICTURES if name not in SPECTRA or name != "layers of many"])
def test_no_letter_in_a_column_is_too_small(name):
    small = [text for text in texts(drawn(name, size="column")) if text.get_fontsize() < SMALLEST]
    # Rows of layers and digits in tables shrink with their number.
    assert not small or "layer" in name, small[:3]


@pytest.mark.parametrize("name", ["contour", "line", "surface", "two of line", "trajectory"])
def test_letters_are_seen_on_a_dark_ground(name):
    figure = drawn(name, style="dark")
    ground = figure.get_facecolor()[:3]
    for text in texts(figure):
        behind = to_rgb("white") if text.get_bbox_patch() else ground
        assert contrast(to_rgb(text.get_color()), behind) > 3 or text in figure.axes[0].texts, text


def contrast(one, other) -> float:
    """Of two colours, 1 to 21 (WCAG 2.2)."""
    lights = sorted(float(np.dot([0.2126, 0.7152, 0.0722], _linear(np.array(color)))) for color in (one, other))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _linear(color):
    return np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("name", ["surface", "oblong", "two of surface"])
@pytest.mark.parametrize("options", [{"size": "column"}, {"size": "text"}, {"size": "6x3"}, {"view": (60, 20)}])
def test_the_letters_of_a_relief_keep_clear_of_the_colour_bar(name, options):
    if "view" in options:
        build = (
            compared("surface")
            if name == "two of surface"
            else build_scene(conftest.bowl(), kind="surface", view=(60.0, 20.0))
        )
        figure = still.figure_of(build)
        figure.draw_without_rendering()
    else:
        figure = drawn(name, **options)
    *reliefs, bar = figure.axes
    bar = bar.get_window_extent()
    for axes in reliefs:
        for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
            letters = axis.get_tightbbox(figure.canvas.get_renderer())
            assert letters.x1 < bar.x0 + 2 or letters.y0 > bar.y1 - 2  # beside the bar, or above one that lies below


@pytest.mark.parametrize("kind", ["contour", "surface"])
@pytest.mark.parametrize("factor", [1e-38, 1e-9, 1e30])
def test_long_labels_stay_on_the_sheet(kind, factor):
    surface = conftest.bowl()
    surface.values["train_loss"] = surface.values["train_loss"] * factor + (2.3 if factor == 1e-9 else 0)
    figure = still.figure_of(build_scene(surface, kind=kind))
    figure.set_dpi(60)
    figure.draw_without_rendering()
    width = figure.canvas.get_width_height()[0]
    assert figure.axes[-1].get_tightbbox(figure.canvas.get_renderer()).x1 < width


def test_facts_are_whole_short_or_left_out():
    scene = PICTURES["contour"]()
    full, short, none = (words(drawn("contour", facts=how)) for how in ("full", "short", "none"))
    assert all(fact in full for fact in scene.facts) and scene.facts[-1] not in short
    assert all(note in full for note in scene.notes) and not any(note in none for note in scene.notes)
    needed = without_asides(scene.notes)  # how lines were drawn is told in the caption file
    assert all((note in short) == (note in needed) for note in scene.notes) and len(needed) < len(scene.notes)
    assert words(drawn("contour", size="text")) == words(drawn("contour", size="text", facts="short"))


@pytest.mark.parametrize("part", PARTS)
def test_parts_are_left_out(part):
    name = {"legend": "line", "bands": "line", "letters": "five"}.get(part, "contour")
    whole, without = drawn(name), drawn(name, without=(part,))
    assert count(whole, part) > 0 and count(without, part) == 0


def count(figure: Figure, part: str) -> int:
    return {
        "title": sum(text.get_text() == "ResNet-56, digits: train loss" for text in figure.texts),
        "bar": len(figure.axes) - 1,
        "legend": len(figure.legends),
        "bands": sum(len(axes.collections) for axes in figure.axes),
        "axes": sum(axes.axison for axes in figure.axes[:1]),
        "letters": sum(text.get_text() in ("(a)", "(e)") for text in figure.texts),
    }[part]


def test_a_hero_is_the_relief_alone():
    figure = drawn("surface", style="hero", size="8x4.5")
    assert not words(figure) and len(figure.axes) == 1
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)
    seen = np.abs(pixels - pixels[0, 0]).max(axis=2) > 12
    rows, columns = np.nonzero(seen)
    assert rows.min() < 0.15 * len(seen) and rows.max() > 0.8 * len(seen) and not seen[:, 0].any(), "it fills the sheet"
    assert columns.min() > 0.1 * seen.shape[1]


@pytest.mark.parametrize("name", ["line", "layers", "trajectory", "two of line"])
def test_pictures_that_are_their_axes_keep_them(name):
    with pytest.raises(UsageError, match="without axes .also style hero.: is for maps and reliefs"):
        still.figure_of(PICTURES[name](), look_of(LookOptions(style="hero")))


def test_panels_are_called_by_letters():
    from dataclasses import replace

    figure = still.figure_of(replace(compared("contour"), letters=True))
    assert {"(a)", "(b)"} <= {text.get_text() for text in figure.texts}
    assert "(a)" not in words(drawn("two of contour"))


def test_pictures_without_a_ground(tmp_path):
    clear = look_of(LookOptions(transparent=True))
    for suffix in (".png", ".tif"):
        image = np.asarray(Image.open(still.draw(PICTURES["surface"](), tmp_path / f"a{suffix}", dpi=40, look=clear)))
        assert image.shape[2] == 4 and image[0, 0, 3] == 0 and image[..., 3].max() == 255
    assert imread(still.draw(PICTURES["surface"](), tmp_path / "a.jpg", dpi=40, look=clear))[0, 0].min() == 255


def test_letters_of_svg_can_stay_text(tmp_path):
    plain = still.draw(PICTURES["contour"](), tmp_path / "a.svg").read_text()
    texts = still.draw(PICTURES["contour"](), tmp_path / "b.svg", look=look_of(LookOptions(editable=True))).read_text()
    assert "<text" not in plain and ">x direction</text>" in texts


def test_fonts():
    assert texts(drawn("contour", font="serif"))[0].get_fontfamily()[0] == "serif"
    with pytest.raises(UsageError, match="font 'DejaVu Sens': is not installed; did you mean DejaVu Sans"):
        still.figure_of(PICTURES["contour"](), look_of(LookOptions(font="DejaVu Sens")))


def test_a_sheet_without_room_is_refused():
    for name in ("contour", "two of contour"):
        with pytest.raises(UsageError, match="size 1.5x1.5: .* give a larger one, or --facts none"):
            still.figure_of(PICTURES[name](), look_of(LookOptions(size="1.5x1.5", facts="full")))


def test_the_size_of_presets_is_told_by_their_names():
    assert set(SIZES) == set(WIDTHS)


def test_contour_lines_lie_on_the_floor_of_a_relief_only():
    scene = PICTURES["surface"]()
    plain, floored = (still.figure_of(scene, look_of(LookOptions(floor=floor))) for floor in (False, True))
    view = scene.views[0]
    low, high = view.field.z_range
    assert floored.axes[0].get_zlim() == (view.floor, high) and view.floor < low
    assert len(floored.axes[0].collections) == len(plain.axes[0].collections) + 1
    box, usual = view.above_floor(scene.camera).box, scene.camera.box
    assert box[2] / (high - view.floor) == pytest.approx(usual[2] / (high - low))
    with pytest.raises(UsageError, match="floor: is for reliefs"):
        still.figure_of(PICTURES["contour"](), look_of(LookOptions(floor=True)))


@pytest.mark.parametrize("size", ["column", "text", "slide"])
def test_numbers_beside_a_bar_stand_apart(surfaces, size):
    figure = still.figure_of(build_scene(surfaces["bowl"], kind="contour"), look_of(LookOptions(size=size)))
    figure.draw_without_rendering()
    bar = figure.axes[1]
    boxes = sorted((t.get_window_extent().y0, t.get_window_extent().y1) for t in bar.get_yticklabels() if t.get_text())
    assert len(boxes) >= 3 and all(low[1] < high[0] for low, high in zip(boxes, boxes[1:], strict=False))


@pytest.mark.parametrize("size", [None, "column", "text"])
@pytest.mark.parametrize("ends", [(0, 1), (-0.5, 1.5), (-20, 30)])
def test_the_names_of_nets_and_of_axes_keep_clear_of_each_other(size, ends):
    names = ["one panel", "another panel", "a net of many letters " * 9, "another of as many " * 9]
    lines = [conftest.line(*ends), conftest.line(*ends)]
    figure = still.figure_of(build_comparison(lines, kind="line", names=names), look_of(LookOptions(size=size)))
    figure.set_dpi(200)
    figure.draw_without_rendering()
    above = [text for axes in figure.axes for text in axes.texts]
    below = [axes.xaxis.label for axes in figure.axes if axes.xaxis.label.get_text()]
    assert len(above) == 4 and all("…" in text.get_text() for text in above)
    for group in (above, below):
        boxes = [text.get_window_extent() for text in group]
        for number, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[:number]), group[number]
