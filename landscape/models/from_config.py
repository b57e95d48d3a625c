"""A net of `transformers` from the `config.json` of its folder, and an adapter of PEFT around one.

Owns: the class that a configuration names, looked up in the installed library, and the refusal of code in the folder. Neither
loads weights nor asks any server: configurations are read from files here, and the library is offline meanwhile.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from landscape.callables import explain
from landscape.errors import CheckpointError, LandscapeError, UntrustedError
from landscape.members import named_parameters
from landscape.plain_json import parse_json
from landscape.printable import listed
from landscape.regular import expanded, is_folder, reason_unreadable

CONFIG, ADAPTER = "config.json", "adapter_config.json"
SPEC = "hf:"
# Entries of an adapter's configuration that name modules to import or other places; the net does not depend on them.
UNUSED = ("auto_mapping", "megatron_config", "megatron_core", "revision", "base_model_name_or_path")


def described(folder: str | Path, name: str = CONFIG) -> dict[str, Any]:
    """A configuration in a folder; {} where there is none.

    Raises:
        CheckpointError: it is not readable, or not a JSON object.
    """
    path = expanded(folder) / name
    if not is_folder(path.parent) or not os.path.lexists(path):
        return {}
    if reason := reason_unreadable(path):
        raise CheckpointError(f"{path}: {reason}")
    try:
        found = parse_json(path.read_bytes())
    except ValueError as error:
        raise CheckpointError(f"{path}: not a configuration ({error}); download it again") from error
    if not isinstance(found, dict):
        raise CheckpointError(f"{path}: holds a {type(found).__name__}, expected a JSON object; download it again")
    return found


def named_class(folder: str | Path) -> str | None:
    """The first of the `architectures` of a folder's configuration; None where it names none."""
    names = described(folder).get("architectures")
    first = names[0] if isinstance(names, list) and names else None
    return first if isinstance(first, str) and first.isidentifier() else None


def class_of(folder: str | Path, name: str, *, trusted: bool = False) -> type[nn.Module]:
    """The class `name`: of the installed library, or where the folder brings code and is trusted, of that code.

    Raises:
        UntrustedError: only code in the folder defines the class, and the folder is not trusted.
        LandscapeError: transformers is missing or has no such class.
    """
    library = _library("transformers", "hf", folder)
    reference = _reference(described(folder), name)
    if reference and trusted:
        return _own_class(folder, reference)
    found = getattr(library, name, None)
    if isinstance(found, type) and issubclass(found, library.PreTrainedModel):
        return found
    if reference:
        raise UntrustedError(
            f"{folder}: its net {name} is code in the folder ({reference.partition('.')[0]}.py), which is not run because a "
            f"file says so; if you know it, give --trust {shlex.quote(str(folder))}"
        )
    raise LandscapeError(
        f"{folder}: transformers {library.__version__} has no model {name}; install the version that wrote the folder, or "
        "name a function that builds the net, such as --model net.py:build"
    )


def configured(
    folder: str | Path, kind: type[nn.Module], *, meta: bool = False, dtype: torch.dtype | None = None
) -> nn.Module:
    """A net of a class by the folder's configuration, in `dtype`; with initial weights, or with `meta` none.

    Raises:
        LandscapeError: the configuration does not fit the class.
    """
    settings = {key: value for key, value in described(folder).items() if key not in ("auto_map", "_name_or_path")}
    try:
        with _offline(), torch.device("meta" if meta else "cpu"), _usual_dtype(dtype):
            config = kind.config_class.from_dict(settings)  # type: ignore[attr-defined]
            return kind(config)
    except Exception as error:
        raise LandscapeError(f"{folder}: building {kind.__name__} from {CONFIG} raised {explain(error)}") from error


def with_adapter(base: nn.Module, folder: str | Path, tensors: Mapping[str, Tensor]) -> nn.Module:
    """The adapter of a folder, with its weights, around a base that has its own.

    Raises:
        LandscapeError: peft is missing, or does not know the kind; the weights are not those of its configuration.
    """
    peft = _library("peft", "peft", folder)
    settings = {key: value for key, value in described(folder, ADAPTER).items() if key not in UNUSED}
    try:
        with _offline():
            config = peft.PeftConfig.from_peft_type(**{**settings, "inference_mode": False})
            module = peft.get_peft_model(base, config)
        if {tensor.dtype for tensor in tensors.values()} == {torch.float64}:
            module.double()
        peft.set_peft_model_state_dict(module, dict(tensors))
        own = peft.get_peft_model_state_dict(module)
    except Exception as error:
        raise LandscapeError(f"{folder}: building the adapter from {ADAPTER} raised {explain(error)}") from error
    if other := sorted(own.keys() ^ tensors.keys()):
        raise CheckpointError(
            f"{folder}: the adapter and its {ADAPTER} differ in {listed(other, 4)}; save it again with save_pretrained"
        )
    return module


def adapter_names_by_key(module: nn.Module, folder: str | Path) -> dict[str, str]:
    """The names in a net of PEFT of the tensors that a file of its adapter holds, by their names there.

    Raises:
        CheckpointError: the net has no parameter of a name in the file.
    """
    peft = _library("peft", "peft", folder)
    names = {(each.data_ptr(), each.shape): name for name, each in named_parameters(module)}
    stored = peft.get_peft_model_state_dict(module)
    found = {key: names.get((tensor.data_ptr(), tensor.shape)) for key, tensor in stored.items()}
    if unknown := next((key for key, name in found.items() if name is None), None):
        raise CheckpointError(
            f"{folder}: {unknown} is not a parameter of the net, so the way to this adapter is not known"
        )
    return {key: name for key, name in found.items() if name is not None}


def _reference(settings: dict[str, Any], name: str) -> str | None:
    """`modeling_mine.Name`, where the configuration says that code in the folder defines the class."""
    listed = settings.get("auto_map")
    found = [each for each in (listed.values() if isinstance(listed, dict) else ()) if isinstance(each, str)]
    return next((each for each in found if each.rpartition(".")[2] == name), None)


def _own_class(folder: str | Path, reference: str) -> type[nn.Module]:
    from transformers.dynamic_module_utils import get_class_from_dynamic_module

    if "--" in reference:
        raise LandscapeError(f"{folder}: its code is in another repository ({reference}); copy it into the folder")
    try:
        with _offline():
            return get_class_from_dynamic_module(reference, str(expanded(folder)), local_files_only=True)
    except Exception as error:
        raise LandscapeError(f"{folder}: importing {reference} raised {explain(error)}") from error


def _library(name: str, extra: str, folder: str | Path) -> Any:
    try:
        return __import__(name)
    except ImportError as error:
        raise LandscapeError(f"{folder} needs {name}; install it with: pip install 'nn-landscape[{extra}]'") from error


@contextmanager
def _usual_dtype(dtype: torch.dtype | None) -> Iterator[None]:
    """Within the block new tensors are of this dtype where nothing else is said, as when the library itself loads a net in it."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype or before)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def _offline() -> Iterator[None]:
    """Within the block the libraries of Hugging Face read only files."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
