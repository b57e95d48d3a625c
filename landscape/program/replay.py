"""Work on a GPU that is recorded once and replayed: a CUDA graph.

Owns: recording, and what is replayed for which inputs. A net of hundreds of small kernels keeps a GPU waiting for the CPU, which
launches them one by one; a graph is launched as a whole. The kernels are the same, so the bits are, too.

Only programs of this package are recorded: they take no branch that depends on data and keep no count of their calls, of
which a recording would know nothing. What cannot be recorded is computed as before.
"""

from __future__ import annotations

import contextlib
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import torch
from torch import Tensor

# Inputs of a shape are recorded when they come for the third time, for at most this many shapes.
COMES_AGAIN, MOST_SHAPES = 3, 12
# A batch of fewer samples is padded to a power of two, at least to 32, unless that takes more than these bytes: who asks for
# small batches of large images has no memory for more.
PADDED_UP_TO, LEAST_BATCH, PADDED_BYTES = 1024, 32, 16 << 20

T = TypeVar("T")
_Kind = tuple[torch.Size, torch.dtype]  # of inputs


class Pool:
    """The memory that recordings share, one after another, and the stream that they are made on."""

    def __init__(self, device: torch.device):
        self.stream = torch.cuda.Stream(device)
        self._handle = torch.cuda.graph_pool_handle()
        self._known: dict[str, bool] = {}
        room = torch.zeros(1, device=device)
        self._holder = self.record(
            room.zero_, "nothing"
        )  # as long as one recording lives, its memory serves the next one
        if self._holder is None:
            raise RuntimeError("this GPU records nothing")

    def record(self, work: Callable[[], T], name: str) -> tuple[torch.cuda.CUDAGraph, T] | None:
        """(the recording, what `work` returned: tensors that each replay fills); None where that is not possible.

        `work` must have run before. The first one of a `name` is tried: a recording that fails midway would leave torch's
        allocator as if it still went on. What cannot be recorded is remembered by its name.
        """
        if name not in self._known:
            self._known[name] = self._waits_for_nothing(work)
        if not self._known[name]:
            return None
        graph = torch.cuda.CUDAGraph()
        try:
            with self.within():
                graph.capture_begin(pool=self._handle, capture_error_mode="thread_local")
                try:
                    found = work()
                finally:
                    graph.capture_end()
        except RuntimeError:
            self._known[name] = False
            return None
        return graph, found

    def _waits_for_nothing(self, work: Callable[[], object]) -> bool:
        """Whether `work` runs without waiting for the GPU."""
        before = torch.cuda.get_sync_debug_mode()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that this mode is a prototype
            torch.cuda.set_sync_debug_mode("error")
            try:
                with self.within():
                    work()
            except RuntimeError:
                return False
            finally:
                torch.cuda.set_sync_debug_mode(before)
        torch.cuda.empty_cache()  # what others hold on to cannot be freed during a recording
        return True

    @contextlib.contextmanager
    def within(self) -> Iterator[None]:
        """Within the block work is queued on the stream, after what was queued before it and before what follows it."""
        outside = torch.cuda.current_stream(self.stream.device)
        if outside == self.stream:
            yield
            return
        self.stream.wait_stream(outside)
        try:
            with torch.cuda.stream(self.stream):
                yield
        finally:
            outside.wait_stream(self.stream)


def pool_on(device: torch.device) -> Pool | None:
    """The memory for recordings; None where nothing can be recorded."""
    if device.type != "cuda":
        return None
    try:
        return Pool(device)
    except RuntimeError:
        return None


def padded(inputs: Tensor) -> Tensor:
    """Inputs (n, ...) with copies of the last one up to a power of two, where n is small: estimates take samples in any number.

    Whether a batch is replayed must not change its bits, so it is padded in both cases.
    """
    size = len(inputs)
    wanted = max(LEAST_BATCH, 1 << (size - 1).bit_length()) if size else 0
    if size == wanted or size >= PADDED_UP_TO or wanted * inputs[:1].nbytes > PADDED_BYTES:
        return inputs
    return torch.cat([inputs, inputs[-1:].expand(wanted - size, *inputs.shape[1:])])


class Replays:
    """A net on a GPU as two pieces of work: `prepares` for new weights, if needed, and `function` of a batch, for each shape.

    `read`: the tensors of the net that both read. A recording knows their places in memory, so when one of them is replaced,
    what was recorded is forgotten.
    """

    def __init__(
        self,
        prepares: Callable[[], None] | None,
        function: Callable[[Tensor], Tensor],
        read: Callable[[], Iterable[Tensor]],
        layout: torch.memory_format,
    ):
        self._prepares, self._function, self._read, self._layout = prepares, function, read, layout
        self._pool: Pool | None = None
        self._works, self._prepared = True, 0
        self._places: tuple[int, ...] = ()
        self._preparation: tuple[torch.cuda.CUDAGraph, None] | None = None
        self._seen: Counter[_Kind] = Counter()
        self._known: dict[_Kind, tuple[torch.cuda.CUDAGraph, Tensor, Tensor]] = {}

    def prepare(self) -> None:
        places = tuple(tensor.data_ptr() for tensor in self._read())
        if places != self._places:
            self._forget()
            self._places = places
        if self._prepares is None:
            return
        self._prepared += 1
        if self._preparation is None and self._prepared >= COMES_AGAIN:
            self._preparation = self._recorded(self._prepares, "preparation")
        if self._preparation is None:
            self._prepares()
        else:
            self._preparation[0].replay()

    def __call__(self, inputs: Tensor) -> Tensor:
        size = len(inputs)
        return self._whole(padded(inputs))[:size]

    def _whole(self, inputs: Tensor) -> Tensor:
        key = inputs.shape, inputs.dtype
        self._seen[key] += 1
        if key not in self._known and self._seen[key] >= COMES_AGAIN and len(self._known) < MOST_SHAPES:
            given = inputs.clone(memory_format=self._layout)
            if made := self._recorded(lambda: self._function(given), "pass"):
                self._known[key] = made[0], given, made[1]
        if key not in self._known:
            return self._function(inputs)
        graph, given, found = self._known[key]
        given.copy_(inputs)
        graph.replay()
        return found.clone()  # the next replay writes over it

    def _forget(self) -> None:
        self._prepared, self._preparation = 0, None
        self._seen.clear()
        self._known.clear()

    def _recorded(self, work: Callable[[], T], name: str) -> tuple[torch.cuda.CUDAGraph, T] | None:
        """See `Pool.record`."""
        if self._pool is None and self._works:
            self._pool = pool_on(next(iter(self._read())).device)
            self._works = self._pool is not None
        return None if self._pool is None else self._pool.record(work, name)
