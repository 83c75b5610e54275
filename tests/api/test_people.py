"""Beneficiaries by REST: entered and changed like by the form, shown with what is sensitive left out."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.rules.actors import Role
from tests import factories as make
from tests.accounts import people
from tests.api.answers import fields_of, problem_of, rows
from tests.api.conftest import Program

ADDRESS = "/api/v1/beneficiaries/"
BINH = {"full_name": "Nguyễn Thị Bình", "birth": "05/03/1950", "area_code": "00004"}


@pytest.fixture
def clerk(program: Program) -> FlaskClient:
    return program(Role.CLERK)


def entered(clerk: FlaskClient, **more: Any) -> dict[str, Any]:
    answer = clerk.post(ADDRESS, json=BINH | more)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json
    return found


def people_count() -> int:
    return int(rows("SELECT count(*) FROM beneficiaries")[0][0])


# --- Entering ------------------------------------------------------------------------------------------------------


def test_a_person_is_entered_with_all_that_the_form_takes(clerk: FlaskClient) -> None:
    full = BINH | {
        "sex": "female", "id_number": "001 150 012 345", "ethnicity": "Tày", "hamlet": "Thôn 1",
        "address": "Số 5", "phone": "+84 912 345 678",
    }  # fmt: skip
    answer = clerk.post(ADDRESS, json=full)
    assert answer.status_code == 201
    result = answer.json["result"]
    assert answer.headers["Location"] == f"{ADDRESS}{answer.json['id']}"
    assert answer.json["warnings"] == []
    assert result["code"].startswith("DT") and result["row_version"] == 1
    assert (result["birth"], result["id_number"], result["phone"]) == ("05/03/1950", "001150012345", "0912345678")
    assert (result["area"]["code"], result["ethnicity"], result["status"]) == ("00004", "Tày", "active")
    assert rows("SELECT area_path, name_fold FROM beneficiaries") == [("VN/01/00004/", "nguyen thi binh")]
    assert rows("SELECT kind, is_current FROM payment_methods") == [("cash", True)]


def test_an_odd_id_number_is_a_warning_and_no_refusal(clerk: FlaskClient) -> None:
    assert entered(clerk, sex="male", id_number="001150012345")["warnings"] == ["id_sex"]


def test_decomposed_letters_are_stored_composed(clerk: FlaskClient) -> None:
    decomposed = {name: unicodedata.normalize("NFD", text) for name, text in BINH.items()}
    answer = clerk.post(ADDRESS, json=decomposed | {"hamlet": unicodedata.normalize("NFD", "Xóm Đồng Đức")})
    assert answer.json["result"]["full_name"] == "Nguyễn Thị Bình"
    assert answer.json["result"]["hamlet"] == "Xóm Đồng Đức"


@pytest.mark.parametrize("birth", ["1950", "03/1950", "1950-03-05"])
def test_a_birth_date_is_kept_as_far_as_it_is_known(clerk: FlaskClient, birth: str) -> None:
    shown = {"1950": "1950", "03/1950": "03/1950", "1950-03-05": "05/03/1950"}[birth]
    assert entered(clerk, birth=birth)["result"]["birth"] == shown


BAD: list[tuple[str, Any]] = [
    *(("full_name", value) for value in (None, "", "   ", 5, True, ["a"], {"a": 1}, "x" * 101, "A\x00B", "A\u200bB", "12")),
    ("full_name", "A\ud800B"),
    ("full_name", "Nguy\u00adn"),
    *(("birth", value) for value in (None, "", 1950, -1, 1e18, "1850", "31/02/1950", "32/01/1950", "01/01/2200", "hôm qua")),
    ("birth", "01/01/2099"),
    *(("sex", value) for value in ("nam", 1, "", "x" * 999, [])),
    *(("id_number", value) for value in (12, "123", "abc", "1" * 13, "-1", 10**18, "٠٠١١٥٠٠١٢٣٤٥")),
    *(("phone", value) for value in (912345678, "123", "x" * 300, "09123\x0745678")),
    *(("hamlet", value) for value in (7, "x" * 121, "Thôn\x1b[31m", {"$ne": ""})),
    *(("address", value) for value in (False, "x" * 256, "\u202etrái")),
    *(("ethnicity", value) for value in ([], "x" * 51)),
    *(("area_code", value) for value in (None, "", 4, "99999", "66", "VN", "01", "22015", "00008", "00004'--", "x" * 21, "\x00")),
    ("id", 1),
    ("code", "DT1"),
    ("area_path", "VN/"),
    ("row_version", 3),
    ("status", "dead"),
    ("x" * 5000, 1),
    ("\ud800", 1),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), BAD)
def test_a_wrong_member_is_named_and_nothing_is_stored(clerk: FlaskClient, field: str, value: Any) -> None:
    named = fields_of(clerk.post(ADDRESS, json=BINH | {field: value}))
    assert named == {field[:100].encode("utf-8", "replace").decode()}
    assert people_count() == 0


def test_every_wrong_member_is_named_at_once(clerk: FlaskClient) -> None:
    answer = clerk.post(ADDRESS, json={"full_name": 1, "birth": "x", "phone": "x", "nothing": 1})
    assert fields_of(answer) == {"full_name", "birth", "phone", "nothing", "area_code"}


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"data": b"{", "content_type": "application/json"}, 400),
        ({"data": b"[1]", "content_type": "application/json"}, 400),
        ({"data": b"\xff\xfe", "content_type": "application/json"}, 400),
        ({"data": b'{"a": NaN}', "content_type": "application/json"}, 400),
        ({"data": b'{"a": 1, "a": 2}', "content_type": "application/json"}, 400),
        ({"data": b"[" * 5000, "content_type": "application/json"}, 400),
        ({"data": b'{"a":' * 9000, "content_type": "application/json"}, 400),
        ({"data": b'{"a": ' + b"9" * 5000 + b"}", "content_type": "application/json"}, 400),
        ({"data": b"full_name=x", "content_type": "application/x-www-form-urlencoded"}, 415),
        ({"data": b"<x/>", "content_type": "text/xml"}, 415),
        ({"data": b"{}"}, 415),
        ({"data": b"{}", "content_type": "application/json", "headers": {"Content-Encoding": "gzip"}}, 415),
        ({"data": b" " * 70_000, "content_type": "application/json"}, 413),
        ({"data": b"", "content_type": "application/json"}, 422),
    ],
)
def test_a_body_that_is_no_object_is_refused_by_kind(clerk: FlaskClient, sent: dict[str, Any], status: int) -> None:
    problem_of(clerk.post(ADDRESS, **sent), status)
    assert people_count() == 0


def test_the_same_request_twice_enters_one_person(clerk: FlaskClient) -> None:
    first = entered(clerk, hamlet="Thôn 1")
    again = problem_of(clerk.post(ADDRESS, json=BINH | {"hamlet": "Thôn 1"}), 409)
    assert first["result"]["code"] in again["detail"]
    assert people_count() == 1


def test_a_namesake_of_another_hamlet_is_another_person(clerk: FlaskClient) -> None:
    entered(clerk, hamlet="Thôn 1")
    entered(clerk, hamlet="Thôn 2")
    assert people_count() == 2


def test_a_clerk_of_the_province_enters_people_of_its_communes(program: Program) -> None:
    clerk = program(Role.CLERK, area=people.HANOI)
    assert entered(clerk, area_code="00008")["result"]["area"]["code"] == "00008"
    assert fields_of(clerk.post(ADDRESS, json=BINH | {"area_code": "24133"})) == {"area_code"}


# --- Changing ------------------------------------------------------------------------------------------------------


def test_a_change_keeps_what_it_does_not_name(clerk: FlaskClient) -> None:
    made = entered(clerk, hamlet="Thôn 1", phone="0912345678", id_number="001150012345")
    answer = clerk.put(
        f"{ADDRESS}{made['id']}", json={"row_version": 1, "full_name": "Nguyễn Thị Bình An", "phone": None}
    )
    assert answer.status_code == 200
    result = answer.json["result"]
    assert (result["full_name"], result["hamlet"], result["phone"]) == ("Nguyễn Thị Bình An", "Thôn 1", None)
    assert result["row_version"] == 2
    assert rows("SELECT name_fold FROM beneficiaries") == [("nguyen thi binh an",)]


def test_a_death_needs_its_day(clerk: FlaskClient) -> None:
    made = entered(clerk)
    address = f"{ADDRESS}{made['id']}"
    assert fields_of(clerk.put(address, json={"row_version": 1, "status": "dead"})) == {"died_on"}
    assert fields_of(clerk.put(address, json={"row_version": 1, "died_on": "01/02/2026"})) == {"died_on"}
    answer = clerk.put(address, json={"row_version": 1, "status": "dead", "died_on": "2026-02-01"})
    assert (answer.json["result"]["status"], answer.json["result"]["died_on"]) == ("dead", "2026-02-01")
    assert rows("SELECT died_on::text, undone_at FROM deaths") == [("2026-02-01", None)], "to be undone like any other"
    version = answer.json["result"]["row_version"]
    assert fields_of(clerk.put(address, json={"row_version": version, "died_on": "2026-02-02"})) == {"died_on"}
    assert fields_of(clerk.put(address, json={"row_version": version, "status": "active", "died_on": None})) == {
        "status"
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("row_version", value) for value in (None, "1", 0, -1, 1.5, True, 10**18)),
        *(("status", value) for value in (None, "", "x", 1)),
        *(("died_on", value) for value in ("01/01/1850", 20260101, "ngày mai", "01/01/2099")),
        ("full_name", None), ("birth", None), ("area_code", None), ("area_code", "22015"), ("hamlet", ["x"]), ("id", 4),
    ],
)  # fmt: skip
def test_a_wrong_change_is_named_and_not_made(clerk: FlaskClient, field: str, value: Any) -> None:
    made = entered(clerk)
    before = rows("SELECT * FROM beneficiaries")
    answer = clerk.put(f"{ADDRESS}{made['id']}", json={"row_version": 1, "hamlet": "Thôn 9", field: value})
    assert fields_of(answer) == {field}
    assert rows("SELECT * FROM beneficiaries") == before


def test_a_change_needs_the_version_it_was_read_with(clerk: FlaskClient) -> None:
    made = entered(clerk)
    assert fields_of(clerk.put(f"{ADDRESS}{made['id']}", json={"hamlet": "Thôn 2"})) == {"row_version"}


def test_the_same_change_twice_is_stale_the_second_time(clerk: FlaskClient) -> None:
    """Stock: the second save wins silently."""
    address = f"{ADDRESS}{entered(clerk)['id']}"
    assert clerk.put(address, json={"row_version": 1, "hamlet": "Thôn 2"}).status_code == 200
    assert problem_of(clerk.put(address, json={"row_version": 1, "hamlet": "Thôn 3"}), 409)["code"] == "stale"
    assert rows("SELECT hamlet, row_version FROM beneficiaries") == [("Thôn 2", 2)]


def test_a_person_is_not_moved_by_naming_another_area(program: Program) -> None:
    """Stock: a row can be moved into any area by naming it. A relocation needs the receiving side."""
    clerk = program(Role.CLERK, area=people.HANOI)
    address = f"{ADDRESS}{entered(clerk)['id']}"
    for elsewhere in ("24133", "00008"):
        assert clerk.put(address, json={"row_version": 1, "area_code": elsewhere}).status_code == 422
    assert rows("SELECT area_path FROM beneficiaries UNION SELECT area_path FROM payees") == [("VN/01/00004/",)]


# --- Reading -------------------------------------------------------------------------------------------------------


@pytest.fixture
def somebody(session: Session) -> int:
    made = make.person(session, id_number="001150012345", phone="0912345678", ethnicity="Tày")
    session.commit()
    return int(made.id)


def test_who_keeps_the_registry_sees_a_whole_id_number_of_one_person_only(program: Program, somebody: int) -> None:
    clerk = program(Role.CLERK)
    assert clerk.get(f"{ADDRESS}{somebody}").json["result"]["id_number"] == "001150012345"
    assert clerk.get(ADDRESS).json["result"][0]["id_number"] == "001******345"


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.ACCOUNTANT, Role.AUDITOR, Role.PROVINCE_ADMIN])
def test_for_everybody_else_it_is_masked_and_what_they_do_not_need_is_left_out(
    program: Program, somebody: int, role: Role
) -> None:
    area = people.HANOI if role is Role.PROVINCE_ADMIN else people.BA_DINH
    result = program(role, area=area).get(f"{ADDRESS}{somebody}").json["result"]
    assert result["id_number"] == "001******345"
    assert not {"phone", "ethnicity"} & set(result)


@pytest.mark.parametrize("operator", ["ct", "sw"])
def test_a_masked_number_cannot_be_guessed_digit_by_digit(program: Program, somebody: int, operator: str) -> None:
    """Stock: every column offers "contains" and "starts with"."""
    auditor = program(Role.AUDITOR)
    asked = f"(filters:!((col:id_number,opr:{operator},value:'0011')))"
    problem_of(auditor.get(ADDRESS, query_string={"q": asked}), 400)
    whole = "(filters:!((col:id_number,opr:eq,value:'001150012345')))"
    assert auditor.get(ADDRESS, query_string={"q": whole}).json["ids"] == [somebody]


def test_nothing_says_why_a_person_is_paid(program: Program, session: Session) -> None:
    make.entitled(session)
    session.commit()
    answer = program(Role.CLERK).get(ADDRESS)
    for word in ("entitlement", "benefit", "payee", "coefficient"):
        assert word not in answer.text


def test_who_saw_people_is_recorded(program: Program, session: Session, somebody: int) -> None:
    make.person(session, "Lê Văn Tám")
    session.commit()
    auditor = program(Role.AUDITOR)
    assert len(auditor.get(ADDRESS).json["ids"]) == 2
    auditor.get(f"{ADDRESS}{somebody}")
    auditor.get(ADDRESS, query_string={"q": "(filters:!((col:code,opr:eq,value:khong)))"})
    auditor.get(f"{ADDRESS}999999")
    assert rows("SELECT actor, what, entity_id, row_count, area_path FROM access_log ORDER BY id") == [
        ("x00004.auditor", "API beneficiaries", None, 2, "VN/01/00004/"),
        ("x00004.auditor", "API beneficiaries", somebody, 1, "VN/01/00004/"),
    ]
