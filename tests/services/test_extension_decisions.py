"""Gia hạn decided: fewer days, not past the next lists, taken back, lapsed, and told to the agency in every case."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import clock
from app.agency import messages
from app.agency.port import NotSent, OutcomeUnknown, Refused
from app.models import AgencyNotice, DeadlineExtension, Packet, PaymentSetting, Settlement
from app.services import extensions, notices, settings
from app.services.settlements import locking
from tests import factories as make
from tests import office


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


def waiting(session: Session) -> Settlement:
    """A settlement of November, due on the 25th."""
    found = office.settlement_of(session, office.accepted(session))
    assert found.due_on == date(2026, 11, 25)
    return found


def asked(session: Session, settlement: Settlement, days: int = 5) -> DeadlineExtension:
    return extensions.ask(session, settlement.id, days=days, reason="Mưa lũ", asked_by="Bưu điện", by=make.CLERK)


def set_up(session: Session, **changes: Any) -> None:
    session.add(PaymentSetting(area=make.area(session), valid_from=date(2026, 7, 1), **changes))
    session.flush()


def told(session: Session) -> list[tuple[str, int, date]]:
    rows = session.execute(text("SELECT decision, days, due_on FROM agency_notices ORDER BY id"))
    return [tuple(row) for row in rows]


# --- Days ----------------------------------------------------------------------------------------------------------


def test_fewer_days_than_asked_may_be_granted(session: Session) -> None:
    settlement = waiting(session)
    one = extensions.grant(session, asked(session, settlement, 7).id, by=make.SUPERVISOR, days=3)
    assert (one.days, one.asked_days, one.state) == (3, 7, "granted")
    assert extensions.due_on(session, settlement.id) == date(2026, 11, 28)
    assert told(session) == [("granted", 3, date(2026, 11, 28))]


@pytest.mark.parametrize("days", [0, 6])
def test_more_days_than_asked_are_not(session: Session, days: int) -> None:
    with pytest.raises(extensions.DaysOutOfRange):
        extensions.grant(session, asked(session, waiting(session)).id, by=make.SUPERVISOR, days=days)


def test_an_extension_does_not_reach_the_cut_off_of_the_next_lists(session: Session) -> None:
    """Lists of December are cut off on the 28th: the settlement of November must be there the day before."""
    set_up(session, list_cutoff_day=28, shift_to_working_day=False)
    one = asked(session, waiting(session), 3)
    with pytest.raises(extensions.PastNextLists, match="27/11/2026"):
        extensions.grant(session, one.id, by=make.SUPERVISOR)
    extensions.grant(session, one.id, by=make.SUPERVISOR, days=2)


def test_a_payment_setting_may_allow_it(session: Session) -> None:
    set_up(session, list_cutoff_day=28, shift_to_working_day=False, extension_past_cutoff=True)
    settlement = waiting(session)
    extensions.grant(session, asked(session, settlement, 19).id, by=make.SUPERVISOR)
    assert extensions.due_on(session, settlement.id) == date(2026, 12, 14)


@pytest.mark.parametrize(
    ("changes", "latest"),
    [
        ({}, date(2026, 12, 24)),  # both on the 25th: the lists of December are made without it, those of January not
        ({"list_cutoff_day": 10}, date(2026, 12, 9)),
        ({"list_cutoff_day": 28}, date(2026, 11, 26)),  # the 28th is a Saturday: the cut-off is the 27th
        ({"list_cutoff_day": 28, "extension_past_cutoff": True}, None),
        ({"list_cutoff_day": 28, "extension_past_cutoff": False}, date(2026, 11, 26)),
    ],
)
def test_the_latest_day_follows_from_the_cut_off_of_lists(
    session: Session, changes: dict[str, Any], latest: date | None
) -> None:
    set_up(session, **changes) if changes else None
    due = date(2026, 11, 25)
    assert settings.latest_extension(session, make.COMMUNE_PATH, make.NOVEMBER, due) == latest


def test_without_any_cut_off_there_is_no_latest_day(session: Session) -> None:
    early, due = date(2020, 1, 1), date(2020, 1, 25)
    assert settings.latest_extension(session, make.COMMUNE_PATH, early, due) is None
    far = settings.latest_extension(session, make.COMMUNE_PATH, make.NOVEMBER, date(2027, 3, 1))
    assert far is None, "a deadline later than every cut-off looked at"


# --- Taken back ----------------------------------------------------------------------------------------------------


def test_a_granted_extension_is_taken_back_while_nobody_is_late_by_it(session: Session) -> None:
    settlement = waiting(session)
    one = extensions.grant(session, asked(session, settlement).id, by=make.SUPERVISOR)
    with clock.at(date(2026, 11, 25)):
        extensions.revoke(session, one.id, by=make.SUPERVISOR, because="Đã chi trả xong")
    assert (one.state, one.decision_note) == ("revoked", "Đã chi trả xong")
    assert extensions.due_on(session, settlement.id) == date(2026, 11, 25)
    assert told(session)[-1] == ("revoked", 5, date(2026, 11, 25))
    assert office.audit(session, "extension", one.id) == ["create", "grant", "revoke"]


def test_an_extension_that_is_being_used_is_not_taken_back(session: Session) -> None:
    one = extensions.grant(session, asked(session, waiting(session)).id, by=make.SUPERVISOR)
    with clock.at(date(2026, 11, 26)), pytest.raises(extensions.TooLateToRevoke, match="25/11/2026"):
        extensions.revoke(session, one.id, by=make.SUPERVISOR, because="x")


def test_what_was_not_granted_is_not_taken_back(session: Session) -> None:
    one = asked(session, waiting(session))
    with pytest.raises(extensions.transitions.WrongState):
        extensions.revoke(session, one.id, by=make.SUPERVISOR, because="x")


# --- Lapsed --------------------------------------------------------------------------------------------------------


def test_a_request_lapses_when_its_settlement_is_locked(session: Session) -> None:
    packet = office.accepted(session)
    settlement = office.settlement_of(session, packet)
    one = asked(session, settlement)
    session.commit()
    office.settle(session, packet, "paid")
    locking.lock(session, settlement.id, by=make.ACCOUNTANT)
    assert session.get_one(DeadlineExtension, one.id).state == "lapsed"
    assert told(session) == [("lapsed", 5, date(2026, 11, 25))]


def test_a_request_lapses_when_its_packet_is_rejected(session: Session) -> None:
    packet = office.accepted(session)
    one = asked(session, office.settlement_of(session, packet))
    session.commit()
    office.tell(session, packet, status="rjct", reason_code="rjct", reason_message="Nhầm")
    found = session.get_one(DeadlineExtension, one.id, populate_existing=True)
    assert (found.state, found.decided_by) == ("lapsed", "system")


def test_a_request_lapses_when_its_own_days_are_over(session: Session) -> None:
    settlement = waiting(session)
    extensions.grant(session, asked(session, settlement, 2).id, by=make.SUPERVISOR)
    one = asked(session, settlement, 5)
    session.commit()
    with clock.at(date(2026, 12, 2)):
        assert extensions.lapse_overdue() is False
        office.refresh(session)
        assert session.get_one(DeadlineExtension, one.id).state == "asked", "granting it would still help"
    with clock.at(date(2026, 12, 3)):
        extensions.lapse_overdue()
    office.refresh(session)
    assert session.get_one(DeadlineExtension, one.id).state == "lapsed"


# --- Told ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def notice(session: Session) -> AgencyNotice:
    """A refusal that waits to be told; committed."""
    one = asked(session, waiting(session))
    extensions.refuse(session, one.id, by=make.SUPERVISOR, because="Đã chậm\nhai kỳ")
    session.commit()
    return session.query(AgencyNotice).one()


def test_the_agency_is_told_once_with_bytes_stored_before_the_wire(session: Session, notice: AgencyNotice) -> None:
    seen: list[str] = []

    def look() -> Any:
        with extensions.transaction() as other:
            seen.append(other.execute(text("SELECT body_sha256 FROM agency_notices")).scalar_one())
        raise OutcomeUnknown("timeout")

    agency = office.ScriptedAgency(look)
    assert notices.deliver_next(agency.connect)
    hurry(session)
    assert notices.deliver_next(agency.connect)
    office.refresh(session)
    first, second = (outgoing for _verb, outgoing in agency.calls)
    assert agency.verbs == ["notify", "notify"] and first == second and seen == [first.sha256]
    read = messages.read_request(first.body, now=clock.wall())
    assert read.notice == messages.Notice("refused", 5, date(2026, 11, 25), "Đã chậm hai kỳ")
    assert read.head.transaction_id == session.get_one(Packet, notice.packet_id).code
    assert (notice.delivered_at is not None, notice.attempts, notice.answer) == (True, 2, None)
    assert not notices.deliver_next(agency.connect)


def hurry(session: Session) -> None:
    session.rollback()
    session.execute(text("UPDATE agency_notices SET next_attempt_at = now(), lease_until = NULL"))
    session.commit()


def test_a_notice_that_did_not_leave_is_told_later(session: Session, notice: AgencyNotice) -> None:
    agency = office.ScriptedAgency(NotSent("dns", retry_after_s=90))
    assert notices.deliver_next(agency.connect)
    assert not notices.deliver_next(agency.connect), "it rests first"
    office.refresh(session)
    assert (notice.delivered_at, notice.last_error) == (None, "dns")


def test_an_agency_that_will_not_hear_is_asked_no_more(session: Session, notice: AgencyNotice) -> None:
    agency = office.ScriptedAgency(Refused("rjct.action.not_supported", "không hỗ trợ"))
    assert notices.deliver_next(agency.connect)
    office.refresh(session)
    assert (notice.delivered_at is not None, notice.answer) == (True, "không hỗ trợ")
    assert not notices.deliver_next(agency.connect)
    assert session.execute(text("SELECT verb, outcome FROM agency_calls c JOIN agency_answers a ON a.call_id = c.id"
                                " ORDER BY c.id DESC LIMIT 1")).one() == ("notify", "refused")  # fmt: skip


def test_what_was_said_cannot_be_changed(session: Session, notice: AgencyNotice) -> None:
    with pytest.raises(DBAPIError, match="is fixed"):
        session.execute(text("UPDATE agency_notices SET decision = 'granted'"))
