"""The loss after an attack: closed forms of linear nets, its bounds, and what it does not depend on."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import landscape as ll
from landscape.data.normalize import Normalize
from landscape.data.pixels import UNIT, Pixels
from landscape.errors import LandscapeError, UsageError
from landscape.objective.adversarial import passed, worst
from landscape.objective.attack import attack_of
from landscape.objective.loss import make_measure
from landscape.objective.robust import RobustMeasure

GENERATOR = torch.Generator().manual_seed(1)
INPUTS = torch.randn(24, 6, generator=GENERATOR, dtype=torch.float64)
LABELS = torch.randint(0, 2, (24,), generator=GENERATOR)
IMAGES = torch.rand(12, 2, 6, 6, generator=GENERATOR)
CLASSES = torch.randint(0, 3, (12,), generator=GENERATOR)
RANGE = {"x": (-1, 1, 5), "precision": "fp64", "quiet": True, "norm": "none", "ignore": "none"}


@pytest.fixture(scope="module")
def linear():
    torch.manual_seed(0)
    return nn.Linear(6, 2).double()


def along_line(net: nn.Module, data, **options) -> ll.Surface:
    return ll.line(model=net, data=data, **{**RANGE, **options})


def closed_form(net: nn.Linear, weights: torch.Tensor, bias: torch.Tensor, eps: float, norm: float) -> torch.Tensor:
    """Of two classes: softplus(eps |w_1 - w_0| in the dual norm - margin)."""
    signs = 2.0 * LABELS - 1
    gap = weights[1] - weights[0]
    margin = signs * (INPUTS @ gap + bias[1] - bias[0])
    dual = torch.linalg.vector_norm(gap, 1 if norm == float("inf") else 2)
    return F.softplus(eps * dual - margin).mean()


@pytest.mark.parametrize(
    ("attack", "norm"),
    [
        ("fgsm(eps=0.3)", float("inf")),
        ("fgsm(eps=0.3, norm=2)", 2),
        ("pgd(eps=0.3, steps=8)", float("inf")),
        ("pgd(eps=0.3, steps=60, step=0.1, norm=2)", 2),
    ],
)
def test_of_a_linear_net_it_is_the_closed_form_at_every_point(linear, attack, norm):
    found = along_line(linear, (INPUTS, LABELS), attack=attack)
    torch.manual_seed(0)
    for index, place in enumerate(found.x):
        moved = _at(linear, float(place))
        expected = closed_form(linear, moved.weight, moved.bias, 0.3, norm)
        assert found.values["train_loss"][index] == pytest.approx(float(expected.detach()), rel=1e-6)


def _at(net: nn.Module, place: float) -> nn.Module:
    """The net where `along_line` measures, by plain torch: its first random direction."""
    import copy

    from landscape.direction.random import gaussian

    moved = copy.deepcopy(net)
    direction = gaussian(dict(net.named_parameters()), seed=0, axis=0)
    with torch.no_grad():
        for name, parameter in moved.named_parameters():
            parameter.add_(direction[name].double(), alpha=place)
    return moved


def test_a_ball_of_radius_zero_gives_the_loss_bit_for_bit(cnn):
    plain = along_line(cnn(), (IMAGES, CLASSES), precision="fp32")
    none = along_line(cnn(), (IMAGES, CLASSES), precision="fp32", attack="pgd(eps=0)")
    for name, values in plain.values.items():
        np.testing.assert_array_equal(none.values[name], values)
    # also where the attack is carried out
    measure, net, batch = make_measure("cross_entropy", None)[0], cnn(), (IMAGES, CLASSES)
    attacked = RobustMeasure(measure, attack_of("pgd(eps=0)"), Pixels())
    with torch.no_grad():
        for name, values in measure(net, batch).items():
            assert torch.equal(attacked(net, batch)[name], values)


@pytest.mark.parametrize("attack", ["fgsm(eps=2)", "pgd(eps=0.5, steps=3)", "pgd(eps=3, steps=2, norm=2)"])
def test_no_sample_has_less_loss_than_without_the_attack(cnn, attack):
    measure, net = make_measure("cross_entropy", None)[0], cnn()
    with torch.inference_mode():
        plain = measure(net, (IMAGES, CLASSES))["loss"]
        found = RobustMeasure(measure, attack_of(attack), Pixels())(net, (IMAGES, CLASSES))["loss"]
    assert (found >= plain).all() and (found > plain).any()
    assert not found.requires_grad


@pytest.mark.parametrize("attack", ["pgd(eps=0.1, steps=4)", "pgd(eps=0.4, steps=4, norm=2)"])
def test_every_step_stays_in_the_ball_and_among_valid_pixels(cnn, attack):
    net, given = cnn(), attack_of(attack)
    normalize = Normalize("two", (0.4, 0.6), (0.5, 0.2))
    pixels = Pixels(normalize, UNIT)
    inputs = normalize(IMAGES, torch.float32)
    steps = list(passed(lambda x: F.cross_entropy(net(x), CLASSES, reduction="none"), inputs, given, pixels, seed=0))
    assert len(steps) == 5
    for moved, values in steps:
        there = pixels.of(moved)
        size = torch.linalg.vector_norm((there - IMAGES).flatten(1), given.norm, dim=1)
        assert float(size.max()) <= given.eps * (1 + 1e-5)
        assert float(there.min()) >= -1e-6 and float(there.max()) <= 1 + 1e-6
        torch.testing.assert_close(values, F.cross_entropy(net(moved), CLASSES, reduction="none").detach())
    best = worst(lambda x: F.cross_entropy(net(x), CLASSES, reduction="none"), inputs, given, pixels)
    most = torch.stack([values for _, values in steps]).max(dim=0).values
    with torch.no_grad():
        found = F.cross_entropy(net(best), CLASSES, reduction="none")
    assert (found >= most - 1e-6).all()


def test_the_size_of_batches_does_not_change_it(cnn):
    options = {"attack": "pgd(eps=0.2, steps=3)", "y": (-1, 1, 3), "x": (-1, 1, 3), "norm": None, "ignore": None}
    whole, parts = (
        ll.surface(
            model=cnn(), data=(IMAGES.double(), CLASSES), precision="fp64", quiet=True, batch_size=size, **options
        )
        for size in (12, 5)
    )
    np.testing.assert_allclose(parts.values["train_loss"], whole.values["train_loss"], rtol=1e-9)
    np.testing.assert_allclose(parts.stderr["train_loss"], whole.stderr["train_loss"], rtol=1e-9)
    assert whole.quantity("train_loss").label == "robust train loss"
    assert whole.provenance["attack"].startswith("pgd(eps=0.2, steps=3,")


def test_its_hessian_is_that_of_the_closed_form(linear, tmp_path):
    out = tmp_path / "a.h5"
    ll.surface(
        model=linear, data=(INPUTS, LABELS), x=(-1, 1, 3), y=(-1, 1, 3), precision="fp64", quiet=True, attack="fgsm(eps=0.3)",
        out=out, norm="none", ignore="none",
    )  # fmt: skip
    found = ll.hessian(out, model=linear, data=(INPUTS, LABELS), ignore="none", tolerance=1e-6, quiet=True)

    def loss(flat):
        return closed_form(linear, flat[:12].reshape(2, 6), flat[12:], 0.3, float("inf"))

    flat = torch.cat([linear.weight.detach().flatten(), linear.bias.detach()])
    ends = torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss, flat))
    assert found.at_origin("hessian_max") == pytest.approx(float(ends[-1]), rel=1e-5)


@pytest.mark.parametrize("norm", ["", ", norm=2"])
def test_more_restarts_never_find_less(cnn, norm):
    """The starts of fewer restarts are among those of more; and another seed has other starts."""
    measure, net = make_measure("cross_entropy", None)[0], cnn()

    def found(settings: str) -> torch.Tensor:
        attack = attack_of(f"pgd(eps=0.4, steps=2, step=0.1{norm}, {settings})")
        with torch.inference_mode():
            return RobustMeasure(measure, attack, Pixels())(net, (IMAGES, CLASSES))["loss"]

    losses = [found(f"restarts={count}") for count in (1, 2, 3, 6)]
    for few, many in itertools.pairwise(losses):
        assert (many >= few).all()
    assert (losses[-1] > losses[0]).any()
    single = torch.stack([found(f"seed={seed}") for seed in range(3)])
    assert torch.equal(single.amax(0), losses[2])


def test_a_target_is_where_the_steps_lead_and_the_largest_loss_is_taken(linear):
    """Of a linear net of three classes each step goes along the signs of the slope of the target's loss."""
    torch.manual_seed(0)
    net, eps = nn.Linear(6, 3).double(), 0.3
    measure = make_measure("cross_entropy", None)[0]
    attack = attack_of(f"pgd(eps={eps}, steps=1, step={eps}, start=0, target=2)")
    found = RobustMeasure(measure, attack, Pixels())(net, (INPUTS, LABELS))
    moved = INPUTS.clone().requires_grad_()
    towards = F.cross_entropy(net(moved), torch.full_like(LABELS, 2), reduction="sum")
    end = INPUTS - eps * torch.autograd.grad(towards, moved)[0].sign()
    plain, there = (F.cross_entropy(net(each), LABELS, reduction="none") for each in (INPUTS, end))
    torch.testing.assert_close(found["loss"], torch.maximum(plain, there))
    with pytest.raises(UsageError, match="target=2 is a class, and the targets of these data are not class numbers"):
        along_line(nn.Linear(6, 3).double(), (INPUTS, INPUTS[:, :3]), loss="mse", attack="pgd(target=2)")
    with pytest.raises(UsageError, match="target=7: the net has 2 classes, counted from 0"):
        along_line(linear, (INPUTS, LABELS), attack="pgd(target=7)")


