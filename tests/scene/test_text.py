"""Numbers and names as printed."""

import doctest
import importlib

import numpy as np
import pytest

from landscape.scene.text import data_label, labels_of, metric_label, model_label, short, value_text


@pytest.mark.parametrize("module", ["text", "scale", "field"])
def test_examples_in_docstrings(module):
    found = doctest.testmod(importlib.import_module(f"landscape.scene.{module}"))
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
    assert metric_label("test_loss") == "test loss"
    assert metric_label("train_loss_l2") == "train loss with weight penalty"
    assert metric_label("hessian_max") == "largest Hessian eigenvalue"
    assert value_text("test_accuracy", 0.5) == "50 %"


def test_names_of_curvature():
    assert metric_label("hessian_min") == "smallest Hessian eigenvalue"
    assert metric_label("hessian_negative") == "negative Hessian eigenvalues"
    assert metric_label("hessian_max_error") == "error of the largest Hessian eigenvalue"
    assert metric_label("hessian_products") == "products with the Hessian"
    assert metric_label("hessian_negative_stderr") == "standard error of negative Hessian eigenvalues"
    assert value_text("hessian_negative", 0.0345) == "3.45 %"
    assert value_text("hessian_min", -0.0345) == "-0.0345"


def test_a_data_set_is_called_by_its_name_and_a_path_by_its_last_part():
    assert [data_label(name) for name in ("cifar10", "digits", "data/cifar10-jpeg", "/a/b/images.npz", "/")] == [
        "CIFAR-10", "digits", "cifar10-jpeg", "images.npz", "/",
    ]  # fmt: skip
