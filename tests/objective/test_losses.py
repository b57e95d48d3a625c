"""What `loss` and `metrics` may be, and that each form gives what it says."""

import functools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from landscape.errors import DataError, EvaluationError, UsageError
from landscape.objective.functions import huber
from landscape.objective.loss import make_measure
from landscape.objective.measure import accuracy, cross_entropy, mse


def double(model):
    return type(model)(*model).double()


def outputs_of(model, images):
    with torch.no_grad():
        return model.double()(images[0])


LOSSES = {
    "per sample": (lambda o, t: F.cross_entropy(o, t, reduction="none"), True),
    "scalar": (lambda o, t: F.cross_entropy(o, t), False),
    "one number in a tensor (1,)": (lambda o, t: F.cross_entropy(o, t)[None], False),
    "python number": (lambda o, t: float(F.cross_entropy(o, t)), False),
    "numpy": (lambda o, t: F.cross_entropy(o, t, reduction="none").numpy(), True),
    "torch function": (F.cross_entropy, True),
    "torch module": (nn.CrossEntropyLoss(), True),
    "torch module, none": (nn.CrossEntropyLoss(reduction="none"), True),
    "model and batch": (lambda model, batch: F.cross_entropy(model(batch[0]), batch[1]), False),
    "net and batch, per sample": (lambda net, batch: F.cross_entropy(net(batch[0]), batch[1], reduction="none"), True),
    "by name": ("cross_entropy", True),
}


@pytest.mark.parametrize("form", LOSSES)
def test_forms_of_one_loss(form, cnn, images, objective):
    loss, per_sample = LOSSES[form]
    wanted = F.cross_entropy(outputs_of(cnn(), images), images[1]).item()
    found = objective(cnn(), images, loss, batch_size=6).evaluate()
    assert found["train_loss"] == pytest.approx(wanted, rel=1e-12)
    assert ("stderr/train_loss" in found) == per_sample


def test_label_smoothing(cnn, images, objective):
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    wanted = loss(outputs_of(cnn(), images), images[1]).item()
    assert wanted != pytest.approx(F.cross_entropy(outputs_of(cnn(), images), images[1]).item(), rel=1e-3)
    for batch_size in (1, 6, 23):
        found = objective(cnn(), images, loss, batch_size=batch_size).evaluate()
        assert found["train_loss"] == pytest.approx(wanted, rel=1e-12)
        assert "stderr/train_loss" in found and "train_accuracy" in found


def test_class_weights_are_torchs_business(cnn, images, objective):
    """Its mean is weighted within the batch, so one batch gives torch's value."""
    loss = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64))
    found = objective(cnn(), images, loss, batch_size=23).evaluate()
    assert found["train_loss"] == pytest.approx(loss(outputs_of(cnn(), images), images[1]).item(), rel=1e-12)
    assert "stderr/train_loss" not in found


def test_a_dict_of_values(cnn, images, objective):
    def loss(model, batch):
        outputs = model(batch[0])
        return {"loss": F.cross_entropy(outputs, batch[1]), "margin": outputs.amax(1) - outputs.amin(1), "one": 1.0}

    found = objective(cnn(), images, loss, batch_size=6).evaluate()
    outputs = outputs_of(cnn(), images)
    assert found["train_margin"] == pytest.approx((outputs.amax(1) - outputs.amin(1)).mean().item(), rel=1e-12)
    assert found["train_one"] == 1.0
    assert {"stderr/train_margin"} == {name for name in found if name.startswith("stderr/")}


def test_dict_batches(mlp, objective):
    torch.manual_seed(0)
    inputs, targets = torch.randn(11, 6, dtype=torch.float64), torch.arange(11) % 3
    batches = [{"x": inputs[:4], "y": targets[:4]}, {"x": inputs[4:], "y": targets[4:]}]

    def loss(model, batch):
        return F.cross_entropy(model(batch["x"]), batch["y"])

    found = objective(mlp(), batches, loss).evaluate()
    with torch.no_grad():
        wanted = F.cross_entropy(mlp().double()(inputs), targets).item()
    assert found["train_loss"] == pytest.approx(wanted, rel=1e-12)


