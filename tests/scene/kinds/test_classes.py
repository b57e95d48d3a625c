"""Regions of predicted classes: where boundaries run, which classes have a colour and a name, and what is drawn."""

from dataclasses import replace

import numpy as np
import pytest

from landscape.errors import UsageError
from landscape.quantity import INPUT_QUANTITIES
from landscape.render.page.picture import draw as draw_page
from landscape.render.still.picture import figure_of
from landscape.scene.build import build_scene
from landscape.scene.colors import OTHER_REGIONS, REGION_COLORS, rgb_of
from landscape.scene.compare import build_comparison
from landscape.scene.kinds import default_kind
from landscape.scene.views.regions import ground_of, leads_of, numbered
from landscape.surfaces.surface import VALID, Trail

ROWS = {row.name: row for row in INPUT_QUANTITIES}


@pytest.fixture
def plane(make_surface):
    """Three classes of affine scores over a plane of 9 x 11 points, with the loss of class 0."""

    def make(shift=0.0, names=("cat", "dog", "frog")):
        surface = make_surface(np.zeros((9, 11)))
        x, y = np.meshgrid(surface.x, surface.y)
        scores = np.stack([2 * x + shift, 1.5 * y - x, -y - x + 0.2])
        two = np.sort(scores, axis=0)
        loss = np.log(np.exp(scores).sum(axis=0)) - scores[0]
        values = {
            "loss": loss,
            "class": scores.argmax(axis=0).astype(float),
            "lead": two[-1] - two[-2],
            "margin": scores[0] - scores[1:].max(axis=0),
        }
        provenance = {**surface.provenance, "input": {"sample": 3, "target": "cat", "classes": list(names)}}
        return replace(
            surface, values=values, stderr={}, quantities={name: ROWS[name] for name in values}, provenance=provenance
        )

    return make


def test_of_affine_scores_of_two_classes_the_boundary_is_exact():
    x, y = np.linspace(-1, 1, 6), np.linspace(-1, 1, 5)
    wide, tall = np.meshgrid(x, y)
    gap = 0.7 * wide - 0.4 * tall + 0.13  # of class 5 over class 2, linear
    fine_x, fine_y, leads = leads_of(x, y, np.where(gap > 0, 5.0, 2.0), np.abs(gap), [2, 5])
    # along each line of the grid it runs where the gap is zero
    row = int(np.argmin(np.abs(fine_y - y[1])))
    found = fine_x[np.flatnonzero(np.diff(np.sign(leads[1][row])))[0]]
    exact = (0.4 * y[1] - 0.13) / 0.7
    assert abs(found - exact) <= fine_x[1] - fine_x[0]
    assert set(np.unique(ground_of(leads))) == {1, 2}


def test_what_was_not_computed_has_no_class():
    classes, lead = np.zeros((4, 4)), np.ones((4, 4))
    classes[1, 1] = np.nan
    x = np.arange(4.0)
    fine, _, leads = leads_of(x, x, classes, lead, [0])
    ground = ground_of(leads)
    inside = np.abs(fine - 1) < 0.999
    assert (ground[np.ix_(inside, inside)] == 0).all()
    assert (ground[np.ix_(fine > 2, fine > 2)] == 1).all()


def test_the_largest_classes_have_colours_and_the_others_are_one():
    classes = np.repeat(np.arange(12.0), 10 - np.arange(12) // 2)[:72].reshape(8, 9)
    shown = numbered([classes])
    assert shown == list(range(len(REGION_COLORS)))
    x, y, leads = leads_of(np.arange(9.0), np.arange(8.0), classes, np.ones_like(classes), shown)
    assert len(leads) == len(REGION_COLORS) + 1 and OTHER_REGIONS not in REGION_COLORS


def test_the_scene_names_regions_and_draws_the_loss_over_them(plane):
    scene = build_scene(plane(), kind="classes")
    view = scene.views[0]
    assert [region.name for region in view.regions] == ["cat", "dog", "frog"]
    assert len({region.color for region in view.regions}) == 3
    assert scene.title.endswith("predicted class and loss around sample 3 (cat)")
    assert view.field.metric == "loss" and len(view.field.levels)
    for number, region in enumerate(view.regions):
        row, column = (
            int(np.argmin(np.abs(axis - place)))
            for axis, place in zip((view.y, view.x), reversed(region.place), strict=True)
        )
        assert view.ground[row, column] == number + 1, "the name stands in its region"
    assert default_kind(plane()).name == "classes"


def test_panels_share_the_colours_of_classes(plane):
    panels = build_comparison([plane(shift=-9.0), plane()], kind="classes").panels
    first, second = ({r.name: r.color for r in panel.views[0].regions} for panel in panels)
    assert first == second and set(first) == {"cat", "dog", "frog"}, "the first plane has no cat"
    figure_of(build_comparison([plane(shift=-9.0), plane()], kind="classes"))


def test_a_surface_without_classes_is_refused(make_surface, plane):
    with pytest.raises(UsageError, match="give a file of landscape inputs"):
        build_scene(make_surface(np.eye(4)), kind="classes")
    nothing = plane()
    nothing.values["class"][:] = np.nan
    with pytest.raises(UsageError, match="no finite predicted class"):
        build_scene(nothing, kind="classes")


def test_the_outline_of_valid_pixels_is_open_at_the_edge_of_the_plane(plane, tmp_path):
    surface = plane()
    low, high = surface.y[0], surface.y[-1]
    ring = Trail(np.array([-0.5, 0.5, 0.5, -0.5, -0.5]), np.array([low, low, 0.5 * high, 0.5 * high, low]))
    scene = build_scene(replace(surface, trails={VALID: ring}), kind="classes")
    (outline,) = [trace for trace in scene.views[0].field.traces if trace.kind == "outline"]
    at_edge = np.abs(outline.y - low) < 1e-12
    assert at_edge.sum() > 2 and not (at_edge[:-1] & at_edge[1:]).any(), "the side on the edge is left out"
    assert np.nanmax(outline.y) == pytest.approx(0.5 * high)
    figure_of(scene)
    assert "predicted class" in draw_page(scene, tmp_path / "a.html").read_text()


# Machado, Oliveira and Fernandes 2009, of full severity, in linear RGB.
SEEN = {
    "usual": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


@pytest.mark.parametrize("seen", SEEN.values(), ids=SEEN)
def test_colours_differ_for_every_colour_blindness(seen):
    srgb = np.array([rgb_of(color) for color in (*REGION_COLORS, OTHER_REGIONS)])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    f = np.cbrt((np.clip(linear @ np.transpose(seen), 0, 1) @ TO_XYZ.T) / [0.95047, 1, 1.08883])
    lab = np.column_stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])])
    apart = np.linalg.norm(lab[:, None] - lab[None], axis=-1)[np.triu_indices(len(lab), 1)]
    assert apart.min() > 10, "about ten just noticeable differences"
    assert lab[:, 0].min() > 60, "dark words and lines show on all"
