"""Packets by REST: taken away as files, answered for the agency, files of a bank brought in, doubt looked at."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.agency import adapters
from app.agency.port import Endpoint
from app.imports.limits import PACKED_BYTES
from app.rules.actors import Role
from app.services import inbox, packets, sending
from app.services.sending import Connection
from tests import factories as make
from tests import hand, office, stages
from tests.api.answers import fields_of, problem_of, rows
from tests.api.conftest import Program
from tests.imports import books

PACKETS = "/api/v1/packets/"


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


def written(session: Session, folder: Path, adapter: str) -> str:
    """The address of a packet in the outbox."""

    def connect(code: str, address: str) -> Connection:
        agency = adapters.ADAPTERS[adapters.at(address)].connect(folder, now=clock.wall)
        return Connection(agency, Endpoint(address, "chitra", code, "chitra"))

    batch_id = make.locked_list(session, people=2)
    session.execute(text("UPDATE agency_contracts SET adapter = :adapter"), {"adapter": adapter})
    packet_id = packets.queue(session, batch_id, by=make.CLERK).id
    session.commit()
    assert sending.send_next(connect)
    return f"{PACKETS}{packet_id}"


def bring(client: FlaskClient, address: str, body: bytes, **form: Any) -> Any:
    data = {"file": (BytesIO(body), "tra loi.xml"), **form}
    return client.post(f"{address}/bring", data=data, content_type="multipart/form-data")


def test_a_table_is_taken_away_and_its_acceptance_entered(program: Program, session: Session, tmp_path: Path) -> None:
    address, clerk = written(session, tmp_path, "workbook"), program(Role.CLERK)
    can = clerk.get(address).json["by_file"]
    assert can["answers"] == ["accept", "reject"] and "xlsx" in can["files"]
    taken = clerk.get(f"{address}/file/xlsx")
    assert taken.status_code == 200 and taken.headers["Cache-Control"] == "no-store" and books.read(taken.data)
    problem_of(clerk.get(f"{address}/file/pdf"), 404)
    assert fields_of(clerk.post(f"{address}/answer", json={"word": "dance"})) == {"word"}
    assert fields_of(clerk.post(f"{address}/answer", json={"word": "reject"})) == {"reason"}
    assert clerk.post(f"{address}/answer", json={"word": "accept"}).status_code == 200
    problem_of(clerk.post(f"{address}/answer", json={"word": "accept"}), 409)
    inbox.apply_waiting()
    assert clerk.get(address).json["result"]["state"] == "accepted"
    problem_of(clerk.post(f"{address}/answer", json={"word": "accept"}), 409)
    assert rows("SELECT what, row_count FROM access_log") == [("packet_body", 2)]


def test_a_file_of_a_bank_is_kept_once(program: Program, session: Session, tmp_path: Path) -> None:
    address, clerk = written(session, tmp_path, "iso20022"), program(Role.CLERK)
    action = clerk.get(address).json["by_file"]["brings"][0]
    assert bring(clerk, address, b"<x/>", action=action).status_code == 200
    problem_of(bring(clerk, address, b"<x/>", action=action), 409)
    assert fields_of(bring(clerk, address, b" ", action=action)) == {"file"}
    assert fields_of(bring(clerk, address, b"<y/>", action="letter")) == {"file"}
    assert fields_of(bring(clerk, address, b"<y/>")) == {"action"}
    problem_of(bring(clerk, address, b"x" * (PACKED_BYTES + 1), action=action), 413)
    problem_of(clerk.post(f"{address}/bring", json={"action": action}), 415)
    assert rows("SELECT count(*), min(headers ->> 'File') FROM inbox") == [(1, "tra loi.xml")]


def test_what_travels_over_a_connection_or_to_the_cashier_is_not_answered_by_hand(
    program: Program, session: Session
) -> None:
    clerk = program(Role.CLERK)
    address = f"{PACKETS}{office.received(session).id}"
    assert clerk.get(address).json["by_file"] == {"files": [], "answers": [], "brings": []}
    problem_of(clerk.post(f"{address}/answer", json={"word": "accept"}), 409)
    problem_of(clerk.get(f"{address}/file/xlsx"), 404)


def test_the_cashiers_packet_is_not_answered_by_hand(program: Program, session: Session) -> None:
    problem_of(program(Role.CLERK).post(f"{PACKETS}{hand.own_packet(session).id}/answer", json={"word": "accept"}), 409)


def test_doubt_is_asked_about_or_left_for_a_day(program: Program, session: Session) -> None:
    address, clerk = f"{PACKETS}{stages.in_doubt(session).id}", program(Role.CLERK)
    assert clerk.post(f"{address}/ask_now").json["result"]["state"] == "in_doubt"
    assert fields_of(clerk.post(f"{address}/keep_waiting")) == {"reason"}
    assert clerk.post(f"{address}/keep_waiting", json={"reason": "Bưu điện đang sửa mạng"}).status_code == 200
    assert rows("SELECT reason FROM acknowledgements ORDER BY id") == [
        ("Yêu cầu hỏi lại ngay.",), ("Bưu điện đang sửa mạng",),
    ]  # fmt: skip


def test_a_certain_packet_leaves_nothing_to_ask(program: Program, session: Session) -> None:
    address = f"{PACKETS}{office.received(session).id}"
    problem_of(program(Role.CLERK).post(f"{address}/ask_now"), 409)
    for client, status in ((program(Role.ACCOUNTANT), 403), (program(Role.CLERK, area=make.OTHER_COMMUNE), 404)):
        for move in ("ask_now", "keep_waiting", "answer"):
            problem_of(client.post(f"{address}/{move}", json={"word": "accept"}), status)