def test_metrics(cnn, images, objective):
    def entropy(outputs, targets):
        return -(outputs.softmax(1) * outputs.log_softmax(1)).sum(1)

    found = objective(cnn(), images, "cross_entropy", ["accuracy", "mse", entropy]).evaluate()
    outputs = outputs_of(cnn(), images)
    assert {name for name in found if "stderr" not in name} == {"train_accuracy", "train_mse", "train_entropy"}
    assert found["train_entropy"] == pytest.approx(entropy(outputs, None).mean().item(), rel=1e-12)
    one_hot = np.eye(3)[images[1].numpy()]
    assert found["train_mse"] == pytest.approx(((outputs.numpy() - one_hot) ** 2).mean(), rel=1e-12)


def test_metrics_beside_a_loss_that_calls_the_net_twice_are_of_its_first_call(mlp, objective):
    """And of the batch as it was, which the loss may take apart."""

    def loss(model, batch):
        targets = batch.pop("labels")
        outputs, others = model(batch["inputs"]), model(-batch["inputs"])
        return F.cross_entropy(outputs, targets, reduction="none") + (outputs - others).square().sum(1)

    torch.manual_seed(1)
    inputs, targets = torch.randn(40, 6, dtype=torch.float64), torch.arange(40) % 3
    found = objective(mlp(), [{"inputs": inputs, "labels": targets}], loss, ["loss", "accuracy"]).evaluate()
    hits = [(mlp().double()(sign * inputs).argmax(1) == targets).double().mean().item() for sign in (1, -1)]
    assert found["train_accuracy"] == hits[0] != hits[1]


def test_a_file_of_the_users(tmp_path, cnn, images, objective):
    file = tmp_path / "mine.py"
    file.write_text("def loss(outputs, targets):\n    return (outputs ** 2).sum(1)\n")
    found = objective(cnn(), images, f"{file}:loss", ["loss", f"{file}:loss", "accuracy"]).evaluate()
    assert found["train_loss"] == pytest.approx((outputs_of(cnn(), images) ** 2).sum(1).mean().item(), rel=1e-12)


@pytest.mark.parametrize(
    ("loss", "name", "metrics"),
    [
        ("cross_entropy", "cross_entropy", ["loss", "accuracy"]),
        (nn.CrossEntropyLoss(), "cross_entropy", ["loss", "accuracy"]),
        (nn.CrossEntropyLoss(label_smoothing=0.1), "cross_entropy(label_smoothing=0.1)", ["loss", "accuracy"]),
        (nn.CrossEntropyLoss(ignore_index=2), "cross_entropy(ignore_index=2)", ["loss"]),
        ("mse", "mse", ["loss"]),
        (nn.SmoothL1Loss(beta=2.0), "SmoothL1Loss(beta=2.0)", ["loss"]),
        (nn.MSELoss(), "MSELoss", ["loss"]),
        (functools.partial(F.huber_loss, delta=3.0), "huber_loss(delta=3.0)", ["loss"]),
    ],
)
def test_names_tell_losses_apart(loss, name, metrics):
    """The name is in the provenance: a file computed with one loss is never continued with another."""
    assert make_measure(loss, None)[1:] == (name, metrics)


def test_class_weights_are_told_apart_in_the_name():
    names = {make_measure(nn.CrossEntropyLoss(weight=torch.tensor([1.0, w])), None)[1] for w in (1, 2, 2)}
    assert len(names) == 2 and all(name.startswith("cross_entropy(weight=") for name in names)


@pytest.mark.parametrize(
    ("loss", "metrics", "message"),
    [
        ("crossentropy", None, "loss 'crossentropy': did you mean cross_entropy\\? Expected cross_entropy, nll"),
        ("mse", ["los"], "metric 'los': did you mean loss\\? Expected loss, cross_entropy"),
        (nn.MSELoss(reduction="sum"), None, "a sum over the batch depends on its size; use reduction='mean'"),
        ("huber(delta=x)", None, r"loss 'huber\(delta=x\)': delta is x; expected settings as name=number"),
        ("huber(2)", None, r"loss 'huber\(2\)': expected settings as name=number"),
        ("huber(beta=2)", None, "huber has the settings delta, and no 'beta'"),
        ("cross_entropy(weight=3)", None, r"loss 'cross_entropy\(weight=3\)'"),
        ("cross_entropy(weight=[-1, 2])", None, "expected a number from 0 on for each class"),
        ("cross_entropy(label_smoothing=2)", None, "expected a number from 0 to 1"),
        ("mse", ["top0"], "metric 'top0'"),
        ("mse", ["top(k=0)"], "metric 'top"),
        ("cross_entropy", [huber, functools.partial(huber, delta=3.0)], "two of them are called 'huber'; define one"),
    ],
)
def test_losses_that_cannot_be_meant(loss, metrics, message):
    with pytest.raises(UsageError, match=message) as raised:
        make_measure(loss, metrics)
    assert "\n" not in str(raised.value)


