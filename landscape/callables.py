"""`package.module:name` and `path/to/file.py:name` -> the object of that name.

Owns: how a spec on the command line leads to a user's Python code (model, data set, loss), and what that code may not do: end
the program, or leave the working directory. Does not know its purpose, and imports no torch. Every failure is a
`LandscapeError` of one line that names the spec; the user's own exception is its `__cause__`.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from landscape.errors import Ending, LandscapeError, UsageError
from landscape.made import made_once
from landscape.regular import expanded, working_directory, working_folder

FULL, SMALLER = "the memory of the GPU is full", "give a smaller batch-size, or fewer ranks on this GPU"
OF_USERS = "the code of the model, data or loss"
# What was resolved in this process, by purpose: naming it again runs nothing new.
_resolved: set[tuple[str, str]] = set()


def was_resolved(spec: str, what: str) -> bool:
    """Whether the callable of a spec was resolved before in this process, for the same purpose and in the same version."""
    return (what, _identity(spec)) in _resolved


def resolve_callable(spec: str, what: str = "model") -> Callable:
    """The callable that `spec` names; imports its module.

    During the import the current folder and the folder of the file are on the import path.

    Args:
        spec: `package.module:name` or `path/to/file.py:name`; the name may have dots (`Class.method`).
        what: the word for the object in error messages: model, data, loss.

    Raises:
        UsageError: the spec has another form.
        LandscapeError: the file, module or name does not exist; the import raised; the object is not callable.

    >>> resolve_callable("math:sqrt")(9.0)
    3.0
    """
    place, colon, name = spec.rpartition(":")
    if not (colon and place and name):
        raise UsageError(f"{what} '{spec}': expected package.module:callable or path/to/file.py:callable")
    module = _import_file(place, spec, what) if place.endswith(".py") else _import_module(place, spec, what)
    found = _attribute(module, name, spec, what)
    if not callable(found):
        raise LandscapeError(
            f"{what} '{spec}': {name} is a {type(found).__name__}, which cannot be called; name a function that returns it"
        )
    _resolved.add((what, _identity(spec)))
    return found


def resolve_function(spec: str, what: str) -> Callable:
    """What `spec` names, to be called with arguments; of a class, or of a function that makes it without, what that returns.

    It is made once in a run.

    Raises:
        LandscapeError: see `resolve_callable`; calling the class or function fails, or it returns what cannot be called.
    """
    found, name = resolve_callable(spec, what), spec.rpartition(":")[2]
    if not (isinstance(found, type) or _only_makes(found)):
        return found
    advice = (
        f"name an object, such as {what} = {name}(...)"
        if isinstance(found, type)
        else f"let it return a {what}, or name one that takes (outputs, targets)"
    )
    made = made_once(found, lambda: made_by(found, f"{what} '{spec}': {name}", advice))
    if not callable(made):
        raise LandscapeError(
            f"{what} '{spec}': {name}() returned an object of type {type(made).__name__}, which cannot be called"
        )
    return made


def lacks_arguments(make: Callable, given: Mapping[str, Any]) -> bool:
    """Whether a class or function has parameters without a default that are not given."""
    try:
        inspect.signature(make).bind(**given)
    except TypeError:
        return True
    except ValueError:  # a builtin has no signature
        return False
    return False


def made_by(make: Callable, shown: str, advice: str) -> Any:
    """What a class of the user's, or a function, returns when it is called without arguments.

    Raises:
        LandscapeError: `shown`, what it raised, and the advice.
    """
    kind = "class" if isinstance(make, type) else "function"
    try:
        return make()
    except Exception as error:
        raise LandscapeError(
            f"{shown} is a {kind}, and calling it without arguments raised {explain(error)}; {advice}"
        ) from error


def _only_makes(function: Callable) -> bool:
    """Whether it can be called without arguments, and not with the two that a loss or metric is called with."""
    if not inspect.isfunction(function):
        return False
    taken = inspect.signature(function).parameters.values()
    by_place = [each for each in taken if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    return (
        len(by_place) < 2
        and all(each.default is not each.empty for each in by_place)
        and not any(
            each.kind is each.VAR_POSITIONAL or (each.kind is each.KEYWORD_ONLY and each.default is each.empty)
            for each in taken
        )
    )


def _identity(spec: str) -> str:
    """The spec, with the version of its file in place of its path."""
    place, _, name = spec.rpartition(":")
    try:
        return f"{_module_name(expanded(place).resolve())}:{name}" if place.endswith(".py") else spec
    except (OSError, ValueError):
        return spec


def explain(error: BaseException) -> str:
    """`Type: message` on one line, for errors raised by a user's code.

    What is no `Exception`, such as `SystemExit`, says so little that its place in the code is added.

    >>> explain(ValueError("two\\n  lines"))
    'ValueError: two lines'
    """
    message = " ".join(message_of(error).split())
    if type(error).__name__ == "OutOfMemoryError":  # torch's; its own text is a paragraph on allocators
        return f"{FULL} ({message.partition('. GPU')[0]}); {SMALLER}"
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return text if isinstance(error, Exception) else text + _place_of(error)


def message_of(error: BaseException) -> str:
    """Its text; empty where even that raises, which a user's own class may do."""
    try:
        return str(error)
    except Ending:
        raise
    except BaseException:
        return ""


