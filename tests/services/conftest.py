"""Every test of a service that opens the books leaves them right, or names the checks that it breaks on purpose."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def books_stay_right(request: pytest.FixtureRequest) -> None:
    """`checked_books` for whoever has a session."""
    if "session" in request.fixturenames:
        request.getfixturevalue("checked_books")
