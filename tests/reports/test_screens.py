"""Reports through the browser's door: pages, ways on, files at once or in the background, and who gets them."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from python_calamine import CalamineWorkbook
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.extensions import acting_as
from app.jobs.work import KINDS
from app.models import AccessLog, PayoutBatch, WorkItem
from app.reports import exporting
from app.rules.actors import SYSTEM, Role
from app.screens import report_page
from app.services import work
from tests import factories as make
from tests import office
from tests.accounts import people
from tests.reports.conftest import FORMULA

SignedIn = Callable[..., FlaskClient]


@pytest.fixture
def signed_in(database: Flask, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> SignedIn:
    def come(role: Role = Role.CLERK, *, area: str = make.COMMUNE) -> FlaskClient:
        name = f"xem.{role.value}.{area}".replace("_", "-").lower()
        people.issue(name, role, area=area, agency=people.agency_id() if role is Role.AGENCY_USER else None)
        return people.sign_in(database, name)

    return come


def page(answer: Any, status: int = 200) -> str:
    text_of = unescape(answer.get_data(as_text=True)).replace("\u00a0", " ")
    assert answer.status_code == status, text_of[:2000]
    return text_of


def open_(client: FlaskClient, address: str) -> str:
    return page(client.get(address))


def export(client: FlaskClient, address: str, form: str = "xlsx") -> Any:
    """Press a download button of a report's page."""
    return client.post(address, data={"form": form}, headers={"Referer": "http://localhost/reports/"})


def body_rows(html: str) -> list[str]:
    body = re.search(r'<table class="table cards report">.*?<tbody>(.*?)</tbody>', html, re.S)
    return re.findall(r"<tr.*?</tr>", body[1], re.S) if body else []


def foot(html: str) -> str:
    found = re.search(r"<tfoot>(.*?)</tfoot>", html, re.S)
    assert found is not None
    return found[1]


def seen(session: Session) -> list[tuple[str, int]]:
    """What was recorded, and how many people it was about."""
    office.refresh(session)
    return [(row.what, row.row_count) for row in session.scalars(select(AccessLog).order_by(AccessLog.id))]


def do_work(session: Session) -> None:
    """Let the scheduler do one piece of long work."""
    with acting_as(SYSTEM):
        assert work.perform_next(KINDS)
    office.refresh(session)


# --- The list ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "found"), [("dvct", 2), ("đvct 02", 1), ("CHUA TRA", 2), ("chưa trả", 2), ("xyz", 0)]
)
def test_the_list_finds_reports_by_code_and_words(signed_in: SignedIn, typed: str, found: int) -> None:
    html = page(signed_in().get("/reports/", query_string={"q": typed}))
    assert len(re.findall(r'<td data-label="Mã"><a href="/reports/DVCT_0[12]">', html)) == found
    assert ("Không có báo cáo nào khớp" in html) == (found == 0)


def test_the_menu_leads_to_each_report_and_to_all(signed_in: SignedIn) -> None:
    html = open_(signed_in(), "/reports/")
    for address in ("/reports/DVCT_01", "/reports/DVCT_02", "/reports/", "/work/"):
        assert re.search(rf'<li><a href="{address}"', html), address


def test_a_report_that_does_not_exist_is_not_found(signed_in: SignedIn) -> None:
    assert signed_in().get("/reports/DVCT_77").status_code == 404


# --- The page ------------------------------------------------------------------------------------------------------


def test_figures_and_totals_are_shown_as_people_read_them(signed_in: SignedIn, settled: PayoutBatch) -> None:
    html = open_(signed_in(), "/reports/DVCT_01")
    row, subtotal = body_rows(html)
    for words in ("Tổng công ty Bưu điện Việt Nam", "11/2026", "00004", "4.320.000 đ", ">7</a>"):
        assert words in row
    assert "Cộng Tổng công ty Bưu điện Việt Nam" in subtotal
    assert "Tổng cộng" in foot(html) and "4.320.000 đ" in foot(html)
    assert "Số liệu còn có thể thay đổi" not in html


def test_a_figure_leads_to_exactly_the_names_behind_it(signed_in: SignedIn, settled: PayoutBatch) -> None:
    client = signed_in()
    row = body_rows(open_(client, "/reports/DVCT_01"))[0]
    for label, count, words in (
        ("Đã trả", 5, "Đã trả"),
        ("Chưa trả", 1, "Chưa trả"),
        ("Cần truy thu", 1, "Cần truy thu"),
    ):
        cell = re.search(rf'data-label="{label}: lượt người"><a href="([^"]+)">{count}</a>', row)
        assert cell is not None
        assert parse_qs(urlsplit(cell[1]).query)["from"] == ["11/2026"]
        names = body_rows(open_(client, cell[1]))
        assert len(names) == count and all(words in name for name in names)
    assert 'data-label="Chưa có kết quả: lượt người">0' in row


