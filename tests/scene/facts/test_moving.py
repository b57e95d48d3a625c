"""What moves and counts, in words: of files of any version."""

import pytest

from landscape.scene.facts.moving import counted_words, fixed_facts, moving_fact


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"only": "adapter", "moving": 1024}, ["moves: adapter, 1,024 of 98,304 parameters"]),
        ({"only": r"^fc\. + type:Linear", "moving": 5}, [r"moves: ^fc\. + type:Linear, 5 of 98,304 parameters"]),
        ({"only": "adapter"}, ["moves: adapter"]),
        ({"ignore": "biasbn"}, []),
    ],
)
def test_what_moves_is_named_where_not_everything_does(made, said):
    assert moving_fact(made, 98304) == said


@pytest.mark.parametrize(
    ("ignore", "said"),
    [
        ("biasbn", ["biases and batch norm fixed"]),
        ("none, biasbn", ["biases and batch norm fixed"]),
        (r"bn\.", [r"parameters matching bn\. fixed"]),
        ("frozen + type:Embedding", ["frozen parameters fixed", "Embedding layers fixed"]),
        ("adapter + ^fc", ["adapters fixed", "parameters matching ^fc fixed"]),
        (None, []),
    ],
)
def test_what_rests_is_named(ignore, said):
    assert fixed_facts(ignore) == said


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"ignore": "none"}, "all"),
        ({"ignore": "biasbn"}, "those of more than one dimension"),
        ({"ignore": r"bn\."}, r"all but those matching bn\."),
        ({"ignore": "frozen + biasbn"}, "all but the frozen and biases and batch norm"),
        ({"only": "adapter", "ignore": "none"}, "the adapters"),
        ({"only": "type:Linear", "ignore": "biasbn"}, "Linear layers, but not biases and batch norm"),
        ({}, "all"),
    ],
)
def test_what_counts_is_named(made, said):
    assert counted_words(made) == said
