"""Messages of the agency that cannot be applied: noted, tried again, never in the way of others."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.models import InboxMessage
from app.services import inbox
from tests import office
from tests.services.incoming import incoming
from tests.services.incoming import mid_november as mid_november


def test_a_message_that_breaks_the_contract_fails_at_once_with_a_note(session: Session) -> None:
    broken = json.dumps({"header": {"version": "9.9.9"}, "message": {}}).encode()
    inbox.keep(session, incoming(session, broken), answer={})
    session.commit()
    assert inbox.apply_waiting() == 1
    row = session.scalars(select(InboxMessage)).one()
    assert (row.outcome, row.attempts) == ("failed", 1)
    assert row.note == "Không xử lý được tin: version: 1.0.0"


def _break_the_settings(session: Session) -> None:
    session.execute(text("UPDATE payment_settings SET settlement_cutoff_day = NULL"))
    session.commit()


def _mend_the_settings(session: Session) -> None:
    session.execute(text("UPDATE payment_settings SET settlement_cutoff_day = 25"))
    session.commit()


@pytest.fixture
def broken_settings(session: Session) -> Any:
    """Accepting fails while the cut-off day is missing, and works again afterwards."""
    _break_the_settings(session)
    yield
    session.rollback()
    _mend_the_settings(session)


def test_a_failing_message_is_tried_again_later_and_does_not_block_the_others(
    session: Session, broken_settings: None
) -> None:
    packet = office.received(session)
    office.arrive(session, office.say(packet.code, status="pdng"))
    office.arrive(session, office.say("CT-209912-00004-M-V1", status="pdng"))
    assert inbox.apply_waiting() == 2
    office.refresh(session)
    rows = list(session.scalars(select(InboxMessage).order_by(InboxMessage.id)))
    assert [row.outcome for row in rows] == [None, "ignored"]
    assert rows[0].note == "Không xử lý được tin: SettingMissing: Chưa thiết lập ngày chốt cho địa bàn này."
    assert packet.state == "received"
    assert inbox.apply_waiting() == 0, "not before its time"
    _mend_the_settings(session)
    office.hurry(session)
    assert inbox.apply_waiting() == 1
    office.refresh(session)
    assert (rows[0].outcome, rows[0].note, rows[0].attempts) == ("applied", None, 2)
    assert packet.state == "accepted"


def test_a_message_that_keeps_failing_is_marked_failed(session: Session, broken_settings: None) -> None:
    packet = office.received(session)
    office.arrive(session, office.say(packet.code, status="pdng"))
    for _attempt in range(inbox.ATTEMPTS):
        assert inbox.apply_waiting() == 1
        office.hurry(session)
    assert inbox.apply_waiting() == 0
    row = session.scalars(select(InboxMessage)).one()
    assert (row.outcome, row.attempts) == ("failed", inbox.ATTEMPTS)
    assert packet.state == "received"


def test_applying_stops_when_told_and_at_the_limit(session: Session) -> None:
    packet = office.received(session)
    for _number in range(3):
        office.arrive(session, office.say(packet.code, status="pdng"))
    assert inbox.apply_waiting(go_on=lambda: False) == 0
    assert inbox.apply_waiting(2) == 2
    assert inbox.apply_waiting(2) == 1


def test_a_message_another_scheduler_applied_meanwhile_is_not_applied_again(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    packet = office.received(session)
    office.arrive(session, office.say(packet.code, status="pdng"))
    with_interruption(monkeypatch, lambda: session.execute(text("UPDATE inbox SET lease_until = NULL")))
    assert inbox.apply_next() is True
    office.refresh(session)
    assert packet.state == "accepted"
    assert len(office.movements(session, office.lines_of(session, packet)[0].id)) == 1


def with_interruption(monkeypatch: pytest.MonkeyPatch, free: Callable[[], Any]) -> None:
    """Between the claim and the applying another scheduler, whose lease check has passed, applies the message."""
    original = inbox._lock
    state = {"again": True}

    def late(session: Session, inbox_id: int) -> InboxMessage | None:
        if state.pop("again", False):
            free()
            session.commit()
            assert inbox.apply_next() is True
        return original(session, inbox_id)

    monkeypatch.setattr(inbox, "_lock", late)