def test_results_that_are_not_locked_yet_are_said_to_be_so(session: Session, signed_in: SignedIn) -> None:
    office.accepted(session, people=2)
    html = open_(signed_in(), "/reports/DVCT_01")
    assert "2 lượt người thuộc quyết toán chưa chốt" in html


def test_totals_are_of_the_whole_report_on_every_page(
    signed_in: SignedIn, settled: PayoutBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_page, "PAGE_SIZE", 3)
    client = signed_in()
    pages = [open_(client, f"/reports/DVCT_02?page={number}") for number in (0, 1, 2)]
    assert [len(body_rows(html)) for html in pages] == [3, 3, 1]
    assert {foot(html) for html in pages} == {foot(pages[0])} and "4.320.000 đ" in foot(pages[0])
    assert all("7 dòng" in html for html in pages)
    assert "1–3 trong 7" in pages[0] and 'href="/reports/DVCT_02?page=1"' in pages[0]
    assert "không có trang này" in open_(client, "/reports/DVCT_02?page=9")


def test_filters_stay_in_the_address_when_the_page_is_turned_exported_and_printed(
    signed_in: SignedIn, settled: PayoutBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_page, "PAGE_SIZE", 2)
    html = open_(signed_in(), "/reports/DVCT_02?outcome=paid&from=10/2026&to=11/2026&order=name&kind=monthly&agency=")
    for address in re.findall(r'(?:href|action)="(/reports/DVCT_02[/?][^"]+)"', html):
        if "choices" in address:
            continue
        kept = parse_qs(urlsplit(address).query)
        assert (kept["outcome"], kept["from"], kept["order"], kept["kind"]) == (
            ["paid"],
            ["10/2026"],
            ["name"],
            ["monthly"],
        )
    assert '<option value="paid" selected>' in html
    assert "Kỳ 10/2026–11/2026" in html


def test_the_month_of_the_header_is_the_month_of_the_report(signed_in: SignedIn, settled: PayoutBatch) -> None:
    client = signed_in()
    client.post(
        "/month", data={"month": "10/2026", "back": "/reports/DVCT_01"}, headers={"Referer": "http://localhost/"}
    )
    assert "Không có gì được gửi" in open_(client, "/reports/DVCT_01")
    assert len(body_rows(open_(client, "/reports/DVCT_01?from=11/2026"))) == 2


@pytest.mark.parametrize(
    "query",
    ["from=x", "from=11/2026&to=10/2026", "from=01/2025&to=12/2026", "kind=x", "outcome=x", "order=x", "agency=-1"],
)
def test_what_cannot_be_read_is_marked_at_its_field(signed_in: SignedIn, query: str) -> None:
    html = page(signed_in().get(f"/reports/DVCT_02?{query}"), 422)
    assert 'class="field-error"' in html or "hãy sửa ô được đánh dấu" in html
    assert not body_rows(html)


@pytest.mark.parametrize("written", ["x", "-1", "²", "9" * 30])
def test_a_page_number_that_is_none_is_the_first_page(signed_in: SignedIn, settled: PayoutBatch, written: str) -> None:
    assert len(body_rows(page(signed_in().get("/reports/DVCT_02", query_string={"page": written})))) == 7


def test_names_that_look_like_code_are_shown_as_names(signed_in: SignedIn, settled: PayoutBatch) -> None:
    answer = signed_in().get("/reports/DVCT_02")
    assert FORMULA in page(answer)
    assert b"<script>" not in answer.data


# --- Scope ---------------------------------------------------------------------------------------------------------


def test_another_communes_clerk_finds_nothing_and_may_not_ask(signed_in: SignedIn, settled: PayoutBatch) -> None:
    client = signed_in(area=make.OTHER_COMMUNE)
    assert "Không có gì được gửi" in open_(client, "/reports/DVCT_02")
    for address in ("/reports/DVCT_02?area=00004", "/reports/DVCT_02/print?area=00004"):
        assert client.get(address).status_code == 404
    refused = export(client, "/reports/DVCT_02/export?area=00004")
    assert refused.status_code == 303 and "ngoài phạm vi của bạn" in open_(client, refused.location)


def test_a_province_narrows_to_a_commune(signed_in: SignedIn, settled: PayoutBatch) -> None:
    client = signed_in(Role.AUDITOR, area="01")
    assert len(body_rows(open_(client, "/reports/DVCT_02"))) == 7
    assert len(body_rows(open_(client, "/reports/DVCT_02?area=00004"))) == 7
    assert not body_rows(open_(client, "/reports/DVCT_02?area=00008"))


