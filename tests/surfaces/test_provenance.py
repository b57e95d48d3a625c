"""Facts read back as they were, files of any version are read, and nothing in a file ends in a traceback."""

from __future__ import annotations

import dataclasses
import json
import random
from typing import Any

import pytest

from landscape.surfaces.provenance import (
    DataFacts,
    DirectionFacts,
    Facts,
    ModelFacts,
    Provenance,
    ReachedFacts,
    RunFacts,
    SplitFacts,
    descriptive,
)
from landscape.surfaces.same_run import CONSEQUENCES, difference, identity


def full(facts: type[Facts]) -> Any:
    """Facts with a value in every entry."""
    values: dict[str, Any] = {}
    for number, field in enumerate(dataclasses.fields(facts), start=1):
        kind, each = field.metadata["kind"], field.metadata["each"]
        if isinstance(kind, type) and issubclass(kind, Facts):
            values[field.name] = {"train": full(kind)} if each else full(kind)
        else:
            several = ["a"] if field.metadata["of"] in (object, str) else [0.5]
            usual = {str: "text", int: number, bool: True, list: several, dict: {"torch": "2"}}
            values[field.name] = usual[kind] if kind in usual else number / 8
    return facts(**values)


def test_every_entry_comes_back_from_json():
    everything = full(Provenance)
    assert Provenance.read(json.loads(json.dumps(everything.json()))) == everything


def test_what_is_unknown_is_absent_from_json_and_none_when_read():
    assert Provenance(command="surface").json() == {"command": "surface"}
    assert Provenance.read({}) == Provenance()


def test_entries_of_later_versions_and_of_other_types_are_left_out():
    found = Provenance.read(
        {"command": 3, "colour": "red", "model": {"name": "a", "parameters": True, "depth": 3}, "l2": "x"}
    )
    assert found == Provenance(model=ModelFacts(name="a"))
    assert Provenance.read({"directions": {"shares": ["a", None]}}) == Provenance.read({"directions": {}})


def test_a_bare_name_of_model_or_data_is_read():
    found = Provenance.read({"model": "resnet20", "data": "cifar10"})
    assert found.model_name == "resnet20" and found.data == DataFacts(name="cifar10")


def test_no_tree_ends_in_an_error():
    chance = random.Random(0)
    names = [field.name for field in dataclasses.fields(Provenance)] + ["splits", "name", "reached", "cosine", ""]

    def tree(depth: int) -> Any:
        leaves: list[Any] = [None, 1, -0.5, "x", True, [], [1, {"a": 2}], float("nan")]
        if depth == 0 or chance.random() < 0.3:
            return chance.choice(leaves)
        return {chance.choice(names): tree(depth - 1) for _ in range(chance.randrange(5))}

    for _ in range(2000):
        Provenance.read(tree(4)).json()


def test_each_identifying_entry_tells_two_runs_apart_and_no_other_does():
    everything = full(Provenance).json()

    def paths(node: dict, prefix: tuple[str, ...] = ()):
        for key, value in node.items():
            if isinstance(value, dict):
                yield from paths(value, (*prefix, key))
            else:
                yield (*prefix, key)

    described = tuple(descriptive())
    for path in paths(everything):
        changed = json.loads(json.dumps(everything))
        node = changed
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = "another"
        only_describes = any(path[: len(prefix)] == prefix for prefix in described)
        assert (difference(everything, changed) is None) == only_describes, path
        compared_alone = path[-1] in CONSEQUENCES  # ranks compare hashes one by one
        assert (identity(everything) == identity(changed)) == (only_describes or compared_alone), path


def test_a_group_that_was_added_does_not_make_another_run():
    made = {"command": "surface", "loss": "mse"}
    assert difference({**made, "gradient": {"split": "train"}}, made) is not None
    assert difference({**made, "gradient": {"split": "train"}}, made, added=("gradient",)) is None


def test_rounding_of_a_cosine_is_no_difference():
    one, other = (Provenance(directions=DirectionFacts(cosine=0.1 + tiny)).json() for tiny in (0.0, 1e-15))
    assert identity(one) == identity(other) and difference(one, other) is None


@pytest.mark.parametrize("facts", [RunFacts(threads=2, reached=ReachedFacts(points=3)), SplitFacts(samples=1)])
def test_groups_read_back_by_themselves(facts: Facts):
    assert type(facts).read(facts.json()) == facts
