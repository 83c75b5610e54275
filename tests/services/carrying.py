"""What tests of carried money read from a list, their months and their fixture; imported `as` itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from tests import months

OCTOBER, NOVEMBER, DECEMBER = (date(2026, month, 1) for month in (10, 11, 12))
JANUARY, FEBRUARY, MARCH, APRIL = (date(2027, month, 1) for month in (1, 2, 3, 4))
FULL, WHY = 540_000, "Kiểm tra"


@pytest.fixture(autouse=True)
def books_in_order(session: Session) -> Iterator[None]:
    with clock.at(date(2026, 12, 10)):
        yield
        session.rollback()
        assert months.wrong(session) == {}


def carried(session: Session, batch_id: int) -> dict[int, int]:
    """Entitlement -> đồng carried by live lines of a list."""
    rows = session.execute(
        text("SELECT entitlement_id, carried_vnd FROM payout_lines WHERE batch_id = :id AND live AND carried_vnd > 0"),
        {"id": batch_id},
    )
    return {row.entitlement_id: row.carried_vnd for row in rows}
