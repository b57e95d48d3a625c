"""Data that do not fit the net are refused in one line before anything is computed."""

import pytest
import torch
from torch import nn

from landscape.data.split import StreamSplit
from landscape.errors import DataError, LandscapeError, UsageError
from landscape.objective.loss import make_measure
from landscape.objective.objective import Objective
from landscape.objective.trial import check_labels


def refused(task, error, message):
    with pytest.raises(error, match=message) as raised:
        task.check()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("loss", ["cross_entropy", "mse", nn.CrossEntropyLoss(label_smoothing=0.1)], ids=str)
@pytest.mark.parametrize(("position", "label"), [(0, 3), (0, -1), (22, 3), (15, 255)])
def test_labels_outside_the_classes(loss, position, label, cnn, images, objective):
    """Also one that comes late: a run of hours must not end there."""
    inputs, targets = images
    targets[position] = label
    refused(
        objective(cnn(), (inputs, targets), loss),
        DataError,
        rf"label {label} in train is outside the model's 3 classes \(0 to 2\)",
    )


def test_labels_of_a_stream_are_looked_at_too(cnn, images):
    inputs, targets = images
    targets[20] = 7

    def read(size):
        return zip(inputs.split(size), targets.split(size), strict=True)

    split = StreamSplit(read, 23, 23, "", targets=targets)
    task = Objective(cnn(), {"test": split}, make_measure("cross_entropy", None)[0])
    refused(task, DataError, "label 7 in test is outside the model's 3 classes")


def test_both_ends_of_the_labels():
    check_labels(torch.tensor([0, 2]), 3, "train")
    for wrong in (3, -1, -100):
        with pytest.raises(DataError, match=f"label {wrong} in test is outside"):
            check_labels(torch.tensor([0, wrong, 2]), 3, "test")


def test_images_of_another_shape(cnn, images, objective):
    inputs, targets = images
    for bad in (inputs[:, :1], inputs[:, :, :5], inputs[0], inputs.flatten(1)):
        refused(
            objective(cnn(), (bad, targets[: len(bad)])),
            LandscapeError,
            r"the model does not accept these batches \(shapes \(",
        )


def test_targets_of_another_shape(cnn, images, objective):
    inputs, targets = images
    refused(objective(cnn(), (inputs, torch.rand(23, 4))), LandscapeError, "does not accept these batches")
    refused(objective(cnn(), (inputs, torch.rand(23, 4)), "mse"), DataError, "mse: the outputs have shape")
    refused(objective(cnn(), (inputs, torch.rand(23, 3)), metrics=["accuracy"]), UsageError, "accuracy needs class")


def test_an_error_in_the_users_loss_is_one_line(cnn, images, objective):
    def loss(outputs, targets):
        raise ValueError("something\nlong")

    refused(
        objective(cnn(), images, loss), LandscapeError, r"does not accept these batches .*ValueError: something long"
    )


def test_class_probabilities_need_no_labels(cnn, images, objective):
    objective(cnn(), (images[0], torch.rand(23, 3).softmax(dim=1)), metrics=["loss"]).check()


def test_what_fits_passes(cnn, images, objective):
    task = objective(cnn(), {"train": images, "test": images})
    first = task.evaluate()
    task.check()
    assert task.evaluate() == first


def test_options_that_cannot_be_meant(cnn, images, objective):
    for options, message in (
        ({"batchnorm": "moved"}, "batchnorm 'moved': expected one of keep, interpolate, recompute"),
        ({"batch_size": 0}, "batch-size 0: expected at least 1"),
        ({"precision": "fp16"}, "precision 'fp16': expected one of fp32, tf32, bf16, bf16-true, fp64"),
    ):
        with pytest.raises(UsageError, match=message):
            objective(cnn(), images, **options)
