"""What a commune does not see still counts: lists and arrears of people who have come from, or gone to, another one."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.extensions import acting_as
from app.models import Death, Entitlement, Packet, Recovery
from app.rules.actors import Actor, Role
from app.services.arrears import deciding, proposing
from app.services.batches import approval, making
from app.services.lives import deaths, relocating, succession
from app.services.recoveries import finding, opening
from app.services.settlements import reopening
from tests import factories as make
from tests import months, office

OCTOBER, NOVEMBER, DECEMBER = (date(2026, month, 1) for month in (10, 11, 12))
THERE = f"VN/01/{make.OTHER_COMMUNE}/"
CLERK_THERE = make.actor(Role.CLERK, "noi.den", THERE)
SUPERVISOR_THERE = make.actor(Role.SUPERVISOR, "noi.den.duyet", THERE)


def moves(session: Session, who: Entitlement) -> None:
    asked = relocating.ask(session, who.beneficiary_id, make.OTHER_COMMUNE, by=make.CLERK, reason="Về ở với con")
    relocating.accept(session, asked.id, by=CLERK_THERE)
    session.commit()


def test_a_death_whose_funeral_the_old_commune_has_listed_is_not_undone_by_the_new_one(session: Session) -> None:
    make.agency(session)
    who = make.entitled(session)
    funeral = deaths.Funeral("Lê Văn Con", month=NOVEMBER, decision_no="12/QĐ-UBND")
    death = deaths.record(session, who.beneficiary_id, date(2026, 10, 20), by=make.CLERK, funeral=funeral)
    request = making.ListRequest(make.area(session).id, NOVEMBER, "funeral")
    batch_id = making.make_lists(session, request, by=make.CLERK).batch_ids[0]
    approval.lock(session, batch_id, by=make.SUPERVISOR)
    wanted = succession.Succession(
        make.area(session).id,
        DECEMBER,
        "Nghị quyết 1",
        (succession.Successor(make.area(session, make.OTHER_COMMUNE).id),),
    )
    centre = Actor("tw.quantri", frozenset({Role.CENTRAL_ADMIN}), "VN/")
    succession.succeed(session, wanted, by=centre)
    with acting_as(CLERK_THERE), pytest.raises(deaths.FuneralListed, match="CT-202611-00004-F"):
        deaths.undo(session, death.id, by=CLERK_THERE, because="Nhầm người")
    assert session.get_one(Death, death.id).undone_at is None


def test_a_recovery_waits_while_the_old_commune_has_opened_its_settlement_again(session: Session) -> None:
    who = make.entitled(session)
    packet = months.settled(session, NOVEMBER)
    asked = opening.Proposal(who.beneficiary_id, NOVEMBER, NOVEMBER, "Trả nhầm")
    recovery = opening.propose(session, asked, by=make.CLERK)
    moves(session, who)
    finding.sweep(session)
    session.commit()
    assert session.get_one(Recovery, recovery.id, populate_existing=True).area_path == THERE
    with acting_as(make.SUPERVISOR):
        key = office.settlement_of(session, packet).id
        reopening.reopen(session, key, by=make.SUPERVISOR, because="Bưu điện báo nhầm")
    with acting_as(SUPERVISOR_THERE), pytest.raises(opening.NoLongerPaid), session.begin_nested():
        opening.approve(session, recovery.id, by=SUPERVISOR_THERE)


@pytest.fixture
def risen(session: Session) -> tuple[Entitlement, Packet, int]:
    """Listed for October before the rise, owed its difference in December, and gone to another commune since."""
    who = make.entitled(session)
    with clock.at(date(2026, 10, 2)):
        packet = office.accepted(session, people=0, month=OCTOBER)
    asked = proposing.RiseRequest(make.area(session).id, OCTOBER, OCTOBER, DECEMBER, "Nâng mức chuẩn", "335")
    with clock.at(date(2026, 10, 20)):
        made = proposing.propose_rise(session, asked, by=make.CLERK)
        deciding.approve(session, made.id, by=make.SUPERVISOR)
    moves(session, who)
    return who, packet, made.id


def arrears(session: Session, who: Entitlement) -> int:
    return session.execute(text("SELECT count(*) FROM arrears WHERE entitlement_id = :id"), {"id": who.id}).scalar_one()


def test_a_returned_list_takes_back_the_arrears_of_who_has_moved(
    session: Session, risen: tuple[Entitlement, Packet, int]
) -> None:
    who, packet, _proposal = risen
    office.tell(session, packet, status="rjct", reason_message="Sai tên")
    with acting_as(make.SUPERVISOR):
        approval.unlock(session, packet.batch_id, by=make.SUPERVISOR, because="Sửa")
    assert arrears(session, who) == 0, "the list will be made again at the new rate"


def test_arrears_of_who_has_moved_are_taken_back_with_their_proposal(
    session: Session, risen: tuple[Entitlement, Packet, int]
) -> None:
    who, _packet, proposal_id = risen
    with acting_as(make.SUPERVISOR):
        deciding.revoke(session, proposal_id, by=make.SUPERVISOR, because="Tính sai")
    assert arrears(session, who) == 0


def test_arrears_that_another_communes_list_has_taken_are_not_taken_back(
    session: Session, risen: tuple[Entitlement, Packet, int]
) -> None:
    _who, packet, proposal_id = risen
    request = making.ListRequest(make.area(session, make.OTHER_COMMUNE).id, DECEMBER, "monthly")
    making.make_lists(session, request, by=CLERK_THERE)
    with acting_as(make.SUPERVISOR), pytest.raises(deciding.AlreadyTaken, match="CT-202612-00008-M"):
        deciding.revoke(session, proposal_id, by=make.SUPERVISOR, because="Tính sai")
    office.tell(session, packet, status="rjct", reason_message="Sai tên")
    with acting_as(make.SUPERVISOR), pytest.raises(deciding.ListOwesArrears), session.begin_nested():
        approval.unlock(session, packet.batch_id, by=make.SUPERVISOR, because="Sửa")
