"""One line of progress that is written over on a terminal, and seldom lines elsewhere."""

import io

from landscape.sweep.progress import SECONDS_BETWEEN_LINES
from landscape.watching.terminal import CLEAR, Terminal


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_has_one_line_of_progress_below_the_lines_that_stay(clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    screen = Screen()
    terminal = Terminal(screen, clock)
    terminal.say("watch a.h5")
    terminal.progress("1 of 9")
    terminal.progress("1 of 9")
    terminal.progress("2 of 9" + "x" * 30)
    terminal.say("complete")
    terminal.close()
    assert screen.getvalue() == f"watch a.h5\n{CLEAR}1 of 9{CLEAR}2 of 9xxxxxxxxxxxx…{CLEAR}complete\n"
    terminal.progress("3 of 9")
    terminal.close()
    assert screen.getvalue().endswith("3 of 9\n")


def test_a_file_gets_a_line_now_and_then_and_no_control_characters(clock):
    log = io.StringIO()
    terminal = Terminal(log, clock)
    for number in range(5):
        terminal.progress(f"{number} of 9\x1b[2J\r")
        clock.pass_(SECONDS_BETWEEN_LINES / 2)
    assert log.getvalue() == "".join(f"{number} of 9\\x1b[2J\\r\n" for number in (0, 2, 4))
    terminal.say("a\nb")
    terminal.close()
    assert log.getvalue().endswith("a\\nb\n")