def first_line(error: BaseException) -> str:
    """The first line of its text, or its type where there is none; libraries say more than fits on one line."""
    return (message_of(error).strip().splitlines() or [type(error).__name__])[0]


def _place_of(error: BaseException) -> str:
    """`, raised in net.py, line 12 (build)`: the innermost place in its traceback; empty without one."""
    if error.__traceback__ is None:
        return ""
    frames = list(traceback.walk_tb(error.__traceback__))
    code, line = frames[-1][0].f_code, frames[-1][1]
    return f", raised in {Path(code.co_filename).name}, line {line} ({code.co_name})"


@contextmanager
def contained(what: str = OF_USERS) -> Iterator[None]:
    """Within the block a user's code runs: whatever it raises leaves it as an `Exception`.

    `sys.exit()` in a loss must not end the program with status 0, nor leave other ranks waiting. Our own reasons to stop pass.

    Raises:
        LandscapeError: SystemExit, GeneratorExit, a KeyboardInterrupt that no signal caused, or another BaseException.
    """
    try:
        with staying(what):
            yield
    except (Exception, Ending):
        raise
    except BaseException as error:
        raise LandscapeError(
            f"{what} tried to end the program ({explain(error)}); let it raise an error instead"
        ) from error


@contextmanager
def staying(what: str) -> Iterator[None]:
    """Within the block a user's code runs. To leave the working directory, of which our names are, is a LandscapeError."""
    home, folder = working_directory(), working_folder()
    try:
        yield
    finally:
        if left := home is not None and working_folder() != folder:
            now = working_directory()
            with suppress(OSError):  # it may have been renamed or deleted meanwhile
                os.chdir(home)
    if left:
        raise LandscapeError(
            f"{what} changed the working directory (os.chdir to {now}), where relative names mean other files; let it use "
            "full names, such as Path(__file__).parent / 'data.npz'"
        )


def _import_module(name: str, spec: str, what: str) -> ModuleType:
    try:
        with staying(f"{what} '{spec}'"), _importable(Path.cwd()):
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Either the module itself is missing or a module that it imports; only the first is a mistake in the spec.
        if error.name and (name == error.name or name.startswith(error.name + ".")):
            raise LandscapeError(
                f"{what} '{spec}': no module named '{error.name}' here or among the installed packages"
            ) from error
        raise _raised(error, spec, what) from error
    except (Ending, LandscapeError):
        raise
    except BaseException as error:  # a script without a main guard often ends in sys.exit
        raise _raised(error, spec, what) from error


def _import_file(place: str, spec: str, what: str) -> ModuleType:
    path = expanded(place).resolve()
    if not path.is_file():
        raise LandscapeError(f"{what} '{spec}': there is no file {place}")
    name = _module_name(path)
    if name in sys.modules:
        return sys.modules[name]
    description = importlib.util.spec_from_file_location(name, path)
    assert description is not None and description.loader is not None  # there is a loader for every .py file
    module = importlib.util.module_from_spec(description)
    # Dataclasses and pickle look up their module by name, so it must be registered before its code runs.
    sys.modules[name] = module
    try:
        with staying(f"{what} '{spec}'"), _importable(Path.cwd(), path.parent):
            description.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, (Ending, LandscapeError)):
            raise
        raise _raised(error, spec, what) from error
    return module


def _module_name(path: Path) -> str:
    """One name for each version of a file: `--model f.py:a --data f.py:b` runs f.py once, an edited f.py again."""
    version = f"{path}|{path.stat().st_mtime_ns}|{path.stat().st_size}"
    return f"landscape_user_{path.stem}_{hashlib.sha256(version.encode()).hexdigest()[:12]}"


@contextmanager
def _importable(*folders: Path) -> Iterator[None]:
    """Within the block the folders come first on the import path, the last of them foremost."""
    before = list(sys.path)
    sys.path[:0] = [os.fspath(folder) for folder in reversed(folders)]
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = before


def _attribute(module: ModuleType, name: str, spec: str, what: str) -> object:
    found: object = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise LandscapeError(f"{what} '{spec}': it has no '{part}'; {_near(part, found)}")
        found = getattr(found, part)
    return found


def _near(name: str, owner: object) -> str:
    public = [key for key in vars(owner) if not key.startswith("_")] if hasattr(owner, "__dict__") else []
    near = difflib.get_close_matches(name, public, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    own = [key for key in public if callable(getattr(owner, key))][:5]
    return f"it has {', '.join(own)}" if own else "it defines nothing that can be called"


def _raised(error: BaseException, spec: str, what: str) -> LandscapeError:
    return LandscapeError(f"{what} '{spec}': importing it raised {explain(error)}")
