"""On a GPU: no operation mixes devices, results are those of the CPU, and nothing waits for the GPU that need not.

The GPU is a pretended one (`tests.pretend_gpu`), so this runs everywhere; `scripts/check_gpu` is for a real one.
"""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import landscape
from landscape.curvature import operator
from landscape.curvature.differences import DifferencesBackend
from landscape.curvature.extremes import extremes
from landscape.curvature.operator import CurvatureOperator
from landscape.data.normalize import PRESETS
from landscape.data.split import tensor_split
from landscape.measurement.evaluate import move
from landscape.objective.loss import make_measure
from landscape.objective.objective import Objective
from landscape.quantity import MEASURES
from landscape.training.loader import make_loader
from landscape.training.settings import TrainingSettings
from landscape.training.trainer import Trainer
from tests.pretend_gpu import CPU, GPU, place_of, pretend_gpu

SAMPLES, BATCH = 20, 8
LOSSES = {
    "cross_entropy": "cross_entropy",
    "mse": "mse",
    "class weights": nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 0.5])),
    "ignored": nn.CrossEntropyLoss(ignore_index=2),
    "smoothing": nn.CrossEntropyLoss(label_smoothing=0.1),
    "pair": lambda outputs, targets: (F.cross_entropy(outputs, targets, reduction="sum"), len(targets)),
    "of model": lambda model, batch: F.cross_entropy(model(batch[0]), batch[1]),
}


@pytest.fixture
def gpu():
    with pretend_gpu() as machine:
        yield machine


@pytest.fixture(scope="module")
def images():
    source = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 255, (SAMPLES, 8, 8, 1), dtype=torch.uint8, generator=source)
    return pixels, torch.randint(0, 3, (SAMPLES,), generator=source)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    found = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 3, 3, bias=False), nn.BatchNorm2d(3),
        nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 3),
    )  # fmt: skip
    found.train()(torch.randn(9, 1, 8, 8))
    return found.eval()


def objective(net, images, device, loss="cross_entropy", **options):
    split = tensor_split(*images, PRESETS["digits" if images[0].ndim == 4 else "none"], of=SAMPLES)
    made = Objective(net, {"train": split}, make_measure(loss, None)[0], device=device, batch_size=BATCH, **options)
    made.check()
    return made


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"fast": True},
        {"fast": True, "batchnorm": "interpolate"},
        {"budget": 0.0},
        {"names": ["0.weight", "8.bias"]},
        {"batchnorm": "recompute"},
        {"precision": "bf16"},
        {"precision": "tf32"},
        {"precision": "fp64", "l2": 0.1},
    ],
    ids=str,
)
def test_values_are_those_of_the_cpu_and_are_waited_for_once(options, net, images, gpu):
    there = objective(net, images, GPU, **options)
    assert (there.net is not there.model) == bool(options.get("fast"))
    gpu.waits.clear()
    found = there.evaluate()
    # one transfer at the end of a point, and one for a penalty
    assert len(gpu.waits) == 1 + ("l2" in options) and there.weights.device == GPU, gpu.waits
    expected = objective(net, images, CPU, **{**options, "fast": False}).evaluate()
    assert found == pytest.approx(expected, rel=1e-5 if options.get("fast") else 0, abs=0)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_no_loss_waits_between_batches(loss, net, images, gpu):
    there = objective(net, images, GPU, loss)
    gpu.waits.clear()
    found = there.evaluate()
    assert gpu.waits == ["tolist"]
    assert found == objective(net, images, CPU, loss).evaluate()


def test_soft_targets_wait_once(net, images, gpu):
    soft = images[0], F.one_hot(images[1], 3).float()
    there = objective(net, soft, GPU, nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 0.5])))
    gpu.waits.clear()
    there.evaluate()
    assert gpu.waits == ["tolist"]


