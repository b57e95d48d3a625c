"""Archives of torch.save that hold dense tensors and plain values only, as a training loop writes them by the thousand.

Owns: a reader of the few steps of the pickle language that such files consist of. The archive around them is opened by torch's
reader, so that both agree on which bytes belong to a record, and on what is damaged. torch's safe unpickler does the same in
Python for every kind of file, and takes 23 ms for 344 small tensors, this one 11. Whatever it does not know, it leaves to torch
(torch_file.py), also the explanation of damage. It calls nothing that a file names: of the names in one, it knows a dozen.
"""

from __future__ import annotations

import io
import os
import struct
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

# In larger files the time goes into bytes, of which this reader holds two copies for a moment.
LARGEST = 64 << 20
DATA, BYTEORDER, METADATA = "data/", "byteorder", "_metadata"


class NotPlain(Exception):
    """There is more in the file than this reader knows, or it is damaged."""


class _Part:
    """What a name or a stored tensor's bytes stand for; only the instruction that makes a tensor or a dict of it takes it."""

    def __init__(self, value: Any = None):
        self.value = value


class _Parts(tuple):
    """A tuple with parts in it, which no value of the stored object holds."""


ORDERED, REBUILD = _Part(), _Part()
KINDS = {
    "Float": torch.float32, "Double": torch.float64, "Half": torch.float16, "BFloat16": torch.bfloat16, "Long": torch.int64,
    "Int": torch.int32, "Short": torch.int16, "Char": torch.int8, "Byte": torch.uint8, "Bool": torch.bool,
}  # fmt: skip
NAMES: dict[bytes, Any] = {
    b"collections\nOrderedDict": ORDERED,
    b"torch._utils\n_rebuild_tensor_v2": REBUILD,
    **{f"torch\n{name}Storage".encode(): _Part(dtype) for name, dtype in KINDS.items()},
}
KEYS, PARTS = (str, int, float), (_Part, _Parts)


def read_plain(archive: zipfile.ZipFile) -> object:
    """The stored object, its tensors on the CPU.

    Raises:
        NotPlain: it is to be read by torch.
    """
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
        raise NotPlain
    stream: Any = archive.fp  # not opened by its name again: a training loop replaces its files
    size = stream.seek(0, os.SEEK_END)
    if sys.byteorder != "little" or size > LARGEST:
        raise NotPlain
    stream.seek(0)
    content = stream.read(size)  # all at once, so that what is written meanwhile cannot give a mixture
    if len(content) != size:
        raise NotPlain
    try:
        records = torch._C.PyTorchFileReader(io.BytesIO(content))
        about = {name: records.get_record(name) for name in records.get_all_records() if not name.startswith(DATA)}
        if about.get(BYTEORDER, b"little") != b"little":
            raise NotPlain
        # torch reads these too, and raises ValueError for ones that are damaged
        int(about.get(".storage_alignment", b"64"))
        records.serialization_id()
        return _Stack(about["data.pkl"], lambda *storage: _storage(records, *storage)).run()
    except NotPlain:
        raise
    except Exception as error:  # torch will say what is wrong with it
        raise NotPlain from error


def _storage(records: Any, word: str, kind: _Part, key: str, place: str, count: int) -> Tensor:
    dtype = kind.value
    known = word == "storage" and isinstance(dtype, torch.dtype) and place.startswith(("cpu", "cuda"))
    if not known or not isinstance(key, str) or type(count) is not int:
        raise NotPlain
    content = bytearray(records.get_record(DATA + key))
    if len(content) != count * dtype.itemsize:
        raise NotPlain
    return torch.frombuffer(content, dtype=dtype) if count else torch.empty(0, dtype=dtype, device="cpu")


def _made_of(values: list[Any]) -> tuple:
    return _Parts(values) if any(type(each) in PARTS for each in values) else tuple(values)


def _check_values(values: list[Any]) -> None:
    if any(type(each) in PARTS for each in values):
        raise NotPlain


