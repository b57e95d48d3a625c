"""Meshes, read back by trimesh: the shape of the picture, its colours, and bodies that can be printed."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import landscape as ll
from landscape.scene.build import build_scene
from landscape.scene.views.body import BASE, sheet_of

trimesh = pytest.importorskip("trimesh")


@pytest.fixture
def sheet(surface):
    scene = build_scene(surface, kind="surface")
    return sheet_of(scene.views[0].field, scene.camera)


def test_a_body_is_watertight_and_its_faces_look_outwards(surface, tmp_path):
    body = trimesh.load_mesh(ll.export(surface, tmp_path / "s.stl", width=60))
    assert body.is_watertight and body.is_winding_consistent and body.volume > 0
    # y is longer than x, and the height is a share of the longer side
    np.testing.assert_allclose(body.extents, [40, 60, (0.62 + BASE) * 60], rtol=1e-6)
    assert body.body_count == 2  # the cells on both sides of the infinite point meet at a corner only
    up = body.triangles_center[:, 2] > body.bounds[0, 2] + 1e-4
    level = np.abs(body.face_normals[:, 2]) > 0.999
    assert (body.face_normals[level & ~up][:, 2] < 0).all()


def test_a_width_that_no_printer_has_is_refused(surface, tmp_path):
    for width in (0, -1, float("nan"), 1e9):
        with pytest.raises(ll.UsageError, match="width .*: expected 1 to 10000 millimetres"):
            ll.export(surface, tmp_path / "s.stl", width=width)
    assert not list(tmp_path.iterdir())


def test_points_and_colours_of_ply_and_obj(surface, sheet, tmp_path):
    flat = trimesh.load_mesh(ll.export(surface, tmp_path / "s.ply"), process=False)
    standing = trimesh.load_mesh(ll.export(surface, tmp_path / "s.obj"), process=False, maintain_order=True)
    np.testing.assert_allclose(flat.vertices, sheet.points, atol=1e-6)
    np.testing.assert_array_equal(flat.faces, sheet.triangles)
    x, y, z = sheet.points.T
    np.testing.assert_allclose(standing.vertices, np.column_stack([x, z, -y]), atol=1e-7)
    for mesh in (flat, standing):
        np.testing.assert_allclose(mesh.visual.vertex_colors[:, :3] / 255, sheet.colors, atol=0.51 / 255)
    said = (tmp_path / "s.obj").read_text(encoding="utf-8").splitlines()[0]
    assert said.startswith("# ") and "1 inf" in said and "\x1b" not in said


def test_a_glb_has_the_colours_of_the_picture_and_the_facts(surface, sheet, tmp_path):
    (mesh,) = trimesh.load_scene(ll.export(surface, tmp_path / "s.glb"), process=False).geometry.values()
    x, y, z = sheet.points.T
    np.testing.assert_allclose(mesh.vertices, np.column_stack([x, z, -y]), atol=1e-6)
    assert (mesh.face_normals[:, 1] > 0).all()
    image = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB"))[0] / 255
    texel = mesh.visual.uv[:, 0] * len(image) - 0.5  # the middle of texel k is at k + 1/2
    assert texel.min() > -1e-3 and texel.max() < len(image) - 1 + 1e-3
    read = np.column_stack([np.interp(texel, np.arange(len(image)), image[:, i]) for i in range(3)])
    np.testing.assert_allclose(read, sheet.colors, atol=1.0 / 255)
    assert mesh.visual.material.metallicFactor == 0 and mesh.visual.material.doubleSided
    assert mesh.metadata["provenance"] == surface.provenance and "train loss" in mesh.metadata["title"]


def test_holes_are_absent(surface, tmp_path):
    """5 of 12 cells have a hole at a corner, and one tile would leave a seam; the sides of the plane are 2/3 and 1."""
    flat = trimesh.load_mesh(ll.export(surface, tmp_path / "s.ply"), process=False)
    across = flat.vertices[flat.faces][:, :, :2]
    area = 0.5 * np.linalg.det(np.stack([across[:, 1] - across[:, 0], across[:, 2] - across[:, 0]], axis=1)).sum()
    np.testing.assert_allclose(area, 7 / 12 * 2 / 3, rtol=1e-4)


@pytest.mark.parametrize("suffix", ["stl", "ply", "glb", "obj", "vts", "vtp"])
def test_what_has_no_relief_is_refused_in_one_line(surface, failed, suffix, tmp_path):
    from landscape.grid import Axis, Grid, parse_range
    from landscape.surfaces.surface import Surface

    out = tmp_path / f"s.{suffix}"
    line = Surface(Grid.of(parse_range("-1:1:5")), {"train_loss": np.ones(5)}, source="line.h5")
    with pytest.raises(
        ll.UsageError, match=f"^{suffix}: line.h5 has one axis, expected a plane of two; export it as .csv"
    ):
        ll.export(line, out)
    thin = Surface(Grid((Axis("x", np.linspace(-1, 1, 5)), Axis("y", np.zeros(1)))), {"train_loss": np.ones((1, 5))})
    with pytest.raises(
        ll.UsageError, match=f"^{suffix}: this surface has 5 x 1 points, expected at least two along each"
    ):
        ll.export(thin, out)
    with pytest.raises(
        ll.LandscapeError, match=f"^{suffix}: no four neighbouring points of train_loss in s.h5 can be drawn"
    ):
        ll.export(failed, out)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", ["stl", "ply", "glb", "obj"])
def test_constants_and_single_rows_of_cells(suffix, tmp_path):
    from landscape.grid import Grid, parse_range
    from landscape.surfaces.surface import Surface

    grid = Grid.of(parse_range("-1:1:5"), parse_range("0:1:4"))
    values = np.full((4, 5), 7.0)
    values[2:] = np.nan  # a run that has done two rows
    mesh = trimesh.load_mesh(ll.export(Surface(grid, {"train_loss": values}), tmp_path / f"s.{suffix}"))
    assert len(mesh.faces) and np.isfinite(mesh.vertices).all()


def test_options_belong_to_formats(surface, tmp_path):
    with pytest.raises(ll.UsageError, match="width does not apply to format 'ply': it is for .stl; leave it out"):
        ll.export(surface, tmp_path / "s.ply", width=10)
    with pytest.raises(
        ll.UsageError, match="metric does not apply to format 'csv': it is for .vts, .vtp, .vtr, .vtu, .stl"
    ):
        ll.export(surface, tmp_path / "s.csv", metric="train_loss")
    with pytest.raises(ll.UsageError, match="no metric 'nothing'"):
        ll.export(surface, tmp_path / "s.ply", metric="nothing")


def test_a_spectrum_is_named(tmp_path):
    file = Path(__file__).parents[1] / "golden" / "files" / "spectrum.h5"
    for given in (file, ll.load_spectrum(file)):
        with pytest.raises(
            ll.UsageError, match="spectrum.h5 is a spectrum, and export takes surfaces: `landscape info --json"
        ):
            ll.export(given, tmp_path / "s.stl")
    with pytest.raises(ll.UsageError, match="surface 3: expected a surface or the name of a file of one"):
        ll.export(3, tmp_path / "s.stl")


def test_without_the_extra_a_message_names_it():
    program = """
import sys
sys.modules["trimesh"] = None
from pathlib import Path
import numpy as np, landscape as ll
from landscape.exporters.triangles import write_ply
from landscape.grid import Grid, parse_range
from landscape.surfaces.surface import Surface
grid = Grid.of(parse_range("-1:1:3"), parse_range("-1:1:3"))
try:
    write_ply(Surface(grid, {"train_loss": np.ones((3, 3))}), Path("never.ply"))
except ll.LandscapeError as error:
    print(error)
print(sorted(set(sys.modules) & {"torch", "matplotlib", "vtk"}))
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said == "meshes need trimesh: pip install 'nn-landscape[mesh]'\n[]\n"


def test_a_glb_says_what_glTF_asks_for(surface, tmp_path):
    held = ll.export(surface, tmp_path / "s.glb").read_bytes()
    tree = json.loads(held[20 : 20 + int.from_bytes(held[12:16], "little")])
    (part,) = tree["meshes"][0]["primitives"]
    assert {"POSITION", "NORMAL", "TEXCOORD_0"} == set(part["attributes"])
    assert held[:4] == b"glTF" and tree["asset"]["version"] == "2.0"
