"""In a log file, progress is one line now and then; quiet says nothing."""

import pytest

from landscape.sweep import progress


def test_lines_tell_points_rate_and_time_left(capsys, monkeypatch):
    now = iter([0.0, 0.0, 4.0, 10.0, 12.0, 21.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    with progress.Progress(100, 20, 64, label="net", quiet=False) as shown:
        for _ in range(4):
            shown.update()
    # after 2 points in 10 s: 0.2 points/s, 78 left; after 4 in 21 s
    assert capsys.readouterr().err.splitlines() == [
        "net: 22/100 points, 13 samples/s, 6:30 left",
        "net: 24/100 points, 12 samples/s, 6:39 left",
    ]


def test_without_samples_there_is_no_rate(capsys, monkeypatch):
    now = iter([0.0, 0.0, 20.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    with progress.Progress(60, 0, 0, label="film", quiet=False, unit="frames") as shown:
        shown.update(count=20)
    assert capsys.readouterr().err.splitlines() == ["film: 20/60 frames, 0:40 left"]


@pytest.mark.parametrize("quiet", [True])
def test_quiet(capsys, quiet):
    with progress.Progress(2, 0, 1, label="net", quiet=quiet) as shown:
        shown.update()
    assert capsys.readouterr().err == ""


def test_samples_can_be_counted_many_at_a_time(capsys, monkeypatch):
    """As all samples at the centre are, before the points under a tolerance; never more than there are."""
    now = iter([0.0, 0.0, 10.0, 20.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    with progress.Progress(1000, 0, 1, label="net", quiet=False, unit="samples") as shown:
        shown.update(count=500)
        shown.update(count=600)
    assert capsys.readouterr().err.splitlines() == [
        "net: 500/1000 samples, 50 samples/s, 0:10 left",
        "net: 1000/1000 samples, 50 samples/s, 0:00 left",
    ]
