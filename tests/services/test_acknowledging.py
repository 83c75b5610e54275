"""What is on a person's list until somebody looks: doubt of over a day, odd messages, late and partial settlements."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.agency.port import Answer, OutcomeUnknown
from app.errors import ChitraError, NotFound
from app.models import InboxMessage
from app.rules.actors import Role
from app.services import acknowledging, attention, calls, extensions, sending
from tests import factories as make
from tests import office, stages
from tests.office import ScriptedAgency
from tests.screens.desk import Desk, text_of

NOVEMBER = make.NOVEMBER
NEXT_DAY = date(2026, 11, 12)


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


def items(session: Session, path: str = make.COMMUNE_PATH) -> dict[str, tuple[int, int, int | None]]:
    office.refresh(session)
    return {item.kind.name: (item.count, item.places, item.id) for item in attention.items(session, path, NOVEMBER)}


# --- Packets in doubt ----------------------------------------------------------------------------------------------


def test_doubt_of_more_than_a_day_is_on_a_persons_list_however_often_was_asked(session: Session) -> None:
    packet = stages.in_doubt(session)
    assert items(session) == {"in_doubt": (1, 1, packet.id)}
    with clock.at(NEXT_DAY):
        office.hurry(session)
        sending.ask_next(ScriptedAgency(Answer("not_found"), OutcomeUnknown("timeout")).connect)
        assert items(session) == {"stuck": (1, 1, packet.id)}
        ((key, since),) = attention.stuck(session, make.COMMUNE_PATH)
        assert key == packet.id and round((clock.now() - since).total_seconds() / 86_400) == 2
        assert items(session, "VN/01/00008/") == {}


def test_a_packet_that_cannot_leave_for_a_day_is_on_the_list_too(session: Session) -> None:
    packet = office.queued(session)
    with clock.at(NEXT_DAY):
        assert items(session) == {"stuck": (1, 1, packet.id)}


def test_keeping_on_waiting_puts_it_aside_for_a_day(session: Session) -> None:
    packet = stages.in_doubt(session)
    with clock.at(NEXT_DAY):
        acknowledging.keep_waiting(session, packet.id, by=make.CLERK, because="Bưu điện đang kiểm tra")
        session.commit()
        assert items(session) == {}
        assert [key for key, _since in attention.stuck(session, make.COMMUNE_PATH)] == [packet.id]
        assert [one.reason for one in acknowledging.of(session, "packet", packet.id)] == ["Bưu điện đang kiểm tra"]
    with clock.at(date(2026, 11, 13), hour=10):
        assert "stuck" in items(session)


def test_asking_now_makes_the_next_call_due_with_the_same_key(session: Session) -> None:
    packet = stages.in_doubt(session)
    before = packet.message_id, packet.body_sha256
    assert sending.ask_next(ScriptedAgency().connect) is False, "it rests"
    acknowledging.ask_now(session, packet.id, by=make.SUPERVISOR)
    session.commit()
    assert sending.ask_next(ScriptedAgency(Answer("received")).connect) is True
    office.refresh(session)
    assert (packet.state, (packet.message_id, packet.body_sha256)) == ("received", before)
    with pytest.raises(acknowledging.NotInDoubt):
        acknowledging.ask_now(session, packet.id, by=make.CLERK)
    with pytest.raises(acknowledging.NotInDoubt):
        acknowledging.keep_waiting(session, packet.id, by=make.CLERK, because="Chờ")


@pytest.mark.parametrize(
    ("who", "because", "problem"),
    [
        (make.ACCOUNTANT, "Chờ", acknowledging.NotYoursToPutAside),
        (make.CLERK, " ", acknowledging.ReasonMissing),
        (make.CLERK, "x" * 2001, acknowledging.ReasonTooLong),
    ],
)
def test_waiting_takes_the_right_person_and_a_reason(
    session: Session, who: Any, because: str, problem: type[ChitraError]
) -> None:
    packet = stages.in_doubt(session)
    with pytest.raises(problem):
        acknowledging.keep_waiting(session, packet.id, by=who, because=because)


def test_the_list_shows_the_calls_and_what_can_be_done(database: Flask) -> None:
    desk = Desk(database)
    with desk.books() as session:
        key = stages.in_doubt(session).id
    clerk, auditor = desk.signed_in(Role.CLERK), desk.signed_in(Role.AUDITOR)
    assert "Không có gói tin nào quá 24 giờ" in text_of(clerk.get("/packets/doubtful"))
    with clock.at(NEXT_DAY):
        page = text_of(clerk.get("/packets/doubtful"))
        assert "CT-202611-00004-M-V1" in page and "<code>timeout</code>" in page
        assert f'<dialog id="ask-now-{key}"' in page and f'<dialog id="keep-waiting-{key}"' in page
        assert "<dialog" not in text_of(auditor.get("/packets/doubtful"))
        assert 'href="/packets/doubtful?area=00004"' in text_of(clerk.get("/"))
        assert "CT-202611-00004-M-V1" in text_of(clerk.get("/packets/doubtful?area=00004"))
        for elsewhere in ("01", "nowhere"):
            assert clerk.get(f"/packets/doubtful?area={elsewhere}").status_code == 404
        stranger = desk.signed_in(Role.CLERK, area=make.OTHER_COMMUNE)
        assert "CT-202611" not in text_of(stranger.get("/packets/doubtful"))
        for verb in ("ask-now", "keep-waiting"):
            assert stranger.post(f"/packets/{verb}/{key}", data={"reason": "x"}).status_code == 404
            assert auditor.post(f"/packets/{verb}/{key}", data={"reason": "x"}).status_code == 403
            assert clerk.get(f"/packets/{verb}/{key}").status_code == 405
        said = clerk.post(f"/packets/keep-waiting/{key}", data={"reason": "Đã gọi"}, follow_redirects=True)
        assert "Tiếp tục chờ gói tin" in text_of(said) and "Đã gọi" in text_of(said)
        said = clerk.post(f"/packets/ask-now/{key}", follow_redirects=True)
        assert "Hệ thống hỏi lại bưu điện" in text_of(said)
    assert desk.value("SELECT next_attempt_at <= now() FROM packets WHERE id = :id", id=key)


# --- Messages ------------------------------------------------------------------------------------------------------


def test_a_message_that_cannot_change_anything_is_shown_until_somebody_has_looked(session: Session) -> None:
    packet = stages.returned(session)
    row = office.settle(session, packet, "paid")[0]
    assert items(session)["message"] == (1, 1, row.id)
    place = attention.places(session, make.COMMUNE_PATH, "message")[0]
    assert (place.code, place.month) == (packet.code, NOVEMBER)
    acknowledging.message(session, row.id, by=make.ACCOUNTANT, because="Bưu điện đã thu hồi tiền")
    session.commit()
    assert "message" not in items(session)
    with pytest.raises(acknowledging.NothingToLookAt):
        acknowledging.message(session, row.id, by=make.CLERK, because="Lần nữa")
    with pytest.raises(NotFound):
        acknowledging.message(session, 999_999, by=make.CLERK, because="Không có")


def test_a_message_about_no_packet_of_ours_is_shown_where_its_code_belongs(session: Session) -> None:
    make.agency(session)
    session.commit()
    row = office.hear(session, office.say("CT-202611-00008-M-V7"))[0]
    assert items(session, "VN/01/00008/")["message"] == (1, 1, row.id)
    assert attention.places(session, "VN/01/00008/", "message")[0].month is None
    assert items(session) == {}


def test_a_message_that_failed_is_shown_and_one_that_went_through_is_not(session: Session) -> None:
    packet = office.accepted(session)
    row = session.query(InboxMessage).one()
    assert not acknowledging.waits_for_a_person(session, row) and items(session) == {}
    session.execute(text("UPDATE inbox SET outcome = 'failed', note = 'x' WHERE id = :id"), {"id": row.id})
    session.commit()
    office.refresh(session)
    assert acknowledging.waits_for_a_person(session, row)
    assert items(session) == {"message": (1, 1, row.id)}
    assert packet.code in attention.places(session, "VN/", "message")[0].code


def test_messages_are_listed_and_read_by_those_of_their_area(database: Flask) -> None:
    desk = Desk(database)
    with desk.books() as session:
        packet = stages.returned(session)
        row = office.settle(session, packet, "paid")[0]
        key = row.id
    clerk, auditor = desk.signed_in(Role.CLERK), desk.signed_in(Role.AUDITOR)
    stranger = desk.signed_in(Role.CLERK, area=make.OTHER_COMMUNE)
    page = text_of(clerk.get("/messages/list/"))
    assert page.count("CT-202611-00004-M-V1") >= 2 and "Không làm thay đổi gì (1)" in page
    assert "CT-202611" not in text_of(stranger.get("/messages/list/"))
    shown = text_of(auditor.get(f"/messages/show/{key}"))
    assert "Gói tin không còn hiệu lực: báo đã trả" in shown and '<dialog id="acknowledge"' not in shown
    assert stranger.get(f"/messages/show/{key}").status_code == 404
    assert desk.signed_in(Role.AGENCY_USER, area="01").get("/messages/list/").status_code == 403
    address = f"/messages/acknowledge/{key}"
    assert clerk.get(address).status_code == 405
    assert auditor.post(address, data={"reason": "x"}).status_code == 403
    assert stranger.post(address, data={"reason": "x"}).status_code == 404
    said = clerk.post(address, data={"reason": "Bưu điện gửi nhầm"}, follow_redirects=True)
    assert "Đã ghi là đã xem xét." in text_of(said) and "Bưu điện gửi nhầm" in text_of(said)
    assert '<dialog id="acknowledge"' not in text_of(said)


def test_a_message_about_nothing_known_has_a_page_too(database: Flask) -> None:
    desk = Desk(database)
    with desk.books() as session:
        make.agency(session)
        session.commit()
        key = office.hear(session, office.say("CT-202611-00004-M-V9"))[0].id
    page = text_of(desk.signed_in(Role.CLERK).get(f"/messages/show/{key}"))
    assert "Không có gói tin này" in page and "CT-202611-00004-M-V9" in page


# --- Settlements ---------------------------------------------------------------------------------------------------


def test_late_missing_and_partial_settlements_are_on_the_workbench(session: Session) -> None:
    packet = office.accepted(session, people=2)
    settlement_id = office.settlement_of(session, packet).id
    office.hear(session, office.parts(packet.code, office.results(office.lines_of(session, packet), "paid"), size=1)[0])
    assert items(session) == {"partial": (1, 1, settlement_id)}
    with clock.at(date(2026, 11, 26)):
        assert items(session) == {"overdue": (1, 1, settlement_id)}
        office.settle(session, packet, "paid", report="QT-2")
        assert items(session) == {"overdue": (1, 1, settlement_id), "held": (1, 1, settlement_id)}
        assert calls.of_packet(session, packet.id)
        asked = extensions.ask(session, settlement_id, days=3, reason="Lũ", asked_by="BĐ", by=make.CLERK)
        extensions.grant(session, asked.id, by=make.SUPERVISOR)
        session.commit()
        assert items(session) == {"partial": (1, 1, settlement_id)}
