"""Words under a figure from a provenance in which anything may have any type: nothing ends in an error."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import landscape as ll
from landscape.scene.facts.stems import checkpoint_stem
from landscape.scene.facts.surface import facts, model_name, subject

FILES = Path(__file__).parents[2] / "golden" / "files"


def mutated(tree: dict, chance: random.Random) -> dict:
    """The tree with one entry, at any depth, of another type or gone."""
    node = dict(tree)
    key = chance.choice(list(node))
    if isinstance(node[key], dict) and node[key] and chance.random() < 0.8:
        return {**node, key: mutated(node[key], chance)}
    odd = chance.choice([None, 7, "zz", [], [1], {}, {"a": {"b": 1}}, True, float("nan")])
    return {k: v for k, v in node.items() if k != key} if odd == [1] else {**node, key: odd}


@pytest.mark.parametrize("name", ["for_hessian", "tolerated", "between"])
def test_no_mutation_ends_in_an_error(name: str):
    surface, chance = ll.load_surface(FILES / f"{name}.h5"), random.Random(0)
    for _ in range(300):
        odd = replace(surface, provenance=mutated(surface.provenance, chance))
        words = [*facts(odd, "train_loss"), *facts(odd, centers=list(odd.values)), subject(odd), model_name(odd)]
        assert all(isinstance(word, str) for word in [*words, checkpoint_stem(odd)])


def test_a_spectrum_that_does_not_say_what_was_asked_has_the_usual_index():
    spectrum = ll.load_spectrum(FILES / "spectrum.h5")
    assert replace(spectrum, provenance={}).index == 0.001 and np.isfinite(spectrum.index)
