"""What each word of `--only` and `--ignore` stands for, how several are recorded, and that a word for nothing is an error."""

import pytest
import torch
from torch import nn

from landscape.direction.parts import Parts
from landscape.direction.selection import choose, everything, matching
from landscape.errors import UsageError
from landscape.options.what import joined, parted
from landscape.subject.evaluation import moving_notes


class Own(nn.Linear):
    """A layer of one's own, derived from Linear."""


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5, 4)
        self.head = nn.Linear(4, 5, bias=False)
        self.head.weight = self.embed.weight


class Wrapped(nn.Module):
    """A layer of PEFT as its library makes them: the class tells what it holds of its own beside the layer in it."""

    adapter_layer_names = ("extra_A", "extra_B")

    def __init__(self):
        super().__init__()
        self.base_layer = nn.Linear(3, 3)
        self.extra_A = nn.ModuleDict({"default": nn.Linear(3, 2, bias=False)})
        self.extra_B = nn.ParameterDict({"default": nn.Parameter(torch.zeros(3, 2))})


class Tuner(nn.Module):
    """A tuner of PEFT: its prefix marks what it adds, wherever it lies."""

    prefix = "bank_"

    def __init__(self):
        super().__init__()
        self.peft_config = {}
        self.model = nn.Sequential(nn.Linear(2, 2))
        self.bank_vectors = nn.Parameter(torch.zeros(4))
        self.prompt_encoder = nn.ModuleDict({"default": nn.Embedding(2, 2)})
        self.databank_size = nn.Parameter(torch.zeros(1))


@pytest.fixture
def parts(cnn):
    net = cnn()
    net[0].requires_grad_(False)
    net[1].requires_grad_(False)
    return Parts.of(net)


def test_words_stand_for_names(parts):
    found = {
        what: matching(parts, what, "only")
        for what in ("frozen", "trainable", "type:Linear", "type:_BatchNorm", "^7", "biasbn")
    }
    names = {part.name for part in parts.all}
    statistics = {"1.running_mean", "1.running_var"}
    assert found["frozen"] == {"0.weight", "1.weight", "1.bias"} | statistics
    assert found["trainable"] == names - found["frozen"]
    assert found["type:Linear"] == found["^7"] == {"7.weight", "7.bias"}
    assert found["type:_BatchNorm"] == {name for name in names if name[0] in "14"}
    assert found["biasbn"] == names - {"0.weight", "3.weight", "7.weight"}


def test_a_layer_is_of_its_class_and_of_those_it_derives_from():
    parts = Parts.of(nn.Sequential(Own(2, 2), nn.Linear(2, 2)))
    assert matching(parts, "type:Own", "only") == {"0.weight", "0.bias"}
    assert len(matching(parts, "type:Linear", "only")) == 4


def test_a_shared_parameter_belongs_to_all_its_layers():
    parts = Parts.of(Tied())
    assert matching(parts, "type:Linear", "only") == matching(parts, "type:Embedding", "only") == {"embed.weight"}
    with pytest.raises(
        UsageError, match="only 'head': matches nothing, as head.weight is the same tensor as embed.weight"
    ):
        matching(parts, "head", "only")


def test_a_parametrized_parameter_belongs_to_its_layer():
    net = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)))
    assert matching(Parts.of(net), "type:Linear", "only") == {name for name, _ in net.named_parameters()}


def test_statistics_without_parameters_of_their_own_are_of_the_layer_around_them():
    net = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2, affine=False)), nn.Linear(2, 1))
    assert not any(part.frozen for part in Parts.of(net).all)
    net[0].requires_grad_(False)
    frozen = {part.name for part in Parts.of(net).all if part.frozen}
    assert frozen == {"0.0.weight", "0.0.bias", "0.1.running_mean", "0.1.running_var"}


def test_adapters_are_what_their_classes_hold_or_mark():
    net = nn.ModuleDict({"a": Wrapped(), "b": Tuner(), "c": nn.ModuleDict({"lora_A": nn.Linear(2, 1, bias=False)})})
    assert matching(Parts.of(net), "adapter", "only") == {
        "a.extra_A.default.weight", "a.extra_B.default", "b.bank_vectors", "b.prompt_encoder.default.weight",
        "c.lora_A.weight",
    }  # fmt: skip
    assert not Parts.of(nn.ModuleDict({"adapter": nn.Linear(2, 2), "prompt_encoder": nn.Linear(2, 2)})).has_adapters


