"""Extensions: who asks, who decides, and fewer than 20 days in total however they are split or raced."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import clock
from app.errors import NotFound
from app.extensions import acting_as, transaction
from app.models import DeadlineExtension, Settlement
from app.rules.actors import SYSTEM, Actor, Role
from app.services import extensions, transitions
from app.services.settlements import deciding, locking
from tests import factories as make
from tests import office

OTHER_SUPERVISOR = make.actor(Role.SUPERVISOR, "xa.lanhdao2")


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def settlement(session: Session) -> Settlement:
    return office.settlement_of(session, office.accepted(session, people=1))


def asked(session: Session, settlement: Settlement, days: int, by: Actor = make.CLERK) -> DeadlineExtension:
    made = extensions.ask(session, settlement.id, days=days, reason="Lũ lụt", asked_by="Bưu điện xã", by=by)
    session.commit()
    return made


def test_a_granted_extension_moves_the_deadline(session: Session, settlement: Settlement) -> None:
    extension = asked(session, settlement, 7)
    assert (extension.state, extension.asked_by, extension.entered_by) == ("asked", "Bưu điện xã", "xa.clerk")
    assert extensions.due_on(session, settlement.id) == settlement.due_on
    extensions.grant(session, extension.id, by=make.SUPERVISOR, note="Đồng ý")
    session.commit()
    assert (extension.state, extension.decided_by, extension.decision_note) == ("granted", "xa.supervisor", "Đồng ý")
    assert extension.decided_at is not None
    assert extensions.due_on(session, settlement.id) == settlement.due_on + timedelta(days=7)
    assert office.audit(session, "extension", extension.id) == ["create", "grant"]


def test_a_refused_extension_leaves_the_deadline(session: Session, settlement: Settlement) -> None:
    extension = asked(session, settlement, 7)
    with pytest.raises(transitions.ReasonMissing):
        extensions.refuse(session, extension.id, by=make.SUPERVISOR, because=" ")
    extensions.refuse(session, extension.id, by=make.SUPERVISOR, because="Đủ thời gian")
    session.commit()
    assert (extension.state, extension.decision_note) == ("refused", "Đủ thời gian")
    assert extensions.due_on(session, settlement.id) == settlement.due_on


# Days granted before, days asked now -> whether they stay under 20 in total.
@pytest.mark.parametrize(
    ("granted", "days", "fits"),
    [
        ([], 1, True),
        ([], 19, True),
        ([], 20, False),
        ([10], 9, True),
        ([10], 10, False),
        ([7, 7], 5, True),
        ([19], 1, False),
    ],
)
def test_all_extensions_together_stay_under_twenty_days(
    session: Session, settlement: Settlement, granted: list[int], days: int, fits: bool
) -> None:
    for before in granted:
        extensions.grant(session, asked(session, settlement, before).id, by=make.SUPERVISOR)
        session.commit()
    if fits:
        extensions.grant(session, asked(session, settlement, days).id, by=make.SUPERVISOR)
        session.commit()
        total = sum(granted) + days
        assert extensions.due_on(session, settlement.id) == settlement.due_on + timedelta(days=total)
    else:
        with pytest.raises((extensions.TooLong, extensions.DaysOutOfRange)):
            asked(session, settlement, days)


def test_what_is_left_is_said(session: Session, settlement: Settlement) -> None:
    extensions.grant(session, asked(session, settlement, 15).id, by=make.SUPERVISOR)
    with pytest.raises(extensions.TooLong, match="đã gia hạn 15 ngày, chỉ còn 4 ngày"):
        asked(session, settlement, 5)


def test_requests_that_fitted_alone_cannot_be_granted_together(session: Session, settlement: Settlement) -> None:
    first, second = asked(session, settlement, 10), asked(session, settlement, 10)
    extensions.grant(session, first.id, by=make.SUPERVISOR)
    session.commit()
    with pytest.raises(extensions.TooLong):
        extensions.grant(session, second.id, by=make.SUPERVISOR)


def test_two_supervisors_at_once_cannot_pass_the_limit_together(
    database: Flask, session: Session, settlement: Settlement
) -> None:
    ids = [asked(session, settlement, 10).id for _number in range(2)]
    outcomes: list[str] = []
    gate = threading.Barrier(2)

    def grant(extension_id: int) -> None:
        with database.app_context(), acting_as(SYSTEM):
            gate.wait()
            try:
                with transaction() as own:
                    extensions.grant(own, extension_id, by=make.SUPERVISOR)
                outcomes.append("granted")
            except extensions.TooLong:
                outcomes.append("too long")

    threads = [threading.Thread(target=grant, args=(key,)) for key in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["granted", "too long"]


def test_the_database_itself_keeps_the_limit(session: Session, settlement: Settlement) -> None:
    first, second = asked(session, settlement, 10), asked(session, settlement, 10)
    extensions.grant(session, first.id, by=make.SUPERVISOR)
    session.commit()
    with pytest.raises(DBAPIError, match="reach 20 days"):
        transitions.move(session, "extension", second.id, "grant", by=make.SUPERVISOR)


def test_who_entered_a_request_does_not_decide_it(session: Session, settlement: Settlement) -> None:
    extension = asked(session, settlement, 5, by=make.SUPERVISOR)
    with pytest.raises(extensions.OwnRequest):
        extensions.grant(session, extension.id, by=make.SUPERVISOR)
    with pytest.raises(extensions.OwnRequest):
        extensions.refuse(session, extension.id, by=make.SUPERVISOR, because="x")
    extensions.grant(session, extension.id, by=OTHER_SUPERVISOR)


def test_only_a_supervisor_decides_and_once(session: Session, settlement: Settlement) -> None:
    extension = asked(session, settlement, 5)
    with pytest.raises(transitions.NotYours):
        extensions.grant(session, extension.id, by=make.ACCOUNTANT)
    extensions.grant(session, extension.id, by=make.SUPERVISOR)
    session.commit()
    for act in (
        lambda: extensions.grant(session, extension.id, by=OTHER_SUPERVISOR),
        lambda: extensions.refuse(session, extension.id, by=OTHER_SUPERVISOR, because="x"),
    ):
        with pytest.raises(transitions.WrongState):
            act()


def test_a_request_needs_role_reason_days_and_a_settlement(session: Session, settlement: Settlement) -> None:
    def attempt(*, days: int = 5, reason: str = "Lũ", by: Actor = make.CLERK, key: int = settlement.id) -> None:
        extensions.ask(session, key, days=days, reason=reason, asked_by="", by=by)

    with pytest.raises(extensions.NotYoursToAsk):
        attempt(by=make.actor(Role.AUDITOR))
    with pytest.raises(extensions.ReasonMissing):
        attempt(reason="  ")
    with pytest.raises(extensions.ReasonTooLong):
        attempt(reason="x" * 2_001)
    for days in (0, -1, 20, 10**18):
        with pytest.raises(extensions.DaysOutOfRange):
            attempt(days=days)
    for act in (
        lambda: attempt(key=999_999),
        lambda: extensions.due_on(session, 999_999),
        lambda: extensions.grant(session, 999_999, by=make.SUPERVISOR),
    ):
        with pytest.raises(NotFound):
            act()
    attempt()
    assert session.query(DeadlineExtension).one().asked_by == "xa.clerk"


def test_a_locked_settlement_is_not_extended(session: Session, settlement: Settlement) -> None:
    waiting = asked(session, settlement, 5)
    deciding.decide_missing(session, settlement.id, "paid", by=make.CLERK, because="Bảng ký nhận")
    locking.lock(session, settlement.id, by=make.ACCOUNTANT)
    session.commit()
    with pytest.raises(extensions.SettlementOver):
        asked(session, settlement, 5)
    with pytest.raises(extensions.SettlementOver):
        extensions.grant(session, waiting.id, by=make.SUPERVISOR)
