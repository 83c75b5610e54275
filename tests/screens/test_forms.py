"""Generated forms: what is typed is cleaned, bounded and kept; refusals are words. Each fails on the stock form."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.rules.actors import Role
from tests.accounts import people
from tests.factories import COMMUNE, OTHER_COMMUNE, agency, person
from tests.screens.conftest import SignIn, Someone, registered

SQL_WORDS = ("psycopg", "INSERT INTO", "UPDATE ", "violates", "constraint", "Traceback")


def typed(**changes: Any) -> dict[str, Any]:
    """A person as a clerk types one."""
    facts = {
        "code": "DT1", "full_name": "Nguyễn Thị Bình", "birth": "1948", "area": str(people.area_id(COMMUNE)),
        "hamlet": "Thôn 1", "sex": "female",
    }  # fmt: skip
    return facts | changes


def stored(session: Session, table: str = "beneficiaries") -> list[Any]:
    session.rollback()
    return list(session.execute(text(f"SELECT * FROM {table} ORDER BY id")))


def assert_refused(answer: Any, words: str) -> None:
    """Said in words, above the form and at the field, without the database's own."""
    assert answer.status_code == 422, answer.text
    assert "Có chỗ cần xem lại" in answer.text
    assert words in answer.text
    for word in SQL_WORDS:
        assert word not in answer.text


@pytest.fixture
def woman(session: Session) -> Someone:
    return registered(session, person(session, "Trần Thị Hòa", sex="female"))[0]


@pytest.fixture
def clerk(sign_in: SignIn) -> FlaskClient:
    return sign_in()


def opened(client: FlaskClient, path: str) -> dict[str, str]:
    """The values a form was opened with, as a browser would send them back."""
    page = client.get(path).text
    values = {}
    for tag in re.findall(r"<input[^>]*>", page[page.index('id="model_form"') :]):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and 'type="checkbox"' not in tag:
            values[name[1]] = value[1] if value else ""
    for name, options in re.findall(r'<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>', page, re.S):
        chosen = re.search(r'selected[^>]*value="([^"]*)"|value="([^"]*)"[^>]*selected', options)
        values[name] = (chosen[1] or chosen[2]) if chosen else ""
    return values


# --- Adding ----------------------------------------------------------------------------------------------------------


def test_a_person_is_added_and_their_page_opens(clerk: FlaskClient, session: Session) -> None:
    answer = clerk.post("/trypeople/add", data=typed(birth="03/1948"), follow_redirects=True)
    [row] = stored(session)
    assert (row.full_name, row.birth_year, row.birth_month, row.birth_day) == ("Nguyễn Thị Bình", 1948, 3, None)
    assert row.area_path == "VN/01/00004/"
    assert row.id_number is None
    assert answer.request.path == f"/trypeople/show/{row.id}"
    assert "Đã thêm: DT1 Nguyễn Thị Bình" in answer.text


def test_the_address_presets_a_parent_and_never_overrides_what_is_posted(
    sign_in: SignIn, session: Session, woman: Someone
) -> None:
    """Stock: `add?_flt_0_area=…` replaces the posted area."""
    client, mine, other = sign_in(area="01"), people.area_id(COMMUNE), people.area_id(OTHER_COMMUNE)
    assert f'value="{other}" selected' in client.get(f"/trypeople/add?_flt_0_area={other}").text
    client.post(f"/trypeople/add?_flt_0_area={other}", data=typed(area=str(mine)))
    assert stored(session)[-1].area_id == mine
    assert f'value="{woman.id}" selected' in client.get(f"/tryentitlements/add?_flt_0_beneficiary={woman.id}").text


@pytest.mark.parametrize("code", ["", "x", "999999", "-1", "1 OR 1=1", OTHER_COMMUNE])
def test_no_row_is_put_into_an_area_out_of_reach(clerk: FlaskClient, session: Session, code: str) -> None:
    area = str(people.area_id(code)) if code == OTHER_COMMUNE else code
    assert_refused(clerk.post("/trypeople/add", data=typed(area=area)), "Địa bàn:")
    assert stored(session) == []


