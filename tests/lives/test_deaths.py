"""Cắt chết: what a death ends and leads to, and the way back."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.models import Beneficiary, Death, Entitlement, Payee, PayoutLine, Recovery
from app.services import packets
from app.services.batches import approval, making
from app.services.lives import deaths
from app.services.lives.deaths import Funeral
from app.services.recoveries import finding
from tests import factories as make
from tests import months

pytestmark = pytest.mark.filterwarnings("error::sqlalchemy.exc.SAWarning")

DIED = date(2026, 11, 3)
CLAIM = Funeral(organiser="Lê Văn Con", month=make.NOVEMBER, decision_no="12/QĐ", phone="0912345678")


def alive(session: Session, **changes: Any) -> Entitlement:
    make.agency(session)
    return make.entitled(session, "Nguyễn Thị Bình", "2", **changes)


def listed(session: Session, month: date = make.NOVEMBER, kind: str = "monthly") -> list[PayoutLine]:
    made = making.make_lists(session, making.ListRequest(make.area(session).id, month, kind), by=make.CLERK)
    return list(session.query(PayoutLine).filter(PayoutLine.batch_id.in_(made.batch_ids), PayoutLine.live))


def test_the_month_of_death_is_paid_and_the_funeral_beside_it(session: Session) -> None:
    """540.000 × 2 for November, 540.000 × 20 for the funeral, both to whoever organised it."""
    entitlement = alive(session)
    death = deaths.record(session, entitlement.beneficiary_id, DIED, by=make.CLERK, note="Giấy 5", funeral=CLAIM)
    assert (death.died_on, death.note, death.recorded_by) == (DIED, "Giấy 5", "xa.clerk")
    [monthly] = listed(session)
    [funeral] = listed(session, kind="funeral")
    assert (monthly.total_vnd, funeral.total_vnd) == (1_080_000, 10_800_000)
    assert {monthly.payee_name, funeral.payee_name} == {"Lê Văn Con"}
    assert (funeral.payee_kind, funeral.method) == ("organiser", "cash")


def test_nothing_is_owed_for_the_months_after(session: Session) -> None:
    entitlement = alive(session)
    deaths.record(session, entitlement.beneficiary_id, DIED, by=make.CLERK)
    with pytest.raises(making.NobodyEligible):
        listed(session, date(2026, 12, 1))
    session.refresh(entitlement)
    assert entitlement.ends_on == DIED


def test_a_funeral_not_listed_in_its_month_is_owed_in_the_next_and_only_once(session: Session) -> None:
    entitlement = alive(session)
    deaths.record(session, entitlement.beneficiary_id, DIED, by=make.CLERK, funeral=CLAIM)
    [line] = listed(session, date(2026, 12, 1), "funeral")
    assert line.total_vnd == 10_800_000
    with pytest.raises(making.NobodyEligible):
        listed(session, make.NOVEMBER, "funeral")


def test_the_organiser_may_be_paid_by_bank(session: Session) -> None:
    entitlement = alive(session)
    claim = Funeral("Lê Văn Con", make.NOVEMBER, "12/QĐ", account_no="0123456789", bank_code="VCB")
    deaths.record(session, entitlement.beneficiary_id, DIED, by=make.CLERK, funeral=claim)
    [line] = listed(session, kind="funeral")
    assert (line.method, line.account_no, line.account_holder) == ("bank", "0123456789", "Lê Văn Con")


@pytest.mark.parametrize(
    ("claim", "error"),
    [
        (Funeral("Lê Văn Con", date(2026, 10, 1), ""), deaths.FuneralTooEarly),
        (Funeral("Lê Văn Con", date(2027, 2, 1), ""), deaths.FuneralTooEarly),
        (Funeral("Lê Văn Con", make.NOVEMBER, "", account_no="0123456789"), deaths.AccountMissing),
    ],
    ids=["before the death", "in months", "an account at no bank"],
)
def test_a_claim_that_cannot_be_is_refused(session: Session, claim: Funeral, error: type[Exception]) -> None:
    entitlement = alive(session)
    with pytest.raises(error), session.begin_nested():
        deaths.record(session, entitlement.beneficiary_id, DIED, by=make.CLERK, funeral=claim)


def test_a_stranger_is_entered_only_to_be_buried(session: Session) -> None:
    make.agency(session)
    person = Beneficiary(full_name="Trần Thị Lạ", birth_year=1940, area=make.area(session), hamlet="", address="")
    deaths.record_stranger(session, person, DIED, CLAIM, by=make.CLERK)
    [line] = listed(session, kind="funeral")
    assert (line.full_name, line.total_vnd, line.payee_name) == ("Trần Thị Lạ", 10_800_000, "Lê Văn Con")
    with pytest.raises(making.NobodyEligible):
        listed(session)


def test_a_mistake_is_undone_and_everything_is_as_before(session: Session) -> None:
    entitlement = alive(session)
    ended = make.entitlement(session, entitlement.beneficiary, "1")
    ended.ends_on = date(2026, 12, 31)
    session.flush()
    before = session.query(Payee).filter_by(is_current=True).one().id
    death = deaths.record(session, entitlement.beneficiary_id, DIED, by=make.CLERK, funeral=CLAIM)
    [draft] = listed(session, kind="funeral")
    deaths.undo(session, death.id, by=make.CLERK, because="Nhầm người")
    person = session.get(Beneficiary, entitlement.beneficiary_id)
    assert person is not None and (person.status, person.died_on) == ("active", None)
    assert {row.id: row.ends_on for row in session.query(Entitlement).filter(Entitlement.status == "active")} == {
        entitlement.id: None,
        ended.id: date(2026, 12, 31),
    }
    assert session.query(Payee).filter_by(is_current=True).one().id == before
    session.refresh(draft)
    assert not draft.live and draft.excluded_reason == "Nhầm người"
    [line] = listed(session)
    assert line.payee_name == "Nguyễn Thị Bình"
    with pytest.raises(deaths.AlreadyUndone):
        deaths.undo(session, death.id, by=make.CLERK, because="Lần nữa")


def test_a_stranger_entered_by_mistake_receives_nothing(session: Session) -> None:
    make.agency(session)
    person = Beneficiary(full_name="Trần Thị Lạ", birth_year=1940, area=make.area(session), hamlet="", address="")
    death = deaths.record_stranger(session, person, DIED, CLAIM, by=make.CLERK)
    deaths.undo(session, death.id, by=make.CLERK, because="Còn sống")
    session.refresh(person)
    assert (person.status, person.died_on) == ("stopped", None)
    with pytest.raises(making.NobodyEligible):
        listed(session, kind="funeral")


def test_a_death_whose_funeral_is_on_its_way_is_not_undone(session: Session) -> None:
    entitlement = alive(session)
    death = deaths.record(session, entitlement.beneficiary_id, DIED, by=make.CLERK, funeral=CLAIM)
    [line] = listed(session, kind="funeral")
    approval.lock(session, line.batch_id, by=make.SUPERVISOR)
    packets.queue(session, line.batch_id, by=make.CLERK)
    with pytest.raises(deaths.FuneralListed):
        deaths.undo(session, death.id, by=make.CLERK, because="Nhầm")


def test_who_may_and_what_is_refused(session: Session) -> None:
    entitlement = alive(session)
    person = entitlement.beneficiary_id
    with pytest.raises(deaths.NotAClerk):
        deaths.record(session, person, DIED, by=make.SUPERVISOR)
    with pytest.raises(deaths.NotFound):
        deaths.record(session, person + 1000, DIED, by=make.CLERK)
    death = deaths.record(session, person, DIED, by=make.CLERK)
    with pytest.raises(deaths.AlreadyDead):
        deaths.record(session, person, DIED, by=make.CLERK)
    with pytest.raises(deaths.ReasonMissing):
        deaths.undo(session, death.id, by=make.CLERK, because=" ")
    with pytest.raises(deaths.NotFound):
        deaths.undo(session, death.id + 1, by=make.CLERK, because="x")
    assert session.query(Death).count() == 1
    assert session.execute(text("SELECT count(*) FROM deaths WHERE undone_at IS NULL")).scalar() == 1


def test_a_death_without_a_claim_is_undone_too(session: Session) -> None:
    entitlement = alive(session)
    death = deaths.record(session, entitlement.beneficiary_id, DIED, by=make.CLERK)
    deaths.undo(session, death.id, by=make.CLERK, because="Nhầm người")
    [line] = listed(session)
    assert line.payee_name == "Nguyễn Thị Bình"


# --- By the form and by file ---------------------------------------------------------------------------------------


def test_a_death_saved_with_the_person_is_recorded_with_what_they_had_before(session: Session) -> None:
    entitlement = alive(session)
    person = entitlement.beneficiary
    person.status, person.died_on, person.status_reason, person.hamlet = "dead", DIED, "Giấy 9", "Thôn 5"
    deaths.save_person(session, person, by=make.CLERK)
    death = session.query(Death).one()
    assert (death.died_on, death.note, death.before["status"]) == (DIED, "Giấy 9", "active")
    assert death.before["ends_on"] == {str(entitlement.id): None}
    session.refresh(entitlement)
    assert entitlement.ends_on == DIED
    deaths.undo(session, death.id, by=make.CLERK, because="Nhầm")
    session.refresh(person)
    session.refresh(entitlement)
    assert (person.status, person.died_on, person.hamlet, entitlement.ends_on) == ("active", None, "Thôn 5", None)


def test_a_death_from_before_deaths_were_recorded_may_be_corrected_in_the_form(session: Session) -> None:
    person = make.person(session, status="dead", died_on=date(2026, 1, 1))
    person.died_on = date(2026, 1, 2)
    deaths.save_person(session, person, by=make.CLERK)
    person.status, person.died_on = "active", None
    deaths.save_person(session, person, by=make.CLERK)
    session.flush()
    assert session.query(Death).count() == 0


def test_somebody_entered_as_dead_at_once_is_only_entered(session: Session) -> None:
    person = Beneficiary(full_name="Lò Thị Mới", birth_year=1940, area=make.area(session), hamlet="", address="")
    person.status, person.died_on = "dead", DIED
    deaths.save_person(session, person, by=make.CLERK)
    session.flush()
    assert (person.status, session.query(Death).count()) == ("dead", 0)


def test_months_paid_after_a_death_entered_in_the_form_are_proposed_to_come_back(session: Session) -> None:
    who = alive(session)
    months.closed(session, date(2026, 10, 1))
    person = session.get_one(Beneficiary, who.beneficiary_id)
    person.status, person.died_on = "dead", date(2026, 9, 30)
    deaths.save_person(session, person, by=make.CLERK)
    session.commit()
    assert finding.sweep(session) == 1
    [proposed] = session.query(Recovery)
    assert (proposed.source, proposed.state, proposed.amount_vnd) == ("death", "proposed", 1_080_000)
    deaths.undo(session, session.query(Death).one().id, by=make.CLERK, because="Nhầm người")
    assert finding.sweep(session) == 1
    session.refresh(proposed)
    assert proposed.state == "withdrawn", "the ground is gone"
    session.commit()


def test_many_deaths_are_recorded_at_once_each_with_what_it_ended(session: Session) -> None:
    first, second = alive(session), make.entitled(session, "Trần Thị Hai")
    second.ends_on = date(2026, 11, 2)
    session.flush()
    died = [deaths.Died(one.beneficiary_id, DIED, "Tệp") for one in (first, second)]
    with pytest.raises(deaths.NotAClerk):
        deaths.record_many(session, died, by=make.SUPERVISOR)
    assert len(deaths.record_many(session, died, by=make.CLERK)) == 2
    assert [session.get_one(Entitlement, one.id).ends_on for one in (first, second)] == [DIED, date(2026, 11, 2)]
    befores = {one.beneficiary_id: one.before["ends_on"] for one in session.query(Death)}
    assert befores == {
        first.beneficiary_id: {str(first.id): None},
        second.beneficiary_id: {str(second.id): "2026-11-02"},
    }
