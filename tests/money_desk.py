"""Transfers to the agency as tests enter and approve them."""

from __future__ import annotations

from datetime import date
from itertools import count
from typing import Any

from sqlalchemy.orm import Session

from app.models import AgencyTransfer
from app.services import transfers
from app.services.transfers import Document
from tests import factories as make

_numbers = count(1)


def document(session: Session, amount_vnd: int = 1_000_000, **changes: Any) -> Document:
    """A document of the commune's treasury for November."""
    facts: dict[str, Any] = {
        "agency_id": make.agency(session).id,
        "area_id": make.area(session).id,
        "month": make.NOVEMBER,
        "kind": "transfer",
        "amount_vnd": amount_vnd,
        "treasury_ref": f"KB-{next(_numbers)}",
        "transferred_on": date(2026, 10, 26),
    } | changes
    return Document(**facts)


def entered(session: Session, amount_vnd: int = 1_000_000, **changes: Any) -> AgencyTransfer:
    """A document that waits for its approval."""
    return transfers.enter(session, document(session, amount_vnd, **changes), by=make.PROVINCE_ACCOUNTANT)


def transferred(session: Session, amount_vnd: int = 1_000_000, **changes: Any) -> AgencyTransfer:
    """A document that counts; committed."""
    found = transfers.approve(session, entered(session, amount_vnd, **changes).id, by=make.PROVINCE_SUPERVISOR)
    session.commit()
    return found


def corrected(session: Session, first: AgencyTransfer, right_vnd: int) -> AgencyTransfer:
    """The right amount of a document, approved; committed."""
    row = transfers.correct(
        session, first.id, right_vnd, month=make.NOVEMBER, by=make.PROVINCE_ACCOUNTANT, because="Gõ nhầm"
    )
    found = transfers.approve(session, row.id, by=make.PROVINCE_SUPERVISOR)
    session.commit()
    return found
