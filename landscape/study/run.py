"""The life cycle of every run.

Owns: its order. All ranks connect, set up and agree; the leader opens or continues the file; points are computed and kept.
Results are saved before the run ends, also by an error. What is computed is the business of a `Study`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import torch

from landscape.callables import contained
from landscape.errors import Interrupted
from landscape.study.code import code_mark, modules_mark
from landscape.study.ranks import MODULES, check_same, on_all_ranks, shared, together
from landscape.study.study import Extent, Plan, ResultFile, Study
from landscape.sweep.executor import Executor, PointFailed
from landscape.sweep.launch import connect
from landscape.sweep.leaving import guarded
from landscape.sweep.loop import sweep
from landscape.sweep.meeting import noting_stops, refuse_after_stop
from landscape.sweep.progress import Progress, note
from landscape.sweep.sampler import Point, Result, Sampler
from landscape.sweep.signals import current
from landscape.sweep.watch import SET_UP, limit
from landscape.sweep.work import Evaluate
from landscape.sweep.world import World

R = TypeVar("R")


def run(
    make: Callable[[World], Study[R]],
    *,
    agree: Mapping[str, str],
    code: Sequence[Any] = (),
    dry_run: bool = False,
    quiet: bool = False,
    stall: float | None = None,
) -> R | Plan:
    """Computes what is pending and returns everything known, on every rank; for `dry_run` the plan instead.

    `make` sets up on this rank and must make no collective call: it may fail on one rank alone. `agree` are the options that
    must be the same on every rank, by name; they are compared first. `code`: what of a user's own code it calls.
    `stall`: see `MachineOptions`.

    Raises:
        LandscapeError: bad input, a failing evaluation, an unwritable file; everything computed before is kept.
        Interrupted: Ctrl-C or SIGTERM; likewise.
    """
    return run_prepared(
        lambda world: None,
        lambda world, _: make(world),
        agree=agree,
        code=code,
        dry_run=dry_run,
        quiet=quiet,
        stall=stall,
    )


def run_prepared(
    prepare: Callable[[World], Any],
    make: Callable[[World, Any], Study[R]],
    *,
    agree: Mapping[str, str],
    code: Sequence[Any],
    dry_run: bool,
    quiet: bool,
    stall: float | None = None,
    world: World | None = None,
) -> R | Plan:
    """As `run`; `prepare` may make collective calls, and what it returns is passed to `make`.

    `world`: None is that of the launcher.
    """
    world, threads_before = world or connect(), torch.get_num_threads()
    with noting_stops(world), guarded(forces=world.size > 1), contained():
        stall_before = limit(stall)
        try:
            refuse_after_stop(world)
            check_same(world, {**agree, "dry-run": str(dry_run)})
            prepared = prepare(world)
            study = together(world, lambda: make(world, prepared))
            if world.size > 1:  # reading the sources of a library's net takes as long as some points of it
                check_same(world, {**study.marks, "code": code_mark(*code), MODULES: modules_mark()})
            if dry_run:
                return together(world, lambda: study.plan(world))
            file = together(world, lambda: study.open() if world.leads else None)
            try:
                _compute(study, file, world, quiet)
            finally:
                if file is not None:
                    file.release()
            with SET_UP.running("the end of the run"):
                return shared(world, lambda: _opened(file).content)
        except BaseException:
            current().answer()  # what is left to do is to clean up
            raise
        finally:
            limit(stall_before)
            torch.set_num_threads(threads_before)


def _compute(study: Study[R], file: ResultFile[R] | None, world: World, quiet: bool) -> None:
    for text in study.notes if world.leads else ():
        note(text, label=study.label, quiet=quiet)
    todo = together(world, lambda: study.sampler(_opened(file)) if world.leads else None)
    pending = shared(world, lambda: todo is not None and todo[1].pending)
    on_all_ranks(
        world,
        lambda: study.work(pending, world),
        lambda executor, evaluate: _lead(study, _opened(file), todo, executor, evaluate, quiet),
        shard=study.shard,
    )


def _lead(
    study: Study[R],
    file: ResultFile[R],
    todo: tuple[Sampler, Extent] | None,
    executor: Executor,
    evaluate: Evaluate,
    quiet: bool,
) -> None:
    assert todo is not None  # only the leader comes here
    sampler, extent = todo
    with _saved(file):
        if extent.pending:
            _sweep(study, file, sampler, extent, executor, evaluate, quiet)
        with _writing():
            study.finish(file, sampler, extent.pending)


def _sweep(
    study: Study[R],
    file: ResultFile[R],
    sampler: Sampler,
    extent: Extent,
    executor: Executor,
    evaluate: Evaluate,
    quiet: bool,
) -> None:
    barless = quiet or study.has_lines
    computed = 0
    if extent.done:
        note(f"{file.standing(extent.done, extent.total)}; the run goes on", label=study.label, quiet=quiet)
    with Progress(extent.total, extent.done, extent.samples, label=study.label, quiet=barless) as progress:

        def keep(point: Point, result: Result) -> None:
            nonlocal computed
            computed += 1
            with _writing():
                file.record(point.index, result)
            progress.update(study.samples_taken(result), expected=sampler.expected)
            if line := study.line_on(point.index, result):
                note(f"{computed}/{extent.total - extent.done}: {line}", label=study.label, quiet=quiet)

        try:
            sweep(sampler, executor, evaluate, keep)
        except PointFailed as failure:
            file.record_failure(failure.point.index)
            raise
        except Interrupted as stop:
            stop.kept = file.standing(extent.done + computed, extent.total)
            raise


@contextlib.contextmanager
def _saved(file: ResultFile[R]) -> Iterator[None]:
    """Saves at the end, however it comes; a signal waits for that, and watch.py saves if the main thread cannot."""
    stop = current()
    stop.saves = file.save
    try:
        yield
    except BaseException:
        stop.answer()
        raise
    finally:
        with _writing():
            file.save()
        stop.saves = None


class _writing:
    """A write may take place within the block: a signal waits for it, `--stall` does not."""

    def __enter__(self) -> None:
        self._stop = current()
        self._stop.hold()
        SET_UP.start("writing the file")

    def __exit__(self, kind: object, *exception: object) -> None:
        SET_UP.stop()
        self._stop.let_go()
        if kind is None:
            self._stop.late()


def _opened(file: ResultFile[R] | None) -> ResultFile[R]:
    assert file is not None, "only the leader holds the file"
    return file