def test_data_on_the_gpu_are_evaluated_on_the_cpu(net, images, gpu):
    """A copy from the GPU that is not waited for gives other numbers, and no error."""
    there = tuple(each.to(GPU) for each in images)
    for budget in (0.0, float("inf")):
        found, expected = (objective(net, data, CPU, budget=budget).evaluate() for data in (there, images))
        assert found == expected


@pytest.mark.parametrize(
    "axes", [{"norm": "layer", "orthogonal": True}, {"lean": True}, {"only": "type:Conv2d"}], ids=str
)
def test_a_surface_is_that_of_the_cpu(axes, net, images, gpu, monkeypatch):
    """Directions, moving, and evaluation, bit for bit."""
    where, original = [], move

    def watched(subject, slice, coords):
        original(subject, slice, coords)
        held = [
            subject.objective.weights,
            slice.origin,
        ]  # a lean run has no origin of its own: it reads that of the file
        where.append({place_of(each) for each in held if isinstance(each, torch.Tensor)})

    monkeypatch.setattr("landscape.measurement.evaluate.move", watched)
    cpu, there = (
        landscape.surface(model=net, data=images, normalize="digits", x="-1:1:3", y="-1:1:2", device=device, plain=True,
                          quiet=True, **axes)
        for device in ("cpu", "cuda")
    )  # fmt: skip
    assert where == [{CPU}] * 6 + [{GPU}] * 6
    assert there.provenance["run"]["device"] == "a GPU that is not there"
    assert there.provenance["directions"] == cpu.provenance["directions"]
    for name, array in cpu.values.items():
        assert np.array_equal(array, there.values[name]), name


def test_estimates_are_those_of_the_cpu(net, images, gpu):
    """The census, samples picked one by one, and neighbours as control variates; the same samples are drawn."""
    many = tuple(each.repeat(8, *[1] * (each.ndim - 1)) for each in images)
    cpu, there = (
        landscape.surface(model=net, data=many, normalize="digits", x="-0.2:0.2:5", y="-0.2:0.2:5", tolerance=0.2,
                          refine=False, device=device, plain=True, quiet=True)
        for device in ("cpu", "cuda")
    )  # fmt: skip
    taken = cpu.values["train_samples"]
    assert ((taken > 0) & (taken < 8 * SAMPLES)).any()
    for name, array in cpu.values.items():
        np.testing.assert_array_equal(there.values[name], array, err_msg=name)


def test_a_spectrum_is_that_of_the_cpu(net, images, gpu):
    """Both ends, the trace, and the density, from the same random vectors."""
    few = {"top": 1, "bottom": 1, "tolerance": 0.05, "trace_products": 4, "probes": 1, "steps": 5}
    cpu, there = (
        landscape.spectrum(model=net, data=images, normalize="digits", device=device, quiet=True, **few).whole
        for device in ("cpu", "cuda")
    )
    for name in ("values", "errors", "trace", "nodes", "weights"):
        assert getattr(there, name) == pytest.approx(getattr(cpu, name), rel=1e-3, abs=1e-4, nan_ok=True), name


def test_flatness_is_that_of_the_cpu(net, images, gpu):
    """To the rounding of products on another device. Noise moves the net as random directions do, and takes long here."""
    data, measures = (
        {"train": images},
        [name for name in MEASURES if "noise" not in name and name != "critical_sharpness"],
    )
    cpu, there = (
        landscape.flatness(net, data=data, normalize="digits", measures=measures, steps=2, directions=2, products=6,
                           tolerance=0.1, device=device, quiet=True)
        for device in ("cpu", "cuda")
    )  # fmt: skip
    assert there.provenance["run"]["device"] == "a GPU that is not there"
    for name, array in cpu.values.items():
        assert there.values[name] == pytest.approx(array, rel=2e-2, abs=1e-5, nan_ok=True), name


