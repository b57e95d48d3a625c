"""A file is continued by the run that made it and by no other: the difference is named, and nothing is overwritten."""

import pytest

from landscape.errors import SurfaceFileError
from landscape.grid import Grid, parse_range
from landscape.surfaces import load_surface
from landscape.surfaces.file import SurfaceFile
from landscape.surfaces.same_run import difference, identity, of_rank, plain


def changed(provenance, path, value):
    """The provenance with one entry replaced; `path` is dotted."""
    *folders, last = path.split(".")
    inner = provenance
    for key in folders:
        inner = inner[key]
    inner[last] = value
    return provenance


DIFFERENCES = {
    "model.name": "resnet56",
    "checkpoint.sha256": "cd34",
    "data.normalize": "none",
    "data.splits.train.fingerprint": "0f0f",
    "data.splits.train.samples": 200,
    "data.splits.test": {"samples": 10, "of": 10, "fingerprint": "aa"},
    "loss": "cross_entropy(label_smoothing=0.1)",
    "metrics": ["loss"],
    "directions.seed": 1,
    "directions.norm": "layer",
    "directions.ignore": "none",
    "directions.fingerprint": "4567",
    "batchnorm": "recompute",
    "precision": "fp64",
    "l2": 0.1,
}


@pytest.mark.parametrize("path", DIFFERENCES)
def test_another_run_is_refused_and_the_difference_named(path, grid, provenance, tmp_path):
    with SurfaceFile.create(tmp_path / "s.h5", grid, provenance) as file:
        file.record(0, {"train_loss": 1.0})
    before = (tmp_path / "s.h5").read_bytes()
    other = changed(plain(provenance), path, DIFFERENCES[path])
    for old, new in ((provenance, other), (other, provenance)):
        text = difference(old, new)
        assert text and text.startswith(path) and " in the file, " in text and text.endswith(" now")
    with pytest.raises(SurfaceFileError, match=f"s.h5 holds another run: {path}") as raised:
        SurfaceFile.create_or_open(tmp_path / "s.h5", grid, other)
    said = str(raised.value)
    assert "give another -o, such as" in said and said.endswith("or --overwrite to start again") and "\n" not in said
    assert (tmp_path / "s.h5").read_bytes() == before


def test_the_sentence(provenance):
    assert (
        difference(provenance, changed(plain(provenance), "directions.seed", 7))
        == "directions.seed is 0 in the file, 7 now"
    )
    text = difference(provenance, changed(plain(provenance), "l2", 0.5))
    assert text == "l2 is not set in the file, 0.5 now"


def test_the_cause_is_named_before_its_consequences(provenance):
    other = changed(plain(provenance), "directions.seed", 7)
    assert difference(provenance, changed(other, "directions.fingerprint", "9999")).startswith("directions.seed")


DESCRIPTIVE = {
    "command": "line",
    "checkpoint.path": "/moved/net.pt",
    "checkpoint.stored": "bfloat16",
    "data.name": "images.npz",
    "data.spec": "npz:images.npz",
    "data.root": "/elsewhere",
    "directions.file": "moved.h5",
    "directions.to": "/moved/other.pt",
    "directions.to_y": "/moved/third.pt",
    "run.ranks": 8,
    "run.threads": 1,
    "run.versions": {"torch": "2.9", "landscape": "0.2"},
    "run.started": "2026-01-01T00:00:00",
}


@pytest.mark.parametrize("path", DESCRIPTIVE)
def test_paths_versions_and_ranks_make_no_other_run(path, grid, provenance, tmp_path):
    with SurfaceFile.create(tmp_path / "s.h5", grid, provenance) as file:
        file.record(0, {"train_loss": 1.0})
    other = changed(plain(provenance), path, DESCRIPTIVE[path])
    assert SurfaceFile.create_or_open(tmp_path / "s.h5", grid, other).pending() == list(range(1, 12))


