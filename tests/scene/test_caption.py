"""Captions hold every word that a picture may leave out, in plain text and in LaTeX."""

import ast
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import landscape as ll
from landscape.drawing import picture_of
from landscape.scene.build import build_scene, build_scenes
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


def test_negative_numbers_have_a_minus_sign_in_text_and_in_latex():
    surface = conftest.bowl(x=(-1.5, 0.5))
    known = {**surface.provenance, "directions": {"kind": "random", "seed": 0, "cosine": -0.0019}}
    picture = picture_of(replace(surface, provenance=known), "contour", None, {"title": "run-2 of 2020-01-02"})
    text, tex = (caption_of(picture, form) for form in (".txt", ".tex"))
    assert "cosine of the axes −0.0019" in text and "[−1.5, 0.5]" in text and "run-2 of 2020-01-02." in text
    assert "cosine of the axes $-$0.0019" in tex and "[$-$1.5, 0.5]" in tex and "run-2 of 2020-01-02." in tex


@pytest.mark.parametrize("letter", "%&#_{}$~^\\")
def test_no_special_letter_stays_bare(letter):
    assert escaped(letter) != letter


def test_every_letter_of_ours_is_one_that_latex_knows():
    """pdflatex stops at a letter that it does not know; what our own words hold has a command."""
    texts = [path.read_text(encoding="utf-8") for path in (Path(ll.__file__).parent / "scene").rglob("*.py")]
    strings = [node.value for text in texts for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
    docs = {ast.get_docstring(node, clean=False) for text in texts for node in ast.walk(ast.parse(text))
            if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef))}  # fmt: skip
    used = {
        letter for text in strings if isinstance(text, str) and text not in docs for letter in text if ord(letter) > 127
    }
    unknown = sorted(letter for letter in used if not escaped(letter).isascii())
    assert used and not unknown


@pytest.mark.parametrize("loss, words", [("binary_cross_entropy", "binary cross-entropy"), ("huber", "huber")])
def test_captions_are_words_for_readers(loss, words):
    """No name of the program, such as train_loss, stands in a caption; names of files do."""
    surface = conftest.line()
    known = {**surface.provenance, "loss": loss, "checkpoint": {"path": "a_net.pt"}}
    surface = type(surface)(
        surface.grid, {**surface.values, "train_my_metric": surface.values["test_loss"]}, provenance=known
    )
    for kind in ("line", "spread", "ridgeline"):
        (scene,) = build_scenes([surface] if kind == "line" else [surface] * 2, kind=kind)
        text = caption_of(scene, ".txt")
        assert words in text and re.findall(r"\w+_\w[\w.]*", text) == ["a_net.pt"]
