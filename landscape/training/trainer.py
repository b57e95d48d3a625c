"""The training loop.

Owns: one step of a net's training, and the sums between two rows of the log. Step k is a function of the state after
step k - 1, the settings and k only, so a run that was stopped and continued gives the same net as an uninterrupted one.
Knows no files.

The global generator is seeded at each step, so no generator is saved, and logging or saving more often changes no weight. The
price: a layer that relies on one long random stream gets a new stream at each step.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from landscape.callables import contained, explain
from landscape.data.structure import batch_length, tensors_in
from landscape.errors import EvaluationError, LandscapeError, UsageError
from landscape.layout import placed
from landscape.members import load_state, named_buffers, parameters_in, saved_state, state_of
from landscape.objective.loss_state import LossState
from landscape.objective.measure import Measure
from landscape.objective.numerics import dtype_of, switched
from landscape.objective.weighted import mean_of
from landscape.randomness import seed_torch
from landscape.training.loader import ReadyBatchLoader, TensorLoader
from landscape.training.loss_trial import LossTrial
from landscape.training.optimizers import make_optimizer, usual_rate
from landscape.training.plateau import Plateau
from landscape.training.reached import outside_note, reached_outside
from landscape.training.schedules import PLATEAU, make_schedule
from landscape.training.seeding import seed_for
from landscape.training.settings import TrainingSettings


class Trainer:
    """A net on its device, its optimizer and schedule, and the number of steps done.

    `sums`: since the last row, of the metrics times the samples, the samples, the gradient norms and the steps. They
    stay on the device, so that no step waits for it.

    Raises:
        UsageError: the optimizer does not accept its options.
    """

    def __init__(
        self, model: nn.Module, loader: TensorLoader | ReadyBatchLoader, measure: Measure, settings: TrainingSettings
    ) -> None:
        self.device, self.settings, self.loader, self.measure = loader.device, settings, loader, measure
        self.model = use_channels_last(placed(model, self.device, dtype_of(settings.precision)))
        self.steps = max(1, round(settings.epochs * loader.steps)) if settings.epochs else 0
        self.step = 0
        self.sums: dict[str, Tensor | float] = {}
        self._moved = _trained(self.model)
        self._max_lr = usual_rate(settings.optimizer) if settings.lr is None else settings.lr
        self.optimizer = make_optimizer(
            settings.optimizer,
            self._moved,
            lr=self._max_lr,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
            options=settings.optimizer_options,
        )
        warmup = None if settings.warmup is None else round(settings.warmup * loader.steps)
        self._share = make_schedule(
            settings.schedule, steps=self.steps, warmup=warmup, milestones=settings.milestones, gamma=settings.gamma
        )
        self._loss = LossState.of(measure)
        self._plateau = Plateau(settings.gamma, settings.patience) if settings.schedule == PLATEAU else None

    @property
    def epoch(self) -> float:
        return self.step / self.loader.steps

    @property
    def lr(self) -> float:
        """The learning rate of the next step; at the end of the run, of the last step."""
        factor = self._plateau.factor if self._plateau else 1.0
        return self._max_lr * self._share(min(self.step, max(0, self.steps - 1))) * factor

    def side(self) -> int | None:
        """The side of the images in the next step under `progressive`; None for whole images."""
        end = 0.0
        for side, epochs in self.settings.progressive:
            end += epochs
            if self.epoch < end:
                return side
        return None

    def work(self, step: int) -> float:
        """The cost of the steps before this one, in steps of whole images; it is proportional to the number of pixels."""
        whole = self.loader.sides[0] if isinstance(self.loader, TensorLoader) and self.settings.progressive else 1
        total = begin = 0.0
        for side, epochs in self.settings.progressive:
            steps = min(max(0.0, step - begin), epochs * self.loader.steps)
            total, begin = total + steps * (side / whole) ** 2, begin + epochs * self.loader.steps
        return total + max(0.0, step - begin)

    def check(self) -> list[str]:
        """Passes a batch of each size forward and backward through a copy of the net, before a long run starts.

        Returns what the user may not expect, a line for each thing.

        Raises:
            UsageError: the net does not accept smaller images, or the loss function returns no loss.
            EvaluationError: the net or the loss does not accept the data, or the loss has no gradient.
        """
        twin = copy.deepcopy(self.model)
        twin.train()
        measure = self.measure.on(
            self.device, dtype_of(self.settings.precision)
        )  # with copies of losses that are modules
        trial, outside = LossTrial(measure), list[Tensor]()
        for side in (None, *(side for side, _ in self.settings.progressive)):
            batch = self.loader.batch(0, side)
            try:
                with contained(), torch.enable_grad(), switched(self.settings.precision, self.device):
                    values = measure(twin, batch)
                    if "loss" in values:
                        mean = mean_of(values["loss"])
                        outside = reached_outside(mean, twin)
                        mean.backward(inputs=_trained(twin))
            except LandscapeError:
                raise
            except Exception as error:
                if side is not None:
                    raise UsageError(
                        f"progressive {side}: the net does not accept images of {side} x {side} ({explain(error)}); drop it"
                    ) from error
                shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors_in(batch))
                raise EvaluationError(
                    f"the model and its loss cannot be trained on these batches (shapes {shapes}): {explain(error)}"
                ) from error
            if "loss" not in values:
                raise UsageError(
                    f"the loss returns {', '.join(values) or 'nothing'}; for training it must return 'loss'"
                )
        return [*([outside_note(outside)] if outside else []), *trial.notes()]

    def advance(self) -> None:
        """Does one step."""
        seed_torch(seed_for(self.settings.seed, "step", self.step), self.device)  # for dropout
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr
        self.model.train()
        batch = self.loader.batch(self.step, self.side())
        size = batch_length(batch)  # before the loss, which may take the batch apart
        self.optimizer.zero_grad(set_to_none=True)
        with torch.enable_grad(), switched(self.settings.precision, self.device):
            values = self.measure(self.model, batch)
            mean_of(values["loss"]).backward(inputs=self._moved)  # not into what else the loss depends on
        norm = self._clip_gradients()
        self.optimizer.step()
        self.step += 1
        self._accumulate(values, size, norm)
        if self._plateau:
            self._plateau.add(mean_of(values["loss"]), size)
            if self.step % self.loader.steps == 0 and self.step < self.steps:
                self._plateau.end_pass()

    def _clip_gradients(self) -> Tensor:
        """Scales the gradient to a norm of at most `clip`; returns its norm before."""
        gradients = [p.grad for p in _trained(self.model) if p.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        if self.settings.clip is not None:
            nn.utils.clip_grads_with_norm_(_trained(self.model), self.settings.clip, norm)
        return norm

    def _accumulate(self, values: Mapping[str, Tensor], size: int, norm: Tensor) -> None:
        found: dict[str, Tensor | float] = {
            name: mean_of(value).detach().double() * size for name, value in values.items()
        }
        found |= {"samples": size, "norms": norm.double(), "steps": 1}
        self.sums = {name: self.sums.get(name, 0.0) + value for name, value in found.items()}

    def pop_means(self) -> dict[str, float]:
        """The means since the last call, of the metrics as train_... and of gradient_norm; empty without a step."""
        sums = {name: float(value) for name, value in self.sums.items()}
        self.sums = {}
        if not sums:
            return {}
        samples, steps, norms = (sums.pop(name) for name in ("samples", "steps", "norms"))
        return {f"train_{name}": value / samples for name, value in sums.items()} | {"gradient_norm": norms / steps}

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on, and the sums."""
        sums = {name: float(value) for name, value in self.sums.items()}
        return {
            **({"plateau": self._plateau.state()} if self._plateau else {}),
            "step": self.step,
            "sums": sums,
            "model": saved_state(self.model),
            "buffers": nonpersistent_buffers(self.model),
            "losses": self._loss.state(),
            "optimizer": self.optimizer.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continues from a `state`."""
        load_state(self.model, state["model"])
        for name, buffer in nonpersistent_buffers(self.model).items():
            buffer.copy_(state["buffers"][name])
        self._loss.restore(state.get("losses", ()))
        self.optimizer.load_state_dict(state["optimizer"])
        self._restore_dtypes(state["optimizer"]["state"])
        self.step, self.sums = state["step"], dict(state["sums"])
        if self._plateau:
            self._plateau.restore(state["plateau"])

    def _restore_dtypes(self, saved: dict[int, dict[str, Any]]) -> None:
        """Restores the dtype of scalars that loading an optimizer's state converts, such as NAdam's product."""
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        for number, entries in saved.items():
            own = self.optimizer.state[parameters[number]]
            for name, value in entries.items():
                if isinstance(value, Tensor) and own[name].dtype != value.dtype:
                    own[name] = value.to(own[name].device)


def _trained(model: nn.Module) -> list[nn.Parameter]:
    """What its own `parameters()` gives; all where that takes arguments, or gives groups for an optimizer."""
    with contextlib.suppress(TypeError):
        own = list(model.parameters())
        if all(isinstance(each, nn.Parameter) for each in own):
            return [each for each in own if each.requires_grad]
    return [each for each in parameters_in(model) if each.requires_grad]


def use_channels_last(model: nn.Module) -> nn.Module:
    """The model with its convolutions in channels-last layout, which is faster on CPUs and on tensor cores."""
    for part in model.modules():
        if isinstance(part, nn.Conv2d):
            part.to(memory_format=torch.channels_last)
    return model


def nonpersistent_buffers(model: nn.Module) -> dict[str, Tensor]:
    """The buffers that are not in the state dict."""
    saved = saved_state(model)
    return {name: buffer for name, buffer in named_buffers(model) if name not in saved}


def copy_state(source: nn.Module, target: nn.Module) -> None:
    """Gives a net the weights and all buffers of another one of its kind."""
    load_state(target, saved_state(source))
    members = state_of(source)
    for name, each in state_of(target).items():  # a state dict may not be what it is loaded from
        if isinstance(each, Tensor):
            each.data.copy_(members[name])
    for name, buffer in nonpersistent_buffers(target).items():
        buffer.copy_(nonpersistent_buffers(source)[name])
