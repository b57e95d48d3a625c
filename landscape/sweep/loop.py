"""The loop of a sweep: ask the sampler, compute, keep the results, tell the sampler.

Owns: the order of these steps, which is the same for one process and for a thousand. What is evaluated and where the
results are kept are arguments.
"""

from __future__ import annotations

from landscape.sweep.executor import Executor, OnResult
from landscape.sweep.passes import PassWork, compute
from landscape.sweep.sampler import Point, Result, Sampler
from landscape.sweep.work import Evaluate


def sweep(sampler: Sampler, executor: Executor, evaluate: Evaluate, on_result: OnResult) -> None:
    """Computes all rounds of the sampler. `on_result` is called on the leader only, for each result as it arrives.

    Raises:
        PointFailed: an evaluation raised an error; earlier results have been passed to `on_result`.
    """
    if not executor.leads:
        executor.follow(evaluate)
        return
    while points := sampler.ask():
        results: dict[int, Result] = {}

        def keep(point: Point, result: Result, results: dict[int, Result] = results) -> None:
            results[point.index] = result
            on_result(point, result)

        if isinstance(evaluate, PassWork):
            compute(executor, evaluate, points, keep)
        else:
            executor.map(evaluate, points, keep)
        sampler.tell(dict(sorted(results.items())))
