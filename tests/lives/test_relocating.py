"""Chuyển vùng: nobody is listed twice or in neither, and unpaid money follows the person."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.extensions import acting_as
from app.models import Beneficiary, PayoutLine, Relocation
from app.rules.actors import SYSTEM, Role
from app.services import registry
from app.services.batches import approval, making
from app.services.lives import relocating
from tests import factories as make
from tests import office

THERE = make.actor(Role.CLERK, "noi.den", f"VN/01/{make.OTHER_COMMUNE}/")
DECEMBER = date(2026, 12, 1)


@pytest.fixture
def person(session: Session) -> Beneficiary:
    make.agency(session)
    entitlement = make.entitled(session, "Trần Văn Đi")
    return entitlement.beneficiary


def lists(session: Session, month: date, *, there: bool = False) -> list[PayoutLine]:
    """The lines of a month's list, as the clerk of either commune makes it; nobody's when nobody is entitled."""
    by = THERE if there else make.CLERK
    with acting_as(by):
        area = make.area(session, make.OTHER_COMMUNE if there else make.COMMUNE)
        try:
            made = making.make_lists(session, making.ListRequest(area.id, month, "monthly"), by=by)
        except making.NobodyEligible:
            return []
    with acting_as(SYSTEM):
        return list(session.query(PayoutLine).filter(PayoutLine.batch_id.in_(made.batch_ids), PayoutLine.live))


def moved(session: Session, person: Beneficiary) -> date:
    with acting_as(make.CLERK):
        asked = relocating.ask(session, person.id, make.OTHER_COMMUNE, by=make.CLERK, reason="Về ở với con")
    with acting_as(THERE):
        return relocating.accept(session, asked.id, by=THERE)


def test_the_receiving_commune_lists_from_this_month_when_nobody_has(session: Session, person: Beneficiary) -> None:
    assert moved(session, person) == make.NOVEMBER
    assert lists(session, make.NOVEMBER) == []
    [line] = lists(session, make.NOVEMBER, there=True)
    assert (line.full_name, line.area_path) == ("Trần Văn Đi", f"VN/01/{make.OTHER_COMMUNE}/")


def test_a_month_already_listed_stays_with_the_old_commune_also_when_made_again(
    session: Session, person: Beneficiary
) -> None:
    [line] = lists(session, make.NOVEMBER)
    batch_id = line.batch_id
    assert moved(session, person) == DECEMBER
    assert lists(session, make.NOVEMBER, there=True) == []
    with acting_as(make.CLERK):
        making.remake(session, batch_id, by=make.CLERK)
    [again] = session.query(PayoutLine).filter_by(live=True)
    assert (again.batch_id, again.area_path) == (batch_id, make.COMMUNE_PATH)


def test_unpaid_money_of_the_old_commune_is_carried_by_the_new_one(session: Session, person: Beneficiary) -> None:
    make.settled_month(session, make.OCTOBER, unpaid=[person.entitlements[0].id])
    unpaid = session.query(PayoutLine).one().total_vnd
    assert moved(session, person) == make.NOVEMBER
    [line] = lists(session, make.NOVEMBER, there=True)
    assert line.carried_vnd == unpaid > 0 and line.benefit_vnd > 0
    with acting_as(make.actor(Role.SUPERVISOR, "lanh.dao.den", THERE.area_path or "")):
        approval.lock(session, line.batch_id, by=make.actor(Role.SUPERVISOR, "lanh.dao.den", THERE.area_path or ""))


def test_the_receiving_side_sees_the_request_and_not_yet_the_person(session: Session, person: Beneficiary) -> None:
    with acting_as(make.CLERK):
        asked = relocating.ask(session, person.id, make.OTHER_COMMUNE, by=make.CLERK, reason="Về quê", to_hamlet="Tổ 5")
        session.flush()
    with acting_as(THERE):
        session.expire_all()
        seen = session.query(Relocation).one()
        assert (seen.full_name, seen.from_name, seen.state) == (
            "Trần Văn Đi",
            "Phường Ba Đình, Thành phố Hà Nội",
            "asked",
        )
        assert session.query(Beneficiary).count() == 0
        relocating.accept(session, asked.id, by=THERE)
        taken = session.query(Beneficiary).one()
        assert (taken.hamlet, taken.status) == ("Tổ 5", "active")
    with acting_as(make.CLERK):
        session.expire_all()
        assert session.query(Beneficiary).count() == 0


def test_who_is_refused_or_withdrawn_stays(session: Session, person: Beneficiary) -> None:
    for answer, by in ((relocating.refuse, THERE), (relocating.withdraw, make.CLERK)):
        with acting_as(make.CLERK):
            asked = relocating.ask(session, person.id, make.OTHER_COMMUNE, by=make.CLERK, reason="Về quê")
        with acting_as(by):
            answer(session, asked.id, by=by, because="Không có hộ này")
    states = session.execute(text("SELECT state, decision_note FROM relocations ORDER BY id")).all()
    assert [tuple(row) for row in states] == [("refused", "Không có hộ này"), ("withdrawn", "Không có hộ này")]
    assert office.audit(session, "relocation", asked.id) == ["create", "withdraw"]
    assert len(lists(session, make.NOVEMBER)) == 1


def test_each_side_answers_for_itself_only(session: Session, person: Beneficiary) -> None:
    asked = relocating.ask(session, person.id, make.OTHER_COMMUNE, by=make.CLERK, reason="Về quê")
    with pytest.raises(relocating.NotReceiving):
        relocating.accept(session, asked.id, by=make.CLERK)
    with pytest.raises(relocating.NotReceiving):
        relocating.refuse(session, asked.id, by=make.CLERK, because="x")
    with pytest.raises(relocating.NotSending):
        relocating.withdraw(session, asked.id, by=THERE, because="x")
    with pytest.raises(relocating.NotFound):
        relocating.accept(session, asked.id + 1, by=THERE)


def test_what_cannot_be_asked_is_refused(session: Session, person: Beneficiary) -> None:
    def ask(to: str = make.OTHER_COMMUNE, by=make.CLERK, key: int = person.id) -> None:
        relocating.ask(session, key, to, by=by, reason="Về quê")

    with pytest.raises(relocating.NotAClerk):
        ask(by=make.SUPERVISOR)
    with pytest.raises(relocating.NotFound):
        ask(key=person.id + 1000)
    for nowhere in ("99999", "01", make.COMMUNE):
        with pytest.raises(relocating.NoSuchCommune):
            ask(nowhere)
    ask()
    with pytest.raises(relocating.AlreadyAsked):
        ask()
    person.status = "stopped"
    session.flush()
    with pytest.raises(relocating.CannotMove):
        ask()
    asked = session.query(Relocation).one()
    with pytest.raises(relocating.CannotMove):
        relocating.accept(session, asked.id, by=THERE)


def test_the_area_of_a_person_is_not_changed_in_the_form(session: Session, person: Beneficiary) -> None:
    person.area = make.area(session, make.OTHER_COMMUNE)
    with session.no_autoflush, pytest.raises(registry.MovesByRelocation):
        registry.save_beneficiary(session, person, by=make.PROVINCE_CLERK)
    session.rollback()
