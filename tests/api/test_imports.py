"""Files by REST: sent, their preview read with every finding, applied whole or put away; sizes, roles, other areas."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import clock
from app.extensions import acting_as
from app.imports import starting
from app.imports.limits import PACKED_BYTES
from app.jobs.work import KINDS
from app.rules.actors import SYSTEM, Role
from app.services import work
from tests import factories as make
from tests import hand, stages
from tests.api.answers import fields_of, problem_of, rows
from tests.api.conftest import Program
from tests.imports import books

IMPORTS = "/api/v1/imports/"


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def waiting(session: Session) -> tuple[int, list[str]]:
    """A settlement by hand, and the codes of its three people."""
    settlement = hand.own_settlement(session, people=3)
    return settlement.id, [line.beneficiary_code for line in hand.lines(session, settlement)]


def send(client: FlaskClient, content: bytes, name: str = "kết quả.xlsx", **form: Any) -> Any:
    return client.post(IMPORTS, data={"file": (BytesIO(content), name), **form}, content_type="multipart/form-data")


def codes(client: FlaskClient, key: int, *people: str, **form: Any) -> Any:
    content = books.xlsx([["Mã đối tượng", "Lý do"], *([one, "Vắng mặt"] for one in people)])
    return send(client, content, **({"kind": "codes", "settlement_id": str(key), "outcome": "unpaid"} | form))


def test_codes_are_sent_read_and_applied_once(program: Program, waiting: tuple[int, list[str]]) -> None:
    (key, people), clerk = waiting, program(Role.CLERK)
    template = clerk.get(f"{IMPORTS}templates/codes?settlement_id={key}")
    assert template.headers["Cache-Control"] == "no-store"
    assert books.read(template.data)[0][0] == "CẬP NHẬT CHI TRẢ NÂNG CAO"
    sent = codes(clerk, key, people[0])
    assert sent.status_code == 201, sent.text
    row = sent.json["result"]
    assert (row["phase"], row["row_count"], row["error_count"], row["file_name"]) == ("ready", 1, 0, "kết quả.xlsx")
    assert sent.json["would"][1] == "2 dòng “Chưa cập nhật” không có trong tệp, giữ nguyên."
    assert rows("SELECT count(*) FROM result_changes") == [(0,)]
    address = f"{IMPORTS}{sent.json['id']}"
    assert fields_of(clerk.post(f"{address}/apply", json={})) == {"stamp"}
    done = clerk.post(f"{address}/apply", json={"stamp": row["stamp"]})
    assert (done.status_code, done.json["result"]["phase"]) == (200, "applied")
    assert done.json["result"]["message"] == "Đã ghi kết quả cho 1 dòng."
    problem_of(clerk.post(f"{address}/apply", json={"stamp": row["stamp"]}), 409)
    assert rows("SELECT how, line_count, file_name FROM result_changes") == [("codes", 1, "kết quả.xlsx")]
    assert rows("SELECT what FROM access_log ORDER BY id") == [("import template",), ("import codes",)]


def test_findings_name_their_cells_and_the_file_is_put_away(program: Program, waiting: tuple[int, list[str]]) -> None:
    (key, people), clerk = waiting, program(Role.CLERK)
    sent = codes(clerk, key, people[0], "DT99999999", "DT99999998")
    address = f"{IMPORTS}{sent.json['id']}"
    found = clerk.get(f"{address}/findings?page_size=1&page=1").json
    assert found["count"] == 2
    assert found["result"][0]["row"] == 4 and found["result"][0]["column"] == "A"
    assert found["result"][0]["severity"] == "error" and found["result"][0]["title"] == "Mã đối tượng"
    problem_of(clerk.post(f"{address}/apply", json={"stamp": sent.json["result"]["stamp"]}), 409)
    taken = clerk.get(f"{address}/workbook")
    assert (
        books.read(taken.data)[2][2].startswith("Dòng 3, cột A")
        and "attachment" in taken.headers["Content-Disposition"]
    )
    assert clerk.post(f"{address}/discard").json["result"]["phase"] == "discarded"
    for again in (clerk.post(f"{address}/discard"), clerk.get(f"{address}/workbook")):
        problem_of(again, 409)
    assert clerk.get(f"{address}/findings").json["result"] == []
    assert rows("SELECT what FROM access_log ORDER BY id") == [("API import findings",), ("import findings",)]


def test_a_preview_whose_books_have_moved_is_made_again(program: Program, waiting: tuple[int, list[str]]) -> None:
    (key, people), clerk = waiting, program(Role.CLERK)
    sent = codes(clerk, key, people[0])
    clerk.post("/api/v1/result_changes/", json={"settlement_id": key, "from_standing": "pending", "outcome": "paid"})
    address = f"{IMPORTS}{sent.json['id']}"
    problem_of(clerk.post(f"{address}/apply", json={"stamp": sent.json["result"]["stamp"]}), 409)
    assert clerk.get(address).json["result"]["error_count"] == 1


def test_an_unknown_sheet_is_read_once_its_columns_are_chosen(program: Program, waiting: tuple[int, list[str]]) -> None:
    (key, people), clerk = waiting, program(Role.CLERK)
    content = books.xlsx([["Biểu 7"], ["Mục 1", "Mục 2"], [people[0], "đã trả"]])
    sent = send(clerk, content, kind="sheet", settlement_id=str(key))
    assert sent.json["result"]["phase"] == "columns" and sent.json["columns"][0]["key"] == "code"
    address = f"{IMPORTS}{sent.json['id']}/columns"
    for places in ({}, {"result": 1}, {"code": 0, "x": 1}, {"code": 0, "result": 0}):
        problem_of(clerk.post(address, json={"places": places, "heading_row": 2}), 422)
    for places in ([], {"code": "0"}, {"code": -1}, {"code": 999}, None):
        assert fields_of(clerk.post(address, json={"places": places, "heading_row": 2})) == {"places"}
    chosen = clerk.post(address, json={"places": {"code": 0, "result": 1}, "heading_row": 2})
    assert (chosen.status_code, chosen.json["result"]["phase"]) == (200, "ready"), chosen.text


def test_people_and_payment_details_come_in_whole(program: Program, session: Session) -> None:
    make.agency(session)
    code = make.entitled(session, "Lê Thị Hoa").beneficiary.code
    session.commit()
    clerk, applied = program(Role.CLERK), []
    for kind, content in (
        ("registry", books.xlsx([["Họ và tên", "Năm sinh"], ["Trần Văn Hai", 1950]])),
        ("payments", books.xlsx([["Mã đối tượng", "Hình thức", "Số tài khoản", "Ngân hàng"],
                                 [code, "Tài khoản", "123456789", "VCB"]])),
    ):  # fmt: skip
        assert clerk.get(f"{IMPORTS}templates/{kind}").status_code == 200
        sent = send(clerk, content, kind=kind)
        assert sent.json["result"]["error_count"] == 0, clerk.get(f"{IMPORTS}{sent.json['id']}/findings").text
        stamp = {"stamp": sent.json["result"]["stamp"]}
        applied.append(clerk.post(f"{IMPORTS}{sent.json['id']}/apply", json=stamp).json["result"]["phase"])
    assert applied == ["applied", "applied"]
    assert rows("SELECT count(*) FROM beneficiaries WHERE full_name = 'Trần Văn Hai'") == [(1,)]
    assert rows("SELECT count(*) FROM payment_methods WHERE account_no = '123456789'") == [(1,)]
    assert [one["kind"] for one in clerk.get(IMPORTS).json["result"]] == ["payments", "registry"]


def test_a_large_file_is_read_and_applied_as_work(
    program: Program, waiting: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (key, people), clerk = waiting, program(Role.CLERK)
    monkeypatch.setattr(starting, "AT_ONCE_BYTES", 10)
    monkeypatch.setattr(starting, "AT_ONCE_ROWS", 0)
    sent = codes(clerk, key, people[0])
    assert (sent.status_code, sent.json["phase"]) == (202, "queued")
    address = f"{IMPORTS}{sent.json['id']}"
    assert clerk.get(address).json["result"]["phase"] == "reading"
    with acting_as(SYSTEM):
        assert work.perform_next(KINDS)
    told = clerk.get(f"/api/v1/work/{sent.json['work']}").json
    assert (told["phase"], told["result"]) == ("done", {"import_id": sent.json["id"]})
    stamp = {"stamp": clerk.get(address).json["result"]["stamp"]}
    begun = clerk.post(f"{address}/apply", json=stamp)
    assert begun.status_code == 202
    problem_of(clerk.post(f"{address}/apply", json=stamp), 409)
    with acting_as(SYSTEM):
        assert work.perform_next(KINDS)
    assert clerk.get(address).json["result"]["phase"] == "applied"
    problem_of(clerk.post(f"{address}/apply", json=stamp), 409)
    assert rows("SELECT count(*) FROM work_items") == [(2,)]


def test_a_large_file_is_read_again_as_work(
    program: Program, waiting: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading may take a minute: no request waits for it, however often columns are chosen."""
    (key, people), clerk = waiting, program(Role.CLERK)
    content = books.xlsx([["Biểu 7"], ["Mục 1", "Mục 2"], [people[0], "đã trả"]])
    address = f"{IMPORTS}{send(clerk, content, kind='sheet', settlement_id=str(key)).json['id']}"
    monkeypatch.setattr(starting, "AT_ONCE_BYTES", 10)
    chosen = {"places": {"code": 0, "result": 1}, "heading_row": 2}
    begun = clerk.post(f"{address}/columns", json=chosen)
    assert (begun.status_code, begun.json["phase"]) == (202, "queued"), begun.text
    problem_of(clerk.post(f"{address}/columns", json=chosen), 409)
    assert clerk.get(address).json["result"]["phase"] == "reading"
    with acting_as(SYSTEM):
        assert work.perform_next(KINDS)
    assert clerk.get(address).json["result"]["phase"] == "ready"


