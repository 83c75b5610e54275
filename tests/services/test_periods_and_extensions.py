"""Closing and opening periods; extensions of a settlement's deadline, under twenty days in total."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import clock
from app.errors import NotFound
from app.extensions import acting_as
from app.models import Settlement
from app.rules.actors import Role
from app.services import extensions, inbox, periods, reference, transitions
from app.services.batches import approval, lines, making
from app.services.settlements import heard
from tests import factories as make
from tests import office, stages


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


def here(session: Session) -> int:
    return session.execute(text("SELECT id FROM area_periods ORDER BY id DESC LIMIT 1")).scalar_one()


def test_a_period_closes_when_every_list_is_settled(session: Session) -> None:
    stages.settled(session)
    closed = periods.close(session, here(session), by=make.CLERK)
    assert closed.state == "closed"
    assert office.audit(session, "period", closed.id)[-1] == "close"


def test_a_period_with_unfinished_lists_stays_open(session: Session) -> None:
    make.made_list(session, people=1)
    with pytest.raises(periods.ListsUnfinished, match="CT-202611-00004-M"):
        periods.close(session, here(session), by=make.CLERK)


def test_a_closed_period_opens_with_a_reason_until_a_later_list_is_approved(session: Session) -> None:
    stages.settled(session)
    key = here(session)
    periods.close(session, key, by=make.ACCOUNTANT)
    with pytest.raises(transitions.ReasonMissing):
        periods.reopen(session, key, by=make.SUPERVISOR, because=" ")
    with pytest.raises(transitions.NotYours):
        periods.reopen(session, key, by=make.CLERK, because="Sai")
    assert periods.reopen(session, key, by=make.SUPERVISOR, because="Thiếu danh sách bổ sung").state == "open"
    periods.close(session, key, by=make.ACCOUNTANT)
    later = make.made_list(session, month=date(2026, 12, 1))
    assert periods.reopen(session, key, by=make.SUPERVISOR, because="Bản nháp chưa ràng buộc gì").state == "open"
    periods.close(session, key, by=make.ACCOUNTANT)
    approval.lock(session, later, by=make.SUPERVISOR)
    with pytest.raises(periods.NextPeriodStarted, match="CT-202612"):
        periods.reopen(session, key, by=make.SUPERVISOR, because="Muộn rồi")


def test_an_unknown_period_is_not_found(session: Session) -> None:
    with pytest.raises(NotFound):
        periods.close(session, 999_999, by=make.CLERK)


def waiting(session: Session) -> Settlement:
    return office.settlement_of(session, office.accepted(session))


def ask(session: Session, settlement: Settlement, days: int = 5, **changes: Any) -> int:
    facts: dict[str, Any] = {"reason": "Mưa lũ", "asked_by": "Bưu điện", "by": make.CLERK} | changes
    return extensions.ask(session, settlement.id, days=days, **facts).id


def test_a_granted_extension_moves_the_deadline(session: Session) -> None:
    settlement = waiting(session)
    before = extensions.due_on(session, settlement.id)
    key = ask(session, settlement)
    assert extensions.due_on(session, settlement.id) == before
    granted = extensions.grant(session, key, by=make.SUPERVISOR, note="Được")
    assert (granted.state, granted.decision_note) == ("granted", "Được")
    assert extensions.due_on(session, settlement.id) == before + timedelta(days=5)
    with pytest.raises(transitions.WrongState):
        extensions.refuse(session, key, by=make.SUPERVISOR, because="Đổi ý")


def test_a_refused_extension_needs_a_reason_and_moves_nothing(session: Session) -> None:
    settlement = waiting(session)
    before, key = extensions.due_on(session, settlement.id), ask(session, settlement)
    with pytest.raises(transitions.ReasonMissing):
        extensions.refuse(session, key, by=make.SUPERVISOR, because="")
    assert extensions.refuse(session, key, by=make.SUPERVISOR, because="Không có lý do").state == "refused"
    assert extensions.due_on(session, settlement.id) == before


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"by": make.actor(Role.AUDITOR)}, extensions.NotYoursToAsk),
        ({"reason": "  "}, extensions.ReasonMissing),
        ({"reason": "x" * 5000}, extensions.ReasonTooLong),
        ({"days": 0}, extensions.DaysOutOfRange),
        ({"days": 20}, extensions.DaysOutOfRange),
        ({"days": -3}, extensions.DaysOutOfRange),
    ],
)
def test_what_cannot_be_asked_is_refused(session: Session, changes: dict[str, Any], error: type[Exception]) -> None:
    settlement = waiting(session)
    with pytest.raises(error):
        ask(session, settlement, **changes)
    assert session.execute(text("SELECT count(*) FROM deadline_extensions")).scalar() == 0


def test_extensions_stay_under_twenty_days_in_total(session: Session) -> None:
    settlement = waiting(session)
    first, second = ask(session, settlement, 10), ask(session, settlement, 10)
    extensions.grant(session, first, by=make.SUPERVISOR)
    with pytest.raises(extensions.TooLong):
        extensions.grant(session, second, by=make.SUPERVISOR)
    with pytest.raises(extensions.TooLong):
        ask(session, settlement, 10)
    extensions.grant(session, ask(session, settlement, 9), by=make.SUPERVISOR)
    with pytest.raises(DBAPIError, match="20 days"), session.begin_nested():
        session.execute(text("UPDATE deadline_extensions SET state = 'granted' WHERE id = :id"), {"id": second})


def test_who_entered_a_request_does_not_decide_it(session: Session) -> None:
    key = ask(session, waiting(session), by=make.SUPERVISOR)
    with pytest.raises(extensions.OwnRequest):
        extensions.grant(session, key, by=make.SUPERVISOR)
    with pytest.raises(extensions.OwnRequest):
        extensions.refuse(session, key, by=make.SUPERVISOR, because="Không")


def test_an_unknown_request_or_settlement_is_not_found(session: Session) -> None:
    for act in (
        lambda: extensions.grant(session, 999_999, by=make.SUPERVISOR),
        lambda: extensions.due_on(session, 999_999),
        lambda: extensions.ask(session, 999_999, days=1, reason="x", asked_by="y", by=make.CLERK),
    ):
        with pytest.raises(NotFound):
            act()


def test_a_locked_settlement_is_not_extended(session: Session) -> None:
    settled = stages.settled(session)
    locked = session.execute(text("SELECT id FROM settlements WHERE batch_id = :id"), {"id": settled.id}).scalar_one()
    with pytest.raises(extensions.SettlementOver):
        extensions.ask(session, locked, days=1, reason="x", asked_by="y", by=make.CLERK)


def test_a_line_of_a_list_held_above_is_not_found_from_below(session: Session) -> None:
    make.agency(session)
    make.entitled(session)
    session.execute(
        text(
            "INSERT INTO payment_settings (area_id, area_path, valid_from, paying_level)"
            " SELECT id, path, '2026-01-01', 'province' FROM areas WHERE code = '01'"
        )
    )
    request = making.ListRequest(make.area(session, "01").id, make.NOVEMBER)
    making.make_lists(session, request, by=make.PROVINCE_CLERK)
    key = session.execute(text("SELECT id FROM payout_lines")).scalar_one()
    session.commit()
    session.expunge_all()
    with acting_as(make.CLERK), pytest.raises(NotFound):
        lines.exclude(session, key, by=make.CLERK, because="Không phải của tôi")


def test_reference_data_loaded_again_changes_nothing(session: Session) -> None:
    counted = "SELECT count(*), (SELECT count(*) FROM holidays), (SELECT count(*) FROM benefit_rates) FROM areas"
    before = session.execute(text(counted)).one()
    reference.load(session)
    assert session.execute(text(counted)).one() == before


def test_a_message_that_is_gone_is_left_alone(session: Session) -> None:
    session.commit()
    inbox._failed(999_999, "không còn", again=False)
    assert session.execute(text("SELECT count(*) FROM inbox")).scalar() == 0


def test_a_message_that_cannot_be_read_is_shown_as_such() -> None:
    assert heard.meaning(b"{", 0) == heard.UNREAD
