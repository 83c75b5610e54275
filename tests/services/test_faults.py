"""The faults of messages: each in a table with its line, the rest of the message applied, and on the page to be read."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import clock
from app.agency.messages import ControlTotals
from app.models import InboxMessage, Packet
from app.rules.actors import Role
from app.services.settlements import faults, locking
from app.web.words import vnd
from tests import factories as make
from tests import office, stages
from tests.screens.desk import Desk, text_of


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


Found = list[tuple[int | None, str, dict[str, Any]]]


def found(session: Session, packet: Packet) -> Found:
    """(position, code, facts) of the faults of a packet's settlement."""
    of = faults.of_settlement(session, office.settlement_of(session, packet).id)
    return [(one.position, one.code, one.facts) for one in of]


def of_message(session: Session, row: InboxMessage) -> Found:
    return [(one.position, one.code, one.facts) for one in faults.of_message(session, row.id)]


def test_every_kind_of_wrong_line_is_named_with_its_place_and_the_rest_is_applied(session: Session) -> None:
    packet = office.accepted(session, people=4)
    lines = office.results(office.lines_of(session, packet), "paid")
    wrong = replace(lines[1], amount_vnd=lines[1].amount_vnd + 1000)
    foreign = replace(lines[0], reference="LA-000000")
    said = [lines[0], wrong, lines[2], lines[2], foreign]
    body = json.loads(office.parts(packet.code, said)[0])
    broken = json.loads(office.parts(packet.code, lines[3:4])[0])["message"]["disbursements_status"][0] | {
        "amount": "free"
    }
    body["message"]["disbursements_status"].insert(1, broken)
    body["header"]["total_count"] = body["header"]["completed_count"] = 6
    row = office.hear(session, json.dumps(body).encode())[0]
    assert row.outcome == "applied"
    assert [(place, code) for place, code, _facts in found(session, packet)] == [
        (2, "unreadable_line"),
        (3, "wrong_amount"),
        (5, "duplicate_line"),
        (6, "foreign_line"),
    ]
    amount = office.lines_of(session, packet)[1].total_vnd
    assert found(session, packet)[1][2] == {"said_vnd": amount + 1000, "sent_vnd": amount}


def test_a_line_of_another_list_is_told_from_one_of_nobody(session: Session) -> None:
    packet = office.accepted(session, people=1)
    mine = office.results(office.lines_of(session, packet), "paid")
    other_id = make.settled_month(session, make.OCTOBER, people=0)
    other = session.execute(
        text("SELECT reference FROM payout_lines WHERE batch_id = :id LIMIT 1"), {"id": other_id}
    ).scalar_one()
    session.commit()
    office.hear(session, *office.parts(packet.code, [*mine, replace(mine[0], reference=other)]))
    assert [(place, code) for place, code, _facts in found(session, packet)] == [(2, "foreign_area")]


def test_a_contradiction_names_both_messages(session: Session) -> None:
    packet = office.accepted(session, people=1)
    first = office.settle(session, packet, "paid")[0]
    office.settle(session, packet, "unpaid", report="QT-2")
    wanted = {"outcome": "unpaid", "before": "paid", "inbox_id": first.id}
    assert found(session, packet) == [(1, "contradiction", wanted)]


def test_totals_that_do_not_add_up_are_named_once_when_the_last_part_has_come(session: Session) -> None:
    packet = office.accepted(session, people=2)
    lines = office.results(office.lines_of(session, packet), "paid")
    bodies = office.parts(packet.code, lines, size=1, totals=ControlTotals(3, 1, 0, 0, 0, 0))
    office.hear(session, bodies[0])
    assert found(session, packet) == []
    office.hear(session, bodies[1])
    office.hear(session, *office.parts(packet.code, lines, size=1, totals=ControlTotals(3, 1, 0, 0, 0, 0)))
    ((place, code, facts),) = found(session, packet)
    assert (place, code, facts["report"]) == (None, "wrong_totals", "QT-1")
    assert (facts["announced"]["paid_people"], facts["said"]["paid_people"]) == (3, 2)


def test_a_settlement_that_announces_two_totals_has_no_announced_ones(session: Session) -> None:
    packet = office.accepted(session, people=2)
    lines = office.results(office.lines_of(session, packet), "paid")
    totals = ControlTotals(3, 1, 0, 0, 0, 0)
    office.hear(session, office.parts(packet.code, lines, size=1)[0])
    office.hear(session, office.parts(packet.code, lines, size=1, totals=totals)[1])
    assert [facts["announced"] for _place, code, facts in found(session, packet) if code == "wrong_totals"] == [None]


