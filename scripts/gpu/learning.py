"""Training: the CPU's first steps, the same bits when stopped and continued, precisions, speed."""

from __future__ import annotations

from functools import partial
from typing import Any

from _tools import Place, Report, best, check
from speed import trainer


def _steps(made: Any, count: int) -> dict[str, float]:
    for _ in range(count):
        made.advance()
    return made.pop_means()


def _weights(made: Any) -> Any:
    import torch

    return torch.cat([tensor.detach().cpu().double().flatten() for tensor in made.model.state_dict().values()])


@check(60)
def training(at: Place, report: Report) -> None:
    """The losses of the first steps are the CPU's; a continued run has the bits of one that was not stopped."""
    import torch

    options = {"augment": ("crop", "flip"), "label_noise": 0.1, "clip": 1.0}
    count = at.size(5, 2)
    cpu = Place("cpu", at.short, at.work)
    first, other = (_steps(trainer(place, **options), 1)["train_loss"] for place in (at, cpu))
    report.most("loss of the first step", abs(first / other - 1), 1e-5)
    for optimizer in ("sgd", "adamw"):
        made = [trainer(at, optimizer=optimizer, **options) for _ in range(3)]
        _steps(made[0], 2 * count)
        _steps(made[1], 2 * count)
        report.holds(f"{optimizer}: same bits again", bool((_weights(made[0]) == _weights(made[1])).all()))
        stopped = trainer(at, optimizer=optimizer, **options)
        _steps(stopped, count)
        torch.save(stopped.state(), at.work / "state.pt")
        made[2].restore(torch.load(at.work / "state.pt", map_location="cpu", weights_only=True))
        _steps(made[2], count)
        report.holds(f"{optimizer}: continued, same bits", bool((_weights(made[0]) == _weights(made[2])).all()))


@check(60)
def run_folder(at: Place, report: Report) -> None:
    """`landscape train` learns the digits in every precision, and its net is read again."""
    import landscape

    for precision in ("fp32", "tf32", "bf16")[: at.size(3, 1)]:
        out = at.work / f"run_{precision}"
        found = landscape.train(
            "resnet20", data="digits", epochs=at.size(6, 1), samples=at.size(None, 128), precision=precision,
            device=at.device, out=out, quiet=True, overwrite=True,
        )  # fmt: skip
        report.facts[f"{precision}_test_accuracy"] = found.metrics.get("test_accuracy", float("nan"))
        report.facts[f"{precision}_seconds"] = found.log[-1]["seconds"]
        if not at.short:
            report.most(f"{precision} test error", 1 - found.metrics["test_accuracy"], 0.3)
        there = landscape.line(out / "final.pt", x="0:1:2", samples=at.size(None, 128), device="cpu", quiet=True)
        report.most(
            f"{precision}: its loss on the CPU", abs(there.values["train_loss"][0] / found.metrics["train_loss"] - 1),
            1e-3 if precision == "fp32" else 0.2,
        )  # fmt: skip


@check(60)
def training_speed(at: Place, report: Report) -> None:
    """Milliseconds of a step of training on images of 32 x 32."""
    from landscape.training.job import make_training_job

    data, _ = at.cifar()
    for precision in ("fp32", "tf32", "bf16")[: at.size(3, 1)]:
        size = at.size(128, 16)
        chosen = {"loss": "cross_entropy", "samples": at.size(10_000, 64), "epochs": 50, "batch_size": size}
        chosen |= {"precision": precision, "augment": ("crop", "flip")}
        job = make_training_job(
            at.size("resnet56", "resnet20"), data, chosen, data_root=None, download=False, normalize="li2018",
            device=at.device, threads=None, out=at.work / "speed", quiet=True,
        )  # fmt: skip
        steps = at.size(20, 1)
        seconds = best(partial(_steps, job.trainer, steps), at.device, rounds=at.size(3, 1)) / steps
        report.row("A step of training, ResNet-56, batches of 128", precision=precision, ms=1e3 * seconds,
                   images_per_s=size / seconds)  # fmt: skip
