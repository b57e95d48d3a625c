"""Model specs: the zoo, torchvision, timm and a user's own callable."""

import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from landscape.errors import LandscapeError, UsageError
from landscape.models.resolve import build_model
from landscape.models.zoo import build_zoo


@pytest.fixture
def user_file(tmp_path):
    path = tmp_path / "nets.py"
    path.write_text(
        "from torch import nn\n"
        "from helper import WIDTH\n"
        "def make():\n    return nn.Linear(WIDTH, 2)\n"
        "class Net(nn.Linear):\n    def __init__(self):\n        super().__init__(4, 5)\n"
        "ready = nn.Linear(1, 1)\n"
        "def wrong():\n    return {'not': 'a net'}\n"
        "def broken():\n    raise ValueError('no such\\n  width')\n"
        "def needy(width):\n    return nn.Linear(width, 1)\n"
    )
    (tmp_path / "helper.py").write_text("WIDTH = 3\n")
    yield path
    sys.modules.pop("helper", None)


def test_a_zoo_net_takes_its_sizes_from_the_state_dict():
    state = build_zoo("resnet20", num_classes=7, in_channels=1).state_dict()
    build_model("resnet20", state_dict=state).load_state_dict(state, strict=True)
    state = build_zoo("vgg9", num_classes=3, in_channels=2, image_size=8).state_dict()
    build_model("vgg9", state_dict=state).load_state_dict(state, strict=True)


def test_sizes_that_are_given_win():
    state = build_zoo("resnet20", num_classes=7, in_channels=1).state_dict()
    model = build_model("resnet20", state_dict=state, num_classes=5)
    assert model.linear.out_features == 5 and model.conv1.in_channels == 1
    assert build_model("resnet20").linear.out_features == 10


def test_torchvision_nets_are_built_to_the_state_dict():
    pytest.importorskip("torchvision")
    state = build_model("torchvision:squeezenet1_1", num_classes=7).state_dict()
    build_model("torchvision:squeezenet1_1", state_dict=state).load_state_dict(state, strict=True)
    assert build_model("torchvision:mobilenet_v3_small").classifier[-1].out_features == 1000


def test_torchvision_errors():
    with pytest.raises(UsageError, match="did you mean resnet18"):
        build_model("torchvision:resnet19")
    with pytest.raises(UsageError, match="takes 3 channels, not 1"):
        build_model("torchvision:resnet18", in_channels=1)


def test_timm_that_is_missing_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(LandscapeError, match=r"pip install 'nn-landscape\[timm\]'"):
        build_model("timm:resnet18")


def test_timm_nets_are_built_to_the_state_dict(monkeypatch):
    def create_model(name, *, pretrained, num_classes=1000, in_chans=3):
        assert not pretrained and name == "tiny.some_tag"
        return nn.Sequential(nn.Conv2d(in_chans, 4, 3), nn.Flatten(), nn.Linear(4, num_classes))

    monkeypatch.setitem(sys.modules, "timm", SimpleNamespace(list_models=lambda: ["tiny"], create_model=create_model))
    model = build_model(
        "timm:tiny.some_tag",
        state_dict=create_model("tiny.some_tag", pretrained=False, num_classes=7, in_chans=1).state_dict(),
    )
    assert model[2].out_features == 7 and model[0].in_channels == 1
    with pytest.raises(UsageError, match="did you mean tiny"):
        build_model("timm:tinny")


@pytest.mark.parametrize("name, shape", [("make", (2, 3)), ("Net", (5, 4)), ("ready", (1, 1))])
def test_a_users_callable_class_or_module(user_file, name, shape):
    assert build_model(f"{user_file}:{name}").weight.shape == shape


@pytest.mark.parametrize(
    "name, message",
    [
        ("wrong", "it returned a dict, expected a torch.nn.Module"),
        ("broken", "calling it without arguments raised ValueError: no such width"),
        ("needy", "raised TypeError"),
        ("mak", "did you mean make"),
    ],
)
def test_what_a_user_does_wrong_is_one_line(user_file, name, message):
    with pytest.raises(LandscapeError, match=message) as raised:
        build_model(f"{user_file}:{name}")
    assert "\n" not in str(raised.value) and "nets.py" in str(raised.value)


def test_the_users_exception_is_the_cause(user_file):
    with pytest.raises(LandscapeError) as raised:
        build_model(f"{user_file}:broken")
    assert isinstance(raised.value.__cause__, ValueError)


def test_building_leaves_the_state_dict_alone():
    state = build_zoo("resnet20").state_dict()
    before = {key: value.clone() for key, value in state.items()}
    build_model("resnet20", state_dict=state)
    assert all(torch.equal(state[key], before[key]) for key in before)


def test_a_net_that_lies_in_a_users_module_stays_the_users(tmp_path, monkeypatch):
    """What comes back is filled with a checkpoint and moved about."""
    (tmp_path / "held_net.py").write_text("from torch import nn\nready = nn.Linear(1, 1)\n")
    monkeypatch.syspath_prepend(tmp_path)
    import held_net

    built = build_model("held_net:ready")
    assert built is not held_net.ready and built.weight.data_ptr() != held_net.ready.weight.data_ptr()
    assert torch.equal(built.weight, held_net.ready.weight)
