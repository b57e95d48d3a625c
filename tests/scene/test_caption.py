"""Captions hold every word that a picture may leave out, in plain text and in LaTeX."""

import re

import numpy as np
import pytest

from landscape.scene.build import build_scene
from landscape.scene.caption import caption_of, escaped
from landscape.scene.compare import build_comparison
from tests.render import conftest


def test_all_facts_and_notes_are_in_it():
    scene = build_scene(conftest.chaos(), kind="contour", title="a title")
    text = caption_of(scene, ".txt")
    assert text.startswith("a title.\n") and text.endswith(".\n")
    assert all(phrase in text for phrase in (*scene.facts, *scene.notes)) and scene.notes


def test_a_comparison_names_its_panels():
    other = conftest.bowl()
    other.values["train_loss"] = np.where(other.values["train_loss"] > 3, np.nan, other.values["train_loss"])
    comparison = build_comparison([conftest.bowl(), other], kind="contour", names=["one", "two"])
    text = caption_of(comparison, ".txt")
    assert "(a) one" in text and "(b) two: " in text and all(fact in text for fact in comparison.facts)
    assert all(note in text for panel in comparison.panels for note in panel.notes)


def test_latex_is_escaped():
    scene = build_scene(conftest.bowl(), kind="contour", title="50 % of a_b & {c} $x$ #1 ~ ^ \\end")
    tex = caption_of(scene, ".tex")
    assert tex.count("\n") == 1 and tex.startswith(r"\textbf{50 \% of a\_b \& \{c\} \$x\$ \#1 ")
    assert r"\textbackslash{}end" in tex and not re.search(r"(?<!\\)[%&#_]", tex)


@pytest.mark.parametrize("letter", "%&#_{}$~^\\")
def test_no_special_letter_stays_bare(letter):
    assert escaped(letter) != letter and letter not in escaped("a")