def test_areas_are_offered_by_code_within_ones_own(session: Session, signed_in: SignedIn) -> None:
    auditor = signed_in(Role.AUDITOR, area="01")
    codes = [one["id"] for one in auditor.get("/reports/choices/area?q=hoan kiem").get_json()["results"]]
    assert codes and all(re.fullmatch(r"\d{5}", code) for code in codes)
    assert signed_in(area=make.OTHER_COMMUNE).get("/reports/choices/area?q=hoan kiem").get_json() == {"results": []}
    assert auditor.get("/reports/choices/bank").status_code == 404


def test_an_agencys_user_has_no_reports(signed_in: SignedIn) -> None:
    client = signed_in(Role.AGENCY_USER)
    for address in ("/reports/", "/reports/DVCT_01", "/work/"):
        assert client.get(address).status_code in (302, 303, 403), address


# --- Taken away ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["xlsx", "csv"])
def test_a_short_report_is_downloaded_at_once_and_leaves_no_file(
    session: Session, database: Flask, signed_in: SignedIn, settled: PayoutBatch, form: str
) -> None:
    folder = database.config["CHITRA"].home / exporting.FOLDER
    before = set(folder.glob("*"))
    answer = export(signed_in(), "/reports/DVCT_02/export?outcome=unpaid", form)
    assert answer.status_code == 200 and answer.mimetype in exporting.TYPES[form]
    assert f"filename=DVCT_02_01_00004_202611.{form}" in answer.headers["Content-Disposition"]
    if form == "xlsx":
        rows = CalamineWorkbook.from_filelike(BytesIO(answer.data)).get_sheet_by_index(0).to_python()
        assert [row[-1] for row in rows if row[-2] == "Chưa trả"] == ["Vắng mặt, không đến nhận"]
    assert set(folder.glob("*")) == before
    assert ("report DVCT_02", 1) in seen(session)


def test_a_form_nobody_writes_is_refused(signed_in: SignedIn, settled: PayoutBatch) -> None:
    assert export(signed_in(), "/reports/DVCT_02/export", "exe").status_code in (303, 422)


def test_every_view_of_names_is_recorded_and_figures_are_not(
    session: Session, signed_in: SignedIn, settled: PayoutBatch
) -> None:
    client = signed_in()
    open_(client, "/reports/DVCT_01")
    export(client, "/reports/DVCT_01/export")
    assert seen(session) == []
    open_(client, "/reports/DVCT_02?outcome=unpaid")
    open_(client, "/reports/DVCT_02/print")
    export(client, "/reports/DVCT_02/export")
    assert seen(session) == [("report DVCT_02", 1), ("report DVCT_02", 7), ("report DVCT_02", 7)]


def test_printing_shows_the_whole_report_without_the_frame(
    signed_in: SignedIn, settled: PayoutBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_page, "PAGE_SIZE", 2)
    client = signed_in()
    html = open_(client, "/reports/DVCT_02/print")
    assert html.count("<tr>") == 1 + 7 + 1 and 'class="menu"' not in html
    assert "DVCT_02. Danh sách đối tượng đã trả, chưa trả" in html and "Người lập biểu" in html
    assert ">In báo cáo<" in html, "a button “In” alone was taken for the English word and said “Trong”"
    monkeypatch.setattr(exporting, "AT_ONCE", 3)
    assert page(client.get("/reports/DVCT_02/print"), 409).count("in được nhiều nhất 3 dòng") == 1


