"""Learning curves: colour says what, dash says which split, and nothing that was not measured is drawn."""

import numpy as np
import pytest

from landscape.errors import SurfaceFileError, UsageError
from landscape.scene.build import build_scenes
from landscape.scene.compare import build_comparison
from landscape.surfaces.run_log import RunLog

CONFIG = {
    "model": "resnet56", "data": "cifar10", "epochs": 30, "batch_size": 128, "optimizer": "sgd", "momentum": 0.9, "lr": 0.1,
    "schedule": "step", "weight_decay": 0.0005, "label_noise": 0.2, "seed": 0,
}  # fmt: skip


def log_of(columns, *, config=CONFIG, **other):
    """Columns of equal length; None is an empty cell."""
    given = {name: np.array([v is not None for v in cells]) for name, cells in columns.items()}
    values = {name: np.array([np.nan if v is None else v for v in cells], float) for name, cells in columns.items()}
    return RunLog(config, values, given, **other)


def usual(epochs=30, **changed):
    epoch = np.arange(epochs + 1)
    train = [None, *(2.3 * np.exp(-0.15 * epoch[1:]))]
    columns = {
        "epoch": epoch,
        "lr": np.where(epoch < 15, 0.1, 0.001),
        "train_loss": train,
        "train_accuracy": [None if v is None else 1 - v / 2.5 for v in train],
        "test_loss": 0.4 + 2 * np.exp(-0.15 * epoch),
        "test_accuracy": 0.93 - 0.8 * np.exp(-0.15 * epoch),
        "seconds": epoch * 9.0,
    }
    return log_of({**columns, **changed})


def only(log, **options):
    (scene,) = build_scenes([log], kind="curves", **options)
    return scene


def test_curves_axes_and_dashes():
    lines = only(usual()).views[0]
    drawn = {c.metric: (c.right, c.dashed) for c in lines.curves}
    assert drawn == {
        "train_loss": (False, False),
        "test_loss": (False, True),
        "train_accuracy": (True, False),
        "test_accuracy": (True, True),
    }
    by_name = {c.metric: c for c in lines.curves}
    assert by_name["train_loss"].color == by_name["test_loss"].color != by_name["test_accuracy"].color
    np.testing.assert_allclose(by_name["test_accuracy"].y, 93 - 80 * np.exp(-0.15 * np.arange(31)))
    assert (by_name["train_loss"].x[0], by_name["test_loss"].x[0]) == (1.0, 0.0), "step 0 has no training means"
    assert (lines.left.kind, lines.right.label) == ("log", "accuracy (%)")
    assert (lines.left.low < 0.026, lines.left.high > 2.4) == (True, True)


def test_title_facts_and_notes():
    scene = only(usual(test_loss=[np.nan, np.inf, *np.linspace(2, 1, 29)]))
    assert scene.title == "ResNet-56 on CIFAR-10: learning curves"
    assert scene.facts == (
        "SGD, momentum 0.9", "batch of 128", "learning rate 0.1, step schedule", "weight decay 5e-4", "label noise 20 %",
        "30 epochs", "seed 0", f"final test error {100 * (0.07 + 0.8 * np.exp(-4.5)):.4g} %",
    )  # fmt: skip
    assert "test loss: 2 of 31 points not finite (1 inf or beyond 1e38, 1 nan)" in scene.notes
    assert "train: means over the steps since the point before, in training mode" in scene.notes
    assert np.isnan(scene.views[0].curves[1].y[:2]).all()
    changed = RunLog({**CONFIG, "augment": ["crop"]}, usual().columns, usual().given)
    assert any(note.endswith("in training mode, on augmented samples") for note in only(changed).notes)


def test_nothing_is_said_of_what_is_not_known():
    scene = only(log_of({"epoch": [0, 1], "test_loss": [2.0, 1.0]}, config={"label_noise": 0.0}, source="runs/mine"))
    assert scene.title == "mine: test loss"
    assert scene.facts == ("final test loss 1",)
    assert scene.notes == ()
    assert (scene.views[0].strips, scene.views[0].right) == ((), None)


