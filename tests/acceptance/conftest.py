"""The browser of the dashboard's tests: started once for a module, not for a session.

While Playwright runs, its event loop occupies the thread that tests run in; tests of other modules have their own.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance import browsing


@pytest.fixture(scope="module")
def browser() -> Iterator[browsing.Browser]:
    if browsing.CHROMIUM is None:
        pytest.skip("there is no chromium on this machine")
    with browsing.chromium() as started:
        yield started
