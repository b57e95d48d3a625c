"""Callbacks that record a run of other trainers: Lightning, and the Trainer of transformers.

Owns: which of their hooks are a step, its metrics, and the end. What is saved is the recorder's business. Both libraries are
loaded only when a callback is made.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from landscape.errors import LandscapeError, UsageError
from landscape.training.recorder import Recorder

# What transformers logs that is a metric of training, by the name that a log of landscape has for it.
LOGGED = {"loss": "loss", "learning_rate": "lr", "grad_norm": "gradient_norm", "eval_loss": "test_loss"}


def lightning_callback(recorder: Recorder | str | Path) -> Any:
    """A Lightning callback: `Trainer(callbacks=[ll.lightning_callback(ll.Recorder("runs/mine", every=100))])`.

    Instead of a recorder, the name of its folder.

    Raises:
        UsageError: `recorder` is neither.
        LandscapeError: neither lightning nor pytorch_lightning is installed.
    """
    try:
        base = importlib.import_module("lightning.pytorch").Callback
    except ImportError:
        base = _imported("pytorch_lightning", "lightning").Callback
    keeper, losses = _recorder(recorder), list[Any]()

    class LightningRecording(base):  # type: ignore[misc, valid-type]
        def on_train_start(self, trainer: Any, module: Any) -> None:
            keeper.begin(module, trainer.global_step)

        def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, *rest: Any) -> None:
            loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
            if loss is not None:
                # Lightning hands over the loss divided by the number of batches whose gradients are one step
                scale = trainer.accumulate_grad_batches if module.automatic_optimization else 1
                losses.append(loss.detach() * scale)
            if trainer.global_step > keeper.steps:
                metrics = {"loss": sum(losses) / len(losses)} if losses else {}
                losses.clear()
                keeper.step(module, step=trainer.global_step, **metrics)

        def on_train_end(self, trainer: Any, module: Any) -> None:
            keeper.finish()

    return LightningRecording()


def transformers_callback(recorder: Recorder | str | Path) -> Any:
    """A callback of transformers: `Trainer(..., callbacks=[ll.transformers_callback(ll.Recorder("runs/mine", every=100))])`.

    Instead of a recorder, the name of its folder.

    Raises:
        UsageError: `recorder` is neither.
        LandscapeError: transformers is not installed.
    """
    base = _imported("transformers", "hf").TrainerCallback
    keeper = _recorder(recorder)

    class TransformersRecording(base):  # type: ignore[misc, valid-type]
        def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
            keeper.begin(model, state.global_step)

        def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
            keeper.step(model, step=state.global_step)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            known = {LOGGED[name]: value for name, value in (logs or {}).items() if name in LOGGED}
            keeper.log(**known)

        def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            keeper.finish()

    return TransformersRecording()


def _recorder(given: Recorder | str | Path) -> Recorder:
    if isinstance(given, (str, Path)):
        return Recorder(given)
    if not isinstance(given, Recorder):
        raise UsageError(
            f"recorder of type {type(given).__name__}: expected ll.Recorder('runs/mine', every=100), or a folder"
        )
    return given


def _imported(name: str, extra: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise LandscapeError(f"{name} is not installed: pip install 'nn-landscape[{extra}]'") from None
