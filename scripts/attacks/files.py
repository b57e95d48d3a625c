"""Mutated files through the commands that read files: no traceback, no surprise, no hang, no flood of memory.

Owns: the seeds (a checkpoint, a surface, a spectrum, ... made by the program itself), the mutations, and the verdict on what a
command did with each. Commands run in a child process with limits of time and memory, many inputs to a child; a child that dies
or hangs is replaced, and its input counts. Everything follows from the seed.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import io
import json
import os
import random
import select
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS = 20.0  # a command that takes longer hangs
GIGABYTES = 1.0  # more than this above what Python and torch take themselves is a flood
VERDICTS = ("done", "refused", "unexpected", "traceback", "forged", "flood", "hang", "died")
BAD = VERDICTS[2:]


@dataclass(frozen=True)
class Kind:
    """One kind of file: how a good one is made, and the commands that read it (FILE and OUT are replaced)."""

    name: str
    make: Callable[[Path], Path]
    commands: tuple[str, ...]


def seed_files(folder: Path) -> dict[str, Path]:
    """One good file of each kind, small enough to be mutated thousands of times."""
    import numpy as np
    import torch

    import landscape as ll
    from landscape.checkpoint.save import save_checkpoint

    (folder / "net.py").write_text(
        "import torch\n\ndef build():\n    torch.manual_seed(0)\n    return torch.nn.Sequential("
        "torch.nn.Flatten(), torch.nn.Linear(64, 6), torch.nn.ReLU(), torch.nn.Linear(6, 10))\n"
    )
    sys.path.insert(0, str(folder))
    net = __import__("net").build()
    meta = {"model": "net.py:build", "data": "digits", "normalize": "digits", "metrics": {"test_loss": 0.5}, "step": 3}
    found = {name: folder / name for name in ("net.pt", "old.pt", "net.safetensors", "s.h5", "l.h5", "data.npz")}
    save_checkpoint(found["net.pt"], net.state_dict(), meta)
    torch.save({"state_dict": net.state_dict(), "epoch": 3}, found["old.pt"], _use_new_zipfile_serialization=False)
    from safetensors.torch import save_file

    save_file(net.state_dict(), found["net.safetensors"], {"landscape": json.dumps(meta)})
    model = f"{folder / 'net.py'}:build"
    few: dict[str, Any] = {"model": model, "data": "digits", "samples": 32, "quiet": True, "threads": 1}
    ll.surface(found["net.pt"], x=(-1, 1, 5), y=(-1, 1, 5), out=found["s.h5"], save_directions=True, **few)
    ll.hessian(found["s.h5"], every=4, samples=16, quiet=True, threads=1)
    ll.line(found["net.pt"], x=(-1, 1, 5), out=found["l.h5"], **few)
    found["d.h5"] = folder / "s.directions.h5"
    found["spectrum.h5"] = folder / "spectrum.h5"
    ll.spectrum(found["net.pt"], per="layer", out=found["spectrum.h5"], top=2, bottom=2, probes=2, steps=8, **few)
    np.savez(found["data.npz"], images=np.random.default_rng(0).normal(size=(20, 1, 8, 8)), labels=np.arange(20) % 10)
    ll.train(model=model, data="digits", samples=64, epochs=1, out=folder / "run", quiet=True, threads=1)
    found["run"] = folder / "run"
    ll.export(found["l.h5"], folder / "li.h5", format="li2018")
    found["li.h5"] = folder / "li.h5"
    return found


NET = "--model net.py:build --samples 16 --quiet --threads 1 --dry-run -x=-1:1:3"
SEE = ("info FILE", "info --json FILE", "plot FILE -o OUT.html", "export FILE OUT.csv")
COMMANDS: dict[str, tuple[str, ...]] = {
    "net.pt": ("info FILE", f"line FILE --data digits {NET}", f"line net.pt --to FILE --data digits {NET}"),
    "old.pt": ("info FILE", f"line FILE --data digits {NET}"),
    "net.safetensors": ("info --json FILE", f"line FILE {NET}"),
    "s.h5": (*SEE, "plot FILE --kind ratio -o OUT.svg", "hessian FILE --dry-run --quiet --model net.py:build --threads 1"),
    "l.h5": (*SEE, "compare FILE l.h5 -o OUT.html"),
    "li.h5": SEE,
    "spectrum.h5": ("info FILE", "plot FILE -o OUT.html", "plot FILE --kind layers -o OUT.svg"),
    "d.h5": ("info FILE", f"surface net.pt --directions FILE --data digits {NET} -y=-1:1:3"),
    "data.npz": (f"line net.pt --data npz:FILE {NET}",),
    "run": ("info FILE", "plot FILE -o OUT.html", "hessian FILE --dry-run --quiet --threads 1",
            "train --model net.py:build --data digits --samples 64 --epochs 1 --quiet --threads 1 -o FILE"),
}  # fmt: skip


# mutations


def mutate(source: Path, target: Path, chance: random.Random) -> str:
    """Writes a mutated copy of a file or run folder; returns what was done."""
    if source.is_dir():
        shutil.copytree(source, target)
        inner = chance.choice(sorted(path for path in target.rglob("*") if path.is_file()))
        good = inner.read_bytes()
        done = _mutate_file(inner, good, chance)
        return f"{inner.name}: {done}"
    return _mutate_file(target, source.read_bytes(), chance)


def _mutate_file(path: Path, good: bytes, chance: random.Random) -> str:
    ways: list[Callable[[Path, bytes, random.Random], str]] = [_flip, _flip, _cut, _splice]
    if path.suffix == ".h5":
        ways += [_hdf5] * 6
    if path.suffix in (".pt", ".npz"):
        ways += [_zipped] * 2
    if path.suffix == ".pt":
        ways += [_stored] * 5
    if path.suffix == ".npz":
        ways += [_arrays] * 5
    if path.suffix in (".json", ".csv"):
        ways += [_text] * 6
    return chance.choice(ways)(path, good, chance)


def _flip(path: Path, good: bytes, chance: random.Random) -> str:
    content = bytearray(good)
    count = chance.choice((1, 1, 1, 2, 8, 64))
    for _ in range(count):
        # the first kilobytes hold the structure of most formats
        place = chance.randrange(min(len(content), chance.choice((100, 2000, len(content)))))
        content[place] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
    return f"{count} bits flipped"


def _cut(path: Path, good: bytes, chance: random.Random) -> str:
    keep = chance.randrange(len(good))
    path.write_bytes(good[:keep])
    return f"cut to {keep} bytes"


def _splice(path: Path, good: bytes, chance: random.Random) -> str:
    start = chance.randrange(len(good))
    length = chance.choice((1, 4, 8, 64, 512))
    filling = chance.choice((b"\0", b"\xff", chance.randbytes(1))) * length
    path.write_bytes(good[:start] + filling + good[start + length :])
    return f"{length} bytes replaced at {start}"


ODD_TEXTS = ("", "x" * 5000, "a\nforged: yes", "\x1b[2J\x1b]0;t\x07", "<b>&amp;", "\u202e\u2028", "nan", "1e999", "-1", "[" * 5000,  # noqa: E501
             "os:abort", "evil.py:build", "~nobody/x", "/dev/zero", "folder:/dev", "npz:/dev/zero", "\0")  # fmt: skip
ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    10**30,
    1.5,
    float("nan"),
    float("inf"),
    [],
    {},
    [1, [2]],
    {"a": {"b": 1}},
    *ODD_TEXTS,
)


def odd_tree(tree: Any, chance: random.Random) -> Any:
    """The tree with one entry somewhere in it changed, lost or added."""
    if isinstance(tree, dict) and tree and chance.random() < 0.85:
        key = chance.choice(list(tree))
        if chance.random() < 0.15:
            return {name: value for name, value in tree.items() if name != key}
        return {**tree, key: odd_tree(tree[key], chance)}
    if isinstance(tree, list) and tree and chance.random() < 0.5:
        place = chance.randrange(len(tree))
        return [*tree[:place], odd_tree(tree[place], chance), *tree[place + 1 :]]
    deep: Any = []
    for _ in range(chance.choice((30, 200, 900))):
        deep = [deep]
    return chance.choice((*ODD_VALUES, deep))


def _hdf5(path: Path, good: bytes, chance: random.Random) -> str:
    import h5py
    import numpy as np

    path.write_bytes(good)
    arrays: list[str] = []
    everything: list[str] = ["/"]
    with h5py.File(path, "r+") as file:
        file.visititems(
            lambda name, item: (
                everything.append(name),
                arrays.append(name) if isinstance(item, h5py.Dataset) else None,
            )[1]
        )
        way = chance.choice(("shape", "type", "lost", "link", "external", "virtual", "attribute", "attribute", "json", "json", "bomb",  # noqa: E501
                             "values", "group"))  # fmt: skip
        name = chance.choice(arrays)
        if way == "attribute":
            owner = file[chance.choice(everything)]
            key = chance.choice([*owner.attrs, "new"])
            value = chance.choice((*(v for v in ODD_VALUES if isinstance(v, (bool, int, float)) and abs(v) < 2**60 or v != v),
                                   *(t for t in ODD_TEXTS if "\0" not in t), np.zeros(3), np.zeros((2, 2)), np.bytes_(b"\xff\xfe"),  # noqa: E501
                                   h5py.Empty("f"), np.zeros(2, dtype="S3")))  # fmt: skip
            owner.attrs[key] = value
            return f"attribute {key} of {owner.name} is {str(value)[:40]!r}"
        if way == "json":
            owners = [
                (file[each], key) for each in everything for key in ("provenance", "labels") if key in file[each].attrs
            ]
            if owners:
                owner, key = chance.choice(owners)
                value = odd_tree(json.loads(owner.attrs[key]), chance)
                with contextlib.suppress(TypeError, ValueError, RecursionError, OSError):
                    owner.attrs[key] = json.dumps(value)[:60000]
            return "provenance or labels changed"
        old = file[name]
        parent, last = old.parent, old.name.rpartition("/")[2]
        shape, values = old.shape, old[()]
        if way == "values":
            filling = chance.choice((np.nan, np.inf, -np.inf, 0.0, 1e308, -1.0, 5e-324))
            if old.dtype.kind == "f":
                old[...] = np.full_like(values, filling)
            return f"{name} filled"
        del parent[last]
        if way == "shape":
            new = chance.choice(((), (1,), (0,), (3, 1), (*shape, 1), (7,), (2, 2, 2), tuple(n + 1 for n in shape)))
            parent[last] = np.zeros(new)
        elif way == "type":
            parent[last] = chance.choice((np.zeros(shape, "S4"), np.zeros(shape, "c16"), np.zeros(shape, bool), np.ones(shape, "i8"),  # noqa: E501
                                          "text", np.zeros(shape, [("a", "f8")])))  # fmt: skip
        elif way == "link":
            parent[last] = chance.choice(
                (h5py.SoftLink("/"), h5py.SoftLink("/nowhere"), h5py.ExternalLink("l.h5", "/values/train_loss"))
            )
        elif way == "external":
            size = max(1, int(np.prod(shape)))
            parent.create_dataset(last, shape=shape or (1,), dtype="f8", external=[("net.pt", 0, 8 * size)])
        elif way == "virtual":
            layout = h5py.VirtualLayout(shape=shape or (1,), dtype="f8")
            layout[...] = h5py.VirtualSource("l.h5", "values/train_loss", shape=shape or (1,))
            parent.create_virtual_dataset(last, layout)
        elif way == "bomb":
            huge = chance.choice(((26_000, 26_000), (10**9,), (10**12,), (100_000, 100_000)))
            parent.create_dataset(last, shape=huge, dtype="f8", chunks=chance.choice((None, True)))
            if last == "x" and "axes" in parent.name:
                pass
        elif way == "group":
            parent.create_group(last)[last] = parent
    return f"{way} of {name}"


def _zipped(path: Path, good: bytes, chance: random.Random) -> str:
    """Entries of the archive lost, doubled, renamed, or replaced by a long run of zeros."""
    try:
        with zipfile.ZipFile(io.BytesIO(good)) as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
    except zipfile.BadZipFile:
        return _flip(path, good, chance)
    name = chance.choice(list(entries))
    way = chance.choice(("lost", "bits", "zeros", "name"))
    with zipfile.ZipFile(path, "w") as archive:
        for each, content in entries.items():
            if each != name:
                archive.writestr(each, content)
            elif way == "bits" and content:
                changed = bytearray(content)
                for _ in range(chance.choice((1, 3))):
                    changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
                archive.writestr(each, bytes(changed))
            elif way == "zeros":
                archive.writestr(each, b"\0" * 150_000_000, zipfile.ZIP_DEFLATED, compresslevel=1)
            elif way == "name":
                archive.writestr("../" + each, content)
    return f"{way} of {name}"


def _stored(path: Path, good: bytes, chance: random.Random) -> str:
    """A checkpoint whose content is changed before it is written."""
    import collections as c

    import torch

    stored = torch.load(io.BytesIO(good), weights_only=True)
    entry = "state_dict" if "state_dict" in stored else "model"
    state, way = dict(stored[entry]), chance.choice(("tensor", "tensor", "meta", "meta", "top", "state"))
    if way == "tensor":
        name = chance.choice(list(state))
        state[name] = chance.choice((
            torch.zeros(()), torch.zeros(3), state[name].double(), state[name].to(torch.int64), torch.zeros(1).expand(10**6, 10**6),  # noqa: E501
            state[name].to(torch.complex64), state[name] * float("nan"), state[name].to_sparse(), torch.empty(5, device="meta"), None,  # noqa: E501
            "text", [state[name]], torch.zeros(0), state[name].to(torch.bool), torch.empty(10**9, 10**3, device="meta"),
        ))  # fmt: skip
        stored = {**stored, entry: state}
    elif way == "state":
        name = chance.choice(list(state))
        value = state.pop(name)
        state[chance.choice(("", "\x1b[31mred", "a\nb: c", name + ".x", "module." + name, "x" * 3000))] = value
        stored = {**stored, entry: state}
    elif way == "meta":
        stored = {**stored, "landscape": odd_tree(dict(stored.get("landscape", {"model": "net.py:build"})), chance)}
    else:
        bomb: Any = ["lol"] * 10
        for _ in range(12):
            bomb = [bomb] * 10
        stored = {**stored, **chance.choice(({"extra": bomb}, {"landscape": bomb}, {"landscape": {"a": bomb}}, {1: 2}, {(1, 2): 3},  # noqa: E501
                  {"epoch": 10**5000}, {"extra": c.OrderedDict(a=stored)}, {entry: None}, {entry: {entry: {}}}, {"optimizer": stored}))}  # fmt: skip  # noqa: E501
    with contextlib.suppress(Exception):
        torch.save(stored, path)
        return f"{way} changed"
    path.write_bytes(good)
    return "nothing"


def _arrays(path: Path, good: bytes, chance: random.Random) -> str:
    import numpy as np

    with np.load(io.BytesIO(good)) as file:
        arrays: dict[str, Any] = dict(file)
    name = chance.choice(list(arrays))
    arrays[name] = chance.choice((
        np.zeros(()), np.zeros(0), np.zeros((20, 0)), np.array(["a"] * 20), np.zeros(20, complex), np.full(20, 10**12), np.full(20, -1),  # noqa: E501
        np.zeros((20, 3, 3)), np.array([None] * 20, dtype=object), np.zeros((20, 1, 8, 8), np.uint8), np.zeros(20, "M8[s]"),
        np.full((20, 1, 8, 8), np.nan), np.zeros((20, 1, 8, 9)), np.zeros((20, 1, 8, 8), np.float16), np.zeros(20_000_000),
    ))  # fmt: skip
    np.savez_compressed(path, **arrays)
    return f"{name} changed"


def _text(path: Path, good: bytes, chance: random.Random) -> str:
    if path.suffix == ".json":
        changed = odd_tree(json.loads(good), chance)
        try:
            path.write_text(json.dumps(changed))
        except RecursionError:
            path.write_text("[" * 20_000)
        return "entry changed"
    rows = [line.split(",") for line in good.decode().splitlines()]
    row = chance.choice(rows)
    row[chance.randrange(len(row))] = chance.choice([text for text in ODD_TEXTS if "\0" not in text] + ["1" * 400])
    path.write_text("\n".join(map(",".join, rows)) + "\n")
    return "cell changed"


# running and judging


@dataclass(frozen=True)
class Outcome:
    """What a command did with one input."""

    kind: str
    number: int
    what: str
    command: str
    verdict: str
    said: str


CHILD = """
import contextlib, io, json, os, resource, sys
sys.path.insert(0, sys.argv[1])
import torch
torch.set_num_threads(1)
from landscape.cli.main import main
def used():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
for module in ("landscape.study.run", "landscape.drawing", "landscape.render.page.picture", "landscape.render.still.picture"):
    __import__(module)
