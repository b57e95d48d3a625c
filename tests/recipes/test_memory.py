"""Peak memory of the real command, in multiples of the bytes of the parameters (docs/performance.md has larger nets)."""

import importlib.util
from pathlib import Path

import pytest

# Parameters; of a small convolutional net, the activations would count too much.
MILLIONS = {"mlp": 10, "conv": 20}
# What large tensors need and tiny ones do not (packed matrices, float64 of a block) does not grow with the net.
SLACK = 16e6

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")


@pytest.fixture(scope="module")
def measure():
    path = Path(__file__).resolve().parents[2] / "scripts" / "measure_memory.py"
    spec = importlib.util.spec_from_file_location("measure_memory", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def times(measure, tmp_path_factory):
    """times(kind, *options) -> (peak - peak of a tiny net - slack) / bytes of the parameters."""
    made = {}

    def ratio(kind: str, *options: str) -> float:
        if kind not in made:
            small, folder = tmp_path_factory.mktemp("small"), tmp_path_factory.mktemp("large")
            measure.make(small, kind, 1e-4)
            made[kind] = folder, measure.make(folder, kind, MILLIONS[kind]), measure.peak(small)[0]
        folder, parameters, base = made[kind]
        return (measure.peak(folder, *options)[0] - base - SLACK) / (4 * parameters)

    return ratio


@pytest.mark.parametrize("kind", ["mlp", pytest.param("conv", marks=pytest.mark.slow)])
def test_a_plane_takes_origin_net_and_two_directions_and_never_five_times_the_parameters(times, kind):
    """Whatever is copied once more, at any moment from reading the checkpoint on, makes it five."""
    assert 3.5 < times(kind) <= 4.5


def test_lean_takes_one_net(times):
    assert 0.8 < times("mlp", "--lean") <= 1.6  # a second copy makes it two; what does not grow takes some
