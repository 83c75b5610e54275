"""A settlement opened again whose unpaid money another list carries: of another commune, or of another kind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.extensions import acting_as
from app.models import Entitlement, Packet, Recovery
from app.rules.actors import SYSTEM, Role
from app.services import packets, periods, sending
from app.services.batches import approval, making
from app.services.lives import relocating
from app.services.recoveries import finding
from app.services.settlements import deciding, locking, reopening
from tests import factories as make
from tests import months, office

NOVEMBER, DECEMBER = date(2026, 11, 1), date(2026, 12, 1)
FULL = 540_000
THERE = f"VN/01/{make.OTHER_COMMUNE}/"
WHY = "Đã ký nhận"


@pytest.fixture(autouse=True)
def books_in_order(session: Session) -> Iterator[None]:
    with clock.at(date(2026, 12, 2)):
        yield
        session.rollback()
        assert months.wrong(session) == {}


def carried(session: Session, batch_id: int) -> dict[int, int]:
    rows = session.execute(
        text("SELECT entitlement_id, carried_vnd FROM payout_lines WHERE batch_id = :id AND live"), {"id": batch_id}
    )
    return {row.entitlement_id: row.carried_vnd for row in rows}


def corrected(session: Session, packet: Packet, who: Entitlement, outcome: str) -> None:
    """Opened again by the supervisor of the commune, who sees no other, the line decided, locked anew."""
    key = office.settlement_of(session, packet).id
    reference = months.line(session, packet, who.id).reference
    with acting_as(make.SUPERVISOR):
        periods.reopen(session, months.area_period(session, NOVEMBER), by=make.SUPERVISOR, because=WHY)
        reopening.reopen(session, key, by=make.SUPERVISOR, because=WHY)
        session.commit()
    with acting_as(make.ACCOUNTANT):
        deciding.decide(session, key, reference, outcome, by=make.ACCOUNTANT, because=WHY)
        locking.lock(session, key, by=make.ACCOUNTANT)
        session.commit()


def moved_away(session: Session, who: Entitlement, *, makes_list: bool = True) -> int:
    """Taken in by another commune, whose clerk has made the next list; its key."""
    there = make.actor(Role.CLERK, "noi.den", THERE)
    asked = relocating.ask(session, who.beneficiary_id, make.OTHER_COMMUNE, by=make.CLERK, reason="Về ở với con")
    relocating.accept(session, asked.id, by=there)
    session.commit()
    if not makes_list:
        return 0
    area = make.area(session, make.OTHER_COMMUNE)
    made = making.make_lists(session, making.ListRequest(area.id, DECEMBER, "monthly"), by=there)
    session.commit()
    return made.batch_ids[0]


@pytest.fixture
def who(session: Session) -> Entitlement:
    make.entitled(session, "Trần Văn Khác")
    return make.entitled(session, "Trần Văn Đi")


def test_the_draft_of_another_commune_no_longer_carries_what_was_paid_after_all(
    session: Session, who: Entitlement
) -> None:
    packet = months.closed(session, NOVEMBER, {who.id: "unpaid"})
    draft = moved_away(session, who)
    assert carried(session, draft) == {who.id: FULL}
    corrected(session, packet, who, "paid")
    assert carried(session, draft) == {who.id: 0}


def test_the_draft_of_another_commune_carries_what_was_not_paid_after_all(session: Session, who: Entitlement) -> None:
    packet = months.closed(session, NOVEMBER)
    draft = moved_away(session, who)
    corrected(session, packet, who, "unpaid")
    assert carried(session, draft) == {who.id: FULL}


def test_an_approved_list_of_another_commune_that_carries_the_money_keeps_it_locked(
    session: Session, who: Entitlement
) -> None:
    packet = months.closed(session, NOVEMBER, {who.id: "unpaid"})
    draft = moved_away(session, who)
    approval.lock(session, draft, by=make.actor(Role.SUPERVISOR, "noi.den.duyet", THERE))
    session.commit()
    with pytest.raises(reopening.CarriedAlready, match="CT-202612-00008-M"):
        corrected(session, packet, who, "paid")


def test_a_recovery_that_followed_somebody_who_moved_is_withdrawn_with_the_settlement_that_opened_it(
    session: Session, who: Entitlement
) -> None:
    packet = months.closed(session, NOVEMBER, {who.id: "recover"})
    moved_away(session, who, makes_list=False)
    finding.sweep(session)
    session.commit()
    recovery = session.query(Recovery).one()
    assert (recovery.state, recovery.area_path) == ("open", THERE)
    corrected(session, packet, who, "paid")
    office.refresh(session)
    assert recovery.state == "withdrawn"
    assert months.buckets(session, months.line(session, packet, who.id).id) == {"paid": FULL}


def test_a_draft_no_longer_carries_what_a_supplementary_list_paid_after_all(session: Session) -> None:
    office.accepted(session, people=1, month=NOVEMBER)
    late = make.entitled(session, "Trần Thị Muộn")
    request = making.ListRequest(make.area(session).id, NOVEMBER, "supplementary")
    batch_id = making.make_lists(session, request, by=make.CLERK).batch_ids[0]
    approval.lock(session, batch_id, by=make.SUPERVISOR)
    second = packets.queue(session, batch_id, by=make.CLERK)
    session.commit()
    sending.send_next(office.ScriptedAgency().connect)
    office.refresh(session)
    office.tell(session, second, status="pdng")
    for packet in session.query(Packet).order_by(Packet.id):
        months.reported(session, packet, {late.id: "unpaid"}, report=f"QT-{packet.id}")
        locking.lock(session, office.settlement_of(session, packet).id, by=make.ACCOUNTANT)
        session.commit()
    months.close(session, NOVEMBER)
    draft = make.made_list(session, month=DECEMBER)
    session.commit()
    assert carried(session, draft)[late.id] == FULL
    with acting_as(SYSTEM):
        corrected(session, second, late, "paid")
    assert carried(session, draft)[late.id] == 0
