"""The machine of `tests/pretend_gpu.py`: it counts what a GPU would be waited for, and refuses what a GPU refuses."""

import pytest
import torch

from tests.pretend_gpu import CPU, GPU, MixedDevices, pretend_gpu


@pytest.fixture
def gpu():
    with pretend_gpu() as machine:
        yield machine


class TestTheMachine:
    def test_refuses_to_mix_devices(self, gpu):
        there = torch.ones(3, device=GPU)
        assert there.device == GPU and there.is_cuda and (there * 2)[1:].device == GPU and there.cpu().device == CPU
        assert (there * torch.tensor(2.0)).device == GPU  # a single number may come from the CPU
        for wrong in (lambda: there + torch.ones(3), lambda: torch.cat([there, torch.ones(3)]), lambda: there.addmv_(
            torch.ones(3, 3), there)):  # fmt: skip
            with pytest.raises(MixedDevices):
                wrong()
        with pytest.raises(TypeError, match="Use Tensor.cpu"):
            there.numpy()

    def test_sees_backward_passes(self, gpu):
        class Wrong(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x * 2

            @staticmethod
            def backward(ctx, cotangent):
                return cotangent * torch.ones(3)

        leaf = torch.ones(3, device=GPU, requires_grad=True)
        assert torch.autograd.grad((leaf * leaf).sum(), leaf)[0].device == GPU
        with pytest.raises(MixedDevices):
            Wrong.apply(leaf).sum().backward()

    def test_knows_what_is_waited_for(self, gpu):
        there = torch.ones(3).to(GPU, non_blocking=True)
        assert not gpu.waits
        for wait in (lambda: float(there.sum()), there.cpu, there.tolist, lambda: torch.zeros(3).to(GPU)):
            gpu.waits.clear()
            wait()
            assert len(gpu.waits) == 1, gpu.waits
        with pytest.raises(AssertionError, match="before it has arrived"):
            there.to("cpu", non_blocking=True)
