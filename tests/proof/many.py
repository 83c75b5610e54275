"""Many small lists at once, one commune each: every case of a proof takes the next one, so that none pays for its own."""

from __future__ import annotations

from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.models import Packet
from app.rules.actors import Role
from app.services import extensions, inbox, packets, sending
from app.services.batches import approval, making
from tests import factories as make
from tests import office

CLERK = make.actor(Role.CLERK, "tw.canbo", "VN/")
SUPERVISOR = make.actor(Role.SUPERVISOR, "tw.lanhdao", "VN/")
ACCOUNTANT = make.actor(Role.ACCOUNTANT, "tw.ketoan", "VN/")
MID_NOVEMBER = date(2026, 11, 10)


def drafts(session: Session, count: int, *, people: int = 2) -> list[int]:
    """Draft lists of `count` communes, each with `people` people."""
    make.agency(session)
    made: list[int] = []
    while len(made) < count:
        province = session.execute(
            text(
                "SELECT a.id, a.path FROM areas a WHERE a.level = 'province' AND a.valid_to IS NULL AND NOT EXISTS ("
                " SELECT 1 FROM payout_batches b WHERE starts_with(b.area_path, a.path)) ORDER BY a.path LIMIT 1"
            )
        ).one()
        communes = session.execute(
            text("SELECT code FROM areas WHERE level = 'commune' AND parent_id = :id ORDER BY path LIMIT :most"),
            {"id": province.id, "most": count - len(made)},
        ).scalars()
        for commune in list(communes):
            for number in range(people):
                make.entitled(session, f"Trần Văn {number + 1}", commune=commune)
        made += making.make_lists(
            session, making.ListRequest(province.id, make.NOVEMBER, "monthly"), by=CLERK
        ).batch_ids
    session.commit()
    return made


def queued(session: Session, count: int, *, people: int = 2) -> list[Packet]:
    """Packets of that many lists, resting until `only` wakes one."""
    batch_ids = drafts(session, count, people=people)
    approval.lock_many(session, batch_ids, by=SUPERVISOR)
    made = [packets.queue(session, batch_id, by=CLERK) for batch_id in batch_ids]
    session.commit()
    rest(session)
    return made


def accepted(session: Session, count: int, *, people: int = 2) -> list[Packet]:
    """Packets that the agency has taken and will settle."""
    made = queued(session, count, people=people)
    for packet in made:
        only(session, packet.id)
        assert sending.send_next(office.ScriptedAgency().connect)
        office.arrive(session, office.say(packet.code, status="pdng"))
    while inbox.apply_waiting():
        pass
    office.refresh(session)
    assert {packet.state for packet in made} == {"accepted"}
    return made


def grant_days(session: Session, settlement_id: int) -> None:
    """Two more days for a settlement, asked and granted; the agency is still to be told."""
    asked = extensions.ask(session, settlement_id, days=2, reason="Mưa lũ", asked_by="Bưu điện", by=CLERK)
    extensions.grant(session, asked.id, by=SUPERVISOR)
    session.commit()


def notices_due(session: Session) -> None:
    """What the agency is still to be told is due now and no lease holds it, as if time had passed."""
    session.execute(
        text("UPDATE agency_notices SET next_attempt_at = now(), lease_until = NULL WHERE delivered_at IS NULL")
    )
    session.commit()


def rest(session: Session) -> None:
    """No packet is due."""
    session.execute(text("UPDATE packets SET next_attempt_at = now() + interval '1 day', lease_until = NULL"))
    session.commit()


def only(session: Session, packet_id: int) -> None:
    """This packet is due now and no lease holds it, as if time had passed; all others rest."""
    rest(session)
    session.execute(text("UPDATE packets SET next_attempt_at = now() WHERE id = :id"), {"id": packet_id})
    session.commit()