def test_cross_entropy_of_pixels_and_of_probabilities():
    """Against numpy, averaged over the further dimensions; class probabilities as targets."""
    torch.manual_seed(0)
    outputs, targets = torch.randn(5, 3, 4, 2, dtype=torch.float64), torch.randint(0, 3, (5, 4, 2))
    logs = outputs.numpy() - np.log(np.exp(outputs.numpy()).sum(axis=1, keepdims=True))
    picked = -np.take_along_axis(logs, targets.numpy()[:, None], axis=1)[:, 0]
    assert np.allclose(cross_entropy(outputs, targets).numpy(), picked.mean(axis=(1, 2)), rtol=1e-12)
    probabilities = torch.rand(5, 3, 4, 2, dtype=torch.float64)
    wanted = -(probabilities.numpy() * logs).sum(axis=1).mean(axis=(1, 2))
    assert np.allclose(cross_entropy(outputs, probabilities).numpy(), wanted, rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
def test_labels_of_any_integer_type(dtype):
    outputs, targets = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    for function in (cross_entropy, mse, accuracy):
        assert torch.equal(function(outputs, targets.to(dtype)), function(outputs, targets))


def test_mse_of_shapes_that_would_broadcast():
    """Outputs (n, 1) and targets (n,) are the same numbers; broadcasting would compare all with all."""
    outputs, targets = torch.arange(4.0)[:, None], torch.tensor([0.0, 1.0, 2.0, 5.0])
    assert mse(outputs, targets).tolist() == [0.0, 0.0, 0.0, 4.0]
    assert mse(outputs[:, 0], targets[:, None]).tolist() == [0.0, 0.0, 0.0, 4.0]
    assert mse(outputs, torch.tensor([0, 1, 2, 5])).tolist() == [0.0, 0.0, 0.0, 4.0]
    for shape in ((4, 2), (4, 3, 1)):
        with pytest.raises(DataError, match=r"mse: the outputs have shape .4, 1., the targets"):
            mse(outputs, torch.zeros(shape))


def test_mse_of_pixel_classes_is_over_their_dimension():
    torch.manual_seed(0)
    outputs, targets = torch.randn(5, 3, 4, 2, dtype=torch.float64), torch.randint(0, 3, (5, 4, 2))
    one_hot = np.eye(3)[targets.numpy()].transpose(0, 3, 1, 2)
    assert np.allclose(mse(outputs, targets).numpy(), ((outputs.numpy() - one_hot) ** 2).mean(axis=(1, 2, 3)))


def test_accuracy_needs_class_numbers():
    with pytest.raises(UsageError, match="accuracy needs class numbers.*leave it out with --metrics loss"):
        accuracy(torch.randn(4, 3), torch.rand(4, 3))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda o, t: o, r"loss returned shape \(8, 3\) for 8 samples; expected \(8,\) or \(\)"),
        (lambda o, t: o[:5, 0], r"loss returned shape \(5,\) for 8 samples"),
        (lambda o, t: None, "loss returned a NoneType; expected a number or a tensor"),
        (lambda o, t: "high", "loss returned a str; expected a number or a tensor"),
    ],
)
def test_values_of_no_use(value, message, cnn, images, objective):
    with pytest.raises(EvaluationError, match=message) as raised:
        objective(cnn(), images, value).check()
    assert "\n" not in str(raised.value)


def test_a_dict_without_values(cnn, images, objective):
    with pytest.raises(EvaluationError, match="the loss returned no values"):
        objective(cnn(), images, lambda model, batch: {}).check()


def test_l2_without_a_loss(cnn, images, objective):
    with pytest.raises(UsageError, match="l2 adds to the loss, and none is among the values: train_other"):
        objective(cnn(), images, lambda model, batch: {"other": 1.0}, l2=0.1).check()


def test_batches_that_are_no_pairs_need_a_loss_of_the_model(mlp, objective):
    with pytest.raises(DataError, match=r"a batch of type dict is not \(inputs, targets\); give a loss of the form"):
        objective(mlp(), [{"x": torch.ones(2, 6)}]).check()
