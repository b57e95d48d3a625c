"""What the watching thread does between two looks at the clock; whole runs under `--stall` are in test_signals.py."""

import pytest

from landscape.sweep import watch
from landscape.sweep.signals import Stop
from landscape.sweep.watch import POINT, Watch


class Closed(Exception):
    """The end of a test: the thread would go on."""


@pytest.fixture
def looks(monkeypatch):
    """Runs the thread's loop over naps of these lengths, in seconds, from the start of a point; returns what it ended with."""

    def run(naps):
        now, said, left = [100.0], [], list(naps)

        def nap(*arguments):
            if not left:
                raise Closed
            now[0] += left.pop(0)
            return [], [], []

        monkeypatch.setattr(watch.time, "monotonic", lambda: now[0])
        monkeypatch.setattr(watch.select, "select", nap)
        monkeypatch.setattr(Watch, "_arm", lambda self, seconds: None)
        watched = Watch(Stop(), lambda text, status: said.append((now[0] - 100.0, text)), forces=False)
        watched._stall = 4.0
        POINT.start("the point")
        with pytest.raises(Closed):
            watched._run()
        POINT.stop()
        watched._reader.close()
        watched._writer.close()
        return said[:1]

    return run


def test_a_point_that_takes_longer_than_the_stall_is_ended(looks):
    assert looks([1.0] * 4) == []
    assert looks([1.0] * 5) == [(5.0, "the point has taken more than 4 s (--stall)")]


def test_a_process_that_was_stopped_is_not_ended_for_it_at_once(looks):
    assert looks([1.0, 30.0]) == []
    assert looks([1.0, 30.0, 1.0]) == [(32.0, "the point has taken more than 4 s (--stall)")]
