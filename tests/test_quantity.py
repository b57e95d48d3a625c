"""What an array holds is stored beside it, and read from its name where an older file says nothing."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from landscape.grid import Grid, parse_range
from landscape.quantity import (
    EIGENVALUE,
    HESSIAN,
    HESSIAN_QUANTITIES,
    LARGEST,
    LOSS,
    SHARE,
    VALUE,
    Quantity,
    metric_of,
    quantity_named,
)
from landscape.surfaces import load_surface
from landscape.surfaces.file import SurfaceFile

ROWS = (*HESSIAN_QUANTITIES, metric_of("train", "loss"), metric_of("test", "loss_l2"), metric_of("", "margin"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_is_read_back_from_its_facts_and_from_its_name(row: Quantity):
    assert quantity_named(row.name, row.facts()) == row
    assert quantity_named(row.name) == row


def test_facts_win_over_the_name():
    odd = Quantity("hessian_train_loss", "energy", VALUE, unit="J", group="energies")
    assert quantity_named(odd.name, odd.facts()) == odd


def test_names_of_older_files_are_read():
    assert (quantity_named("train_loss").kind, quantity_named("test_accuracy").kind) == (LOSS, SHARE)
    largest = quantity_named("hessian_max")
    assert (largest.kind, largest.role, largest.group) == (EIGENVALUE, LARGEST, HESSIAN)
    assert (
        quantity_named("hessian_other").group == HESSIAN
        and quantity_named("loss_stderr").label == "standard error of loss"
    )


def test_a_file_keeps_the_rows_of_its_measurement(tmp_path: Path):
    def row(name: str) -> Quantity:
        return Quantity(name, f"the {name}", LOSS, unit="nats", split="train", metric=name)

    with SurfaceFile.create(tmp_path / "s.h5", Grid.of(parse_range("0:1:3")), {}, quantity=row) as file:
        file.record(0, {"energy": 1.0, "stderr/energy": 0.1})
    found = load_surface(tmp_path / "s.h5")
    assert found.quantity("energy") == row("energy")
    with h5py.File(tmp_path / "s.h5") as raw:
        assert dict(raw["values/energy"].attrs) == row("energy").facts()


def test_damaged_attributes_do_not_hide_the_values(tmp_path: Path):
    with SurfaceFile.create(tmp_path / "s.h5", Grid.of(parse_range("0:1:3")), {}) as file:
        file.record(0, {"train_loss": 1.0})
    for odd in (
        {"label": np.arange(3), "kind": 7, "aside": "perhaps"},
        {"label": "L", "aside": np.arange(3), "unit": b"x"},
    ):
        with h5py.File(tmp_path / "s.h5", "r+") as raw:
            raw["values/train_loss"].attrs.update(odd)
        found = load_surface(tmp_path / "s.h5")
        assert found.values["train_loss"][0] == 1.0 and isinstance(found.quantity("train_loss").label, str)
