"""Nhập từ tệp through the browser's door: send, preview, apply or put away; bad files, roles, other areas, long files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import clock
from app.extensions import acting_as
from app.imports import starting
from app.jobs.imports import expire_imports
from app.jobs.work import KINDS
from app.rules.actors import SYSTEM, Role
from app.services import work
from app.services.settlements import entering
from tests import factories as make
from tests import hand, stages
from tests.imports import books
from tests.imports.corpus import CORPUS
from tests.screens.desk import Desk, seen, text_of


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def desk(database: Flask) -> Desk:
    return Desk(database)


def waiting(desk: Desk, people: int = 3) -> tuple[int, list[str]]:
    """A settlement by hand, and the codes of its people."""
    with desk.books() as session:
        settlement = hand.own_settlement(session, people=people)
        return settlement.id, [line.beneficiary_code for line in hand.lines(session, settlement)]


def send(client: FlaskClient, kind: str, content: bytes, name: str = "ket qua.xlsx", **form: Any) -> Any:
    data = {"file": (BytesIO(content), name), **form}
    return client.post(f"/imports/new/{kind}", data=data, content_type="multipart/form-data")


def codes(client: FlaskClient, key: int, content: bytes, **form: Any) -> Any:
    chosen = {"settlement": key, "from_standing": "pending", "outcome": "unpaid", **form}
    return send(client, "codes", content, **chosen)


def page(client: FlaskClient, answer: Any) -> str:
    assert answer.status_code == 303, text_of(answer)
    return text_of(client.get(answer.location))


def test_a_file_of_codes_is_sent_seen_and_applied(desk: Desk) -> None:
    (key, people), clerk = waiting(desk), desk.signed_in(Role.CLERK)
    form = text_of(clerk.get(f"/imports/new/codes?settlement={key}"))
    assert "Tải tệp mẫu" in form and "10 MB" in form
    template = clerk.get(f"/imports/template/codes?settlement={key}")
    rows = books.read(template.data)
    assert rows[0][0] == "CẬP NHẬT CHI TRẢ NÂNG CAO" and rows[-1][:2] == ["Mã đối tượng", "Họ và tên"]
    sent = codes(clerk, key, books.xlsx([*rows, [people[0], "", "", "", "", "Vắng mặt"]]))
    shown = page(clerk, sent)
    assert "1 dòng, 540.000" in shown.replace("\xa0", " ") and "2 dòng “Chưa cập nhật” không có trong tệp" in shown
    done = clerk.post(f"{sent.location}/apply", data={"seen": seen(shown, "apply")})
    assert done.status_code == 303 and done.location.endswith(f"/settlements/show/{key}")
    after = text_of(clerk.get(f"{done.location}?tab=unpaid"))
    assert "Vắng mặt" in after and "ket qua.xlsx" in after
    assert desk.value("SELECT count(*) FROM settlement_records WHERE decided_outcome = 'unpaid'") == 1
    listed = text_of(clerk.get("/imports/"))
    assert "ket qua.xlsx" in listed and "Đã áp dụng" in listed
    assert "Đã ghi kết quả cho 1 dòng." in text_of(clerk.get(sent.location))
    assert desk.value("SELECT count(*) FROM access_log WHERE what = 'import codes'") == 1


def test_the_template_of_a_list_holds_its_people_and_is_read_with_their_rows_copied(desk: Desk) -> None:
    """The clerk copies whole rows from the second sheet into the first: the columns of both are the same."""
    (key, people), clerk = waiting(desk), desk.signed_in(Role.CLERK)
    template = clerk.get(f"/imports/template/codes?settlement={key}").data
    own, listed = books.read(template), books.read(template, sheet=1)
    at = next(n for n, row in enumerate(listed) if row[0] == "Mã đối tượng")
    assert listed[at] == ["Mã đối tượng", "Họ và tên", "Thôn, tổ dân phố", "Số tiền phải trả", "Trạng thái"]
    assert [*listed[at], "Lý do"] == own[-1]
    assert [row[0] for row in listed[at + 1 :]] == people
    assert listed[at + 1][1:] == ["Trần Văn 1", "Thôn 1", 540_000, "Chưa có kết quả"]
    assert desk.value("SELECT row_count FROM access_log WHERE what = 'import template'") == 3

    untouched = page(clerk, codes(clerk, key, template))
    assert 'id="apply"' not in untouched and "Tệp không làm thay đổi gì." in untouched
    copied = books.inline([listed[at + 1], listed[at + 3]], first=len(own) + 1)
    shown = page(clerk, codes(clerk, key, books.with_rows(template, copied)))
    assert "2 dòng, 1.080.000" in shown.replace("\xa0", " ") and 'id="apply"' in shown
    assert "Trần Văn" not in shown, "no name differs"
    with desk.books() as session:
        entering.change(session, key, entering.Change("pending", "paid"), by=make.CLERK)
    again = books.read(clerk.get(f"/imports/template/codes?settlement={key}").data, sheet=1)
    assert {row[4] for row in again[at + 1 :]} == {"Đã trả"}


def test_a_template_of_no_list_has_one_empty_sheet(desk: Desk) -> None:
    (key, _people), clerk = waiting(desk), desk.signed_in(Role.CLERK)
    for address in ("registry", "payments", f"sheet?settlement={key}"):
        with pytest.raises(IndexError):
            books.read(clerk.get(f"/imports/template/{address}").data, sheet=1)
    assert desk.value("SELECT count(*) FROM access_log WHERE what = 'import template'") == 0


def test_errors_are_shown_with_their_place_and_taken_away_as_a_file(desk: Desk) -> None:
    (key, _people), clerk = waiting(desk), desk.signed_in(Role.CLERK)
    sent = codes(clerk, key, books.xlsx([["Mã đối tượng", "Lý do"], ["DT99999999", "x"]]))
    shown = page(clerk, sent)
    assert "Dòng 2, cột A (Mã đối tượng): Mã này không có trong danh sách" in shown and 'id="apply"' not in shown
    answer = clerk.post(f"{sent.location}/findings")
    assert books.read(answer.data)[1][2].startswith("Dòng 2, cột A")
    assert clerk.post(f"{sent.location}/apply", data={"seen": "x"}).status_code == 409
    gone = clerk.post(f"{sent.location}/discard", follow_redirects=True)
    assert "Đã bỏ tệp" in text_of(gone)
    assert clerk.post(f"{sent.location}/findings").status_code == 409


def test_an_unknown_sheet_asks_for_its_columns_and_is_then_read(desk: Desk) -> None:
    (key, people), clerk = waiting(desk), desk.signed_in(Role.CLERK)
    content = books.xlsx([["Biểu 7"], ["Mục 1", "Mục 2"], [people[0], "đã trả"]])
    sent = send(clerk, "sheet", content, settlement=key, from_standing="pending")
    shown = page(clerk, sent)
    assert "Cột nào là gì?" in shown and people[0] in shown
    bad = clerk.post(f"{sent.location}/columns", data={"heading_row": "2", "column-code": ""})
    assert bad.status_code == 422
    chosen = {"heading_row": "2", "column-code": "0", "column-result": "1", "column-x": "y"}
    shown = page(clerk, clerk.post(f"{sent.location}/columns", data=chosen))
    assert 'id="apply"' in shown


@pytest.mark.parametrize(
    "name",
    ["truncated", "a billion laughs", "unpacks to 200 MB", "a password (xlsx)", "a PDF", "one cell at the end of the world",
     "a web page named xls", "xls of noise"],
)  # fmt: skip
def test_a_bad_file_is_a_reason_on_a_page_and_writes_nothing(desk: Desk, name: str) -> None:
    (key, _people), clerk = waiting(desk, 1), desk.signed_in(Role.CLERK)
    shown = page(clerk, codes(clerk, key, CORPUS[name][0]()))
    assert "Tệp không đọc được." in shown and "Chọn tệp khác" in shown
    assert desk.value("SELECT count(*) FROM result_changes") == 0


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"from_standing": "paid"}, "Phải ghi lý do"),
        ({"outcome": "pending"}, "Kết quả không hợp lệ"),
        ({"from_standing": "unpaid", "reason": "x"}, "giống nhau"),
        ({"file": b""}, "Tệp rỗng"),
        ({"file": None}, "Chưa chọn tệp"),
    ],
)
def test_what_is_wrong_with_the_form_is_said_on_it(desk: Desk, form: dict[str, Any], words: str) -> None:
    (key, _people), clerk = waiting(desk, 1), desk.signed_in(Role.CLERK)
    content = form.pop("file", b"x")
    answer = (
        codes(clerk, key, content or b"", **form) if content is not None else codes(clerk, key, b"", **form, name="")
    )
    assert answer.status_code == 422 or answer.status_code == 409, text_of(answer)
    assert words in text_of(answer) and 'name="file"' in text_of(answer)


def test_people_and_payment_details_come_in_by_the_menu(desk: Desk) -> None:
    clerk = desk.signed_in(Role.CLERK)
    assert "Nhập hồ sơ đối tượng" in text_of(clerk.get("/imports/"))
    with desk.books() as session:
        code = make.entitled(session, "Lê Thị Hoa").beneficiary.code
    assert desk.value("SELECT min(code) FROM benefit_types") in text_of(clerk.get("/imports/new/registry"))
    rows = books.read(clerk.get("/imports/template/registry").data)
    assert rows[-1][:4] == ["Mã đối tượng", "Mã xã", "Họ và tên", "Ngày sinh"]
    sent = send(clerk, "registry", books.xlsx([["Họ và tên", "Năm sinh"], ["Trần Văn Hai", 1950]]))
    shown = page(clerk, sent)
    assert "Thêm 1 người mới." in shown
    clerk.post(f"{sent.location}/apply", data={"seen": seen(shown, "apply")})
    assert desk.value("SELECT count(*) FROM beneficiaries WHERE full_name = 'Trần Văn Hai'") == 1
    sent = send(
        clerk, "payments", books.csv([["Mã đối tượng", "Số tài khoản", "Ngân hàng"], [code, "0123456789", "BIDV"]])
    )
    shown = page(clerk, sent)
    assert "Đổi thông tin chi trả của 1 người." in shown
    clerk.post(f"{sent.location}/apply", data={"seen": seen(shown, "apply")})
    assert desk.value("SELECT count(*) FROM payment_methods WHERE account_no = '0123456789' AND is_current") == 1


@pytest.mark.parametrize("digit", ["\u00b2", "\u0663", "-1", "x"])
def test_a_column_that_is_no_number_is_said_on_a_page(desk: Desk, digit: str) -> None:
    (key, people), clerk = waiting(desk), desk.signed_in(Role.CLERK)
    content = books.xlsx([["Biểu 7"], ["Mục 1", "Mục 2"], [people[0], "x"]])
    sent = send(clerk, "sheet", content, settlement=key, from_standing="pending")
    form = {"column-code": digit, "column-result": "1", "heading_row": digit}
    assert clerk.post(f"{sent.location}/columns", data=form).status_code == 422


def test_a_large_file_is_read_and_applied_as_work(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    (key, people), clerk = waiting(desk), desk.signed_in(Role.CLERK)
    monkeypatch.setattr(starting, "AT_ONCE_BYTES", 10)
    monkeypatch.setattr(starting, "AT_ONCE_ROWS", 0)
    sent = codes(clerk, key, books.xlsx([["Mã đối tượng"], [people[0]]]))
    assert "Đang xử lý" in page(clerk, sent)
    first = clerk.get(f"{sent.location}/progress?seen=x").json
    assert first["every_s"] == 1 and "Đang đọc" in first["html"]
    assert work.perform_next(KINDS)
    told = clerk.get(f"{sent.location}/progress?seen={first['stamp']}").json
    assert told["every_s"] == 0 and 'id="apply"' in told["html"]
    assert "html" not in clerk.get(f"{sent.location}/progress?seen={told['stamp']}").json
    clerk.post(f"{sent.location}/apply", data={"seen": seen(told["html"], "apply")})
    assert "Đang xử lý" in text_of(clerk.get(sent.location))
    assert work.perform_next(KINDS)
    assert "Đã ghi kết quả cho 1 dòng." in text_of(clerk.get(sent.location))
    assert desk.value("SELECT count(*) FROM work_items WHERE phase = 'done'") == 2


def test_who_may_send_and_whose_files_are_seen(desk: Desk) -> None:
    (key, people), clerk = waiting(desk), desk.signed_in(Role.CLERK)
    content = books.xlsx([["Mã đối tượng"], [people[0]]])
    sent = codes(clerk, key, content)
    for role in (Role.SUPERVISOR, Role.AUDITOR):
        other = desk.signed_in(role)
        assert codes(other, key, content).status_code == 403
        assert other.get(sent.location).status_code == 403
    stranger = desk.signed_in(Role.CLERK, area=make.OTHER_COMMUNE)
    assert codes(stranger, key, content).status_code == 404
    assert stranger.get(sent.location).status_code == 404
    for action in ("apply", "discard", "findings", "columns"):
        assert stranger.post(f"{sent.location}/{action}").status_code == 404
        assert clerk.get(f"{sent.location}/{action}").status_code == 405
    accountant = desk.signed_in(Role.ACCOUNTANT)
    assert accountant.get(sent.location).status_code == 200
    assert send(accountant, "registry", content).status_code == 403
    people_sent = send(clerk, "registry", books.xlsx([["Họ và tên", "Năm sinh"], ["Trần Văn Hai", 1950]])).location
    assert accountant.get(people_sent).status_code == 404
    assert accountant.get(f"{people_sent}/progress").status_code == 404
    for action in ("apply", "discard", "findings", "columns"):
        assert accountant.post(f"{people_sent}/{action}").status_code == 404
    assert people_sent not in accountant.get("/imports/").text and people_sent in clerk.get("/imports/").text
    assert accountant.get("/imports/new/nothing").status_code == 404
    assert accountant.get("/imports/new/codes?settlement=999999").status_code == 404
    assert people[0] not in text_of(stranger.get("/imports/"))


def test_a_connected_list_takes_no_file(desk: Desk) -> None:
    with desk.books() as session:
        key = stages.reported(session, "paid", people=1).id
    answer = desk.signed_in(Role.CLERK).get(f"/imports/new/codes?settlement={key}")
    assert answer.status_code == 409 and "qua kết nối" in text_of(answer)


def test_old_files_are_put_away_by_the_scheduler(desk: Desk) -> None:
    (key, people), clerk = waiting(desk), desk.signed_in(Role.CLERK)
    codes(clerk, key, books.xlsx([["Mã đối tượng"], [people[0]]]))
    with clock.at(date(2026, 11, 20)), acting_as(SYSTEM):
        assert not expire_imports(desk.program.config["CHITRA"].home)
    assert desk.value("SELECT phase FROM file_imports") == "discarded"
    assert re.search("Đã bỏ", text_of(clerk.get("/imports/")))
