"""What the blocks compute, against the same thing written out with plain functions."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from landscape.models.densenet import DenseLayer
from landscape.models.resnet import BasicBlock, Bottleneck, PaddedShortcut
from landscape.models.vgg import side_after
from landscape.models.zoo import build_zoo


@pytest.fixture
def x():
    return torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(0))


def randomize(module):
    """Batch norms that do something in eval mode."""
    generator = torch.Generator().manual_seed(1)
    for value in module.state_dict().values():
        if value.is_floating_point() and value.ndim == 1:
            value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
    return module.eval()


def norm(x, bn):
    return F.batch_norm(x, bn.running_mean, bn.running_var, bn.weight, bn.bias)


def test_padded_shortcut_is_slice_and_zeros_and_has_no_parameters(x):
    shortcut = PaddedShortcut(new_channels=4, stride=2)
    assert not list(shortcut.state_dict())
    expected = torch.zeros(2, 8, 3, 3)
    expected[:, 2:6] = x[:, :, ::2, ::2]
    assert torch.equal(shortcut(x), expected)


@pytest.mark.parametrize("kind", ["projection", "padding", "none"])
@pytest.mark.parametrize("width, stride", [(4, 1), (8, 2)])
def test_basic_block(x, kind, width, stride):
    block = randomize(BasicBlock(4, width, stride, kind))
    y = F.relu(norm(F.conv2d(x, block.conv1.weight, stride=stride, padding=1), block.bn1))
    y = norm(F.conv2d(y, block.conv2.weight, padding=1), block.bn2)
    if kind != "none":
        side = x
        if stride == 2 and kind == "projection":
            side = norm(F.conv2d(x, block.shortcut[0].weight, stride=2), block.shortcut[1])
        elif stride == 2:
            side = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))
        y = y + side
    torch.testing.assert_close(block(x), F.relu(y))


@pytest.mark.parametrize("kind", ["projection", "none"])
def test_bottleneck_without_shortcut_ends_without_relu(x, kind):
    block = randomize(Bottleneck(4, 2, 2, kind))
    y = F.relu(norm(F.conv2d(x, block.conv1.weight), block.bn1))
    y = F.relu(norm(F.conv2d(y, block.conv2.weight, stride=2, padding=1), block.bn2))
    y = norm(F.conv2d(y, block.conv3.weight), block.bn3)
    if kind == "projection":
        y = F.relu(y + norm(F.conv2d(x, block.shortcut[0].weight, stride=2), block.shortcut[1]))
    else:
        assert (y < 0).any()
    torch.testing.assert_close(block(x), y)


def test_dense_layer_puts_new_channels_first(x):
    layer = randomize(DenseLayer(4, growth=3))
    y = F.conv2d(F.relu(norm(x, layer.bn1)), layer.conv1.weight)
    y = F.conv2d(F.relu(norm(y, layer.bn2)), layer.conv2.weight, padding=1)
    out = layer(x)
    torch.testing.assert_close(out[:, :3], y)
    assert torch.equal(out[:, 3:], x)


def test_the_three_variants_differ_on_the_same_weights():
    image = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        padded, bare = build_zoo("resnet20_a").eval(), build_zoo("resnet20_noshort").eval()
        bare.load_state_dict(padded.state_dict())
        assert not torch.allclose(padded(image), bare(image))


def test_pooling_rounds_up():
    assert [side_after(side, 3) for side in (32, 28, 9, 8, 1)] == [4, 4, 2, 1, 1]


def test_the_loss_of_a_net_is_that_of_the_original_program(original):
    import h5py

    state = torch.load(original.folder / "checkpoint.th", map_location="cpu", weights_only=True)["state_dict"]
    model = build_zoo("resnet20_a").eval()
    state = {name.removeprefix("module."): value for name, value in state.items()}
    lacking, unknown = model.load_state_dict(state, strict=False)
    assert not unknown and all(name.endswith("num_batches_tracked") for name in lacking)
    data = np.load(original.folder / "images.npz")
    pixels = torch.from_numpy(data["images"]).permute(0, 3, 1, 2).float() / 255
    mean, std = torch.tensor([[125.3, 123.0, 113.9], [63.0, 62.1, 66.7]]).view(2, 1, 3, 1, 1) / 255
    with torch.no_grad():
        loss = F.cross_entropy(model((pixels - mean) / std), torch.from_numpy(data["labels"])).item()
    with h5py.File(original.folder / "surface.h5") as surface:
        assert loss == pytest.approx(
            float(surface["train_loss"][()].ravel()[surface["train_loss"].size // 2]), abs=1e-5
        )