def test_a_sound_settlement_has_no_faults(session: Session) -> None:
    packet = office.accepted(session, people=3)
    office.settle(session, packet, "paid", "unpaid", "recover")
    assert found(session, packet) == []


def test_an_unknown_packet_and_one_of_another_agency_are_kept_for_who_may_read_them(session: Session) -> None:
    packet = office.received(session)
    other = make.agency(session, code="viettel", methods=())
    session.commit()
    office.arrive(session, office.say(packet.code, sender_id="viettel"), sender="viettel")
    unknown = office.hear(session, office.say("CT-202611-00008-M-V7"))[0]
    nowhere = office.hear(session, office.say("CT-202611-99999-M-V7"))[0]
    foreign = session.query(InboxMessage).filter_by(agency_id=other.id).one()
    assert [one[1] for one in of_message(session, unknown)] == ["unknown_packet"]
    assert [one[1] for one in of_message(session, foreign)] == ["other_agency"]
    assert [row.area_path for row in (unknown, nowhere, foreign)] == ["VN/01/00008/", "VN/", "VN/01/00004/"]
    assert {row.outcome for row in (unknown, nowhere, foreign)} == {"ignored"}


def test_what_comes_for_a_version_given_back_changes_nothing_and_is_noted(session: Session) -> None:
    packet = stages.returned(session)
    lines = office.results(office.lines_of(session, packet), "paid", "unpaid")
    accepted, settled = office.hear(session, office.say(packet.code), *office.parts(packet.code, lines))
    assert packet.state == "rejected"
    amount = office.lines_of(session, packet)[0].total_vnd
    (one,), (two,) = of_message(session, accepted), of_message(session, settled)
    assert one == (None, "superseded", {"state": "rejected", "meaning": "accepted", "paid_lines": 0, "paid_vnd": 0})
    assert two[2] == {"state": "rejected", "meaning": "settled", "paid_lines": 1, "paid_vnd": amount}


def test_after_the_lock_only_what_differs_is_noted(session: Session) -> None:
    packet = office.accepted(session, people=2)
    office.settle(session, packet, "paid", "unpaid")
    locking.lock(session, office.settlement_of(session, packet).id, by=make.ACCOUNTANT)
    session.commit()
    same = office.settle(session, packet, "paid", "unpaid")[0]
    other = office.settle(session, packet, "paid", "paid", report="QT-2")[0]
    assert of_message(session, same) == []
    assert [(code, facts["differing"]) for _place, code, facts in of_message(session, other)] == [("after_lock", 1)]


def test_the_table_of_faults_is_never_rewritten(session: Session) -> None:
    make.agency(session)
    session.commit()
    office.hear(session, office.say("CT-202611-00008-M-V7"))
    for statement in ("DELETE FROM message_faults", "UPDATE message_faults SET facts = '{}'"):
        with pytest.raises(DBAPIError), session.begin_nested():
            session.execute(text(statement))


def test_the_page_of_the_settlement_shows_each_fault_in_words(database: Flask) -> None:
    desk = Desk(database)
    with desk.books() as session:
        packet = office.accepted(session, people=3)
        lines = office.results(office.lines_of(session, packet), "paid")
        said = [replace(lines[0], amount_vnd=lines[0].amount_vnd + 1000), replace(lines[1], reference="LA-1"), lines[2]]
        office.hear(session, *office.parts(packet.code, said, totals=ControlTotals(9, 9, 0, 0, 0, 0)))
        office.settle(session, packet, "unpaid", report="QT-2")
        key = office.settlement_of(session, packet).id
        sent, more = vnd(lines[0].amount_vnd), vnd(lines[0].amount_vnd + 1000)
    page = text_of(desk.signed_in(Role.CLERK).get(f"/settlements/show/{key}"))
    for words in (
        "Lỗi trong các tin",
        f"Sai số tiền: báo {more}, đã gửi {sent}",
        f"Dòng không có trong gói tin: báo “Đã trả”, {sent}",
        "Mâu thuẫn với tin trước: trước báo “Đã trả”, nay báo “Chưa trả”",
        "Tổng số báo không khớp các dòng: QT-1",
        "cả tin",
    ):
        assert words in page, words