@pytest.mark.parametrize(
    ("only", "ignore", "said"),
    [
        ("zzz", None, r"only 'zzz': matches nothing; parameters are 0.weight, 1.weight, .* and 5 more"),
        (
            None,
            "type:LSTM",
            "ignore 'type:LSTM': matches nothing; layers with parameters are Conv2d, BatchNorm2d and Linear$",
        ),
        (
            "type:Sequential",
            None,
            "only 'type:Sequential': no parameter belongs to a Sequential directly, .* as 0.weight does",
        ),
        (None, ["biasbn", "adapter"], "ignore 'adapter': matches nothing, as the net has no PEFT adapters"),
        (None, "(", r"ignore '\(': expected biasbn, none or a regular expression"),
        ("none", None, "only 'none': expected alone, and of ignore"),
        (None, ["none", "biasbn"], "ignore 'none': expected alone"),
        ("biasbn", "biasbn", "only 'biasbn' but ignore 'biasbn' leaves no parameter"),
        ([3], None, "only 3: expected biasbn, frozen"),
        (None, "", "ignore '': expected biasbn, frozen"),
    ],
)
def test_a_word_for_nothing_is_named(parts, only, ignore, said):
    with pytest.raises(UsageError, match=said):
        choose(parts, only, ignore)


@pytest.mark.parametrize("what", ["frozen", "trainable"])
def test_a_net_in_one_state_has_nothing_in_the_other(mlp, what):
    net = mlp().requires_grad_(what == "frozen")
    state = {"frozen": "trainable", "trainable": "frozen"}[what]
    with pytest.raises(UsageError, match=f"only '{what}': matches nothing, as all 6 parameters are {state}"):
        choose(Parts.of(net), what, None)


def test_nothing_that_would_move_is_an_error(mlp):
    with pytest.raises(UsageError, match="ignore 'frozen' leaves out all 6 parameters"):
        choose(Parts.of(mlp().requires_grad_(False)), None, "frozen").moving("biasbn")


def test_a_net_without_biases_may_ignore_them():
    parts = Parts.of(nn.Linear(3, 2, bias=False))
    assert choose(parts, None, "biasbn").moving("biasbn") == ("biasbn", ("weight",))


def test_what_is_named_moves_whole(parts):
    """With `only` nothing is ignored by default; without it, what is usual."""
    assert choose(parts, "type:Linear", None).moving("biasbn") == ("none", ("7.weight", "7.bias"))
    assert choose(parts, "type:Linear", "biasbn").moving("biasbn") == ("biasbn", ("7.weight",))
    assert choose(parts, None, None).moving("biasbn") == ("biasbn", ("0.weight", "3.weight", "7.weight"))
    assert choose(parts, None, None).moving("none")[1] == tuple(part.name for part in parts.parameters)
    assert choose(parts, None, None) == everything(parts)


def test_adapters_are_the_default_unless_something_else_is_asked_for():
    parts = Parts.of(Wrapped())
    chosen = choose(parts, None, None)
    assert chosen.only == "adapter" and chosen.names == {"extra_A.default.weight", "extra_B.default"}
    assert choose(parts, None, "none").names is None
    assert choose(parts, None, "biasbn").moving("biasbn")[1][0] == "base_layer.weight"
    assert choose(parts, None, None, adapters=False).names is None


@pytest.mark.parametrize(
    "several",
    [
        ["biasbn"],
        ["a", "b"],
        [r"^fc\."],
        ["a + b"],
        ["a + b", "c"],
        ["'a'", "it's"],
        ["a 'b", "c' + d", "e"],
        ["a{1, 2}"],
    ],
)
def test_what_is_recorded_reads_back(several):
    assert parted(joined(several)) == tuple(several)


def test_one_word_is_recorded_as_it_is():
    for what in ("biasbn", r"^fc\.", "a{1, 2}", "it's", 'a"b'):
        assert joined([what]) == what


def test_an_expression_that_finds_a_shared_parameter_by_a_further_name_alone_says_nothing_of_it():
    net = Tied()
    net.head.bias = nn.Parameter(torch.zeros(5))
    parts = Parts.of(nn.Sequential(nn.Linear(4, 4), net))
    pair = ("1.head.weight", "1.embed.weight")
    assert choose(parts, ["head", "^0"], None).tied == (("only", *pair),)
    assert choose(parts, None, "head").tied == (("ignore", *pair),)
    assert choose(parts, "embed", "head").tied == (("ignore", *pair),)
    for only, ignore in (
        (["head", "embed"], None),
        ("^0", "head"),
        ("type:Linear", None),
        (None, "type:Linear"),
        (None, None),
    ):
        assert choose(parts, only, ignore).tied == ()


def test_a_shared_parameter_that_does_not_do_as_it_is_named_is_said():
    net = nn.Sequential(Tied())
    net[0].head.bias = nn.Parameter(torch.zeros(5))
    parts = Parts.of(net)
    (only,), (ignore,) = moving_notes(choose(parts, "head", None)), moving_notes(choose(parts, None, "head"))
    assert (
        "0.head.weight is the same tensor as 0.embed.weight" in only
        and "does not move; with --only '0.embed.weight'" in only
    )
    assert "it moves; with --ignore '0.embed.weight'" in ignore
    assert moving_notes(choose(parts, ["head", "embed"], None)) == [] == moving_notes(choose(parts, None, None))
