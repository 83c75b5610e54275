"""Lists of a commune without a connection, brought to their settlement."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.models import Packet, PayoutLine, Settlement
from app.services import packets
from tests import factories as make


def pays_itself(session: Session, code: str = make.COMMUNE) -> None:
    """The commune pays without an agency from July 2025 on."""
    session.execute(
        text(
            "INSERT INTO payment_settings (area_id, area_path, valid_from, through_agency)"
            " SELECT id, path, '2025-07-01', false FROM areas WHERE code = :code"
        ),
        {"code": code},
    )


def own_packet(session: Session, *, people: int = 3, month: date = make.NOVEMBER) -> Packet:
    """A list of the commune that pays itself, handed to its cashier; committed."""
    pays_itself(session)
    packet = packets.queue(session, make.locked_list(session, people=people, month=month), by=make.CLERK)
    session.commit()
    return packet


def own_settlement(session: Session, *, people: int = 3, **more: Any) -> Settlement:
    """Its settlement, waiting for results by hand."""
    packet = own_packet(session, people=people, **more)
    return session.scalars(select(Settlement).where(Settlement.packet_id == packet.id)).one()


def lines(session: Session, settlement: Settlement) -> list[PayoutLine]:
    """Its lines in the order of the list."""
    statement = select(PayoutLine).where(PayoutLine.batch_id == settlement.batch_id).order_by(PayoutLine.no)
    return list(session.scalars(statement.execution_options(populate_existing=True)))
