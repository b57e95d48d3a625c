"""What code of the user's names, and what it writes into: read from its instructions, for its source may not be at hand.

Owns: which variables and attributes code sets or fills itself, so that their values say what it has done and set nothing.
Knows no values.
"""

from __future__ import annotations

import dis
import functools
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from types import CodeType
from typing import Any, NamedTuple

OUTER = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_ATTR", "LOAD_METHOD")
LOADS = (*OUTER, "LOAD_FAST", "LOAD_CONST")
# Methods of containers that write into them. Tensors have some of these names too, and write nothing.
FILLING = frozenset(
    (
        "append", "appendleft", "extend", "insert", "add", "update", "setdefault", "pop", "popleft", "popitem", "clear",
        "remove", "discard", "sort", "reverse", "subtract",
    )
)  # fmt: skip
AT_INDEX = ("__setitem__", "__delitem__")
ADDING = frozenset(("append", "appendleft", "extend", "insert", "add", "update", "clear"))
READS = (*OUTER, "LOAD_SUPER", "LOAD_CLASS", "LOAD_FROM", "IMPORT")  # beginnings of operations
WORD = re.compile(r"[^\W\d]\w*")
# How deep below the top of the stack the container lies.
STORES = {"STORE_SUBSCR": 2, "DELETE_SUBSCR": 2, "STORE_SLICE": 3}
KEPT = 8192  # codes whose names are remembered, about a kilobyte each


class Names(NamedTuple):
    """What code names: all that it `used`, the globals that it `loaded`, those and outer variables that it `stored`, and the
    attributes that it `sets`.

    `filled`: the variables and attributes one of whose methods of FILLING it calls. `changed`: those that it writes into at an
    index, or by a method that ends in `_` as those of tensors do which work in place. `keyed`: (variable or attribute, key) where
    the index is a text that stands in the code; `unkeyed`: those of `changed` that it writes into at other places.
    """

    used: frozenset[str]
    loaded: frozenset[str]
    stored: frozenset[str]
    sets: frozenset[str]
    filled: frozenset[str]
    changed: frozenset[str]
    keyed: frozenset[tuple[str, str]]
    unkeyed: frozenset[str]

    def keys_of(self, name: str) -> frozenset[str] | None:
        """The keys at which it writes into a dictionary; None where code does not say all of them."""
        if name in self.filled | self.unkeyed:
            return None
        return frozenset(key for container, key in self.keyed if container == name)


NOTHING = Names(*8 * (frozenset[Any](),))


class _Text(str):
    """A text that stands in the code, and not the name of something."""


def names_in(*functions: Any) -> Names:
    each = [_of_code(code) for function in functions for code in _codes(function.__code__)]
    return Names(*(frozenset().union(*sets) for sets in zip(*each, strict=True))) if each else NOTHING


# Many classes of a library share functions, and every net of a run is read. Code cannot change, so nothing becomes stale.
@functools.lru_cache(maxsize=KEPT)
def _of_code(code: CodeType) -> Names:
    loaded, stored, sets, filled, changed, unkeyed = (set[str]() for _ in range(6))
    keyed = set[tuple[str, str]]()
    steps = list(dis.get_instructions(code))
    loaded |= {step.argval for step in steps if step.opname == "LOAD_GLOBAL"}
    stored |= {step.argval for step in steps if step.opname in ("STORE_GLOBAL", "STORE_DEREF")}
    sets |= {step.argval for step in steps if step.opname in ("STORE_ATTR", "DELETE_ATTR")}
    for _, container, method, key in _written(steps):
        (filled if method in FILLING else changed).add(container)
        if key is not None:
            keyed.add((container, key))
        elif method not in FILLING:
            unkeyed.add(container)
    return Names(*map(frozenset, (code.co_names, loaded, stored, sets, filled, changed, keyed, unkeyed)))  # type: ignore[arg-type]


