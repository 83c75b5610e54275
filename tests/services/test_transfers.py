"""Transfers: entered by one person, approved by another, corrected by another row, never rewritten."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import clock
from app.errors import BadInput, NotAllowed, NotFound, RuleBroken
from app.extensions import acting_as
from app.models import AgencyTransfer
from app.services import periods, transfers, transitions
from tests import factories as make
from tests import money_desk as desk
from tests import office, stages


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


def test_a_document_waits_for_another_persons_approval(session: Session) -> None:
    found = desk.entered(session, 812_340_000)
    assert (found.state, found.area_path, found.entered_by) == ("entered", make.COMMUNE_PATH, "tinh.ketoan")
    approved = transfers.approve(session, found.id, by=make.PROVINCE_SUPERVISOR)
    session.commit()
    assert (approved.state, approved.decided_by) == ("approved", "tinh.lanhdao")
    assert office.audit(session, "transfer", found.id) == ["create", "approve"]
    assert transfers.counted(session, approved) == 812_340_000


def test_nobody_approves_what_they_entered(session: Session) -> None:
    both = make.actor(make.Role.ACCOUNTANT, "kiem.nhiem")
    both = type(both)(both.username, both.roles | {make.Role.SUPERVISOR}, both.area_path)
    found = transfers.enter(session, desk.document(session), by=both)
    for decide in (transfers.approve, lambda s, key, by: transfers.refuse(s, key, by=by, because="Sai")):
        with pytest.raises(transfers.OwnTransfer):
            decide(session, found.id, by=both)


def test_only_an_accountant_enters_and_only_a_supervisor_approves(session: Session) -> None:
    with pytest.raises(NotAllowed):
        transfers.enter(session, desk.document(session), by=make.CLERK)
    found = desk.entered(session)
    with pytest.raises(NotAllowed):
        transfers.approve(session, found.id, by=make.ACCOUNTANT)
    with pytest.raises(transitions.ReasonMissing):
        transfers.refuse(session, found.id, by=make.SUPERVISOR, because=" ")
    refused = transfers.refuse(session, found.id, by=make.SUPERVISOR, because="Sai số chứng từ")
    assert (refused.state, refused.decision_note) == ("refused", "Sai số chứng từ")
    with pytest.raises(transitions.WrongState):
        transfers.approve(session, found.id, by=make.SUPERVISOR)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount_vnd": 0}, "amount_vnd"),
        ({"amount_vnd": -1}, "amount_vnd"),
        ({"amount_vnd": 10**15}, "amount_vnd"),
        ({"treasury_ref": "  "}, "treasury_ref"),
        ({"treasury_ref": "x" * 65}, "treasury_ref"),
        ({"transferred_on": date(2026, 11, 11)}, "transferred_on"),
    ],
)
def test_what_cannot_be_on_a_document_names_its_field(session: Session, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput) as caught:
        desk.entered(session, **changes)
    assert caught.value.field == field


def test_one_document_is_entered_once_unless_it_was_refused(session: Session) -> None:
    first = desk.entered(session, treasury_ref="KB-7")
    with pytest.raises(transfers.DocumentKnown):
        desk.entered(session, 2_000_000, treasury_ref=" KB-7 ")
    desk.entered(session, treasury_ref="KB-7", kind="return")
    transfers.refuse(session, first.id, by=make.SUPERVISOR, because="Nhập nhầm")
    assert desk.entered(session, 2_000_000, treasury_ref="KB-7").amount_vnd == 2_000_000


def test_another_area_is_not_found(session: Session) -> None:
    stranger = make.actor(make.Role.ACCOUNTANT, "khac.ketoan", "VN/01/00008/")
    for area_id in (make.area(session).id, 999_999):
        with pytest.raises(NotFound):
            transfers.enter(session, desk.document(session, area_id=area_id), by=stranger)
    with pytest.raises(NotFound):
        transfers.approve(session, 999_999, by=make.SUPERVISOR)
    kept = desk.transferred(session)
    with acting_as(stranger):
        assert session.scalars(select(AgencyTransfer)).all() == []
        assert session.execute(text("SELECT count(*) FROM agency_transfers")).scalar() == 0
    assert kept.id


def test_money_goes_to_the_account_of_the_level_that_is_set(session: Session) -> None:
    province, centre = make.area(session, "01"), make.actor(make.Role.ACCOUNTANT, "tw.ketoan", "VN/")
    for code in ("01", "VN"):
        with pytest.raises(transfers.NoAccountHere):
            transfers.enter(session, desk.document(session, area_id=make.area(session, code).id), by=centre)
    _level(session, "01", "province")
    assert desk.entered(session, area_id=province.id).area_path == "VN/01/"
    with pytest.raises(transfers.NoAccountHere):
        desk.entered(session)


def test_a_province_pays_for_those_of_its_communes_that_leave_it_to_it(session: Session) -> None:
    _level(session, make.COMMUNE, "province")
    assert desk.entered(session, area_id=make.area(session, "01").id)
    assert desk.entered(session, area_id=make.area(session, make.OTHER_COMMUNE).id)
    with pytest.raises(transfers.NoAccountHere):
        desk.entered(session)


def _level(session: Session, code: str, level: str) -> None:
    session.execute(
        text(
            "INSERT INTO payment_settings (area_id, valid_from, transfer_level)"
            " SELECT id, '2026-01-01', :level FROM areas WHERE code = :code"
        ),
        {"code": code, "level": level},
    )


# --- Corrections ---------------------------------------------------------------------------------------------------


def corrected(session: Session, transfer: AgencyTransfer, right_vnd: int, **more: Any) -> AgencyTransfer:
    facts: dict[str, Any] = {"month": make.NOVEMBER, "by": make.ACCOUNTANT, "because": "Gõ nhầm số tiền"} | more
    return transfers.correct(session, transfer.id, right_vnd, **facts)


def test_a_correction_is_another_row_with_its_own_approval(session: Session) -> None:
    first = desk.transferred(session, 1_000_000)
    down = corrected(session, first, 900_000)
    assert (down.amount_vnd, down.corrects_id, down.reason, down.state) == (
        -100_000,
        first.id,
        "Gõ nhầm số tiền",
        "entered",
    )
    assert transfers.counted(session, first) == 1_000_000
    with pytest.raises(transfers.CorrectionWaits):
        corrected(session, first, 800_000)
    transfers.approve(session, down.id, by=make.SUPERVISOR)
    assert transfers.counted(session, first) == 900_000
    away = corrected(session, first, 0)
    assert away.amount_vnd == -900_000
    transfers.refuse(session, away.id, by=make.SUPERVISOR, because="Chứng từ có thật")
    assert transfers.counted(session, first) == 900_000


def test_what_is_not_there_to_correct_is_refused(session: Session) -> None:
    waiting = desk.entered(session)
    with pytest.raises(transfers.NotApproved):
        corrected(session, waiting, 1)
    first = desk.transferred(session, 1_000_000)
    with pytest.raises(NotAllowed):
        corrected(session, first, 1, by=make.CLERK)
    for right_vnd, more, field in (
        (1_000_000, {}, "amount_vnd"),
        (-1, {}, "amount_vnd"),
        (1, {"because": " "}, "reason"),
        (1, {"because": "x" * 1_001}, "reason"),
    ):
        with pytest.raises(BadInput) as caught:
            corrected(session, first, right_vnd, **more)
        assert caught.value.field == field
    with pytest.raises(transfers.NotAnOriginal):
        corrected(session, corrected(session, first, 1), 2)


def test_a_closed_period_takes_no_transfer_and_is_corrected_in_an_open_one(session: Session) -> None:
    stages.settled(session)
    first, late = desk.transferred(session, 2_000_000), desk.entered(session, 5)
    key = session.execute(text("SELECT id FROM area_periods")).scalar_one()
    periods.close(session, key, by=make.ACCOUNTANT)
    for refused in (
        lambda: desk.entered(session),
        lambda: transfers.approve(session, late.id, by=make.SUPERVISOR),
        lambda: corrected(session, first, 1),
    ):
        with pytest.raises(transfers.PeriodClosed):
            refused()
    december = corrected(session, first, 1_500_000, month=date(2026, 12, 1))
    assert (december.amount_vnd, december.period.month) == (-500_000, date(2026, 12, 1))
    assert isinstance(transfers.PeriodClosed(month="11/2026"), RuleBroken)


# --- The database's own guards -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE agency_transfers SET amount_vnd = 1",
        "UPDATE agency_transfers SET decision_note = 'khác'",
        "UPDATE agency_transfers SET state = 'refused'",
        "DELETE FROM agency_transfers",
    ],
)
def test_the_database_rewrites_no_transfer(session: Session, statement: str) -> None:
    desk.transferred(session)
    with pytest.raises(DBAPIError):
        session.execute(text(statement))


def test_the_database_wants_an_audit_row(session: Session) -> None:
    desk.entered(session)
    session.commit()
    session.execute(text("UPDATE agency_transfers SET state = 'approved'"))
    with pytest.raises(DBAPIError):
        session.commit()
