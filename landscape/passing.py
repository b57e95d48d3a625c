"""What processes that hold parts of one net do together: whether it is under way here, and what happens when it fails.

Owns: `passing`, the block around every pass and every gathering of such a net. When it has failed on one process, it does not
come to its end on the others, which wait for that one's parts. Knows no processes: who learns of an error is set by `reporting`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

Report = Callable[[BaseException], Exception | None]

_depth = 0
_report: Report | None = None


def is_passing() -> bool:
    """Whether this process may be waiting for the parts of others; asked by another thread."""
    return _depth > 0


def report(error: BaseException) -> Exception | None:
    """Says that this process has failed; returns the error of the process that failed first, if that is another one."""
    return _report(error) if _report else None


def is_of_connection(error: BaseException) -> bool:
    """Whether it is what torch says when another process has ended."""
    while error.__cause__ is not None:
        error = error.__cause__
    return isinstance(error, RuntimeError) and "connection" in str(error).lower()


@contextlib.contextmanager
def reporting(to: Report) -> Iterator[None]:
    """Within the block `to` learns of errors."""
    global _report
    before, _report = _report, to
    try:
        yield
    finally:
        _report = before


@contextlib.contextmanager
def passing() -> Iterator[None]:
    """Around a pass of a divided net, or a gathering of its parts.

    Where torch only says that a connection was closed, the error of the process that closed it is raised.
    """
    global _depth
    _depth += 1
    try:
        yield
    except BaseException as error:
        cause = report(error)
        if cause and is_of_connection(error):
            raise cause from error
        raise
    finally:
        _depth -= 1
