"""The caption of a picture as a file of its own: what stands below it, for a paper's text.

Owns: the words and their two forms, plain text and LaTeX. Everything that a picture leaves out stands here.
"""

from __future__ import annotations

from collections.abc import Sequence

from landscape.scene.scene import Comparison, Scene
from landscape.scene.text import panel_letter

TEXT, TEX = SUFFIXES = (".txt", ".tex")
_TEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "×": r"$\times$",
    "−": r"$-$", "…": r"\dots{}", "·": r"$\cdot$",
    "–": "--", "τ": r"$\tau$", "⁻": r"$^{-}$", "Δ": r"$\Delta$", "≤": r"$\le$", "≥": r"$\ge$",
    "ε": r"$\epsilon$", "λ": r"$\lambda$",
    **{power: f"$^{number}$" for number, power in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
}  # fmt: skip


def caption_of(picture: Scene | Comparison, form: str) -> str:
    """The caption as the text of a file, `form` being its suffix, with a line break at the end.

    >>> escaped("50 % of a_b")
    '50 \\\\% of a\\\\_b'
    """
    sentences = _comparison(picture) if isinstance(picture, Comparison) else _single(picture)
    title, said = sentences[0], [_sentence(each) for each in sentences[1:] if each]
    if form == TEX:
        # The name of a paper's figure stands in \caption{...}: one paragraph, its title in bold.
        head = [rf"\textbf{{{escaped(_sentence(title))}}}"] if title else []
        return " ".join([*head, *map(escaped, said)]) + "\n"
    return "\n".join([*([_sentence(title)] if title else []), *said]) + "\n"


def escaped(text: str) -> str:
    """The text as LaTeX prints it."""
    return "".join(_TEX.get(letter, letter) for letter in text)


def _single(scene: Scene) -> list[str]:
    return [scene.title, _joined(scene.facts), _joined(scene.notes)]


def _comparison(comparison: Comparison) -> list[str]:
    panels = [
        f"{panel_letter(number)} {name}: {_joined((*panel.facts, *panel.notes))}".removesuffix(": ")
        for number, (name, panel) in enumerate(zip(comparison.names, comparison.panels, strict=True))
    ]
    return [comparison.title, *panels, _joined(comparison.facts)]


def _joined(phrases: Sequence[str]) -> str:
    return "; ".join(phrases)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else text + "."