@pytest.mark.parametrize("backend", operator.BACKENDS)
@pytest.mark.parametrize("matrix", operator.MATRICES)
def test_products_are_those_of_the_cpu(backend, matrix, net, images, gpu):
    if (backend, matrix) == ("differences", "ggn"):
        return
    found = []
    for device in (GPU, CPU):
        products = CurvatureOperator(
            objective(net, images, device), backend=backend, matrix=matrix, ignore="none", budget=2e4
        )
        products.refresh()
        vector = products.gaussian(0)
        gpu.waits.clear()
        product = products(vector)
        most = 2 if backend == "differences" else -(-SAMPLES // BATCH)  # one for each batch whose graph is not kept
        assert len(gpu.waits) <= most and vector.device == product.device == products.gradient().device == device
        found.append((product.cpu(), products.gradient().cpu()))
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-6 * float(other.abs().max()))


def test_ends_are_those_of_the_cpu_also_in_low_precision(net, images, gpu):
    ends = {}
    for device in (GPU, CPU):
        products = CurvatureOperator(objective(net, images, device), backend="program")
        low = products.low_precision("bf16") if device == GPU else None
        products.refresh()
        found = extremes(products, products.gaussian, products.dimension, tolerance=1e-2, low_precision=low)
        ends[device] = [found.smallest, found.largest]
    assert ends[GPU] == pytest.approx(ends[CPU], rel=1e-2)


def test_differences_see_the_data_of_the_others(net, images):
    """A copy in float64 of data that are normalized already must not normalize them again."""
    products = [CurvatureOperator(objective(net, images, CPU), backend=name) for name in ("graph", "differences")]
    assert isinstance(products[1]._backend, DifferencesBackend) and not products[1].notes
    losses = [each.refresh() for each in products]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    one, other = (each(each.gaussian(0)) for each in products)
    assert torch.allclose(one, other, rtol=1e-4, atol=1e-5 * float(one.abs().max()))


def test_recurrent_layers_are_differentiated_without_cudnn(gpu):
    """Its kernels have no gradient in eval mode, and no second derivative."""
    net, enabled = nn.Sequential(Recurrent(), nn.Linear(4, 3)), set()
    data = torch.randn(SAMPLES, 5, 2), torch.arange(SAMPLES) % 3
    for device in (GPU, CPU):
        made = objective(net.eval(), data, device)
        made.model[0].layer.register_forward_hook(
            lambda *_: enabled.add(torch.backends.cudnn.enabled) if torch.is_grad_enabled() else None
        )
        products = CurvatureOperator(made)
        products.refresh()
        assert products.backend == "graph" and products(products.gaussian(0)).device == device
    assert enabled == {False} and torch.backends.cudnn.enabled


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.GRU(2, 4, batch_first=True)

    def forward(self, words):
        return self.layer(words)[0][:, -1]


def trainer(net, images, device, **options):
    settings = TrainingSettings(
        model="net", data=None, normalize="digits", batch_size=BATCH, epochs=4, **options
    ).completed()
    loader = make_loader(
        tensor_split(*images, PRESETS["digits"], of=SAMPLES), BATCH, augment=settings.augment,
        label_noise=settings.label_noise, seed=0, device=device, dtype=torch.float32,
    )  # fmt: skip
    made = Trainer(copy.deepcopy(net), loader, make_measure("cross_entropy", None)[0], settings)
    made.check()
    return made


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_step_of_training_waits_for_nothing(optimizer, net, images, gpu):
    options = {"augment": ("crop", "flip"), "label_noise": 0.2, "clip": 1.0, "optimizer": optimizer}
    there, here = (trainer(net, images, device, **options) for device in (GPU, CPU))
    gpu.waits.clear()
    for _ in range(3):
        there.advance()
        here.advance()
    assert not gpu.waits
    assert there.pop_means() == pytest.approx(here.pop_means(), rel=1e-5)
    state = there.state()
    again = trainer(net, images, GPU, **options)
    again.restore({**state, "optimizer": here.state()["optimizer"]})  # as a file does, from the CPU
    again.advance()
    there.advance()
    for one, other in zip(there.model.parameters(), again.model.parameters(), strict=True):
        assert one.device == other.device == GPU and torch.allclose(one, other, rtol=1e-5, atol=1e-6)