def test_a_run_still_going_says_so():
    scene = only(usual(epochs=12))
    assert "12 of 30 epochs so far" in scene.notes
    assert any(fact.startswith("latest test error") for fact in scene.facts)
    assert scene.frame.x_range == (0.0, 12.0)
    assert "a last line that was cut off is left out" in only(log_of({"epoch": [0], "test_loss": [1]}, cut=True)).notes


def test_a_single_row_is_seen():
    scene = only(log_of({"epoch": [0], "lr": [0.1], "test_loss": [2.3], "test_accuracy": [0.1]}))
    assert scene.frame.x_range == (0.0, 1.0)
    assert all(curve.dots for curve in (*scene.views[0].curves, *scene.views[0].strips[0].curves))
    assert not any(curve.dots for curve in only(usual()).views[0].curves)


@pytest.mark.parametrize(
    ("rates", "kind"),
    [
        (np.repeat([0.1, 0.01, 0.001], 10), "log"),
        (0.05 * (1 + np.cos(np.linspace(0, np.pi, 30))), "linear"),
        (np.geomspace(0.1, 1e-4, 30), "linear"),
        (np.full(30, 0.1), "linear"),
        (np.zeros(30), "linear"),
    ],
)
def test_the_learning_rate_is_whole_and_logarithmic_when_it_falls_in_steps(rates, kind):
    strip = only(log_of({"epoch": np.arange(30), "lr": rates, "test_loss": np.ones(30)})).views[0].strips[0]
    assert strip.axis.kind == kind
    assert strip.axis.low <= rates.min() <= rates.max() <= strip.axis.high
    np.testing.assert_allclose(strip.curves[0].y, rates)


def test_metrics_can_be_chosen_and_the_other_scale_follows():
    assert [c.metric for c in only(usual(), metric="loss").views[0].curves] == ["train_loss", "test_loss"]
    shares = only(usual(), metric="accuracy")
    assert (shares.views[0].left.percent, shares.views[0].right, len(shares.views)) == (True, None, 1)
    assert [view.left.kind for view in only(usual()).views] == ["log", "linear"]
    assert only(usual(), scale="linear", vmax=1.0).views[0].left.high == pytest.approx(1.0, rel=0.05)
    with pytest.raises(UsageError, match="no metric 'lr'"):
        only(usual(), metric="lr")
    with pytest.raises(SurfaceFileError, match="no loss and no accuracy yet"):
        only(log_of({"epoch": [0.0], "lr": [0.1]}))


def test_runs_side_by_side_share_axes_and_tell_common_facts_once():
    high = usual(epochs=12, test_loss=np.linspace(90, 3, 13))
    high = RunLog(CONFIG, high.columns, high.given, "runs/two")
    low = RunLog({**CONFIG, "seed": 1}, usual().columns, usual().given, "runs/one")
    found = build_comparison([low, high], kind="curves")
    assert found.names == ("one", "two")
    assert found.title == "Learning curves"
    one, two = (panel.views[0] for panel in found.panels)
    assert (one.left, one.right, one.strips[0].axis) == (two.left, two.right, two.strips[0].axis)
    assert one.left.low < 0.03 and one.left.high > 90, "the axis holds the values of both"
    assert found.panels[0].frame.x_range == found.panels[1].frame.x_range == (0.0, 30.0)
    assert "batch of 128" in found.facts
    assert "seed 1" in found.panels[0].facts and "seed 0" in found.panels[1].facts
    with pytest.raises(UsageError, match="at least two runs"):
        build_comparison([low], kind="curves")
    with pytest.raises(UsageError, match="different metrics"):
        build_comparison([low, log_of({"epoch": [0, 1], "test_loss": [2, 1]})], kind="curves")