@pytest.mark.parametrize("code", [OTHER_COMMUNE, "01"])
def test_no_row_is_moved_into_an_area_out_of_reach(
    clerk: FlaskClient, session: Session, woman: Someone, code: str
) -> None:
    """Not to a neighbour, and not to the province above, which a clerk can see."""
    path = f"/trypeople/edit/{woman.id}"
    values = opened(clerk, path) | {"area": str(people.area_id(code))}
    assert_refused(clerk.post(path, data=values), "không thuộc địa bàn của bạn")
    assert stored(session)[0].area_path == "VN/01/00004/"


def test_text_is_stored_composed_and_trimmed(clerk: FlaskClient, session: Session) -> None:
    decomposed = unicodedata.normalize("NFD", "  Nguyễn   Thị Thuý ")
    clerk.post("/trypeople/add", data=typed(full_name=decomposed, hamlet="  Thôn   2  "))
    [row] = stored(session)
    assert row.full_name == "Nguyễn Thị Thuý"
    assert row.name_fold == "nguyen thi thuy"
    assert row.hamlet == "Thôn 2"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("full_name", "Nguyễn\u0000Bình", "ký tự điều khiển"),
        ("full_name", "Nguyễn\u200bBình", "ký tự điều khiển"),
        ("hamlet", "Thôn\u00ad1", "ký tự điều khiển"),
        ("full_name", "B" * 101, "Dài quá 100 ký tự."),
        ("hamlet", "B" * 256, "Dài quá 255 ký tự."),
        ("full_name", "123", "Tên phải có chữ cái."),
        ("full_name", "   ", "Chưa nhập ô này."),
        ("birth", "31/02/1948", "Ngày này không có trong lịch."),
        ("birth", "1848", "Năm phải từ 1900 đến 2100."),
        ("birth", "năm ngoái", "Không đọc được ngày sinh."),
        ("sex", "other", "Hãy chọn một giá trị trong danh sách."),
        ("code", "", "Chưa nhập ô này."),
        ("id_number", "12", "Giá trị không hợp lệ: Số CCCD."),
    ],
)
def test_what_cannot_be_kept_is_refused_in_words_and_stays_in_the_box(
    clerk: FlaskClient, session: Session, field: str, value: str, words: str
) -> None:
    answer = clerk.post("/trypeople/add", data=typed(**{field: value}))
    assert_refused(answer, words)
    assert f'<a href="#{field}">' in answer.text, "the summary links to the box"
    assert f'aria-describedby="{field}-error"' in answer.text or f'-hint {field}-error"' in answer.text
    if field != "full_name":
        assert 'value="Nguyễn Thị Bình"' in answer.text
    assert stored(session) == []


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("fee_cap_vnd", "1000000000000000000", "quá lớn"),
        ("fee_cap_vnd", "-5", "Số tiền không được âm."),
        ("fee_cap_vnd", "1,5", "Không rõ dấu chấm"),
        ("fee_cap_vnd", "nhiều", "không phải là một số tiền"),
        ("fee_percent", "1e18", "Hãy nhập một số, ví dụ 1,5."),
        ("fee_percent", "-1", "Hãy nhập một số từ 0 đến 99."),
        ("fee_percent", "0,12345", "Nhiều nhất 4 chữ số sau dấu phẩy."),
        ("fee_percent", "NaN", "Hãy nhập một số"),
        ("valid_from", "31/02/2026", "Ngày này không có trong lịch."),
        ("valid_from", "01/01/1850", "Năm phải từ 1900 đến 2100."),
        ("valid_from", "01/01/2200", "Năm phải từ 1900 đến 2100."),
        ("valid_from", "2026", "Không đọc được ngày."),
        ("valid_to", "01/01/2020", "Giá trị không hợp lệ: Từ ngày, Đến ngày."),
        ("contract_no", "", "Chưa nhập ô này."),
        ("method", "cheque", "Hãy chọn một giá trị trong danh sách."),
        ("agency", "", "Chưa nhập ô này."),
    ],
)
def test_numbers_money_and_dates_are_bounded(
    sign_in: SignIn, session: Session, field: str, value: str, words: str
) -> None:
    post_office = agency(session, methods=()).id
    session.commit()
    facts = {
        "contract_no": "HĐ 1", "agency": post_office, "area": people.area_id("01"), "method": "cash",
        "fee_percent": "0,8", "fee_cap_vnd": "1.250.000", "valid_from": "01/07/2026", "valid_to": "",
    }  # fmt: skip
    client = sign_in(area="01")
    assert_refused(client.post("/trycontracts/add", data=facts | {field: value}), words)
    assert stored(session, "agency_contracts") == []
    assert client.post("/trycontracts/add", data=facts).status_code == 303
    [row] = stored(session, "agency_contracts")
    assert (str(row.fee_percent), row.fee_cap_vnd, str(row.valid_from)) == ("0.8000", 1250000, "2026-07-01")
    assert (row.adapter, row.fee_kind) == ("g2p", "percent"), "a column left out takes its default"
    answer = client.post("/trycontracts/add", data=facts)
    assert_refused(answer, "Trùng khoảng thời gian với một bản ghi đã có.")