def test_json_types_are_no_difference(provenance):
    other = {**provenance, "metrics": ("loss", "accuracy")}
    assert difference(provenance, other) is None and difference(plain(other), other) is None


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ("-1:1:5", "0:1:3", "the grid is x -1:1:4 y 0:1:3 in the file, x -1:1:5 y 0:1:3 now"),
        ("-1:2:4", "0:1:3", "x -1:2:4 y 0:1:3 now"),
        ("-1:1:4", None, "x -1:1:4 now"),
        ("0:1:3", "-1:1:4", "x 0:1:3 y -1:1:4 now"),
    ],
)
def test_another_grid(x, y, message, grid, provenance, tmp_path):
    SurfaceFile.create(tmp_path / "s.h5", grid, provenance)
    other = Grid.of(*(parse_range(spec) for spec in (x, y) if spec))
    with pytest.raises(SurfaceFileError, match="holds another run: the grid is") as raised:
        SurfaceFile.create_or_open(tmp_path / "s.h5", other, provenance)
    assert message.replace(" y ", " x ") in str(raised.value).replace(" x y ", " x ").replace(" y ", " x ")


def test_a_grid_that_differs_in_the_last_bit(grid, provenance, tmp_path):
    SurfaceFile.create(tmp_path / "s.h5", grid, provenance)
    other = Grid.of(parse_range((-1, 1 + 3e-16, 4)), parse_range("0:1:3"))
    with pytest.raises(SurfaceFileError, match="the grid is"):
        SurfaceFile.open(tmp_path / "s.h5", other, provenance)


def test_overwrite_starts_anew(grid, provenance, tmp_path):
    with SurfaceFile.create(tmp_path / "s.h5", grid, provenance) as file:
        file.record(0, {"train_loss": 1.0})
    other = changed(plain(provenance), "directions.seed", 1)
    file = SurfaceFile.create_or_open(tmp_path / "s.h5", grid, other, overwrite=True)
    assert file.pending() == list(range(12))
    assert load_surface(tmp_path / "s.h5").provenance["directions"]["seed"] == 1


def test_a_file_that_is_no_surface_is_never_overwritten_silently(grid, provenance, tmp_path):
    (tmp_path / "s.h5").write_text("my notes")
    with pytest.raises(SurfaceFileError, match="is not HDF5"):
        SurfaceFile.create_or_open(tmp_path / "s.h5", grid, provenance)
    assert (tmp_path / "s.h5").read_text() == "my notes"


def test_code_that_knows_its_rank_makes_no_other_run(provenance):
    known = plain(provenance) | {"code": {"python": "3.11", "loss": "#1", "settings": {"p": "0.1"}}}
    other = changed(plain(known), "code.loss", "#2")
    assert difference(known, other) == "the code of the loss differs from that of the file"
    assert difference(known, of_rank(other, leads=False)) is None and of_rank(other, leads=True) == other
    assert identity(known) == identity(other) != identity(changed(plain(known), "code.settings", {"p": "0.2"}))


def test_a_setting_that_no_code_reads_is_no_other_run():
    old, new = ({"code": {"python": "3", "settings": {"name": name, "scale": "1"}}} for name in ("a", "b"))
    assert difference(old, new) == "code.settings.name is a in the file, b now"
    new["code"]["unread"] = ["name"]
    assert difference(old, new) is None and identity(old) != identity(new)
    old["code"]["unread"] = ["name"]
    assert identity(old) == identity(new)
    new["code"]["settings"]["scale"] = "2"
    assert "scale" in difference(old, new)


def test_long_values_are_shown_where_they_differ():
    attack = "pgd(eps=0.3, steps=3, step=0.05, norm=inf, restarts=1, seed=0)"
    found = difference({"attack": attack}, {"attack": attack.replace("restarts=1", "restarts=4")})
    assert "restarts=1" in found and "restarts=4" in found and len(found) < 150
    assert (
        difference({"sha256": "a" * 64}, {"sha256": "b" * 64})
        == "sha256 is aaaaaaaaaaaa... in the file, bbbbbbbbbbbb... now"
    )
    for alike in range(60):  # wherever they begin to differ
        one, other = difference({"a": alike * "x" + 60 * "1"}, {"a": alike * "x" + 60 * "2"}).split(" in the file, ")
        assert "1" in one and "2" in other
