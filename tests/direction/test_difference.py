"""The direction between two nets: coordinate 0 is the one, 1 the other, in any stored precision."""

import pytest
import torch

from landscape.direction.difference import weight_difference


@pytest.mark.parametrize("stored", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_origin_plus_difference_is_the_target(stored):
    torch.manual_seed(0)
    a, b = {"w": torch.randn(500).to(stored)}, {"w": torch.randn(500).mul(1e-3).to(stored)}
    found = weight_difference(a, b)["w"]
    assert found.dtype == (torch.float64 if stored == torch.float64 else torch.float32)
    reached = a["w"].to(found.dtype) + found
    assert torch.allclose(reached, b["w"].to(found.dtype), rtol=0, atol=4 * torch.finfo(found.dtype).eps)


def test_names_of_the_origin_only_and_nothing_shared():
    a, b = {"w": torch.zeros(2)}, {"w": torch.ones(2), "running_mean": torch.ones(3)}
    found = weight_difference(a, b)
    assert list(found) == ["w"]
    found["w"].zero_()
    assert b["w"].tolist() == [1.0, 1.0]
