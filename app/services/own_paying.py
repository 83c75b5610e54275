"""Lists that the office pays by itself: handed to its own cashier, so that they settle like every other list.

The office is its own agency, a row of `agencies` of kind `office`; the clerk who hands the list over speaks for it.
So there is one kind of packet, of journal, of settlement (docs/decisions/002-lists-without-an-agency.md).
"""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.agency.port import Form
from app.errors import RuleBroken
from app.models import Agency, Packet, PayoutBatch, Settlement
from app.rules.actors import Actor, Role
from app.services import answering, transitions
from app.services.settlements import arithmetic

OFFICE = "office"
OFFICE_NAME = "Đơn vị tự chi trả"
FORM = Form("txt", "text/plain; charset=utf-8", by_hand=False)
"""What the bytes of such a packet are; nobody answers it from outside."""


class MoneyHandedOut(RuleBroken):
    """Đã nhập kết quả trả tiền cho %(count)s dòng của danh sách này. Hãy hoàn tác các kết quả đó trước khi lấy lại."""


def is_own(session: Session, packet: Packet) -> bool:
    """The packet was handed to our own cashier."""
    return session.scalar(select(Agency.kind).where(Agency.id == packet.agency_id)) == OFFICE


def hand_over(session: Session, batch: PayoutBatch, *, by: Actor) -> Packet:
    """Give a locked list of no agency, whose row is held, to the cashier: the money is out, its settlement is open.

    The bytes kept are the line set itself, whose SHA-256 the approval stored. Raises what `transitions.move` raises.
    """
    code = f"{batch.code}-V{batch.version}"
    transitions.move(session, "batch", batch.id, "send", by=by, facts={"packet": code})
    packet = Packet(
        code=code,
        batch_id=batch.id,
        agency_id=_office(session),
        area_path=batch.area_path,
        version=batch.version,
        replaces_id=_replaced(session, batch.id),
        message_id=f"{code}-{uuid4().hex[:12]}",
        line_count=batch.line_count,
        people_count=batch.people_count,
        total_vnd=batch.total_vnd,
        lines_sha256=batch.lines_sha256,
        body=_line_set(session, batch.id),
        body_sha256=batch.lines_sha256,
        queued_by=by.username,
        queued_at=clock.now(),
    )
    session.add(packet)
    session.flush()
    transitions.created(session, "packet", [packet.id], by=by, facts={packet.id: {"total_vnd": packet.total_vnd}})
    transitions.move(session, "packet", packet.id, "claim", by=_speaking(by))
    answering.accept(session, packet, by=_speaking(by))
    return packet


def take_back(session: Session, packet: Packet, *, by: Actor, because: str) -> Packet:
    """The cashier gives a list back before anybody was paid; it can be corrected and handed over again.

    Raises MoneyHandedOut.
    """
    settlement_id = session.scalars(select(Settlement.id).where(Settlement.packet_id == packet.id)).one()
    found = arithmetic.figures(session, settlement_id)
    handed_out = found.paid.people + found.to_recover.people
    if handed_out:
        raise MoneyHandedOut(count=handed_out)
    answering.reject(session, packet, by=_speaking(by), because=because)
    return packet


def _speaking(by: Actor) -> Actor:
    """The same person, speaking also for the office as its own agency."""
    return replace(by, roles=by.roles | {Role.AGENCY, Role.SYSTEM})


def _office(session: Session) -> int:
    session.execute(
        text(
            "INSERT INTO agencies (code, name, kind, is_active) VALUES (:code, :name, 'office', false)"
            " ON CONFLICT (code) DO NOTHING"
        ),
        {"code": OFFICE, "name": OFFICE_NAME},
    )
    return session.scalars(select(Agency.id).where(Agency.code == OFFICE)).one()


def _replaced(session: Session, batch_id: int) -> int | None:
    statement = select(Packet.id).where(Packet.batch_id == batch_id).order_by(Packet.version.desc()).limit(1)
    return session.scalars(statement).one_or_none()


def _line_set(session: Session, batch_id: int) -> bytes:
    """What the approval hashed: `reference|amount|financial address` a line, by reference."""
    found = session.execute(
        text(
            "SELECT convert_to(string_agg(reference || '|' || total_vnd || '|' || payee_fa || chr(10), ''"
            " ORDER BY reference COLLATE \"C\"), 'UTF8') FROM payout_lines WHERE batch_id = :batch AND live"
        ),
        {"batch": batch_id},
    ).scalar_one()
    return bytes(found)
