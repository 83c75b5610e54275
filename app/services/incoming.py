"""What a message in the inbox says, whichever way it came: by the adapter of its packet. Nothing is decided here."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.agency import messages
from app.agency.adapters import ADAPTERS
from app.agency.messages import Callback
from app.agency.port import Letter
from app.models import Agency, InboxMessage, Packet
from app.services.composing import adapter_of


def read(session: Session, row: InboxMessage) -> Callback:
    """The message of the contract that a row amounts to. Raises BadMessage when nobody can read it."""
    agency = session.get_one(Agency, row.agency_id)
    packet = session.scalars(
        select(Packet).where(Packet.code == row.transaction_id, Packet.agency_id == agency.id)
    ).one_or_none()
    if packet is None:
        return messages.read_callback(row.body, now=clock.wall())
    letter = Letter(
        action=row.action,
        body=row.body,
        sender_id=agency.code,
        message_id=row.message_id or "",
        about=packet.code,
        sent=lambda: packet.body or b"",
    )
    return ADAPTERS[adapter_of(session, packet)].read(letter, now=clock.wall())
