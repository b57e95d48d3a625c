"""Several points in one pass: the values of one at a time, whatever the net draws; what cannot be passed so is found."""

import pytest
import torch
from torch import nn

from landscape.data.split import TensorSplit
from landscape.objective.loss import make_measure
from landscape.objective.objective import Objective
from landscape.objective.stack import Stack, difference, memory_of_row, obstacle
from landscape.objective.tally import means, merge_sums

ROWS = 4


class Adapted(nn.Module):
    """A frozen map with a small one beside it, as LoRA has; `extra` is called with what is between."""

    def __init__(self, extra=lambda hidden: hidden):
        super().__init__()
        torch.manual_seed(0)
        self.frozen, self.down, self.up = nn.Linear(6, 5), nn.Linear(6, 2, bias=False), nn.Linear(2, 5, bias=False)
        self.norm, self.extra = nn.LayerNorm(5), extra

    def forward(self, inputs):
        return self.norm(self.extra(self.frozen(inputs) + self.up(self.down(inputs))))


def objective_of(net: nn.Module, loss="cross_entropy", metrics=None, **keywords) -> Objective:
    generator = torch.Generator().manual_seed(1)
    inputs, targets = torch.randn(23, 6, generator=generator), torch.randint(0, 5, (23,), generator=generator)
    splits = {"train": TensorSplit(inputs, targets), "test": TensorSplit(inputs[:9], targets[:9])}
    given = {"batch_size": 8, "names": ("down.weight", "up.weight"), **keywords}
    objective = Objective(net, splits, make_measure(loss, metrics)[0], **given)
    objective.check()
    return objective


def filled(objective: Objective, seed: int = 2, size: int = ROWS) -> Stack:
    stack = Stack(objective, size)
    generator = torch.Generator().manual_seed(seed)
    stack.rows.copy_(objective.weights + 0.3 * torch.randn(stack.rows.shape, generator=generator))
    return stack


def results(objective: Objective, stack: Stack, used=range(ROWS)) -> list[dict[str, float]]:
    chunks = stack.sums(0, lambda chunk: objective.chunks, used)
    return [objective.join([chunk[at] for chunk in chunks]) for at in range(len(used))]


@pytest.mark.parametrize("extra", [lambda hidden: hidden, nn.functional.dropout], ids=["plain", "draws"])
def test_rows_have_the_values_of_one_point_at_a_time(extra):
    objective = objective_of(Adapted(extra), metrics=["loss", "accuracy"], l2=0.1)
    stack = filled(objective)
    assert obstacle(objective) is None
    assert difference(stack, objective) is None
    together = results(objective, stack)
    for row, found in enumerate(together):
        alone = objective.evaluate(stack.rows[row])
        assert found.keys() == alone.keys()
        assert found == pytest.approx(alone, rel=1e-5)
    losses = {round(each["train_loss"], 4) for each in together}
    assert len(losses) == ROWS, "each row has values of its own"


def test_a_row_does_not_depend_on_its_company_bit_for_bit():
    objective = objective_of(Adapted())
    stack = filled(objective)
    wanted = results(objective, stack)[2]
    stack.rows[0] = float("nan")
    stack.rows[3] = 1e30
    assert results(objective, stack, [2]) == [wanted]


def test_the_chunks_of_a_pass_may_be_computed_apart():
    objective = objective_of(Adapted())
    stack = filled(objective)
    whole = stack.sums(0, lambda chunk: objective.chunks, [1, 3])
    parts = [stack.sums(first, lambda chunk, last=first + 1: last, [1, 3])[0] for first in range(objective.chunks)]
    assert parts == whole and len(parts) > 2
    assert means(merge_sums([part[1] for part in parts])) == results(objective, stack)[3]


def test_the_net_its_weights_and_the_callers_random_numbers_stay_where_they_are():
    net = Adapted(nn.functional.dropout)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    objective = objective_of(net)
    weights = objective.weights.clone()
    stack, drawn = filled(objective), torch.get_rng_state()
    difference(stack, objective), memory_of_row(stack, objective), results(objective, stack)
    assert torch.equal(objective.weights, weights) and torch.equal(torch.get_rng_state(), drawn)
    assert all(torch.equal(tensor, before[name]) for name, tensor in objective.model.state_dict().items())


class Counting(nn.Module):
    """Counts its calls in a buffer."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, hidden):
        self.calls.add_(1)
        return hidden


def model_loss(model, batch):
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


def test_what_cannot_be_passed_at_once_is_named():
    assert obstacle(objective_of(Adapted(), loss=model_loss)) == "the loss calls the net itself"
    assert "changes the net" in obstacle(objective_of(Adapted(Counting())))
    for extra in (
        lambda hidden: hidden if hidden.sum().item() > 0 else -hidden,
        lambda hidden: hidden * float(hidden.detach().abs().max() > 1e9),
    ):
        objective = objective_of(Adapted(extra))
        assert difference(filled(objective), objective).startswith("torch.func does not pass the net (")


def test_outputs_of_one_row_for_all_are_found():
    objective = objective_of(Adapted())
    stack = filled(objective)
    stack._moved["up.weight"] = stack._moved["up.weight"][:1].expand(ROWS, -1, -1)
    assert difference(stack, objective).startswith("outputs differ by ")


def test_the_memory_of_a_row_grows_with_the_batch():
    small, large = (objective_of(Adapted(), batch_size=size) for size in (4, 23))
    assert memory_of_row(filled(large), large) > 3 * memory_of_row(filled(small), small) > 0
