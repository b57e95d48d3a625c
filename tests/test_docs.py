"""Laws that keep the documents true: what they name exists, what exists is named, and what they print works.

Commands are parsed and Python is compiled. The table of the provenance is held against files, which are made here.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import torch

import landscape
import landscape as ll
from landscape.cli.parser import find, join_ranges, make_parser
from landscape.commands import COMMANDS
from landscape.exporters import FORMATS
from landscape.options.groups import ORDERS
from landscape.options.option import Given
from landscape.recipes.surface import compute
from landscape.scene.kinds import KIND_FILES
from landscape.slice.shape import Shape
from landscape.surfaces import surface as status
from landscape.surfaces.same_run import DESCRIPTIVE
from tests.documents import (
    DOCUMENTS,
    README,
    ROOT,
    anchors,
    command_lines,
    fences,
    keys_of,
    named_in,
    spans,
    table,
    told_of_options,
)

each_command = pytest.mark.parametrize("name", COMMANDS)
each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


# what exists is documented


@each_command
def test_every_command_is_shown(name):
    assert any(f"landscape {name}" in path.read_text() for path in DOCUMENTS)


@each_command
def test_every_command_has_its_place_in_the_python_page(name):
    assert name in landscape.__all__
    assert f"ll.{name}(" in (ROOT / "docs" / "python.md").read_text()


def test_every_kind_and_every_format_is_explained():
    explained = {word for span in spans(ROOT / "docs" / "options.md") for word in re.split(r"[\s,]+", span)}
    kinds_there = {name for row in table(ROOT / "docs" / "options.md") for name in named_in(row[0])}
    assert set(KIND_FILES) <= kinds_there
    assert [name for name in FORMATS if not {name, f".{name}"} & explained] == []
    assert {f"--order {name}" for name in ORDERS} <= set(spans(ROOT / "docs" / "options.md"))


@each_command
def test_every_option_is_explained(name):
    explained = {word for span in spans(ROOT / "docs" / "options.md") for word in re.split(r"[\s,]+", span)}
    flags = {flag for row in find(name).rows for flag in row.option.flags_of(row.name)} | {"--debug"}
    assert flags <= explained


def test_the_manual_tells_of_no_option_that_a_command_lacks():
    for commands, cell, _ in told_of_options():
        known = {flag for name in commands for row in find(name).rows for flag in row.option.flags_of(row.name)}
        known |= {"--debug"}
        known |= {"--no-" + flag[2:] for flag in known}
        assert set(named_in(cell)) <= known, f"{', '.join(commands)}: {cell}"


def test_the_manual_tells_the_defaults_of_the_program():
    seen = 0
    for commands, cell, stated in told_of_options():
        rows = {flag: row for name in commands for row in find(name).rows for flag in row.option.flags_of(row.name)}
        named = {rows[flag].name for flag in named_in(cell) if flag in rows}
        if len(named) != 1 or re.match(r"as (for|above)", stated):
            continue
        row = next(rows[flag] for flag in named_in(cell) if flag in rows)
        seen += 1
        if isinstance(row.default, bool):
            assert stated == "off", f"{commands}: {cell}"
        elif row.default is not None:
            values = row.default if isinstance(row.default, tuple) else [row.default]
            if stated.startswith("all") and "," in str(row.default):
                continue
            texts = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
            assert all(text in stated for text in texts), f"{commands}: {cell}: {row.default}"
    assert seen > 120


def test_provenance_table_tells_what_must_agree():
    # a few rows describe several keys
    told = {
        key: row[2].startswith("yes")
        for row in table(ROOT / "docs" / "surface-file.md")
        if len(row) == 3
        for key in named_in(row[0])
    }
    assert {key for key, must_agree in told.items() if not must_agree} >= {
        ".".join(key) for key in DESCRIPTIVE if key != ("run",)
    }
    for key, must_agree in told.items():
        path = tuple(key.split("."))
        assert must_agree != any(path[: len(prefix)] == prefix for prefix in DESCRIPTIVE), key


@pytest.fixture(scope="module")
def provenances(tmp_path_factory) -> list[dict]:
    """The provenance of files that together have every entry: under a tolerance and with curvature, between nets, of a run."""
    from tests.golden.cases import NET, A, B

    folder = tmp_path_factory.mktemp("provenance")
    ends = {"x": (0, 1, 3), "y": (0, 1, 3), "samples": 16}
    surface, net = folder / "surface.h5", {"model": NET["model"], "data": "digits", "threads": 1, "quiet": True}
    ll.surface(A, **net, **ends, split=("train", "test"), tolerance=0.1, l2=0.1, data_root="data", out=surface)
    along = {"samples": 16, "threads": 1, "quiet": True}
    ll.hessian(surface, **along, index=0.01, checkpoint=A, model=NET["model"])
    planes = [ll.load_surface(surface), ll.surface(A, to=B, to_y=B, **net, **{**ends, "x": (0, 1, 2), "y": (0, 1, 2)})]
    planes.append(ll.surface(A, **net, **ends, along="gradient", only="type:Linear", out=folder / "along.h5"))
    planes.append(ll.line(A, **net, x=(0, 1, 2), samples=16, directions=folder / "along.directions.h5"))
    planes.append(ll.line(A, **net, x="auto:2", rise=1e12, samples=16))
    planes.append(ll.line(A, **net, x=(0, 1, 2), samples=16, attack="fgsm"))
    planes.append(ll.line(A, **net, x=(0, 1, 2), samples=16, points_per_pass=2))
    planes.append(ll.inputs(A, **net, x=(0, 1, 2), y=(0, 1, 2), along="adversarial", clip=True))
    planes.append(ll.line(A, **net, x="auto:2", samples=16, loss=lambda out, _: 1e3 ** (out.std() > 5).double()))
    planes += [unusual(folder), of_own_code(folder), compute(A, {"x": (0, 1, 2)}, Given(net), "bent", form=Bent())]
    ll.train(**net, samples=20, epochs=3, batch_size=20, out=folder / "run")
    path = {"x": (0, 1, 2), "y": (0, 1, 2), "along": f"pca:{folder / 'run'}", "out": folder / "path.h5"}
    planes.append(ll.surface(folder / "run", **along, **path, model=NET["model"]))
    planes.append(ll.hessian(folder / "run", only="type:Linear", **along))
    two = {"optimizers": "sgd", "steps": 2, "x": (-2, 2, 3), "y": (-2, 2, 3), "noise": 1}
    planes += [ll.optimizers("bowl", **two, start=(1, 1)), ll.optimizers(lambda x, y: x * x + y * y, **two)]
    planes.append(ll.optimizers("bowl", optimizers="sgd", steps=2, sweep="0.1:1:2"))
    nets = {name: net[name] for name in ("model", "threads", "quiet")}
    paths = {"data": "digits", "samples": 16, "points": 2, "curve": "bezier", "epochs": 1}
    planes.append(ll.connect([A, B], **nets, **paths))
    plain = [torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2)) for _ in range(2)]
    pair = torch.randn(6, 4), torch.zeros(6, dtype=torch.long)
    planes.append(ll.connect(plain, data=pair, points=2, align=True, repair=True, quiet=True))
    rows, marks = torch.randn(6, 3, 3), torch.zeros(6, 3, dtype=torch.long)
    planes.append(ll.line(model=torch.nn.Linear(3, 3), data=(rows, marks), x=(0, 1, 2), quiet=True))
    both = {"data": (rows, rows), "loss": lambda out, _: out[0].mean((1, 2)) + out[1][0].mean(1)}
    planes.append(ll.line(model=torch.nn.GRU(3, 3, batch_first=True), **both, x=(0, 1, 2), quiet=True))
    few = {"data": "digits", "samples": 16, "epochs": 2, "batch_size": 16}
    planes.append(ll.instability(**nets, **few, at=[0], points=2, out=folder / "branches"))
    planes.append(as_trained(folder))
    return [plane.provenance for plane in planes]


class Bent(Shape):
    """A line at the least."""

    labels, directions = ("place",), 1

    def place(self, coords):
        return (coords[0] ** 2,)


def of_own_code(folder: Path) -> ll.Surface:
    """A net whose class stands in a file, with weights in bfloat16, and a metric of its own."""
    code = "from torch import nn\n\nclass Own(nn.Linear):\n    def __init__(self):\n        super().__init__(4, 2)\n"
    (folder / "own.py").write_text(code)
    torch.save(torch.nn.Linear(4, 2).bfloat16().state_dict(), folder / "own.pt")
    data = torch.randn(6, 4), torch.zeros(6, dtype=torch.long)
    own = {"model": f"{folder / 'own.py'}:Own", "metrics": ["loss", lambda outputs, targets: outputs[:, 0]]}
    return ll.line(folder / "own.pt", **own, data=data, x=(0, 1, 2), quiet=True)


def as_trained(folder: Path) -> ll.Surface:
    """A line with a loss that training has changed."""
    (folder / "warm.py").write_text(
        "from torch import nn\n\nclass Warm(nn.MSELoss):\n    n = 0\n\n    def forward(self, outputs, targets):\n"
        "        self.n += self.training\n        return (outputs - targets).square().mean(1) * (1 + self.n)\n\nloss = Warm()\n"
    )
    task = {"data": (torch.randn(6, 4), torch.randn(6, 2)), "loss": f"{folder / 'warm.py'}:loss", "quiet": True}
    ll.train(net := torch.nn.Linear(4, 2), **task, epochs=1, out=folder / "warm")
    return ll.line(folder / "warm", model=net, **task, x=(0, 1, 2))


def unusual(folder: Path) -> ll.Surface:
    """A net of two entries, one of its layers frozen, and a loss in which everything is found that decides values."""
    net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4, track_running_stats=False))
    net[0].requires_grad_(False)
    twice = {key: tensor * 2 for key, tensor in net.state_dict().items()}
    torch.save({"model": net.state_dict(), "ema": twice}, folder / "two.pt")

    def loss(model, batch):
        inputs = batch[0].requires_grad_(True)
        noisy = torch.nn.functional.dropout(model.train()(inputs), 0.5)
        (slope,) = torch.autograd.grad(noisy.sum(), inputs)
        return noisy.square().sum() + slope.square().sum(), len(inputs)

    data = torch.randn(6, 4), torch.zeros(6)
    return ll.line(folder / "two.pt", model=net, entry="ema", data=data, loss=loss, x=(0, 1, 2), quiet=True)


def test_the_provenance_table_has_the_entries_of_the_files(provenances):
    documented = {key for row in table(ROOT / "docs" / "surface-file.md") if len(row) == 3 for key in named_in(row[0])}
    found = set().union(*map(keys_of, provenances))
    # `hessian` as a whole has a row besides those of its entries
    assert found == documented - {"hessian"}


def test_status_codes_are_as_told():
    told = {row[0]: row[1] for row in table(ROOT / "docs" / "surface-file.md") if row[0].isdigit()}
    for code, word in (
        (status.PENDING, "pending"),
        (status.DONE, "done"),
        (status.FAILED, "failed"),
        (status.INTERPOLATED, "interpolated"),
    ):
        assert told.pop(str(code)).startswith(word)
    assert not told


def test_changelog_begins_with_this_version():
    heading = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert heading[1] == landscape.__version__


def test_readme_tree_is_the_tree():
    tree = next(block for block in fences(README, "") if block.startswith("landscape/"))
    inside, outside = tree.split("\nlandscape/")[0].split("\ncheckpoints/")
    told = set(re.findall(r"(\w+(?:/|\.py))(?=\s)", inside)) - {"landscape/"}
    package = ROOT / "landscape"
    rooms = {f"{folder.parent.name}/" for folder in package.glob("*/__init__.py")}
    modules = {file.name for file in package.glob("*.py") if not file.name.startswith("__")}
    assert told == rooms | modules
    for name in re.findall(r"^(\w+)/", "checkpoints/" + outside, re.MULTILINE):
        assert (ROOT / name).is_dir(), name


# what is documented exists


@each_document
def test_every_command_line_parses(path):
    parser = make_parser()
    for words in command_lines(path):
        try:
            parser.parse_args(join_ranges(words))
        except SystemExit as stop:
            assert not stop.code, f"landscape {shlex.join(words)}"


def test_the_documents_print_commands():
    """Else the law above would hold for nothing."""
    assert {words[0] for words in command_lines(README)} >= {"surface", "line", "plot", "compare", "export"}


@each_document
def test_every_python_block_compiles(path):
    for block in fences(path, "python"):
        compile(block, path.name, "exec")


@each_document
def test_every_link_leads_somewhere(path):
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file) if file else path
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


@each_document
def test_every_shipped_file_that_is_named_is_there(path):
    for name in re.findall(r"(?:\./)?((?:checkpoints|scripts)/[\w./]+\w)", path.read_text()):
        assert (ROOT / name).exists(), name


def test_every_test_that_the_laws_name_is_there():
    named = set(re.findall(r"`(?:[\w/]+/)?(test_\w+\.py)`", (ROOT / "docs" / "laws.md").read_text()))
    there = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert len(named) > 30 and named <= there


def test_every_figure_has_a_script_pictures_and_a_caption_that_names_them():
    scripts = [path for path in (ROOT / "scripts" / "figures").iterdir() if not path.suffix and path.is_file()]
    assert len(scripts) >= 6
    for script in scripts:
        folder = ROOT / "figures" / script.name
        caption, pictures = (folder / "caption.md").read_text(), sorted(folder.glob("*.png"))
        assert pictures and all(f"`{picture.name}`" in caption for picture in pictures), script.name
        assert f"scripts/figures/{script.name}" in caption and "computed by" in caption, script.name
        assert script.stat().st_mode & 0o100, f"{script} cannot be run"


def test_the_nets_that_ship_are_in_their_table_and_small():
    nets, text = sorted((ROOT / "checkpoints").glob("*.pt")), (ROOT / "checkpoints" / "README.md").read_text()
    assert all(text.count(f"| `{net.name}` |") == 2 for net in nets), "a row of numbers and a command for each"
    assert sum(net.stat().st_size for net in nets) < 60e6
