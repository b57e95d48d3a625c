"""Messages to other ranks that are on their way.

Owns: sending without waiting for the other side. A message of more than some 64 kB, such as the losses of single samples, leaves
only when the other rank receives it. If both ranks sent and waited, each would wait for the other for ever.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

EAGER_SECONDS, PAUSE = 0.05, 0.002

_under_way: list[Any] = []  # MPI holds their buffers


def post(comm: Any, content: object, *, dest: int, tag: int) -> Any:
    """Sends, and returns at once; the request is done when the message has left."""
    _under_way[:] = [each for each in _under_way if not each.test()[0]]
    request = comm.isend(content, dest=dest, tag=tag)
    _under_way.append(request)
    return request


def until_sent(request: Any) -> Iterator[None]:
    """Yields until the message has left, without a pause at first: the other rank is likely to receive it now."""
    began = time.monotonic()
    while not request.test()[0]:
        yield
        time.sleep(0.0 if time.monotonic() - began < EAGER_SECONDS else PAUSE)
