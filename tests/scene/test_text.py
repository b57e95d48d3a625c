"""Numbers and names as printed."""

import doctest
import importlib
from pathlib import Path

import numpy as np
import pytest

from landscape import scene
from landscape.quantity import quantity_named
from landscape.scene.text import data_label, labels_of, model_label, short, value_text

ROOM = Path(scene.__file__).parent
WITH_EXAMPLES = [path for path in sorted(ROOM.rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.stem)
def test_examples_in_docstrings(path):
    name = ".".join(path.relative_to(ROOM.parents[1]).with_suffix("").parts)
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [(1e4, "10000"), (1e5, "1e5"), (0.0001, "1e-4"), (0.001, "0.001"), (-0.0, "0"), (np.inf, "inf"), (999.96, "1000")],
)
def test_short_numbers(value, text):
    assert short(value) == text


@pytest.mark.parametrize("values", [[0.1, 0.2, 0.5], [2.301, 2.302, 2.303], [1e5, 1.5e5, 2e5], [0.0, 1e-7]])
def test_labels_differ_where_values_do(values):
    labels = labels_of(values)
    assert len(set(labels)) == len(values)


def test_labels_in_percent():
    assert labels_of([0.1, 0.25, 1.0], percent=True) == ("10 %", "25 %", "100 %")


def test_names():
    assert model_label("wrn56_4_noshort") == "WRN-56-4 without shortcuts"
    assert model_label("torchvision:resnet18") == "torchvision:resnet18"
    assert quantity_named("test_loss").label == "test loss"
    assert quantity_named("train_loss_l2").label == "train loss with weight penalty"
    assert quantity_named("hessian_max").label == "largest Hessian eigenvalue"
    assert value_text(0.5, percent=quantity_named("test_accuracy").percent) == "50 %"


def test_names_of_curvature():
    assert quantity_named("hessian_min").label == "smallest Hessian eigenvalue"
    assert quantity_named("hessian_negative").label == "negative Hessian eigenvalues"
    assert quantity_named("hessian_max_error").label == "error of the largest Hessian eigenvalue"
    assert quantity_named("hessian_products").label == "products with the Hessian"
    assert quantity_named("hessian_negative_stderr").label == "standard error of negative Hessian eigenvalues"
    assert value_text(0.0345, percent=quantity_named("hessian_negative").percent) == "3.45 %"
    assert value_text(-0.0345, percent=quantity_named("hessian_min").percent) == "-0.0345"


def test_a_data_set_is_called_by_its_name_and_a_path_by_its_last_part():
    assert [data_label(name) for name in ("cifar10", "digits", "data/cifar10-jpeg", "/a/b/images.npz", "/")] == [
        "CIFAR-10", "digits", "cifar10-jpeg", "images.npz", "/",
    ]  # fmt: skip