def read_in(*functions: Any) -> frozenset[str]:
    """The names of variables and attributes that code reads other than to add to them, and strings, which may be names too."""
    found: set[str] = set()
    for code in (code for function in functions for code in _codes(function.__code__)):
        steps = list(dis.get_instructions(code))
        read = Counter(step.argval for step in steps if step.opname.startswith(READS) and isinstance(step.argval, str))
        read.subtract(
            name
            for at, name, method, _ in _written(steps)
            if not method or (method in ADDING and _is_dropped(steps[at:]))
        )
        found |= {name for name, count in read.items() if count > 0} | set(_strings(code.co_consts))
    return frozenset(found)


def _strings(values: Iterable[Any]) -> Iterator[str]:
    for each in values:
        if isinstance(each, str):
            yield from WORD.findall(each)  # "{0.scale}".format(self) reads an attribute
        elif isinstance(each, (tuple, frozenset)):  # also the attributes of a pattern
            yield from _strings(each)


def words_in(*functions: Any) -> frozenset[str]:
    """The names that code uses, and its strings, which may be names too."""
    codes = [code for function in functions for code in _codes(function.__code__)]
    strings = (each for code in codes for each in code.co_consts if isinstance(each, str))
    return frozenset((*(name for code in codes for name in code.co_names), *strings))


def _written(steps: Iterable[dis.Instruction]) -> Iterator[tuple[int, str, str, str | None]]:
    """The names of the containers that are written into, with the place and the method that does it, "" at an index, and the key.

    The stack is followed along the instructions as they stand: each place holds the name or text that was loaded there, or None.
    """
    stack: list[str | None] = []
    for at, step in enumerate(steps):
        deep = STORES.get(step.opname, 1)
        top = stack[-deep] if len(stack) >= deep else None
        if top is None or isinstance(top, _Text):
            pass
        elif step.opname in STORES:
            key = stack[-1] if step.opname == "STORE_SUBSCR" else None
            yield at, top, "", str(key) if isinstance(key, _Text) else None
        elif step.opname in ("LOAD_METHOD", "LOAD_ATTR") and _writes(step.argval):
            yield at, top, step.argval, None
        _follow(stack, step)


def _is_dropped(steps: Sequence[dis.Instruction]) -> bool:
    """Whether the result of the method that the first step loads is not used: `add` of a set gives None, of a tensor a sum."""
    deep = 0  # above the container
    for step, following in itertools.pairwise(steps):
        if step.opname.startswith(("JUMP", "POP_JUMP", "RETURN")):
            return False
        deep += dis.stack_effect(step.opcode, step.arg, jump=False)
        if step.opname.startswith("CALL") and deep <= 0:
            return following.opname == "POP_TOP"
    return False


def _writes(method: str) -> bool:
    return method in FILLING or method in AT_INDEX or (method.endswith("_") and not method.endswith("__"))


def _follow(stack: list[str | None], step: dis.Instruction) -> None:
    if step.opname in ("COPY", "DUP_TOP") and len(stack) >= (step.arg or 1):
        stack.append(stack[-(step.arg or 1)])
    elif step.opname == "SWAP" and len(stack) >= (step.arg or 1):
        stack[-1], stack[-(step.arg or 1)] = stack[-(step.arg or 1)], stack[-1]
    elif step.opname == "DUP_TOP_TWO" and len(stack) >= 2:
        stack.extend(stack[-2:])
    elif step.opname == "ROT_THREE" and len(stack) >= 3:
        stack.insert(-2, stack.pop())
    else:
        try:
            change = dis.stack_effect(step.opcode, step.arg, jump=False)
        except ValueError:
            change = 0
        if change < 0:
            del stack[change:]
        stack.extend([None] * change)
        if stack and step.opname in LOADS:
            is_text = step.opname == "LOAD_CONST" and isinstance(step.argval, str)
            stack[-1] = _Text(step.argval) if is_text else step.argval if step.opname in OUTER else None
        elif stack and change <= 0 and not step.opname.startswith(("STORE_", "DELETE_", "POP_")):
            stack[-1] = None  # a result


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _codes(each)