def test_a_faster_program_finds_the_same(cnn):
    options = {"precision": "fp32", "attack": "pgd(eps=0.2, steps=3)", "norm": None, "ignore": None}
    plain, fast = (along_line(cnn(), (IMAGES, CLASSES), plain=plain, **options) for plain in (True, False))
    assert (plain.known.run.program, fast.known.run.program) == ("plain", "folded")
    np.testing.assert_allclose(fast.values["train_loss"], plain.values["train_loss"], rtol=1e-4)


@pytest.mark.parametrize(
    "measure",
    [
        lambda **given: ll.flatness("no.pt", **given),
        lambda **given: ll.spectrum("no.pt", **given),
        lambda **given: ll.surface("no.pt", along="hessian", x="0:1:2", y="0:1:2", **given),
    ],
    ids=["flatness", "spectrum", "along"],
)
def test_curvature_after_turning_steps_is_refused_before_any_file_is_read(measure):
    with pytest.raises(UsageError, match="turn with the weights.*leave out norm=2"):
        measure(attack="pgd(eps=1, norm=2)", quiet=True)


def test_what_has_no_such_loss_is_refused_in_one_line(linear, cnn):
    data = (INPUTS, LABELS)
    cases = [
        (lambda: ll.spectrum(model=linear, data=data, attack="pgd(eps=1, norm=2)", quiet=True), "turn with the weights"),
        (lambda: along_line(linear, data, attack="fgsm", loss="cross_entropy(weight=[1, 2])"), "a sum and its weight"),
        (
            lambda: along_line(nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(8, 2)).double(),
                               (torch.randint(0, 9, (6, 2)), LABELS[:6]), attack="fgsm"),
            "moves inputs that are real numbers",
        ),
        (lambda: along_line(cnn(), (IMAGES, CLASSES), attack="fgsm", batchnorm="recompute"), "statistics of attacked inputs"),
        (lambda: along_line(linear, data, attack="fgsm", metrics="accuracy"), "none among the metrics; include loss"),
        (
            lambda: along_line(nn.Sequential(linear, nn.BatchNorm1d(2, track_running_stats=False)), data, attack="fgsm"),
            "depends on the others of its batch",
        ),
    ]  # fmt: skip
    for run, says in cases:
        with pytest.raises((UsageError, LandscapeError), match=says) as refusal:
            run()
        assert "\n" not in str(refusal.value)


def test_a_loss_that_is_not_a_number_is_not_replaced_by_one_that_is():
    """What cannot be compared is the worst that was found."""
    inputs, attack = torch.zeros(2, 1, dtype=torch.float64), attack_of("pgd(eps=1, steps=8, step=0.5)")

    def losses(x):
        lost = (x.detach()[:, 0] == 0) & (torch.arange(2) == 0)
        return (x[:, 0] + 1) * torch.where(lost, float("nan"), 1.0)

    found = worst(losses, inputs, attack, Pixels())
    assert found[0, 0] == 0 and found[1, 0] == 1
