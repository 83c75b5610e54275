"""A small demo on a fixed day: two communes of two provinces, loaded once for the tests that only read it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy.orm import Session

from app import clock
from app.demo.load import LoadedDemo, load
from app.demo.places import DEMO_COMMUNE
from app.extensions import transaction

TODAY = date(2026, 11, 24)
WARD = "00622"
"""A commune of the province where a bank pays into accounts."""


@pytest.fixture(autouse=True)
def late_november() -> Iterator[None]:
    with clock.at(TODAY):
        yield


@pytest.fixture
def loaded(session: Session) -> LoadedDemo:
    """240 people, committed."""
    with transaction() as open_session:
        return load(open_session, people=240, communes=[DEMO_COMMUNE, WARD])
