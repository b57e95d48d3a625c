"""What is made of numbers and names on the way to a reader."""

import pytest

from landscape.printable import one_in, share_of


@pytest.mark.parametrize(
    "times, text",
    [
        (7.26, "1/7.26"),
        (99.96, "1/100"),
        (596.4, "1/596"),
        (1005.3, "1/1,005"),
        (1e6, "1/1,000,000"),
        (0.922, "1.08 times all"),
    ],
)
def test_a_share_is_a_fraction_that_people_read(times, text):
    assert one_in(times) == text


@pytest.mark.parametrize(
    ("times", "text"),
    [(7.26, "1/7.26 of all"), (1.0, "all"), (0.999, "all"), (0.922, "1.08 times all"), (1.07, "1/1.07 of all")],
)
def test_a_share_of_something_reads_as_people_say_it(times, text):
    assert share_of(times, "all") == text
