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
from app.services import packets, sending
from app.services.batches import approval, lines
from app.services.settlements import locking
from tests import factories as make
from tests import money_desk as desk
from tests import office, stages

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


@pytest.fixture
def everything(session: Session) -> PayoutBatch:
    """Two months: money carried over, arrears, a list sent twice with a line less, results of every kind, transfers; committed."""
    carried = make.entitled(session, "Đặng Thị Út", coefficient="2")
    make.entitled(session, FORMULA)
    gone = make.entitled(session, "Lò Văn Đi")
    make.settled_month(session, make.OCTOBER, unpaid=[carried.id], people=3)
    gone.status = "ended"
    make.arrears(session, carried, 120_000)
    packet = office.received(session, people=2)
    office.tell(session, packet, status="rjct", reason_code="rjct", reason_message="Sai người nhận")
    approval.unlock(session, packet.batch_id, by=make.SUPERVISOR, because="Sửa theo bưu điện")
    lines.exclude(session, office.lines_of(session, packet)[0].id, by=make.CLERK, because="Chờ xác minh")
    approval.lock(session, packet.batch_id, by=make.SUPERVISOR)
    second = packets.queue(session, packet.batch_id, by=make.CLERK)
    session.commit()
    assert sending.send_next(office.ScriptedAgency().connect)
    office.refresh(session)
    office.tell(session, second, status="pdng")
    office.settle(session, second, "unpaid", "paid", "recover", "paid")
    locking.lock(session, office.settlement_of(session, second).id, by=make.ACCOUNTANT)
    desk.transferred(session, second.total_vnd)
    return office.batch_of(session, second)


def asked(code: str, *, area: str = make.COMMUNE_PATH, **more: Any) -> Request:
    """A request for November."""
    return Request(**({"code": code, "area_path": area, "month_from": make.NOVEMBER, "month_to": make.NOVEMBER} | more))
