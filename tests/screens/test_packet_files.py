"""A packet's page when it travels as a file: taken away, answered, a bank's file brought in; other roles and areas."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from python_calamine import CalamineWorkbook
from sqlalchemy import text

from app import clock
from app.agency import adapters
from app.agency.port import Endpoint
from app.rules.actors import Role
from app.services import by_hand, inbox, packets, sending
from app.services.sending import Connection
from tests import factories as make
from tests import office
from tests.agency import bank
from tests.screens.desk import Desk, seen, text_of

CODE = "CT-202611-00004-M-V1"


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def desk(database: Flask) -> Desk:
    return Desk(database)


def written(desk: Desk, folder: Path, adapter: str = "iso20022") -> int:
    """Key of a packet in the outbox."""

    def connect(code: str, address: str) -> Connection:
        agency = adapters.ADAPTERS[adapters.at(address)].connect(folder, now=clock.wall)
        return Connection(agency, Endpoint(address, "chitra", code, "chitra"))

    with desk.books() as session:
        batch_id = make.locked_list(session, people=2)
        session.execute(text("UPDATE agency_contracts SET adapter = :adapter"), {"adapter": adapter})
        packet_id = packets.queue(session, batch_id, by=make.CLERK).id
        session.commit()
        assert sending.send_next(connect)
    return packet_id


def answer(client: FlaskClient, packet_id: int, word: str, **form: str) -> Any:
    page = text_of(client.get(f"/packets/show/{packet_id}"))
    facts = {"seen": seen(page, f"answer-{word}")} | form
    return client.post(f"/packets/answer/{packet_id}/{word}", data=facts)


def bring(client: FlaskClient, packet_id: int, kind: str, body: bytes, name: str = "a.xml") -> Any:
    form = {"kind": kind, "file": (io.BytesIO(body), name)}
    return client.post(f"/packets/bring/{packet_id}", data=form, content_type="multipart/form-data")


def state(desk: Desk) -> str:
    inbox.apply_waiting()
    return str(desk.value("SELECT state FROM packets"))


@pytest.mark.parametrize("adapter", ["iso20022", "workbook"])
def test_the_versions_of_a_list_that_travels_as_a_file_are_listed(desk: Desk, tmp_path: Path, adapter: str) -> None:
    written(desk, tmp_path, adapter)
    batch_id = desk.value("SELECT id FROM payout_batches")
    assert CODE in text_of(desk.signed_in(Role.CLERK).get(f"/lists/packets/{batch_id}"))


@pytest.mark.parametrize("role", [Role.CLERK, Role.SUPERVISOR, Role.AGENCY_USER])
def test_the_agencys_acceptance_is_entered_on_the_page(desk: Desk, tmp_path: Path, role: Role) -> None:
    packet_id = written(desk, tmp_path)
    area = "01" if role is Role.AGENCY_USER else make.COMMUNE
    somebody = desk.signed_in(role, area=area)
    page = text_of(somebody.get(f"/packets/show/{packet_id}"))
    assert "Gói tin này gửi bằng tệp." in page and "đã báo tiếp nhận và sẽ chi trả 2 người" in page
    done = answer(somebody, packet_id, "accept")
    assert done.status_code == 303
    assert "Chờ xử lý" in text_of(somebody.get(f"/packets/show/{packet_id}"))
    with desk.books():
        assert state(desk) == "accepted"
    assert "Tiếp nhận gói tin" in text_of(somebody.get(f"/packets/show/{packet_id}"))


def test_a_rejection_asks_for_the_reason(desk: Desk, tmp_path: Path) -> None:
    packet_id = written(desk, tmp_path, "workbook")
    clerk = desk.signed_in(Role.CLERK)
    answer(clerk, packet_id, "reject", reason=" ")
    assert desk.value("SELECT count(*) FROM inbox") == 0
    answer(clerk, packet_id, "reject", reason="Thiếu chữ ký")
    with desk.books():
        assert state(desk) == "rejected"


def test_a_page_that_is_out_of_date_enters_nothing(desk: Desk, tmp_path: Path) -> None:
    packet_id = written(desk, tmp_path)
    clerk = desk.signed_in(Role.CLERK)
    stale = clerk.post(f"/packets/answer/{packet_id}/accept", data={"seen": "queued.."}, follow_redirects=True)
    assert "vừa thay đổi từ lúc bạn mở trang" in text_of(stale)
    assert clerk.post(f"/packets/answer/{packet_id}/dance", data={}).status_code == 404
    assert desk.value("SELECT count(*) FROM inbox") == 0


def test_a_banks_file_is_brought_in_and_applied(desk: Desk, tmp_path: Path) -> None:
    packet_id = written(desk, tmp_path)
    clerk = desk.signed_in(Role.CLERK)
    assert bring(clerk, packet_id, "pain.002", bank.pain_002(CODE)).status_code == 303
    with desk.books():
        assert state(desk) == "accepted"
    assert "Tệp trạng thái lệnh chi (pain.002)" in text_of(clerk.get(f"/packets/show/{packet_id}"))
    assert desk.value("SELECT headers->>'File' FROM inbox") == "a.xml"
    again = clerk.post(
        f"/packets/bring/{packet_id}",
        data={"kind": "pain.002", "file": (io.BytesIO(bank.pain_002(CODE)), "b.xml")},
        content_type="multipart/form-data",
        follow_redirects=True,
    )
    assert "đã được nhận" in text_of(again)


def test_a_file_that_is_missing_or_too_large_is_not_taken(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packet_id = written(desk, tmp_path)
    clerk = desk.signed_in(Role.CLERK)
    clerk.post(f"/packets/bring/{packet_id}", data={"kind": "pain.002"})
    bring(clerk, packet_id, "pain.001", b"<a/>")
    monkeypatch.setattr(by_hand, "FILE_MOST_BYTES", 1_000)
    assert bring(clerk, packet_id, "pain.002", b"x" * 100_000).status_code == 413
    assert desk.value("SELECT count(*) FROM inbox") == 0


def test_the_file_is_taken_away_and_the_download_is_on_record(desk: Desk, tmp_path: Path) -> None:
    packet_id = written(desk, tmp_path)
    for number, role in enumerate((Role.CLERK, Role.ACCOUNTANT, Role.AGENCY_USER), start=1):
        area = "01" if role is Role.AGENCY_USER else make.COMMUNE
        got = desk.signed_in(role, area=area).post(f"/packets/file/{packet_id}/xml")
        assert (got.status_code, got.mimetype) == (200, "application/xml")
        assert got.data == (tmp_path / "outbox" / "vnpost" / f"{CODE}.xml").read_bytes()
        assert desk.value("SELECT count(*) FROM access_log WHERE what = 'packet_body' AND row_count = 2") == number
    auditor = desk.signed_in(Role.AUDITOR)
    assert auditor.post(f"/packets/file/{packet_id}/xml").status_code == 403
    original = auditor.post(f"/packets/body/{packet_id}")
    assert (original.mimetype, original.headers["Content-Disposition"]) == (
        "application/xml", f'attachment; filename="{CODE}.xml"',
    )  # fmt: skip


def test_a_table_is_taken_away_as_csv_and_as_a_workbook_of_the_same_cells(desk: Desk, tmp_path: Path) -> None:
    packet_id = written(desk, tmp_path, "workbook")
    clerk = desk.signed_in(Role.CLERK)
    table = clerk.post(f"/packets/file/{packet_id}/csv")
    assert table.data == (tmp_path / "outbox" / "vnpost" / f"{CODE}.csv").read_bytes()
    book = clerk.post(f"/packets/file/{packet_id}/xlsx")
    rows = CalamineWorkbook.from_filelike(io.BytesIO(book.data)).get_sheet_by_index(0).to_python()
    assert rows[0][0] == f"Gói tin: {CODE}"
    (hashed,) = [row[0] for row in rows if str(row[0]).startswith("SHA-256 của tệp CSV")]
    assert hashed.split()[-1] in (tmp_path / "outbox" / "vnpost" / f"{CODE}.sha256").read_text()
    assert rows[-1][0] == 2 and rows[-1][-1] == rows[-2][-1] + rows[-3][-1]
    assert clerk.post(f"/packets/file/{packet_id}/xml").status_code == 404


def test_a_packet_over_a_connection_offers_none_of_it(desk: Desk) -> None:
    with desk.books() as session:
        packet_id = office.received(session, people=2).id
    clerk = desk.signed_in(Role.CLERK)
    page = text_of(clerk.get(f"/packets/show/{packet_id}"))
    assert "answer-accept" not in page and "Nhận tệp" not in page and "Tải tệp gửi" not in page
    assert clerk.post(f"/packets/file/{packet_id}/json").status_code == 404


def test_others_neither_see_nor_do_any_of_it(desk: Desk, tmp_path: Path) -> None:
    packet_id = written(desk, tmp_path)
    routes = {"answer": "/accept", "bring": "", "file": "/xml"}
    stranger = desk.signed_in(Role.CLERK, area=make.OTHER_COMMUNE)
    accountant = desk.signed_in(Role.ACCOUNTANT)
    for route, rest in routes.items():
        address = f"/packets/{route}/{packet_id}{rest}"
        assert stranger.post(address).status_code == 404
        assert stranger.get(address).status_code in (404, 405)
    for route in ("answer", "bring"):
        assert accountant.post(f"/packets/{route}/{packet_id}{routes[route]}").status_code == 403
    page = text_of(accountant.get(f"/packets/show/{packet_id}"))
    assert "answer-accept" not in page and "Tải tệp gửi" in page
    assert "Tải tệp gửi" not in text_of(desk.signed_in(Role.AUDITOR).get(f"/packets/show/{packet_id}"))
