"""The model and data that the caller passed in are, after a run, what they were: also after an exception."""

import copy

import pytest
import torch
from torch import nn

from landscape.data.normalize import PRESETS
from landscape.data.split import tensor_split


def facts(model):
    """Everything about a module that a run could disturb."""
    return (
        {name: (t.data_ptr(), t.numpy().tobytes(), t.dtype) for name, t in model.state_dict().items()},
        [
            (name, id(p), p.requires_grad, None if p.grad is None else p.grad.clone())
            for name, p in model.named_parameters()
        ],
        [module.training for module in model.modules()],
        [(m.momentum, m.num_batches_tracked.item()) for m in model.modules() if isinstance(m, nn.BatchNorm2d)],
        [len(module._forward_hooks) for module in model.modules()],
    )


@pytest.fixture
def net(cnn):
    """In a state that evaluation does not need: training mode, one frozen layer, gradients kept."""
    model = cnn().train()
    model[7].requires_grad_(False)
    model[1].eval()
    model[0].weight.grad = torch.ones_like(model[0].weight)
    return model


@pytest.mark.parametrize("batchnorm", ["keep", "interpolate", "recompute"])
@pytest.mark.parametrize("precision", ["fp32", "fp64", "bf16"])
def test_after_a_run(batchnorm, precision, net, images, objective):
    before = facts(net)
    task = objective(net, images, batchnorm=batchnorm, precision=precision, batch_size=7)
    task.check()
    for scale in (0.5, 2.0):
        task.weights.mul_(scale)
        task.evaluate()
    after = facts(net)
    assert str(before) == str(after)


class Stop(Exception):
    pass


@pytest.mark.parametrize("batchnorm", ["keep", "recompute"])
@pytest.mark.parametrize("error", [Stop, KeyboardInterrupt])
def test_after_an_exception_in_the_loss(batchnorm, error, net, images, objective):
    calls = []

    def loss(outputs, targets):
        calls.append(1)
        if len(calls) > 2:
            raise error("enough")
        return outputs.sum(dim=1)

    before = facts(net)
    task = objective(net, images, loss, batchnorm=batchnorm, batch_size=5)
    with pytest.raises(error):
        task.evaluate()
    assert str(facts(net)) == str(before)
    assert not torch.is_inference_mode_enabled() and torch.is_grad_enabled()


def test_the_private_net_works_on_after_an_exception(cnn, images, objective):
    calls = []

    def loss(outputs, targets):
        calls.append(1)
        if len(calls) == 2:
            raise Stop("once")
        return nn.functional.cross_entropy(outputs, targets, reduction="none")

    task = objective(cnn(), images, loss, batchnorm="recompute", batch_size=100)
    wanted = objective(cnn(), images, batchnorm="recompute", batch_size=100).evaluate()["train_loss"]
    with pytest.raises(Stop):
        task.evaluate()
    assert task.evaluate()["train_loss"] == pytest.approx(wanted, rel=1e-12)


def test_the_callers_model_can_be_trained_afterwards(net, images, objective):
    objective(net, images).evaluate()
    nn.functional.cross_entropy(net(images[0].float()), images[1]).backward()
    assert net[3].weight.grad is not None and net[7].weight.grad is None


def test_training_the_callers_model_does_not_move_ours(cnn, images, objective):
    net = cnn()
    task = objective(net, images)
    first = task.evaluate()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(1)
    assert task.evaluate() == first


def test_the_callers_data_are_left_alone(cnn, images, objective):
    inputs, targets = images
    before = inputs.clone(), targets.clone()

    def loss(outputs, targets):
        return nn.functional.relu(outputs, inplace=True).sum(dim=1)

    class InPlace(nn.Sequential):
        def forward(self, x):
            return super().forward(nn.functional.relu(x, inplace=True))

    net = InPlace(*cnn())
    first = objective(net, images, loss, precision="fp64", batch_size=100).evaluate()
    assert torch.equal(inputs, before[0]) and torch.equal(targets, before[1])
    assert objective(net, images, loss, precision="fp64", batch_size=100).evaluate() == first


def test_global_switches_of_torch_are_put_back(cnn, images, objective):
    def switches():
        return (
            torch.get_default_dtype(),
            torch.is_grad_enabled(),
            torch.is_autocast_enabled("cpu"),
            torch.backends.cuda.matmul.allow_tf32,
            torch.backends.cudnn.allow_tf32,
            torch.get_num_threads(),
            torch.random.get_rng_state().sum().item(),
        )

    before = switches()
    for precision in ("fp32", "tf32", "bf16", "fp64"):
        objective(cnn(0), images, precision=precision)
    torch.manual_seed(0)
    before = switches()
    net = copy.deepcopy(nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.LazyLinear(3)))
    net(images[0].float())
    torch.manual_seed(0)
    for precision in ("fp32", "tf32", "bf16", "fp64"):
        objective(net, images, precision=precision).evaluate()
    assert switches() == before


def test_a_resident_split_is_not_the_callers_tensor(images):
    split = tensor_split(*images, PRESETS["none"], of=23).on(torch.device("cpu"), torch.float64, 1e9)
    assert split.inputs.data_ptr() != images[0].data_ptr()


@pytest.mark.parametrize("options", [{"x": (-1, 1, 3)}, {"x": (-1, 1, 3), "y": (-1, 1, 3)}, {"dry_run": True}])
def test_spectral_norm_in_training_mode_takes_no_step(options):
    """To ask the layer for its weight would be one: it changes the vectors, so the net is another one to the next command."""
    import landscape as ll

    torch.manual_seed(0)
    layer = nn.utils.parametrizations.spectral_norm(nn.Linear(5, 4))
    net = nn.Sequential(layer, nn.Tanh(), nn.Linear(4, 3)).train()
    data = torch.randn(20, 5), torch.randint(0, 3, (20,))
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    found = (ll.surface if "y" in options else ll.line)(model=net, data=data, quiet=True, **options)
    if found is not None and not options.get("dry_run"):
        ll.hessian(found, model=net, data=data, quiet=True, every=2)
        expected = nn.functional.cross_entropy(copy.deepcopy(net).eval()(data[0]), data[1]).item()
        assert found.at_origin("train_loss") == pytest.approx(expected, rel=1e-6)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