def test_a_whole_number_stays_within_its_constraint(clerk: FlaskClient, session: Session, woman: Someone) -> None:
    benefit = session.scalar(text("SELECT min(id) FROM benefit_types"))
    facts = {
        "beneficiary": woman.id, "benefit_type": benefit, "coefficient": "1,5", "units": "1", "decision_no": "1/QĐ",
        "starts_on": "01/07/2026",
    }  # fmt: skip
    for value, words in (("0", "từ 1 đến 20"), ("21", "từ 1 đến 20"), ("1,5", "số nguyên"), ("9" * 40, "số nguyên")):
        assert_refused(clerk.post("/tryentitlements/add", data=facts | {"units": value}), words)
    assert clerk.post("/tryentitlements/add", data=facts).status_code == 303
    assert str(stored(session, "entitlements")[0].coefficient) == "1.50"


def test_a_value_taken_already_names_its_field_and_shows_no_sql(sign_in: SignIn, session: Session) -> None:
    """Stock: flashes the statement with its parameters."""
    client = sign_in(area="VN")
    facts = {"code": "vnpost", "name": "Bưu điện", "kind": "post"}
    assert client.post("/tryagencies/add", data=facts).status_code == 303
    answer = client.post("/tryagencies/add", data=facts | {"name": "Khác"})
    assert_refused(answer, "Mã: Đã có bản ghi khác mang cùng giá trị này: Mã.")
    assert 'value="Khác"' in answer.text
    assert len(stored(session, "agencies")) == 1


def test_a_box_left_empty_means_no(sign_in: SignIn, session: Session) -> None:
    """Stock: an unchecked box of a NOT NULL column can never be saved."""
    sign_in(area="VN").post("/tryagencies/add", data={"code": "a", "name": "A", "kind": "post"})
    assert stored(session, "agencies")[0].is_active is False


def test_a_rule_of_the_service_is_said_above_the_form(sign_in: SignIn, session: Session) -> None:
    answer = sign_in(area="VN").post("/tryagencies/add", data={"code": "khong", "name": "A", "kind": "post"})
    assert_refused(answer, "Mã này không dùng được.")
    assert stored(session, "agencies") == []


# --- Editing ---------------------------------------------------------------------------------------------------------


def test_an_edit_changes_what_was_typed_and_counts_the_save(
    clerk: FlaskClient, session: Session, woman: Someone
) -> None:
    path = f"/trypeople/edit/{woman.id}"
    answer = clerk.post(path, data=opened(clerk, path) | {"hamlet": "Thôn 9"}, follow_redirects=True)
    assert "Đã lưu: " in answer.text
    [row] = stored(session)
    assert (row.hamlet, row.row_version, row.full_name, row.status) == ("Thôn 9", 2, "Trần Thị Hòa", "active")


