"""THE loop: ask the sampler, let the executor compute, keep and tell the results.

Owns: the order of these steps, the same for one process and a thousand. What is evaluated and where results are kept
come as arguments.
"""

from __future__ import annotations

from landscape.sweep.executor import Evaluate, Executor, OnResult
from landscape.sweep.sampler import Point, Result, Sampler


def sweep(sampler: Sampler, executor: Executor, evaluate: Evaluate, on_result: OnResult) -> None:
    """Runs the sampler dry. `on_result` is called on the leading process only, once for each point, as it comes.

    Raises:
        PointFailed: an evaluation raised; results that came before it have been handed to `on_result`.
    """
    if not executor.leads:
        executor.follow(evaluate)
        return
    while points := sampler.ask():
        results: dict[int, Result] = {}

        def keep(point: Point, result: Result, results: dict[int, Result] = results) -> None:
            results[point.index] = result
            on_result(point, result)

        executor.map(evaluate, points, keep)
        sampler.tell(dict(sorted(results.items())))
