"""Reports by REST: the same rows as the report itself, page by page, with the totals of the whole."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

import config
from app.extensions import acting_as
from app.jobs.work import KINDS
from app.reports import exporting
from app.reports.catalogue import REPORTS
from app.rules.actors import SYSTEM, Role
from app.services import work
from tests import stages
from tests.accounts import people
from tests.api.answers import fields_of, problem_of, rows
from tests.api.conftest import Program
from tests.imports import books

REPORTS_AT = "/api/v1/reports/"
MONTH = "period=11/2026"


@pytest.fixture
def month(session: Session) -> None:
    stages.reported(session, "paid", "paid", "unpaid", people=3)


@pytest.fixture
def clerk(program: Program, month: None) -> FlaskClient:
    return program(Role.CLERK)


def test_the_reports_are_listed_with_what_they_can_be_asked(clerk: FlaskClient) -> None:
    found = clerk.get(REPORTS_AT).json["result"]
    assert [report["code"] for report in found] == list(REPORTS)
    assert {"key": "sent_vnd", "title": "Đã gửi: đồng", "kind": "money", "total": True} in found[0]["columns"]


@pytest.mark.parametrize("asked", [MONTH, "period=2026-11", "from=11/2026&to=11/2026", "period=11/2026&area=00004"])
def test_the_totals_are_those_of_the_month(clerk: FlaskClient, asked: str) -> None:
    found = clerk.get(f"{REPORTS_AT}DVCT_01?{asked}").json
    assert (found["totals"]["sent_people"], found["totals"]["paid_people"], found["totals"]["unpaid_people"]) == (
        3,
        2,
        1,
    )
    assert (found["month_from"], found["month_to"], found["area_path"]) == ("2026-11-01", "2026-11-01", "VN/01/00004/")
    row = found["result"][0]
    assert (row["area_code"], row["month"], row["subtotal"]) == ("00004", "2026-11-01", False)
    assert row["paid_vnd"] + row["unpaid_vnd"] == row["sent_vnd"] == found["totals"]["sent_vnd"]


def test_names_come_page_by_page_and_are_recorded(clerk: FlaskClient) -> None:
    pages = [clerk.get(f"{REPORTS_AT}DVCT_02?{MONTH}&page={page}&page_size=2").json for page in range(3)]
    assert [len(page["result"]) for page in pages] == [2, 1, 0]
    assert {page["count"] for page in pages} == {3}
    assert sorted(row["outcome"] for page in pages for row in page["result"]) == ["paid", "paid", "unpaid"]
    recorded = rows("SELECT actor, what, row_count, area_path FROM access_log ORDER BY id")
    assert recorded == [("x00004.clerk", "API DVCT_02", people, "VN/01/00004/") for people in (2, 1)]


def test_a_report_is_narrowed_by_agency_code_and_outcome(clerk: FlaskClient) -> None:
    assert clerk.get(f"{REPORTS_AT}DVCT_02?{MONTH}&agency=vnpost&outcome=unpaid").json["count"] == 1
    assert clerk.get(f"{REPORTS_AT}DVCT_01?{MONTH}&kind=funeral").json["count"] == 0


def test_without_a_month_it_is_the_present_one(clerk: FlaskClient) -> None:
    assert clerk.get(f"{REPORTS_AT}DVCT_01").json["month_from"].endswith("-01")


def test_a_report_says_nothing_of_a_diagnosis(clerk: FlaskClient) -> None:
    assert "benefit" not in clerk.get(f"{REPORTS_AT}DVCT_02?{MONTH}").text


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("DVCT_99", 404),
        ("dvct_01", 404),
        ("%00", 404),
        (f"DVCT_02?{MONTH}&area=00008", 404),
        (f"DVCT_02?{MONTH}&area=01", 404),
        (f"DVCT_02?{MONTH}&area=%00", 404),
        (f"DVCT_02?{MONTH}&area=" + "9" * 3000, 404),
        ("DVCT_02?period=13/2026", 422),
        ("DVCT_02?period=11/1850", 422),
        ("DVCT_02?period=abc", 422),
        ("DVCT_02?period=%00", 422),
        ("DVCT_02?from=01/2025&to=11/2026", 422),
        ("DVCT_02?from=11/2026&to=10/2026", 422),
        (f"DVCT_02?{MONTH}&from=11/2026", 400),
        (f"DVCT_02?{MONTH}&agency=nobody", 422),
        (f"DVCT_02?{MONTH}&agency=%00", 422),
        (f"DVCT_02?{MONTH}&agency=1", 422),
        (f"DVCT_02?{MONTH}&kind=x", 422),
        (f"DVCT_02?{MONTH}&outcome=x", 422),
        (f"DVCT_02?{MONTH}&order=x", 422),
        (f"DVCT_02?{MONTH}&page=-1", 400),
        (f"DVCT_02?{MONTH}&page=999999999999", 400),
        (f"DVCT_02?{MONTH}&page=9999&page_size=1000", 400),
        (f"DVCT_02?{MONTH}&page_size=0", 400),
        (f"DVCT_02?{MONTH}&page_size=x", 400),
        (f"DVCT_02?{MONTH}&page_size=%D9%A3", 400),
        (f"DVCT_02?{MONTH}&{MONTH}", 400),
        (f"DVCT_02?{MONTH}&x=1", 400),
    ],
)
def test_what_cannot_be_asked_of_a_report_is_a_problem(clerk: FlaskClient, asked: str, status: int) -> None:
    problem_of(clerk.get(f"{REPORTS_AT}{asked}"), status)


def test_a_page_of_names_is_capped(clerk: FlaskClient) -> None:
    assert clerk.get(f"{REPORTS_AT}DVCT_02?{MONTH}&page_size=900000").json["page_size"] == 1000


def test_a_province_reads_its_communes(program: Program, month: None) -> None:
    client = program(Role.AUDITOR, area=people.HANOI)
    assert client.get(f"{REPORTS_AT}DVCT_02?{MONTH}").json["count"] == 3
    assert client.get(f"{REPORTS_AT}DVCT_02?{MONTH}&area=00008").json["count"] == 0


# --- As files ------------------------------------------------------------------------------------------------------


def test_a_report_is_taken_away_as_a_file(clerk: FlaskClient) -> None:
    body = {"form": "xlsx", "period": "11/2026", "outcome": "unpaid"}
    answer = clerk.post(f"{REPORTS_AT}DVCT_02/export", json=body)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store"), answer.text
    assert "DVCT_02" in answer.headers["Content-Disposition"] and books.read(answer.data)
    assert clerk.post(f"{REPORTS_AT}DVCT_01/export", json={"form": "pdf"}).data.startswith(b"%PDF")
    assert rows("SELECT what, row_count FROM access_log") == [("report DVCT_02", 1)]
    for wrong, fields in (({}, {"form"}), ({"form": "doc"}, {"form"}), ({"form": "csv", "page": "1"}, {"page"})):
        assert fields_of(clerk.post(f"{REPORTS_AT}DVCT_02/export", json=wrong)) == fields
    problem_of(clerk.post(f"{REPORTS_AT}DVCT_02/export", json={"form": "csv", "area": "66"}), 404)
    problem_of(clerk.post(f"{REPORTS_AT}NONE/export", json={"form": "csv"}), 404)
    problem_of(clerk.get(f"{REPORTS_AT}DVCT_02/export"), 405)


def test_a_long_report_is_written_once_and_fetched_by_who_asked(
    program: Program, clerk: FlaskClient, monkeypatch: pytest.MonkeyPatch, settings: config.Settings
) -> None:
    monkeypatch.setattr(exporting, "AT_ONCE", 0)
    body = {"form": "csv", "period": "11/2026"}
    first, again = (clerk.post(f"{REPORTS_AT}DVCT_02/export", json=body) for _turn in range(2))
    assert (first.status_code, again.status_code) == (202, 202) and first.json["work"] == again.json["work"]
    address = f"/api/v1/work/{first.json['work']}"
    problem_of(clerk.get(f"{address}/file"), 404)
    with acting_as(SYSTEM):
        assert work.perform_next(KINDS)
    told = clerk.get(address).json
    assert (told["phase"], told["result"], told["file_name"][-4:]) == ("done", {"rows": 3}, ".csv")
    taken = clerk.get(f"{address}/file")
    assert taken.headers["Cache-Control"] == "no-store" and taken.data.startswith(b"\xef\xbb\xbf")
    problem_of(program(Role.CLERK, name="nguoi-khac").get(f"{address}/file"), 404)
    (written,) = (settings.home / exporting.FOLDER).glob("*.csv")
    written.unlink()
    problem_of(clerk.get(f"{address}/file"), 404)


def test_the_minutes_of_a_settlement_are_taken_away_with_their_names(clerk: FlaskClient, program: Program) -> None:
    key = clerk.get("/api/v1/settlements/").json["ids"][0]
    paper = clerk.get(f"/api/v1/settlements/{key}/minutes")
    assert (paper.mimetype, paper.headers["Cache-Control"]) == ("application/pdf", "no-store")
    assert rows("SELECT what, row_count FROM access_log") == [("settlement_minutes", 1)]
    problem_of(clerk.get(f"/api/v1/settlements/{key}/minutes?form=pdf"), 400)
    problem_of(program(Role.AGENCY_USER).get(f"/api/v1/settlements/{key}/minutes"), 403)