def test_a_second_stale_save_is_refused_once_and_shows_both(
    clerk: FlaskClient, session: Session, woman: Someone
) -> None:
    """Stock: the last save wins silently."""
    path = f"/trypeople/edit/{woman.id}"
    mine, theirs = opened(clerk, path), opened(clerk, path)
    clerk.post(path, data=theirs | {"hamlet": "Thôn của họ", "phone": "0901"})
    answer = clerk.post(path, data=mine | {"hamlet": "Thôn của tôi"})
    assert_refused(answer, "vừa được 00004.clerk lưu")
    assert 'value="Thôn của tôi"' in answer.text, "what was typed is kept"
    assert "Hiện đang lưu: Thôn của họ" in answer.text
    assert "Hiện đang lưu: 0901" in answer.text
    assert "Họ tên: Hiện đang lưu" not in answer.text, "what is alike is not shown"
    assert stored(session)[0].hamlet == "Thôn của họ"
    again = mine | {
        "hamlet": "Thôn của tôi",
        "opened_version": re.search(r'opened_version[^>]*value="(\d+)"', answer.text)[1],
    }  # type: ignore[index]
    assert clerk.post(path, data=again).status_code == 303
    assert (stored(session)[0].hamlet, stored(session)[0].row_version) == ("Thôn của tôi", 3)


@pytest.mark.parametrize("version", ["", "0", "x", "99999999999999999999"])
def test_a_save_without_the_version_it_was_opened_with_is_refused(
    clerk: FlaskClient, session: Session, woman: Someone, version: str
) -> None:
    path = f"/trypeople/edit/{woman.id}"
    values = opened(clerk, path) | {"hamlet": "Khác", "opened_version": version}
    assert_refused(clerk.post(path, data=values), "Bản ghi vừa được")
    assert stored(session)[0].hamlet == "Thôn 1"


def test_a_column_not_in_the_form_cannot_be_posted(clerk: FlaskClient, session: Session, woman: Someone) -> None:
    path = f"/trypeople/edit/{woman.id}"
    values = opened(clerk, path) | {"code": "HACK", "area_path": "VN/", "row_version": "77", "id": "1", "area_id": "1"}
    assert clerk.post(path, data=values).status_code == 303
    [row] = stored(session)
    assert (row.code, row.area_path, row.row_version, row.id) == (woman.code, "VN/01/00004/", 2, woman.id)


def test_a_row_of_an_area_above_is_shown_and_never_changed(sign_in: SignIn, session: Session) -> None:
    agency(session)
    contract = session.scalar(text("SELECT min(id) FROM agency_contracts"))
    session.commit()
    client, path = sign_in(), f"/trycontracts/edit/{contract}"
    assert "HĐ-vnpost-cash" in client.get("/trycontracts/list/").text
    assert path not in client.get("/trycontracts/list/").text
    for answer in (client.get(path), client.post(path, data={"contract_no": "X"})):
        assert answer.status_code == 403
        assert "cấp trên quản lý" in answer.text
    assert {row.contract_no for row in stored(session, "agency_contracts")} == {
        "HĐ-vnpost-cash", "HĐ-vnpost-bank", "HĐ-vnpost-wallet",
    }  # fmt: skip


def test_labels_are_bound_and_what_may_stay_empty_is_said(clerk: FlaskClient) -> None:
    page = clerk.get("/trypeople/add").text
    form = page[page.index('id="model_form"') :]
    boxes = set(re.findall(r'<(?:input|select|textarea)[^>]*\bid="([^"]+)"', form)) - {"csrf_token"}
    assert boxes == set(re.findall(r'<label for="([^"]+)"', form))
    assert re.search(r'for="hamlet">[^<]*<span class="if-any">\(nếu có\)', form)
    assert not re.search(r'for="full_name">[^<]*<span class="if-any">', form)
    assert 'aria-describedby="hamlet-hint"' in form


def test_an_auditor_is_offered_no_way_to_change(sign_in: SignIn, woman: Someone) -> None:
    auditor = sign_in(Role.AUDITOR)
    page = auditor.get("/trypeople/list/").text + auditor.get(f"/trypeople/show/{woman.id}").text
    for words in ("/trypeople/add", "/trypeople/edit/", "/trypeople/delete/", "Đánh dấu"):
        assert words not in page
    assert auditor.get("/trypeople/add").status_code == 403
