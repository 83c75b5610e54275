"""A list brought to the stages of its month that `office` does not name, by the services that bring it there."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.agency.port import OutcomeUnknown
from app.models import Packet, PayoutBatch, Settlement
from app.services import sending
from app.services.settlements import locking
from tests import factories as make
from tests import office


def in_doubt(session: Session, *, people: int = 2, **more: Any) -> Packet:
    """A packet whose sending was cut off: nobody knows whether it arrived."""
    packet = office.queued(session, people=people, **more)
    assert sending.send_next(office.ScriptedAgency(OutcomeUnknown("timeout")).connect)
    office.refresh(session)
    return packet


def returned(session: Session, *, people: int = 2, because: str = "Thiếu chữ ký") -> Packet:
    """The agency gave the list back."""
    packet = office.received(session, people=people)
    office.tell(session, packet, status="rjct", reason_code="rjct", reason_message=because)
    assert packet.state == "rejected"
    return packet


def reported(session: Session, *outcomes: str, people: int = 2, **more: Any) -> Settlement:
    """Everything the agency has to say has come; everybody was paid unless said otherwise."""
    packet = office.accepted(session, people=people)
    office.settle(session, packet, *(outcomes or ("paid",)), **more)
    return office.settlement_of(session, packet)


def settled(session: Session, *outcomes: str, people: int = 2) -> PayoutBatch:
    """The settlement is locked; the period is still open."""
    settlement = reported(session, *outcomes, people=people)
    locking.lock(session, settlement.id, by=make.ACCOUNTANT)
    session.commit()
    return session.get_one(PayoutBatch, settlement.batch_id, populate_existing=True)