# --- What is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [1, 2 * 2**20])
def test_a_file_that_is_too_large_is_not_kept(program: Program, waiting: tuple[int, list[str]], more: int) -> None:
    answer = send(
        program(Role.CLERK), b"x" * (PACKED_BYTES + more), kind="codes", settlement_id=str(waiting[0]), outcome="paid"
    )
    assert problem_of(answer, 413)["code"] == "too_large" and "10 MB" in answer.json["detail"]
    assert rows("SELECT count(*) FROM file_imports") == [(0,)]


def test_what_is_no_form_with_a_file_is_refused(program: Program, waiting: tuple[int, list[str]]) -> None:
    clerk = program(Role.CLERK)
    problem_of(clerk.post(IMPORTS, json={"kind": "codes"}), 415)
    problem_of(clerk.post(IMPORTS, data={"kind": "codes"}), 415)
    problem_of(clerk.post(IMPORTS, data=b"x", content_type="multipart/form-data"), 422)
    for form, wrong in (
        ({"kind": "codes"}, {"file"}),
        ({"kind": "codes", "file": "x"}, {"file"}),
        ({"kind": "codes", "file": [(BytesIO(b"x"), "a.csv"), (BytesIO(b"x"), "b.csv")]}, {"file"}),
        ({"file": (BytesIO(b"x"), "a.csv"), "more": (BytesIO(b"x"), "b.csv")}, {"kind", "more"}),
        ({"kind": ["codes", "sheet"], "file": (BytesIO(b"x"), "a.csv")}, {"kind"}),
    ):
        answer = clerk.post(IMPORTS, data=form, content_type="multipart/form-data")
        assert fields_of(answer) == wrong
    assert rows("SELECT count(*) FROM file_imports") == [(0,)]


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"kind": "lines"}, 422),
        ({"settlement_id": "x"}, 422),
        ({"settlement_id": "999999"}, 404),
        ({"from_standing": "dispute"}, 422),
        ({"from_standing": "paid"}, 422),
        ({"from_standing": "unpaid", "reason": "x"}, 409),
        ({"outcome": "pending"}, 422),
        ({"area_code": "00004"}, 422),
    ],
)
def test_a_wrong_form_is_refused_before_anything_is_kept(
    program: Program, waiting: tuple[int, list[str]], form: dict[str, str], status: int
) -> None:
    problem_of(codes(program(Role.CLERK), waiting[0], waiting[1][0], **form), status)
    assert rows("SELECT count(*) FROM file_imports") == [(0,)]


