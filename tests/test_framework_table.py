"""The table of frameworks in docs/your-own-model.md: every cell is what happens with a tiny net of that framework."""

import re
import warnings
from pathlib import Path

import pytest
import torch

import landscape as ll
from tests.frameworks import CASES

TEXT = (Path(__file__).parent.parent / "docs" / "your-own-model.md").read_text().partition("## Frameworks")[2]
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if line.startswith("|")]
COLUMNS, TABLE = ROWS[0][1:], {row[0]: row[1:] for row in ROWS[2:]}
FEW = {"quiet": True, "threads": 1}
PLANE = {"x": "-1:1:2", "y": "-1:1:2", **FEW}
ENDS = {"top": 1, "bottom": 1, "probes": 0, "trace_products": 0, "tolerance": 0.5, **FEW}


def surface(net, of, folder):
    ll.surface(model=net, out=folder / "s.h5", **of, **PLANE)


def tolerance(net, of, folder):
    known = ll.surface(model=net, tolerance=0.5, **of, **PLANE).known.tolerance
    return "samples and points" if known.samples else "points"


def hessian(net, of, folder):
    if not (folder / "s.h5").exists():  # there is none of a net that is refused
        return surface(net, of, folder)
    ll.hessian(folder / "s.h5", model=net, every=2, tolerance=0.5, **of, **FEW)


def spectrum(net, of, folder):
    ll.spectrum(model=net, **of, **ENDS)


def dynamics(net, of, folder):
    with ll.Recorder(folder / "run", net, every=1) as recorder:
        recorder.step(loss=1.0)
    ll.dynamics(folder / "run", model=net, every=2, measures="gradient,layers", **of, **FEW)


MEASURED = [surface, tolerance, hessian, spectrum, dynamics]


def test_every_row_and_column_is_tried():
    assert set(TABLE) == set(CASES) and len(COLUMNS) == len(MEASURED)
    assert all(len(row) == len(MEASURED) for row in TABLE.values())


@pytest.mark.parametrize("name", CASES)
def test_the_cells_of_a_framework_are_what_happens(name, tmp_path):
    case, said = CASES[name], ""
    torch.manual_seed(0)
    net, of = case.net(), {"data": case.data, **case.options}
    for column, measured, cell in zip(COLUMNS, MEASURED, TABLE[name], strict=True):
        said = re.fullmatch('"(.*)"', cell)[1] if cell.startswith('"') else said
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = measured(net, of, tmp_path)
                found = found if isinstance(found, str) else "works"
            except ll.LandscapeError as error:
                found = "the same" if said and said in str(error) else str(error)
        assert found == ("the same" if cell.startswith('"') else cell), column
