"""Recognition by names and shapes: all nets of the zoo that load a state dict, and none for other state dicts."""

from pathlib import Path

import pytest
import torch

from landscape.models.recognize import recognize, sizes
from landscape.models.zoo import build_zoo

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["resnet56", "resnet56_noshort"])
def test_the_shipped_nets_are_recognized(name):
    saved = torch.load(ROOT / "checkpoints" / f"{name}_digits.pt", weights_only=True)
    assert saved["landscape"]["model"] == name
    assert name in recognize(saved["state_dict"])


@pytest.mark.parametrize("depth", ["resnet20", "resnet110", "wrn56_2"])
def test_nets_that_differ_in_shortcuts_without_parameters_are_both_named(depth):
    with torch.device("meta"):
        states = [build_zoo(f"{depth}{kind}").state_dict() for kind in ("_a", "_noshort")]
    assert recognize(states[0]) == recognize(states[1]) == (f"{depth}_a", f"{depth}_noshort")


def test_files_without_batch_counters_are_recognized():
    with torch.device("meta"):
        state = build_zoo("resnet20").state_dict()
    assert recognize({key: value for key, value in state.items() if "num_batches_tracked" not in key}) == ("resnet20",)


def test_a_state_dict_that_no_zoo_net_loads_fits_none():
    with torch.device("meta"):
        state = build_zoo("resnet56").state_dict()
    assert recognize(state) == ("resnet56",)
    assert recognize({}) == ()
    assert recognize({f"module.{key}": value for key, value in state.items()}) == ()
    assert recognize({key: value for key, value in state.items() if key != "layer2.3.bn2.bias"}) == ()
    assert recognize({**state, "extra.weight": state["linear.bias"]}) == ()
    assert recognize({**state, "linear.bias": state["conv1.weight"]}) == ()
    assert recognize({key: value for key, value in state.items() if not key.startswith("layer3.8")}) == ()


def test_sizes_come_from_shapes():
    with torch.device("meta"):
        assert sizes(build_zoo("vgg9", image_size=16, in_channels=1).state_dict()) == {
            "num_classes": 10,
            "in_channels": 1,
            "image_size": 16,
        }
    assert sizes({"weight": torch.zeros(3)}) == {}
