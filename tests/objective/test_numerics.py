"""Device and precision: what is asked for is what is used, or one line says why not."""

import contextlib

import pytest
import torch

from landscape.data import memory
from landscape.errors import LandscapeError, UsageError
from landscape.objective.numerics import (
    _SAME_KERNELS,
    PRECISIONS,
    _tf32_switches,
    choose_device,
    dtype_of,
    memory_budget,
    numerics,
    sharers_of,
)


def test_cpu():
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there():
    assert choose_device("auto") == torch.device("cpu")
    for spec in ("cuda", "cuda:0"):
        with pytest.raises(LandscapeError, match=f"device '{spec}': .*use --device cpu") as raised:
            choose_device(spec)
        assert "\n" not in str(raised.value)


def test_gpus_are_shared_by_the_ranks_of_a_machine(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [choose_device("auto", rank).index for rank in range(5)] == [0, 1, 0, 1, 0]
    assert choose_device("cuda:1", 0).index == 1 and choose_device("cpu", 1).type == "cpu"
    with pytest.raises(LandscapeError, match="device 'cuda:2': torch sees 2 GPUs, numbered from 0"):
        choose_device("cuda:2")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (80e9, 80e9))
    shares = {
        spec: [memory_budget(torch.device("cuda", 0), sharers_of(spec, ranks)) for ranks in (1, 2, 3, 4)]
        for spec in ("auto", "cuda", torch.device("cuda", 0))
    }
    assert shares["auto"] == shares["cuda"] == [40e9, 40e9, 20e9, 20e9]
    assert shares[torch.device("cuda", 0)] == [40e9, 20e9, 40e9 / 3, 10e9]  # one that is named is everyone's


@pytest.mark.parametrize("spec", ["gpu", "cuda:x", "tpu", ""])
def test_unknown_devices(spec):
    with pytest.raises(UsageError, match=f"device '{spec}': expected auto, cpu, cuda or cuda:N"):
        choose_device(spec)


def test_memory_is_shared_by_the_ranks_of_a_machine(monkeypatch):
    monkeypatch.setattr(memory, "free_host_memory", lambda: 16e9)
    assert memory_budget(torch.device("cpu")) == 8e9 and memory_budget(torch.device("cpu"), 4) == 2e9


def test_precisions():
    assert {name: dtype_of(name) for name in PRECISIONS}["fp64"] == torch.float64
    with pytest.raises(UsageError, match="precision 'half': expected one of fp32"):
        dtype_of("half")


@pytest.fixture
def switches():
    """Torch's switches for TF32 and cuDNN's kernels, as they were put back afterwards: they are global."""
    places = [(owner, name) for owner, name, *_ in _tf32_switches() + _SAME_KERNELS]
    before = [(owner, name, getattr(owner, name)) for owner, name in places]
    yield [(owner, name) for owner, name, _ in before]
    for owner, name, value in before:
        setattr(owner, name, value)


@pytest.fixture
def chosen(monkeypatch):
    """The GPUs that were made the current one, in a `with`; none is needed."""
    entered = []

    @contextlib.contextmanager
    def device(which):
        entered.append(which)
        yield

    monkeypatch.setattr(torch.cuda, "device", device)
    return entered


@pytest.mark.filterwarnings("ignore:.*CUDA is not available:UserWarning")
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("allowed", [True, False])
def test_switches_are_set_and_put_back_after_an_exception(allowed, precision, switches, chosen):
    """They can be read and set without a GPU. fp32 means fp32, independent of the settings of the program around it."""
    table = _tf32_switches()
    for owner, name, yes, no in table:
        setattr(owner, name, yes if allowed else no)
    torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = allowed, not allowed
    before = [getattr(owner, name) for owner, name in switches]
    with pytest.raises(ZeroDivisionError), numerics(precision, torch.device("cuda", 1)):
        assert not torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
        for owner, name, yes, no in table:
            assert getattr(owner, name) == (yes if precision in ("tf32", "bf16") else no)
        assert torch.backends.cudnn.deterministic and not torch.backends.cudnn.benchmark  # the same bits each time
        assert chosen == [torch.device("cuda", 1)]  # and not the first GPU
        raise ZeroDivisionError
    assert [getattr(owner, name) for owner, name in switches] == before and torch.is_grad_enabled()


@pytest.mark.skipif(not hasattr(torch.backends.cudnn, "conv"), reason="this torch has the older switches only")
def test_a_program_may_use_either_generation_of_switches(switches, chosen):
    """torch refuses to read the older switches after a newer one was set."""
    for owner, name, value in (
        (torch.backends.cuda.matmul, "fp32_precision", "tf32"),
        (torch.backends.cuda.matmul, "allow_tf32", False),
    ):
        setattr(owner, name, value)
        with numerics("fp32", torch.device("cuda")):
            assert torch.backends.cuda.matmul.fp32_precision == "ieee"
        assert getattr(owner, name) == value


def test_on_the_cpu_they_are_not_touched(switches):
    before = [getattr(owner, name) for owner, name in switches]
    with numerics("tf32", torch.device("cpu")):
        assert [getattr(owner, name) for owner, name in switches] == before