class _Stack:
    """The machine that a pickle is a program for, with the instructions of plain files."""

    def __init__(self, code: bytes, storage: Callable[..., Tensor]):
        self.code, self.at, self.storage = code, 0, storage
        self.items: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, tuple[tuple, _Part]] = {}

    def run(self) -> object:
        code = self.code
        while (step := code[self.at]) != STOP:
            self.at += 1
            if step not in STEPS:
                raise NotPlain
            STEPS[step](self)
        if self.below or len(self.items) != 1:
            raise NotPlain
        _check_values(self.items)
        return self.items[0]

    def number(self, form: struct.Struct) -> Any:
        (found,) = form.unpack_from(self.code, self.at)
        self.at += form.size
        return found

    def taken(self, length: int) -> bytes:
        found = self.code[self.at : self.at + length]
        if len(found) != length:
            raise NotPlain
        self.at += length
        return found

    def line(self) -> bytes:
        end = self.code.index(b"\n", self.at)
        found, self.at = self.code[self.at : end], end + 1
        return found

    def marked(self) -> list[Any]:
        """The items since the last mark, which are taken off."""
        found, self.items = self.items, self.below.pop()
        return found

    def name(self) -> None:
        self.items.append(NAMES[self.line() + b"\n" + self.line()])

    def mark(self) -> None:
        self.below.append(self.items)
        self.items = []

    def tuple_since_mark(self) -> None:
        found = _made_of(self.marked())
        self.items.append(found)

    def tuple_of(self, count: int) -> None:
        if count > len(self.items):
            raise NotPlain
        self.items[-count:] = [_made_of(self.items[-count:])]

    def put_items(self, pairs: list[Any]) -> None:
        into = self.items[-1]
        if not isinstance(into, dict) or len(pairs) % 2 or not all(isinstance(key, KEYS) for key in pairs[::2]):
            raise NotPlain
        _check_values(pairs)
        into.update(zip(pairs[::2], pairs[1::2], strict=True))

    def append(self, more: list[Any]) -> None:
        if type(self.items[-1]) is not list:
            raise NotPlain
        _check_values(more)
        self.items[-1].extend(more)

    def stored(self) -> None:
        _, _, key, _, _ = found = self.items.pop()
        if key not in self.storages:
            self.storages[key] = found, _Part(self.storage(*found))
        first, storage = self.storages[key]
        if found != first:
            raise NotPlain
        self.items.append(storage)

    def reduce(self) -> None:
        given = self.items.pop()
        if self.items[-1] is ORDERED and given == ():
            self.items[-1] = OrderedDict()
            return
        if self.items[-1] is not REBUILD:
            raise NotPlain
        storage, offset, shape, stride, learns, hooks = given
        whole = type(shape) is type(stride) is tuple and all(type(each) is int for each in (offset, *shape, *stride))
        if not whole or type(learns) is not bool or type(hooks) is not OrderedDict or hooks:
            raise NotPlain
        if not isinstance(storage.value, Tensor):
            raise NotPlain
        self.items[-1] = storage.value.as_strided(shape, stride, offset).requires_grad_(learns)

    def build(self) -> None:
        """What a state dict keeps of its modules' versions; it has no other attributes."""
        state = self.items.pop()
        if not isinstance(self.items[-1], OrderedDict) or [*state] != [METADATA]:
            raise NotPlain
        vars(self.items[-1])[METADATA] = state[METADATA]


BYTE, SHORT, INT, LENGTH, FLOAT = (struct.Struct(form) for form in ("B", "<H", "<i", "<I", ">d"))
STOP = ord(".")


def _remember(form: struct.Struct) -> Callable[[_Stack], None]:
    def step(stack: _Stack) -> None:
        stack.memo[stack.number(form)] = stack.items[-1]

    return step


def _recall(form: struct.Struct) -> Callable[[_Stack], None]:
    return lambda stack: stack.items.append(stack.memo[stack.number(form)])


def _value(form: struct.Struct) -> Callable[[_Stack], None]:
    return lambda stack: stack.items.append(stack.number(form))


def _constant(make: Callable[[], Any]) -> Callable[[_Stack], None]:
    return lambda stack: stack.items.append(make())


STEPS: dict[int, Callable[[_Stack], object]] = {
    0x80: lambda stack: stack.taken(1),  # PROTO
    ord("q"): _remember(BYTE), ord("r"): _remember(LENGTH), ord("h"): _recall(BYTE), ord("j"): _recall(LENGTH),
    ord("K"): _value(BYTE), ord("M"): _value(SHORT), ord("J"): _value(INT), ord("G"): _value(FLOAT),
    0x8A: lambda stack: stack.items.append(int.from_bytes(stack.taken(stack.number(BYTE)), "little", signed=True)),  # LONG1
    ord("X"): lambda stack: stack.items.append(str(stack.taken(stack.number(LENGTH)), "utf-8", "surrogatepass")),
    ord("N"): _constant(lambda: None), 0x88: _constant(lambda: True), 0x89: _constant(lambda: False),
    ord("}"): _constant(dict), ord("]"): _constant(list), ord(")"): _constant(tuple),
    ord("("): _Stack.mark, ord("c"): _Stack.name, ord("Q"): _Stack.stored, ord("R"): _Stack.reduce, ord("b"): _Stack.build,
    ord("t"): _Stack.tuple_since_mark,
    0x85: lambda stack: stack.tuple_of(1), 0x86: lambda stack: stack.tuple_of(2), 0x87: lambda stack: stack.tuple_of(3),
    ord("u"): lambda stack: stack.put_items(stack.marked()), ord("e"): lambda stack: stack.append(stack.marked()),
    ord("s"): lambda stack: stack.put_items([stack.items.pop(-2), stack.items.pop()]),
    ord("a"): lambda stack: stack.append([stack.items.pop()]),
}  # fmt: skip