def test_results_are_for_those_who_decide_and_people_for_clerks(
    program: Program, waiting: tuple[int, list[str]]
) -> None:
    key, people = waiting
    accountant, supervisor = program(Role.ACCOUNTANT), program(Role.SUPERVISOR)
    assert codes(accountant, key, people[0]).status_code == 201
    problem_of(send(accountant, b"x", kind="registry"), 403)
    problem_of(accountant.get(f"{IMPORTS}templates/registry"), 403)
    problem_of(codes(supervisor, key, people[0]), 403)
    beside = program(Role.CLERK, area=make.OTHER_COMMUNE)
    problem_of(codes(beside, key, people[0]), 404)
    mine = accountant.get(IMPORTS).json["ids"][0]
    for method, path in (
        ("GET", ""),
        ("GET", "/findings"),
        ("GET", "/workbook"),
        ("POST", "/discard"),
        ("POST", "/apply"),
    ):
        problem_of(beside.open(f"{IMPORTS}{mine}{path}", method=method), 404)


def test_files_of_people_are_a_clerks_also_once_they_are_sent(program: Program, waiting: tuple[int, list[str]]) -> None:
    """They hold whole ID numbers and telephone numbers, which an accountant is shown nowhere."""
    clerk, accountant = program(Role.CLERK), program(Role.ACCOUNTANT)
    content = books.xlsx([["Họ và tên", "Năm sinh", "Số CCCD"], ["Trần Văn Hai", 1950, "001050001234"]])
    key = send(clerk, content, kind="registry").json["id"]
    assert accountant.get(IMPORTS).json["ids"] == []
    for method, path in (
        ("GET", ""),
        ("GET", "/findings"),
        ("GET", "/workbook"),
        ("POST", "/columns"),
        ("POST", "/apply"),
        ("POST", "/discard"),
    ):
        problem_of(accountant.open(f"{IMPORTS}{key}{path}", method=method), 404)
    assert clerk.get(IMPORTS).json["ids"] == [key]
    assert clerk.get(f"{IMPORTS}{key}").json["result"]["phase"] == "ready"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("UTF-8''a%0D%0AX-Y%3A%20z.xlsx", "aX-Y: z.xlsx"),
        ("UTF-8''a%00b.xlsx", "ab.xlsx"),
        ("UTF-8''%E2%80%AExslx.a", "xslx.a"),
        ("UTF-8''..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("UTF-8''C%3A%5Cxa%5Cke%CC%81t.xlsx", "két.xlsx"),
        ("UTF-8''%0A", "tep"),
    ],
)
def test_the_name_of_a_file_is_words_on_one_line(
    program: Program, waiting: tuple[int, list[str]], sent: str, kept: str
) -> None:
    (key, people), clerk = waiting, program(Role.CLERK)
    members = {"kind": "codes", "settlement_id": str(key), "outcome": "unpaid"}
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}' for name, value in members.items()]
    head = f'Content-Disposition: form-data; name="file"; filename*={sent}\r\nContent-Type: text/csv\r\n\r\n'
    body = "\r\n".join(f"--x\r\n{part}" for part in [*parts, f"{head}Mã đối tượng\n{people[0]}\n"]) + "\r\n--x--\r\n"
    answer = clerk.post(IMPORTS, data=body.encode(), content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 201, answer.text
    assert answer.json["result"]["file_name"] == kept
    assert clerk.get(f"{IMPORTS}{answer.json['id']}/workbook").status_code == 200


def test_who_saw_cells_of_a_file_is_recorded(program: Program, waiting: tuple[int, list[str]]) -> None:
    (key, people), clerk = waiting, program(Role.CLERK)
    content = books.xlsx([["Biểu 7"], ["Mục 1", "Mục 2"], [people[0], "Nguyễn Văn Kín"]])
    sent = send(clerk, content, kind="sheet", settlement_id=str(key))
    assert "Nguyễn Văn Kín" in str(sent.json["result"]["seen"]["sample"])
    assert rows("SELECT what, row_count, entity_id FROM access_log") == [("API import rows", 3, sent.json["id"])]


def test_a_file_nobody_can_read_says_why(program: Program, waiting: tuple[int, list[str]]) -> None:
    sent = send(program(Role.CLERK), books.encrypted_ole(), kind="sheet", settlement_id=str(waiting[0]))
    assert (sent.status_code, sent.json["result"]["phase"]) == (201, "refused")
    assert "mật khẩu" in sent.json["result"]["message"]


def test_a_connected_list_takes_no_file(program: Program, session: Session) -> None:
    problem_of(codes(program(Role.CLERK), stages.reported(session, "paid", people=1).id, "DT1"), 409)
    problem_of(program(Role.CLERK).get(f"{IMPORTS}templates/lines"), 404)
    problem_of(program(Role.CLERK).get(f"{IMPORTS}templates/codes"), 404)
    problem_of(program(Role.CLERK).get(f"{IMPORTS}templates/codes?settlement_id=x"), 422)
