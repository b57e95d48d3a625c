"""Building the net that a model spec names: zoo names, `torchvision:NAME`, `timm:NAME`, or a user's callable.

Owns: the forms of `--model`, and the sizes of the net, which follow from the shapes in a state dict. Does not load
weights: the net has initial weights.
"""

from __future__ import annotations

import copy
import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from landscape.callables import explain, lacks_arguments, resolve_callable
from landscape.copied import note_copy
from landscape.errors import LandscapeError, UsageError
from landscape.members import named_parameters
from landscape.models.recognize import sizes
from landscape.models.zoo import build_zoo


def build_model(
    spec: str,
    *,
    state_dict: Mapping[str, Tensor] | None = None,
    num_classes: int | None = None,
    in_channels: int | None = None,
    image_size: int | None = None,
    settings: Mapping[str, Any] | None = None,
) -> nn.Module:
    """The net that `spec` names, with initial weights.

    A size is the argument if given, otherwise that of the shapes in `state_dict`, otherwise the model's default.
    Only the VGG nets of the zoo use `image_size`. A user's callable is called without arguments and chooses its
    sizes itself; a class of modules gets those of `settings`, which a checkpoint of Lightning holds, that it takes.

    Raises:
        UsageError: the name does not exist, or the spec has another form.
        LandscapeError: a library is missing, or the user's code raised an error or returned no Module.
    """
    if spec.startswith("torchvision:"):
        return _torchvision(spec, state_dict, num_classes, in_channels)
    if spec.startswith("timm:"):
        return _timm(spec, state_dict, num_classes, in_channels)
    if spec.startswith("hf:"):
        raise UsageError(f"model '{spec}': give the folder with its config.json and weights as the checkpoint")
    if ":" in spec:
        return _from_callable(spec, settings or {})
    options = {"num_classes": num_classes, "in_channels": in_channels, "image_size": image_size}
    given = {name: value for name, value in options.items() if value is not None}
    return build_zoo(spec, **{**sizes(state_dict or {}), **given})


def _from_callable(spec: str, settings: Mapping[str, Any]) -> nn.Module:
    make = resolve_callable(spec, what="model")
    if isinstance(make, nn.Module):
        return note_copy(
            copy.deepcopy(make), make
        )  # the user's code still holds the module, and its weights will be overwritten
    given = _accepted(make, settings) if isinstance(make, type) and issubclass(make, nn.Module) else {}
    try:
        model = make(**given)
    except Exception as error:
        shown = f"with {', '.join(given)} of the checkpoint" if given else "without arguments"
        example = f"def build(): return {spec.rpartition(':')[2]}(...)"
        advice = f"; name a function that builds it, such as {example}" if lacks_arguments(make, given) else ""
        raise LandscapeError(f"model '{spec}': calling it {shown} raised {explain(error)}{advice}") from error
    if not isinstance(model, nn.Module):
        raise LandscapeError(f"model '{spec}': it returned a {type(model).__name__}, expected a torch.nn.Module")
    return model


def _accepted(make: Callable, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the arguments of a callable name; all of them where it takes any."""
    taken = inspect.signature(make).parameters
    takes_any = any(each.kind is each.VAR_KEYWORD for each in taken.values())
    return {name: value for name, value in settings.items() if takes_any or name in taken}


def _torchvision(
    spec: str, state_dict: Mapping[str, Tensor] | None, num_classes: int | None, in_channels: int | None
) -> nn.Module:
    import torchvision

    name = spec.partition(":")[2]
    if in_channels not in (None, 3):
        raise UsageError(
            f"model '{spec}' takes 3 channels, not {in_channels}; use a timm: model or a callable of your own"
        )
    _check_name(spec, name, torchvision.models.list_models())

    def build(**options: int) -> nn.Module:
        return torchvision.models.get_model(name, weights=None, **options)

    return _build_to_fit(spec, build, state_dict, {"num_classes": num_classes})


def _timm(
    spec: str, state_dict: Mapping[str, Tensor] | None, num_classes: int | None, in_channels: int | None
) -> nn.Module:
    try:
        import timm
    except ImportError as error:
        raise LandscapeError(f"model '{spec}' needs timm; install it with: pip install 'nn-landscape[timm]'") from error
    name = spec.partition(":")[2]
    # `NAME.TAG` names pretrained weights; the tag does not change the net.
    _check_name(spec, name.split(".")[0], timm.list_models())

    def build(**options: Any) -> nn.Module:
        return timm.create_model(name, pretrained=False, **options)

    return _build_to_fit(spec, build, state_dict, {"num_classes": num_classes, "in_chans": in_channels})


def _check_name(spec: str, name: str, known: list[str]) -> None:
    if name in known:
        return
    library = spec.partition(":")[0]
    close = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else f"see {library}'s list_models()"
    raise UsageError(f"model '{spec}': {library} has no model '{name}'; {hint}")


def _build_to_fit(
    spec: str,
    build: Callable[..., nn.Module],
    state_dict: Mapping[str, Tensor] | None,
    options: dict[str, int | None],
) -> nn.Module:
    """Builds the net with the library's defaults, and again if the state dict has other sizes.

    `options`: the sizes that the library accepts, with None for those that are not given.
    """
    given = {name: value for name, value in options.items() if value is not None}
    try:
        model = build(**given)
        found = _other_sizes(model, state_dict or {})
        wanted = {name: value for name, value in found.items() if name in options and name not in given}
        return build(**given, **wanted) if wanted else model
    except Exception as error:
        raise LandscapeError(f"model '{spec}': building it raised {explain(error)}") from error


def _other_sizes(model: nn.Module, state_dict: Mapping[str, Tensor]) -> dict[str, int]:
    """The numbers of classes and channels in which the state dict differs from the model.

    Image classifiers of both libraries begin with a convolution (out, in, h, w) and end with the classifier,
    in which dimension 0 of weight and bias is the class.
    """
    parameters = dict(named_parameters(model))
    found = {}
    last = next(reversed(parameters))
    if last in state_dict and state_dict[last].shape[:1] != parameters[last].shape[:1]:
        found["num_classes"] = state_dict[last].shape[0]
    first = next((name for name, value in parameters.items() if value.ndim == 4), None)
    if first and first in state_dict and state_dict[first].shape[1:2] != parameters[first].shape[1:2]:
        found["in_chans"] = state_dict[first].shape[1]
    return found
