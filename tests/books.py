"""A small set of books in which a bit of everything has happened, for tests of what watches over them."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.agency.port import OutcomeUnknown
from app.models import AreaPeriod
from app.services import extensions, packets, periods, sending
from app.services.batches import approval
from app.services.recoveries import opening, returning
from app.services.settlements import deciding, locking
from tests import factories as make
from tests import office


def play(session: Session) -> None:
    """October paid, settled and closed with every outcome; November sent twice, in doubt, half reported, extended."""
    with clock.at(date(2026, 9, 20)):
        packet = office.accepted(session, people=5, month=make.OCTOBER)
    with clock.at(date(2026, 10, 10)):
        _october_ends(session, packet.id)
    with clock.at(date(2026, 10, 20)):
        _november_begins(session)


def _october_ends(session: Session, packet_id: int) -> None:
    packet = packets.lock(session, packet_id)
    back = office.receipt("PT-0", office.lines_of(session, packet)[2], 30_000)
    office.settle(session, packet, "paid", "unpaid", "recover", "unpaid", "paid", size=3, collected=[back])
    settlement = office.settlement_of(session, packet)
    stopped = office.lines_of(session, packet)[3].reference
    deciding.decide(session, settlement.id, stopped, "unpaid_stopped", by=make.ACCOUNTANT, because="Đã chuyển đi")
    locking.lock(session, settlement.id, by=make.ACCOUNTANT)
    here = session.scalars(select(AreaPeriod)).one()
    periods.close(session, here.id, by=make.ACCOUNTANT)
    session.commit()


def _november_begins(session: Session) -> None:
    owed = make.entitled(session, "Lò Thị Ánh")
    make.arrears(session, owed, 300_000)
    make.entitlement(session, make.person(session, "Bà Cụ"), batch_kind="social_pension")
    first = office.accepted(session, people=1)
    office.tell(session, first, status="rjct", reason_message="Sai tổng")
    approval.unlock(session, first.batch_id, by=make.SUPERVISOR, because="Sửa")
    approval.lock(session, first.batch_id, by=make.SUPERVISOR)
    second = packets.queue(session, first.batch_id, by=make.CLERK)
    session.commit()
    sending.send_next(office.ScriptedAgency().connect)
    office.refresh(session)
    office.tell(session, second, status="pdng")
    parts = office.parts(second.code, office.results(office.lines_of(session, second), "paid"), size=3)
    office.hear(session, parts[0], office.say(first.code, status="pdng"))
    settlement = office.settlement_of(session, second)
    asked = extensions.ask(session, settlement.id, days=15, reason="Mưa lũ", asked_by="Bưu điện", by=make.CLERK)
    extensions.grant(session, asked.id, by=make.SUPERVISOR)
    _money_comes_back(session)
    _pension_in_doubt(session)


def _money_comes_back(session: Session) -> None:
    """Part of what the settlement says must come back is brought back; of a paid line, a part is asked back by hand."""
    recovery_id = session.execute(text("SELECT id FROM recoveries")).scalar_one()
    returning.pay_cash(session, recovery_id, 100_000, reference="PT-1", by=make.ACCOUNTANT)
    paid = (
        session.execute(text("SELECT beneficiary_id FROM payout_lines WHERE result = 'paid' ORDER BY id"))
        .scalars()
        .first()
    )
    wanted = opening.Proposal(paid, make.OCTOBER, make.OCTOBER, "Trả nhầm", amount_vnd=50_000)
    proposed = opening.propose(session, wanted, by=make.CLERK)
    opening.approve(session, proposed.id, by=make.SUPERVISOR)


def _pension_in_doubt(session: Session) -> None:
    pension = make.made_list(session, kind="social_pension")
    approval.lock(session, pension, by=make.SUPERVISOR)
    packets.queue(session, pension, by=make.CLERK)
    session.commit()
    sending.send_next(office.ScriptedAgency(OutcomeUnknown("timeout")).connect)
    office.refresh(session)
    states = session.execute(text("SELECT state FROM payout_batches ORDER BY id")).scalars().all()
    assert states == ["settled", "accepted", "sent"]
