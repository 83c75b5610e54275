"""Failures as answers: in words for people, as problems for machines, never with the program's or database's inside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm.exc import StaleDataError

from app.errors import BadInput, NotAllowed, NotFound, RuleBroken
from app.extensions import acting_as, db
from app.rules.actors import SYSTEM
from app.rules.dates import DateError
from tests.screens import throwaway
from tests.screens.conftest import SignIn

INSIDE = ("psycopg", "sqlalchemy", "Traceback", "SELECT", "INSERT", "payout_batches", "RAISE", "frozen", "policy")


def sql(statement: str, **facts: str) -> Any:
    def fail() -> Any:
        with acting_as(SYSTEM):
            db.session.execute(text(statement), facts)
        raise AssertionError("the database let it through")

    return fail


def raised(error: BaseException) -> Any:
    def fail() -> Any:
        raise error

    return fail


def guard(state: str) -> Any:
    return sql(f"DO $$ BEGIN RAISE EXCEPTION 'list CT-1 is frozen' USING ERRCODE = '{state}'; END $$")


def lost() -> Any:
    raise OperationalError("SELECT 1", {}, Exception("server closed the connection"), connection_invalidated=True)


FAILURES: dict[str, tuple[Any, int, str]] = {
    "rule": (raised(RuleBroken("Chưa gửi được: %(count)s dòng thiếu tài khoản.", count=3)), 409, "3 dòng thiếu tài khoản"),
    "input": (raised(BadInput("Số ngày chưa đúng.", field="days")), 422, "Số ngày chưa đúng."),
    "forbidden": (raised(NotAllowed()), 403, "Bạn không có quyền thực hiện thao tác này."),
    "missing": (raised(NotFound()), 404, "không thuộc địa bàn của bạn"),
    "unreadable": (raised(DateError("century")), 422, "Năm phải từ 1900 đến 2100."),
    "stale": (raised(StaleDataError()), 409, "vừa được người khác thay đổi"),
    "CH001": (guard("CH001"), 409, "Danh sách đã duyệt"),
    "CH002": (guard("CH002"), 409, "Quyết toán đã chốt"),
    "CH003": (guard("CH003"), 409, "Gói tin đã lưu"),
    "CH004": (guard("CH004"), 409, "dưới 20 ngày"),
    "CH005": (sql("UPDATE state_changes SET actor = 'x'"), 403, "ngoài phạm vi"),
    "CH006": (guard("CH006"), 409, "để có ghi nhật ký"),
    "CH020": (guard("CH020"), 409, "vượt quá số đã trả sai"),
    "unknown_guard": (guard("CH999"), 409, "Cơ sở dữ liệu không nhận"),
    "row_security": (
        sql("SET LOCAL chitra.hi = ''; INSERT INTO access_log (area_path, actor, what) VALUES ('VN/', 'x', 'y')"),
        403,
        "ngoài phạm vi",
    ),
    "locked": (guard("55P03"), 503, "đang bận"),
    "deadlock": (guard("40P01"), 503, "đang bận"),
    "too_long": (sql("SET LOCAL statement_timeout = 20; SELECT pg_sleep(1)"), 503, "đang bận"),
    "out_of_range": (sql("SELECT 10::bigint ^ 40::int :: bigint, 99999999999::int"), 422, "không ghi được"),
    "nul": (sql("SELECT :nul", nul="a\0b"), 422, "không ghi được"),
    "unique": (
        sql("INSERT INTO areas (code, path, level, parent_id, kind, name, full_name, full_name_en, name_fold, valid_from)"
            " SELECT code, path, level, parent_id, kind, name, full_name, full_name_en, name_fold, valid_from FROM areas"
            " WHERE code = '01'"),
        409,
        "Đã có một bản ghi như thế này.",
    ),
    "away": (lost, 503, "không kết nối được"),
    "abort_400": (lambda: abort(400), 400, "giá trị không hợp lệ"),
    "abort_418": (lambda: abort(418), 418, "giá trị không hợp lệ"),
    "abort_429": (lambda: abort(429), 429, "Hãy đợi một phút"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def failures() -> Iterator[None]:
    throwaway.FAILURES.update({name: how for name, (how, _status, _words) in FAILURES.items()})
    throwaway.FAILURES["crash"] = lambda: 1 / 0
    yield
    throwaway.FAILURES.clear()


@pytest.fixture
def clerk(sign_in: SignIn) -> FlaskClient:
    return sign_in()


@pytest.mark.parametrize("kind", FAILURES)
def test_a_failure_is_a_page_in_words(clerk: FlaskClient, kind: str) -> None:
    _how, status, words = FAILURES[kind]
    answer = clerk.get(f"/trypage/fail/{kind}")
    assert answer.status_code == status
    assert words in answer.text
    assert '<nav id="menu"' in answer.text, "in our layout"
    for inside in INSIDE:
        assert inside not in answer.text


@pytest.mark.parametrize("kind", FAILURES)
def test_the_same_failure_is_a_problem_for_a_machine(clerk: FlaskClient, kind: str) -> None:
    _how, status, words = FAILURES[kind]
    answer = clerk.get(f"/trypage/fail/{kind}", headers={"Accept": "application/json"})
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    assert answer.json is not None
    assert answer.json["status"] == status
    assert words in answer.json["detail"]
    for inside in INSIDE:
        assert inside not in answer.text


@pytest.mark.parametrize("kind", ["rule", "input", "CH001", "locked"])
def test_a_refused_form_goes_back_to_its_page_with_the_message(clerk: FlaskClient, kind: str) -> None:
    _how, _status, words = FAILURES[kind]
    back = {"Referer": "http://localhost/trypeople/list/?_flt_0_code=x"}
    answer = clerk.post(f"/trypage/fail/{kind}", data={"a": "1"}, headers=back)
    assert answer.status_code == 303
    assert answer.location == "/trypeople/list/?_flt_0_code=x"
    assert words in clerk.get(answer.location).text


@pytest.mark.parametrize("referrer", [None, "https://evil.example/x", "http://localhost:8081/x"])
def test_a_refused_form_from_elsewhere_is_answered_by_a_page(clerk: FlaskClient, referrer: str | None) -> None:
    headers = {"Referer": referrer} if referrer else {}
    answer = clerk.post("/trypage/fail/rule", data={"a": "1"}, headers=headers)
    assert answer.status_code == 409
    assert "evil" not in answer.text


def test_the_field_of_bad_input_is_told_to_machines(clerk: FlaskClient) -> None:
    answer = clerk.get("/trypage/fail/input", headers={"Accept": "application/json"})
    assert answer.json == {
        "type": "urn:chitra:input", "title": "Dữ liệu nhập chưa đúng", "status": 422, "detail": "Số ngày chưa đúng.",
        "code": "input", "field": "days",
    }  # fmt: skip


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/agency/nothing", "/health/nothing"])
def test_paths_for_machines_answer_problems_whatever_is_accepted(clerk: FlaskClient, path: str) -> None:
    answer = clerk.get(path, headers={"Accept": "text/html"})
    assert answer.mimetype == "application/problem+json"


def test_a_missing_page_is_in_words(clerk: FlaskClient) -> None:
    answer = clerk.get("/khong-co")
    assert (answer.status_code, "Không tìm thấy" in answer.text) == (404, True)


def test_the_wrong_method_says_what_is_allowed(clerk: FlaskClient) -> None:
    answer = clerk.put("/trypeople/list/")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_a_form_too_big_names_the_limit(clerk: FlaskClient) -> None:
    answer = clerk.post("/trypeople/add", data={"code": "x" * 26 * 1024 * 1024})
    assert answer.status_code == 413
    assert "25 MB" in answer.text


def test_an_old_page_is_told_to_reload(tried: Flask, clerk: FlaskClient) -> None:
    """Stock: Flask-AppBuilder installs no forgery protection, and the message is English."""
    tried.config["WTF_CSRF_ENABLED"] = True
    try:
        answer = clerk.post("/trypage/fail/rule", data={"csrf_token": "old"})
        assert answer.status_code == 400
        assert "Trang đã cũ" in answer.text
        problem = clerk.post("/month", data={"month": "01/2026"}, headers={"Accept": "application/json"})
        assert (problem.status_code, problem.json and problem.json["code"]) == (400, "csrf")
    finally:
        tried.config["WTF_CSRF_ENABLED"] = False


def test_a_crash_gives_a_number_and_no_detail(
    tried: Flask, clerk: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    tried.config["PROPAGATE_EXCEPTIONS"] = False
    try:
        answer = clerk.get("/trypage/fail/crash")
        machine = clerk.get("/trypage/fail/crash", headers={"Accept": "application/json"})
    finally:
        tried.config["PROPAGATE_EXCEPTIONS"] = None
    assert (answer.status_code, machine.status_code) == (500, 500)
    assert "ZeroDivisionError" not in answer.text + machine.text
    incidents = [record.incident for record in caplog.records if hasattr(record, "incident")]
    assert incidents[0] in answer.text
    assert machine.json is not None
    assert machine.json["incident"] == incidents[1]


def test_a_failed_form_leaves_nothing_half_done(clerk: FlaskClient) -> None:
    def half() -> Any:
        with acting_as(SYSTEM):
            db.session.execute(text("INSERT INTO periods (month) VALUES ('2026-11-01')"))
        raise RuleBroken

    throwaway.FAILURES["half"] = half
    clerk.post("/trypage/fail/half", data={"a": "1"})
    with acting_as(SYSTEM):
        assert db.session.scalar(text("SELECT count(*) FROM periods")) == 0
