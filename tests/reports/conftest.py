"""A month as the post office settled it: paid, unpaid, to recover, and a list not settled yet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app import clock
from app.models import PayoutBatch
from app.reports.shape import Request
from tests import factories as make
from tests import stages

FORMULA = '=HYPERLINK("http://evil.example","Bấm vào đây")'


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def settled(session: Session) -> PayoutBatch:
    """Six lines of 540.000 đ and one of 1.080.000 đ: paid, unpaid, to recover, the rest paid; committed."""
    make.entitled(session, FORMULA)
    make.entitled(session, "Đặng Thị Út", coefficient="2")
    return stages.settled(session, "paid", "unpaid", "recover", "paid", people=5)


def asked(code: str, *, area: str = make.COMMUNE_PATH, **more: Any) -> Request:
    """A request for November."""
    return Request(**({"code": code, "area_path": area, "month_from": make.NOVEMBER, "month_to": make.NOVEMBER} | more))
