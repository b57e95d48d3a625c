"""Laws of products in float32 and bfloat16: right to their digits, whatever is kept, and used where they pay."""

import pytest
import torch

from landscape.errors import UsageError
from landscape.program.hvp import HvpProgram, Step, Tape
from landscape.program.rules import Rule
from tests.curvature.nets import NETS, resnet, seen


@pytest.mark.parametrize(
    "name, ignore",
    [*((name, "biasbn") for name in NETS), *((name, "none") for name in ("projection", "joined", "transposed"))],
)
def test_single_precision_and_half_of_it_are_right_to_their_digits(name, ignore, images, products):
    """In float32 convolutions are added onto what is there; in bfloat16 rectifiers are masks of bits."""
    torch.manual_seed(0)
    net = seen(NETS[name]())
    data = (images[0].float(), images[1])
    truth = products(net, images, batch_size=10, ignore=ignore)
    found = products(net, data, batch_size=10, ignore=ignore, precision="fp32", backend="program")
    rough = found.low_precision("bf16")
    found.refresh()
    vector = truth.gaussian(0)
    expected, roughly = truth(vector), rough(vector.float())
    assert (found(vector.float()) - expected).norm() <= 1e-5 * expected.norm()
    assert (roughly - expected).norm() <= 0.02 * expected.norm()
    assert (roughly - expected).norm() >= 1e-5 * expected.norm(), "a low-precision product is not this exact"
    assert roughly.dtype == torch.float32
    gauss_newton = products(net, data, batch_size=10, ignore=ignore, precision="fp32", matrix="ggn")
    roughly = gauss_newton.low_precision("bf16")
    gauss_newton.refresh()
    assert (roughly(vector.float()) - gauss_newton(vector.float())).norm() <= 0.03 * expected.norm()


def test_low_precision_products_do_not_depend_on_what_is_kept(images, products):
    torch.manual_seed(0)
    net, data = seen(resnet("projection")), (images[0].float(), images[1])
    found, kept, budgets = [], [], [float("inf")]
    while budgets:
        made = products(net, data, batch_size=5, precision="fp32", backend="program", budget=budgets.pop())
        rough = made.low_precision("bf16")
        made.refresh()
        kept.append((len(made._backend._tapes), len(made._backend._low_tapes)))
        if len(kept) == 1:
            budgets = [0, 1.1 * sum(tape.nbytes for tape in made._backend._low_tapes.values())]
        vector = made.gaussian(0)
        found.append((rough(vector), made(vector)))
    assert kept[0][0] == kept[0][1] == 5 and kept[2] == (0, 0)
    assert kept[1] == (0, 5), "rough tapes are kept first, as more products are made of them"
    for other in found[1:]:
        assert torch.equal(other[0], found[0][0]) and torch.equal(other[1], found[0][1])


def test_a_tape_is_rounded_tensor_by_tensor():
    """Also tensors that are gone when the next comes: what is known by its id alone would be taken for another."""

    class Fresh(Rule):
        def rounded(self, kept, cast):
            return tuple(cast(torch.full((3,), float(number))) for number in range(100))

    program = HvpProgram([Step(Fresh(), (0,), (True,), True)] * 2)
    held = torch.full((3,), 5.0)
    tape = program.rounded_tape(Tape([held, held], [held, None], 0.0, held, lambda t: t), torch.bfloat16)
    for kept in tape.kept:
        assert [float(each[0]) for each in kept] == list(range(100))
    assert tape.cotangents[0].dtype == tape.slope.dtype == tape.loss_hvp(tape.slope).dtype == torch.bfloat16


def test_low_precision_products_follow_the_weights(images, products):
    torch.manual_seed(0)
    net, data = seen(resnet("padding")), (images[0].float(), images[1])
    made = products(net, data, precision="fp32", backend="program")
    rough = made.low_precision("bf16")
    made.refresh()
    vector = made.gaussian(0)
    before = rough(vector)
    made._objective.weights.mul_(1.5)
    made.refresh()
    assert (rough(vector) - made(vector)).norm() <= 0.02 * made(vector).norm()
    assert (rough(vector) - before).norm() > 0.1 * before.norm()


@pytest.mark.parametrize("faster, off, taken", [(3.0, 0.01, True), (1.1, 0.01, False), (3.0, 0.2, False)])
def test_low_precision_products_are_taken_where_they_pay(faster, off, taken, images, products, monkeypatch):
    from landscape.curvature import operator as room
    from landscape.curvature.tapes import ProgramBackend

    torch.manual_seed(0)
    made = products(seen(resnet("padding")), (images[0].float(), images[1]), precision="fp32", backend="program")
    measure = ProgramBackend.use_low_precision
    monkeypatch.setattr(ProgramBackend, "use_low_precision", lambda self: (measure(self), (faster, off))[1])
    assert made.low_precision() is None, "too few parameters for a search"
    monkeypatch.setattr(room, "MIN_PARAMETERS", 1)
    monkeypatch.setattr(room, "multiplies_bf16", lambda device: True)
    assert (made.low_precision() is not None) is taken
    made.refresh()
    assert bool(made._backend._low_tapes) is taken, "nothing is rounded for nothing"
    assert made.low_precision("exact") is None
    monkeypatch.setattr(room, "multiplies_bf16", lambda device: False)
    assert made.low_precision() is None, "not even tried"


def test_low_precision_products_that_cannot_be_had_are_refused(images, products):
    torch.manual_seed(0)
    net = seen(resnet("padding"))
    with pytest.raises(UsageError, match="search bf16: the precision is fp64"):
        products(net, images).low_precision("bf16")
    graph = products(net, (images[0].float(), images[1]), precision="fp32", backend="graph")
    with pytest.raises(UsageError, match="search bf16: products are by graph"):
        graph.low_precision("bf16")
    assert graph.low_precision() is None and products(net, images).low_precision() is None
    with pytest.raises(UsageError, match="search 'quick': expected auto, bf16, exact"):
        graph.low_precision("quick")