answers = os.fdopen(os.dup(1), "w")
null = os.open(os.devnull, os.O_WRONLY)
os.dup2(null, 1)
base = used()
resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
print("ready", file=answers, flush=True)
for line in sys.stdin:
    words = json.loads(line)
    out, err = io.StringIO(), io.StringIO()
    try:
        with open("/proc/self/clear_refs", "w") as refs:
            refs.write("5")
    except OSError:
        pass
    before = used()
    raised = ""
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(words)
        except SystemExit as leaving:
            status = leaving.code
        except BaseException as error:
            status, raised = 70, f"Traceback {type(error).__name__}: {error}"
    grown = max(0, used() - before) / 1e6
    said = {"status": status, "out": out.getvalue()[:20000], "err": (raised + err.getvalue())[-3000:], "grown": grown}
    print(json.dumps(said), file=answers, flush=True)
"""


class Child:
    """A process that runs commands, one after another, in a folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._start()

    def _start(self) -> None:
        root = str(Path(__file__).resolve().parents[2])
        self._process = subprocess.Popen(
            [sys.executable, "-c", CHILD, root], cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert self._process.stdout is not None and self._process.stdout.readline() == "ready\n"

    def run(self, words: list[str]) -> dict[str, Any] | str:
        """The answer, or "hang" or "died"; then the next command gets a new process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], SECONDS)
        line = self._process.stdout.readline() if ready else ""
        if line:
            return dict(json.loads(line))
        self.close()
        self._start()
        return "died" if ready else "hang"

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def verdict(answer: dict[str, Any] | str) -> str:
    """One of VERDICTS."""
    if isinstance(answer, str):
        return answer
    text = answer["out"] + answer["err"]
    if answer["grown"] > GIGABYTES * 1000:
        return "flood"
    if "Traceback" in text:
        return "traceback"
    if "landscape: unexpected" in answer["err"]:
        return "unexpected"
    lines = text.splitlines()
    if any(line.startswith("forged:") for line in lines) or any(c in text for c in "\x1b\x07\u202e\u2028"):
        return "forged"
    if answer["status"] and not (
        answer["status"] in (1, 2) and len(answer["err"].splitlines()) <= 1 + answer["err"].count("validation")
    ):
        return "traceback"
    return "done" if answer["status"] == 0 else "refused"


def attack(folder: Path, inputs: int, seed: int, kinds: list[str] | None = None) -> Iterator[Outcome]:
    """Runs every command of a kind on each of `inputs` mutated files, dealt out evenly over the kinds."""
    seeds = folder / "seeds"
    seeds.mkdir()
    made = seed_files(seeds)
    child = Child(seeds)
    chosen = kinds or list(COMMANDS)
    try:
        for number in range(inputs):
            kind = chosen[number % len(chosen)]
            chance = random.Random(f"{seed} {number}")
            target = folder / (f"in{number}" + made[kind].suffix)
            what = mutate(made[kind], target, chance)
            for command in COMMANDS[kind]:
                words = [
                    word.replace("FILE", str(target)).replace("OUT", str(folder / "out")) for word in command.split()
                ]
                answer = child.run(words)
                said = answer if isinstance(answer, str) else (answer["err"].strip() or answer["out"])[:300]
                yield Outcome(kind, number, what, command, verdict(answer), said)
            shutil.rmtree(target) if target.is_dir() else target.unlink()
            for left in folder.glob("out*"):
                left.unlink()
    finally:
        child.close()


def main(arguments: list[str]) -> int:
    """Prints every bad outcome, and a table of all; the status is 1 if there was a bad one."""
    parser = argparse.ArgumentParser(
        prog="scripts/attack files", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=list(COMMANDS))
    asked = parser.parse_args(arguments)
    started, counts = time.monotonic(), collections.Counter[tuple[str, str]]()
    with tempfile.TemporaryDirectory() as place:
        for outcome in attack(Path(place), asked.inputs, asked.seed, asked.kinds):
            counts[outcome.kind, outcome.verdict] += 1
            if outcome.verdict in BAD:
                print(
                    f"{outcome.verdict}: {outcome.kind} {outcome.number} ({outcome.what}), {outcome.command}: {outcome.said}",
                    flush=True,
                )
    kinds = asked.kinds or list(COMMANDS)
    print(
        f"\nseed {asked.seed}, {asked.inputs} inputs, {sum(counts.values())} commands, {time.monotonic() - started:.0f} s"
    )
    print("| file | " + " | ".join(VERDICTS) + " |\n|---" * 1 + "|---:" * len(VERDICTS) + "|")
    for kind in kinds:
        print(f"| {kind} | " + " | ".join(str(counts[kind, each]) for each in VERDICTS) + " |")
    return int(any(counts[kind, each] for kind in kinds for each in BAD))
