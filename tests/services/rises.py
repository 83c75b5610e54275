"""What tests of truy lĩnh propose and read from a proposal, and their fixture; imported `as` itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.models import ArrearsProposal, ArrearsProposalLine, Entitlement
from app.rules.actors import Actor
from app.services.arrears import proposing
from app.services.arrears.proposing import RiseRequest
from tests import factories as make

JULY, AUGUST, SEPTEMBER = date(2026, 7, 1), date(2026, 8, 1), date(2026, 9, 1)
DECREE = "335/2026/NĐ-CP"


@pytest.fixture(autouse=True)
def november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


def rise(session: Session, **changes: Any) -> RiseRequest:
    facts: dict[str, Any] = {
        "area_id": make.area(session).id, "from_month": JULY, "to_month": make.OCTOBER, "due_month": make.NOVEMBER,
        "reason": "Nâng mức chuẩn từ 01/07/2026", "decision_no": DECREE,
    }  # fmt: skip
    return RiseRequest(**(facts | changes))


def propose(session: Session, *, by: Actor = make.CLERK, **changes: Any) -> ArrearsProposal:
    return proposing.propose_rise(session, rise(session, **changes), by=by)


def month_settled(session: Session, month: date, *, unpaid: list[int] | None = None) -> int:
    """A month made on the 20th of the month before and closed on the 25th of its own, before the decree of October."""
    before = date(month.year, month.month - 1, 20)
    with clock.at(before):
        return make.settled_month(session, month, unpaid=unpaid)


def owed(session: Session, entitlement: Entitlement) -> dict[date, int]:
    """Month -> đồng of the live proposal lines of an entitlement."""
    rows = session.execute(
        text("SELECT for_month, amount_vnd FROM arrears_proposal_lines WHERE live AND entitlement_id = :id ORDER BY 1"),
        {"id": entitlement.id},
    )
    return {row.for_month: row.amount_vnd for row in rows}


def held_out(session: Session, entitlement: Entitlement) -> dict[date, str]:
    rows = session.execute(
        text("SELECT for_month, excluded_code FROM arrears_proposal_lines WHERE NOT live AND entitlement_id = :id"),
        {"id": entitlement.id},
    )
    return {row.for_month: row.excluded_code for row in rows}


def line_of(session: Session, entitlement: Entitlement, month: date) -> ArrearsProposalLine:
    statement = select(ArrearsProposalLine).where(
        ArrearsProposalLine.entitlement_id == entitlement.id, ArrearsProposalLine.for_month == month
    )
    return session.scalars(statement.order_by(ArrearsProposalLine.id.desc()).limit(1)).one()


def status(session: Session, entitlement: Entitlement, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(entitlement.beneficiary, name, value)
    session.flush()


def listed(session: Session) -> None:
    """July and August listed and settled at the old rate."""
    month_settled(session, JULY)
    month_settled(session, AUGUST)


def amounts(session: Session, batch_id: int) -> dict[int, int]:
    rows = session.execute(
        text("SELECT entitlement_id, arrears_vnd FROM payout_lines WHERE batch_id = :id AND live"), {"id": batch_id}
    )
    return {row.entitlement_id: row.arrears_vnd for row in rows}
