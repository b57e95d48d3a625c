"""The training loop.

Owns: one step of a net's training, and what is summed up between two rows of the log. Step k is a function of the state
after step k - 1, the settings and k alone; so a run that was stopped and continued ends where an unbroken one ends.
Knows no files.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from landscape.callables import explain
from landscape.data.split import batch_length, tensors_in
from landscape.errors import EvaluationError, LandscapeError, UsageError
from landscape.objective.loss import Measure
from landscape.objective.numerics import dtype_of, switched
from landscape.training.chance import seed_for, seed_globals
from landscape.training.feed import BatchFeed, Feed
from landscape.training.optimizers import make_optimizer
from landscape.training.schedules import make_schedule
from landscape.training.settings import Settings


class Trainer:
    """A net on its device, its optimizer and schedule, and the step it has come to.

    `sums` are those since the last row: of the metrics times the samples, the samples, the gradient norms and the
    steps. They stay on the device, so that no step waits for it.
    """

    def __init__(self, model: nn.Module, feed: Feed | BatchFeed, measure: Measure, settings: Settings) -> None:
        self.device, self.settings, self.feed, self.measure = feed.device, settings, feed, measure
        self.model = arranged(model.to(self.device, dtype_of(settings.precision)))
        self.steps = max(1, round(settings.epochs * feed.steps)) if settings.epochs else 0
        self.step, self.sums = 0, {}
        self.optimizer = make_optimizer(
            settings.optimizer,
            (parameter for parameter in self.model.parameters() if parameter.requires_grad),
            lr=settings.lr,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
            options=settings.optimizer_options,
        )
        warmup = None if settings.warmup is None else round(settings.warmup * feed.steps)
        self._share = make_schedule(
            settings.schedule, steps=self.steps, warmup=warmup, milestones=settings.milestones, gamma=settings.gamma
        )

    @property
    def epoch(self) -> float:
        return self.step / self.feed.steps

    @property
    def lr(self) -> float:
        """The rate of the next step (of the last one, when there is no next)."""
        return self.settings.lr * self._share(min(self.step, max(0, self.steps - 1)))

    def side(self) -> int | None:
        """How small the images of the next step are, under `progressive`."""
        end = 0.0
        for side, epochs in self.settings.progressive:
            end += epochs
            if self.epoch < end:
                return side
        return None

    def work(self, step: int) -> float:
        """What the steps before this one cost, in steps of whole images: pixels are what takes time."""
        whole, total, begin = self.feed.sides[0] if self.settings.progressive else 1, 0.0, 0.0
        for side, epochs in self.settings.progressive:
            steps = min(max(0.0, step - begin), epochs * self.feed.steps)
            total, begin = total + steps * (side / whole) ** 2, begin + epochs * self.feed.steps
        return total + max(0.0, step - begin)

    def check(self) -> None:
        """A first step on a copy of the net, and a batch of each smaller size, before a long run starts.

        Raises:
            UsageError: the net does not take smaller images, or the loss function gives no loss. EvaluationError: the net
                or the loss does not take the data, or the loss has no gradient.
        """
        twin = copy.deepcopy(self.model).train()
        for side in (None, *(side for side, _ in self.settings.progressive)):
            batch = self.feed.batch(0, side)
            try:
                with torch.enable_grad(), switched(self.settings.precision, self.device):
                    values = self.measure(twin, batch)
                    if "loss" in values:
                        values["loss"].mean().backward()
            except LandscapeError:
                raise
            except Exception as error:
                if side is not None:
                    raise UsageError(
                        f"progressive {side}: the net does not take images of {side} x {side} ({explain(error)}); drop it"
                    ) from error
                shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors_in(batch))
                raise EvaluationError(
                    f"the model and its loss cannot be trained on these batches (shapes {shapes}): {explain(error)}"
                ) from error
            if "loss" not in values:
                raise UsageError(f"the loss gives {', '.join(values) or 'nothing'}; for training it must give 'loss'")

    def advance(self) -> None:
        """One step."""
        seed_globals(self.device, seed_for(self.settings.seed, "step", self.step))  # what dropout draws
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr
        self.model.train()
        batch = self.feed.batch(self.step, self.side())
        size = batch_length(batch)  # before the loss, which may take the batch apart
        self.optimizer.zero_grad(set_to_none=True)
        with torch.enable_grad(), switched(self.settings.precision, self.device):
            values = self.measure(self.model, batch)
            values["loss"].mean().backward()
        norm = self._clipped()
        self.optimizer.step()
        self.step += 1
        self._count(values, size, norm)

    def _clipped(self) -> Tensor:
        """The norm of the whole gradient, before it is cut down to `clip`."""
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        if self.settings.clip is not None:
            nn.utils.clip_grads_with_norm_(self.model.parameters(), self.settings.clip, norm)
        return norm

    def _count(self, values: dict[str, Tensor], size: int, norm: Tensor) -> None:
        found = {name: torch.as_tensor(value).detach().double().mean() * size for name, value in values.items()}
        found |= {"samples": size, "norms": norm.double(), "steps": 1}
        self.sums = {name: self.sums.get(name, 0.0) + value for name, value in found.items()}

    def drain(self) -> dict[str, float]:
        """Means since the last call: the metrics as train_..., and the gradient norm; empty when there was no step."""
        sums = {name: float(value) for name, value in self.sums.items()}
        self.sums = {}
        if not sums:
            return {}
        samples, steps, norms = (sums.pop(name) for name in ("samples", "steps", "norms"))
        return {f"train_{name}": value / samples for name, value in sums.items()} | {"gradient_norm": norms / steps}

    def state(self) -> dict[str, Any]:
        """All that the next step depends on, and the sums."""
        sums = {name: float(value) for name, value in self.sums.items()}
        return {
            "step": self.step,
            "sums": sums,
            "model": self.model.state_dict(),
            "buffers": unsaved(self.model),
            "optimizer": self.optimizer.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.model.load_state_dict(state["model"])
        for name, buffer in unsaved(self.model).items():
            buffer.copy_(state["buffers"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        self._as_saved(state["optimizer"]["state"])
        self.step, self.sums = state["step"], dict(state["sums"])

    def _as_saved(self, saved: dict[int, dict[str, Any]]) -> None:
        """Puts back the precision that loading takes from some optimizers' scalars (NAdam's product, for one)."""
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        for number, entries in saved.items():
            own = self.optimizer.state[parameters[number]]
            for name, value in entries.items():
                if isinstance(value, Tensor) and own[name].dtype != value.dtype:
                    own[name] = value.to(own[name].device)


def arranged(model: nn.Module) -> nn.Module:
    """Convolutions with channels last in memory, the faster layout on CPUs and on GPUs with tensor cores."""
    for part in model.modules():
        if isinstance(part, nn.Conv2d):
            part.to(memory_format=torch.channels_last)
    return model


def unsaved(model: nn.Module) -> dict[str, Tensor]:
    """The buffers that a state dict leaves out."""
    saved = model.state_dict()
    return {name: buffer for name, buffer in model.named_buffers() if name not in saved}
