"""What trackers of experiments are sent: the picture that `plot` writes, and the numbers of the result."""

import sys
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import landscape as ll
from landscape.grid import Grid, parse_range
from landscape.quantity import EIGENVALUE, HESSIAN, LARGEST, Quantity
from landscape.surfaces.surface import DONE, PENDING, Surface
from landscape.tracking import numbers_of

SPECTRUM = Path(__file__).parent / "golden" / "files" / "spectrum.h5"


@pytest.fixture
def surface():
    grid = Grid.of(parse_range("-1:1:5"), parse_range("-1:1:3"))
    x, y = np.meshgrid(*(axis.values for axis in grid.axes))
    loss = 0.25 + x**2 + x * y
    loss[0, 0] = np.inf
    status = np.full(loss.shape, DONE, dtype=np.uint8)
    status[2, 4] = PENDING
    loss[2, 4] = np.nan
    return Surface(
        grid,
        {"train_loss": loss, "train_samples": np.full(loss.shape, 8.0), "hessian_max": 3 + x},
        status={"evaluation": status, HESSIAN: np.full_like(status, DONE)},
        quantities={"hessian_max": Quantity("hessian_max", "largest", EIGENVALUE, group=HESSIAN, role=LARGEST)},
        source="somewhere/s.h5",
    )


NUMBERS = {"train_loss": 0.25, "train_loss_lowest": 0.0, "train_loss_highest": 1.25, "hessian_max": 3.0}


def pixels(file):
    from PIL import Image

    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"))


@pytest.fixture
def picture(surface, tmp_path):
    return pixels(ll.plot(surface, out=tmp_path / "p.png", dpi=60)[0])


class Image:
    def __init__(self, value, caption=None):
        self.value, self.caption = value, caption


@pytest.fixture(params=["wandb", "trackio"])
def tracker(request, monkeypatch):
    """A module with the documented interface: `Image(value, caption)`, `Run.log(data, step)`, `log(data, step)`."""
    module = types.ModuleType(request.param)
    calls = []

    class Run:
        def log(self, data, step=None):
            calls.append((data, step))

    # wandb.Run is defined in wandb.sdk.wandb_run, trackio.Run in trackio.run
    Run.__module__ = f"{request.param}.run"
    module.Image, module.Run, module.log, module.calls = Image, Run, Run().log, calls
    monkeypatch.setitem(sys.modules, request.param, module)
    return module


def test_a_run_gets_all_of_a_step_in_one_call(surface, picture, tracker):
    sent = ll.log_to(tracker.Run(), surface, step=7, dpi=60)
    assert sent == {f"landscape/{name}": value for name, value in NUMBERS.items()}
    ((data, step),) = tracker.calls
    image = data.pop("landscape/picture")
    assert step == 7 and data == sent and image.caption == "s.h5"
    np.testing.assert_array_equal(image.value, picture)


def test_the_module_itself_is_a_tracker(surface, tracker):
    ll.log_to(tracker, surface, name="epochs/plane", kind="heatmap", metric="train_loss", dpi=30)
    ((data, step),) = tracker.calls
    assert step is None and set(data) == {"epochs/plane/picture", *(f"epochs/plane/{name}" for name in NUMBERS)}


def test_tensorboard_shows_the_same_picture_and_numbers(surface, picture, tmp_path):
    """Through the real library, and read back by it."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path / "log") as writer:
        for step in (3, 9):
            ll.log_to(writer, surface, step=step, dpi=60)
    events = EventAccumulator(str(tmp_path / "log")).Reload()
    for name, value in NUMBERS.items():
        assert [(each.step, each.value) for each in events.Scalars(f"landscape/{name}")] == [(3, value), (9, value)]
    images = events.Images("landscape/picture")
    (tmp_path / "shown.png").write_bytes(images[-1].encoded_image_string)
    assert [each.step for each in images] == [3, 9]
    np.testing.assert_array_equal(pixels(tmp_path / "shown.png"), picture)


def test_numbers_that_are_not_known_are_left_out(surface):
    surface.status["evaluation"][1, 2] = PENDING
    assert set(numbers_of(surface)) == set(NUMBERS) - {"train_loss"}
    surface.status["evaluation"][:] = PENDING
    assert set(numbers_of(surface)) == {"hessian_max"}
    off = Surface(Grid.of(parse_range("0.5:1:3")), {"train_loss": np.array([3.0, 2.0, np.nan])})
    assert numbers_of(off) == {"train_loss_lowest": 2.0, "train_loss_highest": 3.0}


def test_numbers_of_a_spectrum(tracker):
    spectrum = ll.load_spectrum(SPECTRUM)
    sent = ll.log_to(tracker.Run(), SPECTRUM, dpi=30)
    assert sent["landscape/hessian_max"] == spectrum.whole.values.max()
    assert sent["landscape/hessian_min"] == spectrum.whole.values.min()
    assert np.isnan(spectrum.whole.trace) and "landscape/hessian_trace" not in sent
    block = replace(spectrum.whole, trace=4.5)
    assert numbers_of(replace(spectrum, blocks={"all": block}))["hessian_trace"] == 4.5


@pytest.mark.parametrize("run", [None, 3, "runs/log", object(), Image(1)])
def test_what_is_no_tracker_is_refused(surface, run):
    with pytest.raises(
        ll.UsageError, match="^run .*: expected a SummaryWriter of TensorBoard or a run of wandb or trackio"
    ):
        ll.log_to(run, surface)


def test_options_and_results_that_cannot_be(surface, tracker):
    run = tracker.Run()
    with pytest.raises(ll.UsageError, match="log_to has no option 'metrc'; did you mean metric"):
        ll.log_to(run, surface, metrc="train_loss")
    with pytest.raises(ll.UsageError, match="surfaces 3: expected a result"):
        ll.log_to(run, 3)
    with pytest.raises(ll.UsageError, match="step -1: expected at least 0"):
        ll.log_to(run, surface, step=-1)
    with pytest.raises(ll.UsageError, match="kind 'line' does not fit"):
        ll.log_to(run, surface, kind="line")
    assert not tracker.calls
