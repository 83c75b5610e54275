"""Who was wrongly paid, what a list withholds, and the fixture of the tests of truy thu; imported `as` itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.models import Entitlement, Recovery
from app.services.recoveries import figures
from app.services.recoveries.figures import Figures
from tests import factories as make
from tests import months

OCTOBER, NOVEMBER, DECEMBER = (date(2026, month, 1) for month in (10, 11, 12))
JANUARY, FEBRUARY, MARCH = (date(2027, month, 1) for month in (1, 2, 3))
FULL, SHARE = 540_000, 162_000


@pytest.fixture(autouse=True)
def books_in_order(session: Session) -> Iterator[None]:
    with clock.at(date(2027, 1, 10)):
        yield
        session.rollback()
        assert months.wrong(session) == {}


def owing(session: Session, *, month: date = DECEMBER) -> tuple[Entitlement, Recovery]:
    """Somebody who was wrongly paid 540.000 đ in a closed month, and the open recovery."""
    who = make.entitled(session)
    months.closed(session, month, {who.id: "recover"})
    return who, session.scalars(select(Recovery)).one()


def at(session: Session, recovery: Recovery, month: date = JANUARY) -> Figures:
    return figures.figures(session, recovery.id, month)


def made(session: Session, **more: Any) -> int:
    return make.made_list(session, month=JANUARY, **more)


def amounts(session: Session, batch_id: int) -> list[tuple[int, int, bool]]:
    rows = session.execute(
        text("SELECT withheld_vnd, total_vnd, live FROM payout_lines WHERE batch_id = :id ORDER BY no"),
        {"id": batch_id},
    )
    return [tuple(row) for row in rows]
