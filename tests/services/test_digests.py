"""The daily digest: once a day, to whom it concerns, in two languages, without anybody's name; letters survive a mail server."""

from __future__ import annotations

import smtplib
from datetime import date
from email.message import EmailMessage
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.extensions import acting_as
from app.models import Digest, Mail
from app.rules.actors import SYSTEM, Role
from app.services import digests, mailing
from tests import factories as make
from tests import office
from tests.accounts import people

DAY = date(2026, 11, 26)


def link(endpoint: str, args: dict[str, Any]) -> str:
    return f"https://chitra.example/{endpoint}/{args.get('pk', args.get('area'))}"


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def office_of_ba_dinh(database: Flask, session: Session) -> Session:
    """A clerk and an accountant with addresses, an auditor and agency staff with theirs, one clerk without."""
    make.agency(session)
    session.commit()
    for name, role, agency in (
        ("canbo", Role.CLERK, None),
        ("ketoan", Role.ACCOUNTANT, None),
        ("thanhtra", Role.AUDITOR, None),
        ("giaodich", Role.AGENCY_USER, people.agency_id()),
        ("khongthu", Role.CLERK, None),
    ):
        people.issue(name, role, area=make.COMMUNE, agency=agency)
    session.execute(text("UPDATE ab_user SET email = username || '@xa.example' WHERE username <> 'khongthu'"))
    session.commit()
    return session


def made(session: Session) -> list[Digest]:
    while digests.make_next(link):
        pass
    office.refresh(session)
    return session.query(Digest).all()


def test_what_needs_a_person_is_told_once_a_day_with_codes_and_links(office_of_ba_dinh: Session) -> None:
    session = office_of_ba_dinh
    packet = office.accepted(session, people=2)
    key = office.settlement_of(session, packet).id
    with clock.at(DAY, hour=6):
        assert made(session) == []
    with clock.at(DAY, hour=8):
        (digest,) = made(session)
        assert made(session) == [digest]
    assert digest.subject == "Chitra · Phường Ba Đình, ngày 26/11/2026: 1 việc cần xử lý"
    vietnamese, english = digest.body.split("\n\n----------\n\n")
    assert "* Quyết toán quá hạn chưa nhận đủ: 1" in vietnamese
    assert "* Settlements overdue and not complete: 1" in english
    assert f"{packet.code} · Phường Ba Đình · https://chitra.example/SettlementView.show/{key}" in vietnamese
    assert "Mở bàn làm việc: https://chitra.example/Home.index/00004" in vietnamese
    assert "Trần Văn" not in digest.body
    assert {mail.address for mail in session.query(Mail)} == {"canbo@xa.example", "ketoan@xa.example"}
    with clock.at(date(2026, 11, 27)):
        assert len(made(session)) == 2


def test_a_quiet_day_has_a_digest_and_no_letter(office_of_ba_dinh: Session) -> None:
    with clock.at(DAY):
        (digest,) = made(office_of_ba_dinh)
    assert (digest.subject, digest.body) == (None, None)
    assert office_of_ba_dinh.query(Mail).count() == 0


def test_a_reminder_names_the_last_day(office_of_ba_dinh: Session) -> None:
    session = office_of_ba_dinh
    make.made_list(session, month=date(2026, 12, 1), people=1)
    session.commit()
    with clock.at(date(2026, 11, 23)):
        (digest,) = made(session)
    assert "CT-202612-00004-M (24/11/2026) · Phường Ba Đình" in digest.body


def test_people_unpaid_for_long_are_counted_and_nobody_is_named(office_of_ba_dinh: Session) -> None:
    session = office_of_ba_dinh
    waiting = make.entitled(session, "Lò Thị Mai")
    for month in (date(2026, 9, 1), make.OCTOBER):
        make.settled_month(session, month, unpaid=[waiting.id])
    session.commit()
    with clock.at(date(2026, 11, 12)):
        (digest,) = made(session)
    assert "* Người chưa nhận tiền từ hai kỳ liên tiếp trở lên: 1" in digest.body and "Lò Thị Mai" not in digest.body


def test_who_comes_second_makes_no_second_one(office_of_ba_dinh: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session = office_of_ba_dinh
    office.accepted(session, people=1)
    real = digests.compose

    def meanwhile(*args: Any) -> Any:
        monkeypatch.setattr(digests, "compose", real)
        with acting_as(SYSTEM):
            session.execute(
                text("INSERT INTO digests (area_path, day) VALUES (:path, :day)"),
                {"path": make.COMMUNE_PATH, "day": DAY},
            )
        return real(*args)

    monkeypatch.setattr(digests, "compose", meanwhile)
    with clock.at(DAY):
        assert digests.make_next(link) is True
    assert session.query(Mail).count() == 0


# --- Letters -------------------------------------------------------------------------------------------------------


@pytest.fixture
def letter(office_of_ba_dinh: Session) -> Session:
    """Two letters on their way."""
    office.accepted(office_of_ba_dinh, people=1)
    with clock.at(DAY):
        made(office_of_ba_dinh)
    return office_of_ba_dinh


def test_letters_are_sent_once_each(letter: Session) -> None:
    sent: list[EmailMessage] = []
    while mailing.send_next(sent.append, "chitra@so.example"):
        pass
    assert sorted(one["To"] for one in sent) == ["canbo@xa.example", "ketoan@xa.example"]
    assert len({one["Message-ID"] for one in sent}) == 2 and sent[0]["Message-ID"].endswith("@so.example>")
    assert (sent[0]["From"], sent[0]["Auto-Submitted"]) == ("chitra@so.example", "auto-generated")
    assert "Quyết toán quá hạn" in sent[0].get_content()
    office.refresh(letter)
    assert all(mail.sent_at is not None and mail.lease_until is None for mail in letter.query(Mail))


@pytest.mark.parametrize("error", [ConnectionRefusedError(), smtplib.SMTPServerDisconnected()])
def test_a_mail_server_that_is_away_delays_letters_and_hurts_nothing(letter: Session, error: Exception) -> None:
    def away(_message: EmailMessage) -> None:
        raise error

    assert mailing.send_next(away, "c@x.example") is True
    office.refresh(letter)
    put_off = letter.query(Mail).filter(Mail.attempts == 1).one()
    assert (put_off.last_error, put_off.sent_at, put_off.given_up_at) == (type(error).__name__, None, None)
    with clock.at(date(2026, 11, 28)):
        letter.execute(text("UPDATE mails SET next_attempt_at = now()"))
        letter.commit()
        while mailing.send_next(away, "c@x.example"):
            pass
    office.refresh(letter)
    assert all(mail.given_up_at is not None for mail in letter.query(Mail))
