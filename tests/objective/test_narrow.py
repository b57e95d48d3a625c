"""Precision bf16-true: weights stay in bfloat16, and a point is a sum in float32 that is rounded once."""

import pytest
import torch
from torch import nn

import landscape as ll
from landscape.direction.filters import filter_rules
from landscape.direction.normalize import normalized
from landscape.direction.random import gaussian
from landscape.errors import UsageError
from landscape.options.option import Given
from landscape.scene.facts.surface import facts
from landscape.study.on_slice import Asked, on_plane
from landscape.sweep.world import World

ASKED = {"lean": True, "precision": "bf16-true", "quiet": True, "threads": 1}
POINTS = {"x": (-1, 1, 3), "y": (0, 0.3, 2), **ASKED}
PLACES = [(a, b) for b in (0.0, 0.3) for a in (-1.0, 0.0, 1.0)]


def net(seed=0):
    torch.manual_seed(seed)
    layers = (
        nn.Conv1d(2, 8, 3),
        nn.BatchNorm1d(8),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(48, 40),
        nn.LayerNorm(40),
        nn.Linear(40, 3),
    )
    found = nn.Sequential(*layers)
    found[1].running_var.uniform_(0.5, 2)
    return found.bfloat16().eval()


@pytest.fixture(scope="module")
def data():
    source = torch.Generator().manual_seed(1)
    return torch.randn(20, 2, 8, generator=source), torch.randint(0, 3, (20,), generator=source)


def loss_of(model, data):
    """What plain torch gives for a net in bfloat16, with the loss in float32."""
    with torch.no_grad():
        return (
            nn.functional.cross_entropy(model(data[0].bfloat16()).float(), data[1], reduction="none")
            .double()
            .mean()
            .item()
        )


def sums(model, place, only=""):
    """Each weight in float32: the stored one, and two multiples added to it."""
    stored = {name: each.detach().float() for name, each in model.named_parameters() if name.startswith(only)}
    found = {name: each.clone() for name, each in stored.items()}
    for axis, coordinate in enumerate(place):
        drawn = normalized(gaussian(stored, seed=0, axis=axis), stored, filter_rules(model))
        for name, each in found.items():
            each.add_(drawn[name], alpha=coordinate)
    return found


def moved(model, place):
    for name, each in sums(model, place).items():
        model.get_parameter(name).data = each.bfloat16()
    return model


def test_values_are_those_of_torchs_bfloat16_net_at_the_sum_rounded_once(data):
    mine = net()
    before = {name: each.clone() for name, each in mine.state_dict().items()}
    surface = ll.surface(model=mine, data=data, **POINTS)
    found = surface.values["train_loss"].reshape(-1)
    wanted = [loss_of(moved(net(), place), data) for place in PLACES]
    assert found.tolist() == wanted and len(set(wanted)) == len(wanted)
    assert found[1] == loss_of(net(), data), "the net itself"
    assert all(torch.equal(each, before[name]) for name, each in mine.state_dict().items())
    assert "weights stored in bfloat16, moved in float32 and rounded at each point" in facts(surface)


def plane(data, **options):
    ranges = {name: options.get(name, "-1:1:3") for name in "xy"}
    return on_plane(Asked.of(None, Given({**ASKED, "data": data, **options})), ranges, World(), "surface")


def test_every_weight_takes_two_bytes_and_is_the_rounded_sum(data):
    on = plane(data, model=net())
    objective = on.subject.objective
    assert objective.weights.dtype == torch.bfloat16
    assert all(each.dtype == torch.bfloat16 for each in objective.model.parameters())
    assert objective.nbytes == 2 * objective.layout.size
    for place in PLACES:
        on.slice.at(place, out=objective.weights)
        for name, each in sums(net(), place).items():
            assert torch.equal(objective.model.get_parameter(name), each.bfloat16()), (name, place)
    stored = {name: each.detach() for name, each in net().named_parameters()}
    lost = [
        (each.bfloat16() + (total - each).bfloat16() != total.bfloat16()).float().mean()
        for each, total in ((stored[n].float(), t) for n, t in sums(net(), (0.05, 0.0)).items())
    ]
    assert max(lost) > 0.01, "adding in bfloat16 would give other weights"


class Adapted(nn.Module):
    """A base in bfloat16 with a correction in float32, as adapters of PEFT have."""

    def __init__(self):
        super().__init__()
        self.base, self.extra = net(), nn.Linear(3, 3, bias=False)

    def forward(self, inputs):
        found = self.base(inputs)
        return found + self.extra(found.float())


def test_an_adapter_in_float32_moves_unrounded_over_a_base_in_bfloat16(data):
    torch.manual_seed(3)
    on = plane(data, model=Adapted(), only="extra")
    objective = on.subject.objective
    assert objective.weights.dtype == torch.float32
    resting = [each for name, each in objective.model.named_parameters() if name.startswith("base")]
    assert {each.dtype for each in resting} == {torch.bfloat16}
    assert objective.nbytes == objective.weights.nbytes + 2 * sum(each.numel() for each in resting)
    torch.manual_seed(3)
    alone = Adapted()
    on.slice.at((0.3, -1.0), out=objective.weights)
    assert torch.equal(objective.model.extra.weight, sums(alone, (0.3, -1.0), "extra")["extra.weight"])


def test_toward_another_net_one_is_that_net(data):
    line = ll.line(model=net(), to=net(5), data=data, batchnorm="keep", x=(0, 1, 2), **ASKED)
    other = net(5)
    for kept, mine in zip(other.buffers(), net().buffers(), strict=True):
        kept.copy_(mine)
    assert line.values["train_loss"].tolist() == [loss_of(net(), data), loss_of(other, data)]


class Scaled(nn.Module):
    """A buffer that is not part of the state, such as that of rotary embeddings."""

    def __init__(self, seed=0):
        super().__init__()
        self.inner = net(seed)
        self.register_buffer("scale", torch.full((1,), 1.5, dtype=torch.bfloat16), persistent=False)

    def forward(self, x):
        return self.inner(x * self.scale)


def test_a_second_module_keeps_the_dtypes_of_its_tensors(data):
    line = ll.line(model=Scaled(), to=Scaled(5), data=data, batchnorm="keep", x=(0, 1, 2), **ASKED)
    assert line.values["train_loss"][0] == loss_of(Scaled(), data)


def mixed():
    found = net()
    found[5].float()
    return found


@pytest.mark.parametrize(
    ("made", "options", "said"),
    [
        (net, {"lean": False}, "give lean=True"),
        (lambda: net().float(), {}, "the net holds float32, and no weights in bfloat16; give precision bf16"),
        (mixed, {}, "what moves is held in bfloat16 and float32; expected all of it in bfloat16, or all in float32"),
    ],
    ids=["not lean", "float32", "mixed"],
)
def test_what_cannot_be_held_so_is_said_in_one_line(data, made, options, said):
    with pytest.raises(UsageError, match=said) as caught:
        ll.surface(model=made(), data=data, **{**POINTS, **options})
    assert "\n" not in str(caught.value)


def test_other_commands_refuse_it(data):
    with pytest.raises(UsageError, match="precision bf16-true: .* a lean run only"):
        ll.inputs(model=net(), data=data, precision="bf16-true", quiet=True)
