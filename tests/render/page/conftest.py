"""One browser for all pages."""

import pytest

from tests.browser import browser


@pytest.fixture(scope="session")
def opened():
    with browser() as one:
        yield one