# --- In the background ---------------------------------------------------------------------------------------------


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports of more than three rows are long."""
    monkeypatch.setattr(exporting, "AT_ONCE", 3)


@pytest.mark.usefixtures("long")
def test_a_long_report_is_written_in_the_background_and_fetched_by_who_asked(
    session: Session, signed_in: SignedIn, settled: PayoutBatch
) -> None:
    client = signed_in()
    answer = export(client, "/reports/DVCT_02/export?order=name")
    assert answer.status_code == 303
    html = open_(client, answer.location)
    assert "Đang chờ" in html and "order=name" in answer.location
    key = parse_qs(urlsplit(answer.location).query)["work"][0]
    progress = client.get(f"/work/{key}/progress").get_json()
    assert (progress["phase"], progress["file_url"], progress["every_s"]) == ("queued", None, 1)
    do_work(session)
    done = client.get(f"/work/{key}/progress?seen={progress['stamp']}").get_json()
    assert (done["phase"], done["done"], done["total"], done["every_s"]) == ("done", 7, 7, 0)
    assert "Tải DVCT_02_01_00004_202611.xlsx" in unescape(done["html"])
    with client.get(done["file_url"]) as file:
        rows = CalamineWorkbook.from_filelike(BytesIO(file.data)).get_sheet_by_index(0).to_python()
    assert rows[-1][0] == "Tổng cộng" and rows[-1][9] == 4_320_000
    assert ("report DVCT_02", 7) in seen(session)
    assert "DVCT_02 XLSX, kỳ 11/2026" in open_(client, "/work/")


@pytest.mark.usefixtures("long")
def test_the_same_long_report_is_not_written_twice_at_once(
    session: Session, signed_in: SignedIn, settled: PayoutBatch
) -> None:
    client = signed_in()
    first, again = (export(client, "/reports/DVCT_02/export").location for _ in range(2))
    assert first == again
    assert export(client, "/reports/DVCT_02/export", "csv").location != first
    assert session.execute(text("SELECT count(*) FROM work_items")).scalar() == 2
    do_work(session)
    assert export(client, "/reports/DVCT_02/export").location != first


@pytest.mark.usefixtures("long")
def test_a_long_paper_is_written_in_the_background(session: Session, signed_in: SignedIn, settled: PayoutBatch) -> None:
    client = signed_in()
    key = parse_qs(urlsplit(export(client, "/reports/DVCT_08/export", "pdf").location).query)["work"][0]
    do_work(session)
    with client.get(f"/work/{key}/file") as file:
        assert file.mimetype == "application/pdf" and file.data.startswith(b"%PDF-")


@pytest.mark.usefixtures("long")
def test_nobody_else_sees_the_work_or_its_file(session: Session, signed_in: SignedIn, settled: PayoutBatch) -> None:
    key = parse_qs(urlsplit(export(signed_in(), "/reports/DVCT_02/export").location).query)["work"][0]
    do_work(session)
    colleague = signed_in(Role.SUPERVISOR)
    for address in (f"/work/{key}/progress", f"/work/{key}/file"):
        assert colleague.get(address).status_code == 404
    assert "Bạn chưa có công việc nào" in open_(colleague, "/work/")
    assert "DVCT_02 XLSX" not in open_(colleague, f"/reports/DVCT_02?work={key}")


@pytest.mark.usefixtures("long")
def test_a_file_is_not_served_once_its_area_is_no_longer_ones_own(
    session: Session, signed_in: SignedIn, settled: PayoutBatch
) -> None:
    client = signed_in(Role.AUDITOR, area="01")
    key = parse_qs(urlsplit(export(client, "/reports/DVCT_02/export").location).query)["work"][0]
    do_work(session)
    with client.get(f"/work/{key}/file") as file:
        assert file.status_code == 200
    session.execute(text("UPDATE work_items SET params = jsonb_set(params, '{request,area_path}', '\"VN/25/\"')"))
    session.commit()
    assert client.get(f"/work/{key}/file").status_code == 404


@pytest.mark.usefixtures("long")
def test_an_expired_file_is_said_to_be_so(
    session: Session, database: Flask, signed_in: SignedIn, settled: PayoutBatch
) -> None:
    client = signed_in()
    key = parse_qs(urlsplit(export(client, "/reports/DVCT_02/export").location).query)["work"][0]
    do_work(session)
    item = session.get_one(WorkItem, int(key))
    (database.config["CHITRA"].home / str(item.file_path)).unlink()
    assert "đã được xóa sau 7 ngày" in page(client.get(f"/work/{key}/file"), 404)
    assert "Tệp đã được xóa sau 7 ngày" in open_(client, "/work/")


@pytest.mark.usefixtures("long")
def test_a_file_outside_the_folder_of_exports_is_never_served(
    session: Session, database: Flask, signed_in: SignedIn, settled: PayoutBatch
) -> None:
    client = signed_in()
    key = parse_qs(urlsplit(export(client, "/reports/DVCT_02/export").location).query)["work"][0]
    do_work(session)
    secret = database.config["CHITRA"].home / "secret.txt"
    secret.write_text("key")
    for path in ("secret.txt", "exports/../secret.txt", str(secret)):
        session.execute(text("UPDATE work_items SET file_path = :path"), {"path": path})
        session.commit()
        assert client.get(f"/work/{key}/file").status_code == 404


def test_work_that_is_still_going_on_has_no_file(session: Session, signed_in: SignedIn) -> None:
    client = signed_in()
    assert client.get("/work/12345/file").status_code == 404
    assert client.get("/work/12345/progress").status_code == 404
