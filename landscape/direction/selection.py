"""Which parameters move, or count: the meaning of `--only` and `--ignore`.

Owns: what each word for a choice stands for, the defaults, and `Selection`, a choice over the `Parts` of one module. Names
come out of it, no tensors: what is done with those that move is the business of others.

By default it decides nothing whether a parameter is frozen, as no checkpoint keeps that: the same weights have the same
landscape wherever they come from. The adapters of PEFT are another matter: they are known by their names, and span a space
that is chosen on purpose. Where a net has some, they move and the rest stays, unless something else is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from landscape.direction.normalize import named_by
from landscape.direction.parts import Part, Parts
from landscape.errors import UsageError
from landscape.options.what import ADAPTER, BIASBN, FROZEN, NONE, TRAINABLE, TYPE, What, joined, several
from landscape.printable import listed

SHOWN = 4


@dataclass(frozen=True)
class Selection:
    """`only` and `ignore` as recorded; `ignore` None is the usual one of each use. `names`: what may move; None: all.

    `tied`: (option, further name, name) of parameters that an expression finds under a further name alone, so that it says
    nothing of them.
    """

    parts: Parts
    only: str | None
    ignore: str | None
    names: frozenset[str] | None
    ignored: frozenset[str] = frozenset()
    by_default: bool = False
    tied: tuple[tuple[str, str, str], ...] = ()

    def fixed(self, usual: str, among: Collection[str]) -> tuple[str, frozenset[str]]:
        """(what is ignored, as recorded; its names), of the tensors `among`. `usual`: biasbn or none.

        Raises:
            UsageError: nothing is left.
        """
        text = self.ignore or usual
        tensors = {part.name: part for part in self.parts.all if part.name in among}
        found = self.ignored if self.ignore else named_by(usual, tensors, "ignore")
        if tensors and found >= tensors.keys():
            raise UsageError(f"ignore '{text}' leaves out all {len(tensors)} parameters, so nothing would move")
        return text, frozenset(found)

    def moving(self, usual: str) -> tuple[str, tuple[str, ...]]:
        """(what is ignored, as recorded; the names of the parameters that are left, in their order)."""
        there = [p.name for p in self.parts.parameters if self.names is None or p.name in self.names]
        text, fixed = self.fixed(usual, there)
        return text, tuple(name for name in there if name not in fixed)


def everything(parts: Parts) -> Selection:
    """All that there is, but for what is ignored as usual."""
    return Selection(parts, None, None, None)


def choose(parts: Parts, only: What, ignore: What, *, adapters: bool = True) -> Selection:
    """What moves of a module.

    `adapters`: whether those of PEFT are the default, where there are some. With `only` the default of `ignore` is none, as
    what is named is meant as a whole.

    Raises:
        UsageError: a word that stands for nothing; nothing that would move.
    """
    kept, dropped = several(only, "only"), several(ignore, "ignore")
    default = not kept and not dropped and adapters and parts.has_adapters
    kept = (ADAPTER,) if default else kept
    left_out = _union(parts, dropped, "ignore") if dropped != (NONE,) else frozenset()
    text = joined(dropped) if dropped else (NONE if kept else None)
    if not kept:
        return Selection(parts, None, text, None, left_out, tied=_tied(parts, "ignore", dropped, left_out))
    names = _union(parts, kept, "only") - left_out
    if not parts.count(names):
        but = f" but ignore '{text}'" if left_out else ""
        raise UsageError(f"only '{joined(kept)}'{but} leaves no parameter that would move")
    tied = _tied(parts, "only", kept, names | left_out)
    tied += tuple(each for each in _tied(parts, "ignore", dropped, left_out) if each[-1] in names)
    return Selection(parts, joined(kept), text, names, left_out, default, tied)


def _tied(
    parts: Parts, option: str, several: Sequence[str], found: Collection[str]
) -> tuple[tuple[str, str, str], ...]:
    """See `Selection`; `found`: the names that the words of the option stand for."""
    words = (BIASBN, NONE, FROZEN, TRAINABLE, ADAPTER)
    patterns = [each for each in several if each not in words and not each.startswith(TYPE)]
    aliases = [(each, part.name) for part in parts.parameters if part.name not in found for each in part.aliases]
    return tuple((option, other, name) for other, name in aliases if any(re.search(each, other) for each in patterns))


def matching(parts: Parts, what: str, option: str) -> frozenset[str]:
    """The names that a word or regular expression stands for.

    Raises:
        UsageError: it stands for none, or is not a regular expression.
    """
    if what == NONE:
        raise UsageError(f"{option} '{NONE}': expected alone, and of ignore; drop it, or what stands beside it")
    if what in (FROZEN, TRAINABLE):
        found = {part.name for part in parts.all if part.frozen == (what == FROZEN)}
    elif what == ADAPTER:
        found = {part.name for part in parts.all if part.adapter}
    elif what.startswith(TYPE):
        found = {part.name for part in parts.all if what.removeprefix(TYPE) in part.types}
    else:
        found = named_by(what, {part.name: part for part in parts.all}, option)
    if not found and what != BIASBN:  # a net without biases is none the worse for it
        raise UsageError(f"{option} '{what}': {_unmatched(parts, what)}")
    return frozenset(found)


def _unmatched(parts: Parts, what: str) -> str:
    parameters = parts.parameters
    if what in (FROZEN, TRAINABLE):
        word = {FROZEN: "trainable (requires_grad=True)", TRAINABLE: "frozen (requires_grad=False)"}[what]
        return f"matches nothing, as all {len(parameters)} parameters are {word}; drop it"
    if what == ADAPTER:
        hint = "; to search the names for it, write '.*adapter'" if any(ADAPTER in p.name for p in parameters) else ""
        return f"matches nothing, as the net has no PEFT adapters (such as lora_A); {_several(parameters)}{hint}"
    if what.startswith(TYPE):
        kind = what.removeprefix(TYPE)
        if inner := next((part.name for part in parameters if kind in part.around), None):
            return (
                f"no parameter belongs to a {kind} directly, only to layers in it, as {inner} does; name their type, or search "
                "the names"
            )
        layers = list(dict.fromkeys(part.layer for part in parameters if part.layer))
        return f"matches nothing; layers with parameters are {listed(layers, 12)}"
    for part in parameters:
        if other := next((name for name in part.aliases if re.search(what, name)), None):
            return f"matches nothing, as {other} is the same tensor as {part.name}; name that"
    return f"matches nothing; {_several(parameters)}"


def _union(parts: Parts, several: Sequence[str], option: str) -> frozenset[str]:
    return frozenset().union(*(matching(parts, each, option) for each in several))


def _several(parameters: Sequence[Part]) -> str:
    return f"parameters are {listed([part.name for part in parameters], SHOWN)}"
