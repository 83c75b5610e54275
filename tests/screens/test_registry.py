"""The registry and the settings on screen: works, other area, other role, bad input, stale page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.extensions import acting_as, db, transaction
from app.models import Beneficiary
from app.rules.actors import SYSTEM, Role
from tests import factories as make
from tests.accounts import people
from tests.browsing import Browser


@pytest.fixture
def office(database: Flask) -> Iterator[Flask]:
    before = database.test_client_class
    database.test_client_class = Browser
    yield database
    database.test_client_class = before


def signed_in(office: Flask, *roles: Role, area: str = make.COMMUNE) -> FlaskClient:
    name = f"thu.{roles[0].value}.{area}".replace("_", "-").lower()
    people.issue(name, *roles, area=area)
    return people.sign_in(office, name)


def stored_person(**changes: Any) -> int:
    with acting_as(SYSTEM), transaction() as session:
        return make.entitled(session, **changes).beneficiary_id


def rows(sql: str, **facts: Any) -> list[Any]:
    with acting_as(SYSTEM):
        db.session.rollback()
        return [tuple(row) for row in db.session.execute(text(sql), facts)]


def area_key(code: str = make.COMMUNE) -> str:
    return str(rows("SELECT id FROM areas WHERE code = :code", code=code)[0][0])


def form(**changes: str) -> dict[str, str]:
    filled = {
        "full_name": "H'Hen Êban", "birth": "03/1950", "sex": "female", "id_number": "", "ethnicity": "Ê Đê",
        "area": area_key(), "hamlet": "Buôn 2", "address": "", "phone": "",
    }  # fmt: skip
    return filled | changes


def test_a_clerk_adds_a_person_with_a_birth_date_known_to_the_month(office: Flask) -> None:
    clerk = signed_in(office, Role.CLERK)
    answer = clerk.post("/beneficiaries/add", data=form())
    assert answer.status_code == 303
    assert rows("SELECT full_name, birth_year, birth_month, birth_day, area_path FROM beneficiaries") == [
        ("H'Hen Êban", 1950, 3, None, make.COMMUNE_PATH)
    ]
    page = clerk.get(answer.location).get_data(as_text=True)
    assert "03/1950" in page
    assert "Êban" in page


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"full_name": ""}, "Chưa nhập ô này"),
        ({"full_name": "A" * 300}, "Họ tên"),
        ({"full_name": "A\x07B"}, "Họ tên"),
        ({"birth": "31/02/1950"}, "không có trong lịch"),
        ({"birth": "1850"}, "1900"),
        ({"birth": "1e18"}, "Không đọc được ngày sinh"),
        ({"id_number": "12345"}, "CCCD"),
        ({"phone": "abc"}, "iện thoại"),
        ({"area": "999999999999"}, "Hãy chọn lại"),
        ({"area": "abc"}, "Hãy chọn lại"),
        ({"sex": "neither"}, "Hãy chọn"),
        ({"hamlet": "x" * 5000}, "Thôn"),
    ],
)
def test_bad_input_is_named_at_its_field_and_nothing_is_kept(
    office: Flask, changes: dict[str, str], words: str
) -> None:
    clerk = signed_in(office, Role.CLERK)
    answer = clerk.post("/beneficiaries/add", data=form(**changes))
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert words in page
    assert "Buôn 2" in page or "hamlet" in changes
    assert rows("SELECT 1 FROM beneficiaries") == []


def test_another_areas_commune_is_not_taken(office: Flask) -> None:
    clerk = signed_in(office, Role.CLERK)
    other = area_key(make.OTHER_COMMUNE)
    assert clerk.post("/beneficiaries/add", data=form(area=other)).status_code == 422
    assert rows("SELECT 1 FROM beneficiaries") == []


def test_decomposed_letters_are_composed(office: Flask) -> None:
    clerk = signed_in(office, Role.CLERK)
    assert clerk.post("/beneficiaries/add", data=form(full_name="Ho\u0302\u0300 Thi\u0323")).status_code == 303
    assert rows("SELECT full_name, name_fold FROM beneficiaries") == [("Hồ Thị", "ho thi")]


def test_people_are_found_without_diacritics(office: Flask) -> None:
    stored_person(name="Đỗ Thị Hoà")
    stored_person(name="Trần Văn Bé")
    clerk = signed_in(office, Role.CLERK)
    page = clerk.get("/beneficiaries/list/?_flt_0_name_fold=do+thi").get_data(as_text=True)
    assert "Đỗ Thị Hoà" in page
    assert "Trần Văn Bé" not in page


def test_a_person_of_another_area_is_not_there(office: Flask) -> None:
    key = stored_person(commune=make.OTHER_COMMUNE)
    clerk = signed_in(office, Role.CLERK)
    assert clerk.get(f"/beneficiaries/show/{key}").status_code == 404
    assert clerk.get(f"/beneficiaries/edit/{key}").status_code == 404
    assert clerk.post(f"/beneficiaries/edit/{key}", data=form()).status_code == 404


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.ACCOUNTANT, Role.AUDITOR, Role.PROVINCE_ADMIN])
def test_only_a_clerk_writes_the_registry(office: Flask, role: Role) -> None:
    key = stored_person()
    other = signed_in(office, role, area="01" if role is Role.PROVINCE_ADMIN else make.COMMUNE)
    assert other.get(f"/beneficiaries/show/{key}").status_code == 200
    assert other.get("/beneficiaries/add").status_code == 403
    assert other.post(f"/beneficiaries/edit/{key}", data=form()).status_code == 403


def test_an_agencys_user_never_sees_the_registry(office: Flask) -> None:
    key = stored_person()
    people.issue("buu.dien", Role.AGENCY_USER, area="01", agency=people.agency_id())
    agency = people.sign_in(office, "buu.dien")
    assert agency.get("/beneficiaries/list/").status_code == 403
    assert agency.get(f"/beneficiaries/show/{key}").status_code == 403


def test_looking_at_a_person_is_recorded(office: Flask) -> None:
    key = stored_person()
    signed_in(office, Role.AUDITOR).get(f"/beneficiaries/show/{key}")
    seen = rows("SELECT what, entity_id, actor FROM access_log")
    assert seen == [("beneficiary", key, "thu.auditor.00004")]


def test_a_stale_save_is_refused_once_and_shows_both(office: Flask) -> None:
    key = stored_person()
    clerk = signed_in(office, Role.CLERK)
    posted = form(status="active", status_reason="", died_on="", opened_version="1")
    assert clerk.post(f"/beneficiaries/edit/{key}", data=posted).status_code == 303
    again = clerk.post(f"/beneficiaries/edit/{key}", data=posted | {"hamlet": "Buôn 9"})
    assert again.status_code == 422
    assert "Buôn 9" in again.get_data(as_text=True)
    assert rows("SELECT hamlet FROM beneficiaries") == [("Buôn 2",)]


def test_a_death_needs_its_date(office: Flask) -> None:
    key = stored_person()
    clerk = signed_in(office, Role.CLERK)
    posted = form(status="dead", status_reason="", died_on="", opened_version="1")
    answer = clerk.post(f"/beneficiaries/edit/{key}", data=posted)
    assert answer.status_code == 422
    assert "ngày chết" in answer.get_data(as_text=True)
    with acting_as(SYSTEM):
        assert db.session.get_one(Beneficiary, key).status == "active"


def test_a_death_entered_in_the_form_is_recorded_and_undone_like_any_other(office: Flask) -> None:
    key = stored_person()
    clerk = signed_in(office, Role.CLERK)
    posted = form(status="dead", status_reason="Giấy 7", died_on="02/11/2026", opened_version="1")
    assert clerk.post(f"/beneficiaries/edit/{key}", data=posted).status_code == 303
    [(death, note, by)] = rows("SELECT id, note, recorded_by FROM deaths")
    assert (note, bool(by)) == ("Giấy 7", True)
    [(status, died_on, reason, version)] = rows("SELECT status, died_on, status_reason, row_version FROM beneficiaries")
    assert (status, died_on.isoformat(), reason) == ("dead", "2026-11-02", "Giấy 7")
    for change in ({"died_on": "03/11/2026"}, {"status": "active", "died_on": ""}):
        answer = clerk.post(f"/beneficiaries/edit/{key}", data=posted | {"opened_version": str(version)} | change)
        assert answer.status_code == 422 and "hủy cắt chết ở Danh sách cắt chết" in answer.get_data(as_text=True)
    named = posted | {"opened_version": str(version), "hamlet": "Buôn 9"}
    assert clerk.post(f"/beneficiaries/edit/{key}", data=named).status_code == 303, "the rest may be mended"
    assert clerk.post(f"/record-death/undo/{death}", data={"reason": "Nhầm"}).status_code == 303
    assert rows("SELECT status, died_on, hamlet FROM beneficiaries") == [("active", None, "Buôn 9")]


def test_an_entitlement_a_payee_and_a_method_are_added_from_the_person(office: Flask) -> None:
    key = stored_person()
    clerk = signed_in(office, Role.CLERK)
    kind = str(rows("SELECT id FROM benefit_types WHERE NOT stacks AND batch_kind = 'monthly' ORDER BY code")[0][0])
    entitlement = {
        "beneficiary": str(key), "benefit_type": kind, "coefficient": "1,5", "units": "1", "decision_no": "5/QĐ",
        "decided_on": "01/07/2026", "starts_on": "01/07/2026", "ends_on": "", "status": "active",
    }  # fmt: skip
    assert clerk.post("/entitlements/add", data=entitlement).status_code == 303
    payee = {
        "beneficiary": str(key), "full_name": "Lê Giám Hộ", "kind": "guardian", "id_number": "", "phone": "",
        "valid_from": "01/11/2026", "valid_to": "", "is_current": "y",
    }  # fmt: skip
    assert clerk.post("/payees/add", data=payee).status_code == 303
    receiver = str(rows("SELECT id FROM payees WHERE is_current")[0][0])
    method = {
        "payee": receiver, "kind": "bank", "account_no": "0123456789", "holder": "LE GIAM HO", "bank_code": "VCB",
        "bank_branch": "", "wallet_kind": "", "wallet_phone": "", "is_current": "y",
    }  # fmt: skip
    assert clerk.post("/payment-methods/add", data=method).status_code == 303
    assert rows("SELECT kind, account_no, area_path FROM payment_methods WHERE payee_id = :id", id=int(receiver)) == [
        ("bank", "0123456789", make.COMMUNE_PATH)
    ]
    for changed in ({"account_no": "12"}, {"payee": "0"}, {"kind": "gold"}):
        assert clerk.post("/payment-methods/add", data=method | changed).status_code == 422


SETTINGS = (
    "payment-settings",
    "agencies",
    "contracts",
    "standard-amounts",
    "benefit-types",
    "benefit-rates",
    "holidays",
)


@pytest.mark.parametrize("page", [*SETTINGS, "areas", "old-areas", "arrears", "payees", "entitlements"])
def test_every_list_opens_and_is_empty_kindly(office: Flask, page: str) -> None:
    assert signed_in(office, Role.CLERK).get(f"/{page}/list/").status_code == 200


@pytest.mark.parametrize("page", SETTINGS)
def test_settings_are_not_for_clerks(office: Flask, page: str) -> None:
    clerk = signed_in(office, Role.CLERK)
    assert clerk.get(f"/{page}/add").status_code == 403
    assert clerk.post(f"/{page}/add", data={}).status_code == 403


@pytest.mark.parametrize("page", SETTINGS)
def test_the_central_administrator_gets_a_form_and_refusals_in_words(office: Flask, page: str) -> None:
    admin = signed_in(office, Role.CENTRAL_ADMIN, area="VN")
    assert admin.get(f"/{page}/add").status_code == 200
    answer = admin.post(f"/{page}/add", data={})
    assert answer.status_code == 422
    assert "Chưa nhập ô này" in answer.get_data(as_text=True)


def setting(**changes: str) -> dict[str, str]:
    empty = dict.fromkeys(
        ("list_cutoff_day", "settlement_cutoff_day", "months_per_settlement", "through_agency", "payment_day_from",
         "payment_day_to", "paying_level", "shift_to_working_day", "unusual_change_percent"), "",
    )  # fmt: skip
    return empty | {"area": area_key("01"), "valid_from": "01/12/2026", "settlement_cutoff_day": "20"} | changes


def test_a_province_sets_its_own_cut_off_but_not_the_countrys(office: Flask) -> None:
    admin = signed_in(office, Role.PROVINCE_ADMIN, area="01")
    assert admin.post("/payment-settings/add", data=setting()).status_code == 303
    assert admin.post("/payment-settings/add", data=setting()).status_code == 422  # the same day twice
    assert admin.post("/payment-settings/add", data=setting(area=area_key("VN"))).status_code == 422
    national = rows("SELECT id FROM payment_settings WHERE area_path = 'VN/'")[0][0]
    assert admin.get(f"/payment-settings/edit/{national}").status_code == 403
    for changed in ({"settlement_cutoff_day": "32"}, {"settlement_cutoff_day": "-1"}, {"valid_from": "1/1/1800"}):
        assert admin.post("/payment-settings/add", data=setting(**changed)).status_code == 422
    assert rows("SELECT count(*) FROM payment_settings WHERE area_path = 'VN/01/'") == [(1,)]


def closed_october() -> None:
    from datetime import date

    from app import clock

    with acting_as(SYSTEM), clock.at(date(2026, 10, 20)), transaction() as session:
        make.settled_month(session, make.OCTOBER, people=1)


def test_what_a_closed_period_used_is_not_rewritten(office: Flask) -> None:
    closed_october()
    admin = signed_in(office, Role.PROVINCE_ADMIN, area="01")
    answer = admin.post("/payment-settings/add", data=setting(valid_from="01/10/2026"))
    assert answer.status_code == 422
    assert "10/2026" in answer.get_data(as_text=True)
    assert admin.post("/payment-settings/add", data=setting(valid_from="01/11/2026")).status_code == 303


def test_overlapping_contracts_are_refused_in_words_and_an_old_one_may_end(office: Flask) -> None:
    closed_october()
    central = signed_in(office, Role.CENTRAL_ADMIN, area="VN")
    contract = {
        "contract_no": "HĐ 2", "agency": str(people.agency_id()), "area": area_key("VN"), "method": "cash",
        "adapter": "g2p", "fee_kind": "percent", "fee_percent": "0,8", "fee_vnd": "0", "fee_cap_vnd": "",
        "valid_from": "01/12/2026", "valid_to": "",
    }  # fmt: skip
    refused = central.post("/contracts/add", data=contract)
    assert refused.status_code == 422
    assert "ex_agency_contracts" not in refused.get_data(as_text=True)
    key, version = rows("SELECT id, row_version FROM agency_contracts WHERE method = 'cash'")[0]
    early = {"valid_to": "15/10/2026", "opened_version": str(version)}
    assert central.post(f"/contracts/edit/{key}", data=early).status_code == 422
    ended = {"valid_to": "30/11/2026", "opened_version": str(version)}
    assert central.post(f"/contracts/edit/{key}", data=ended).status_code == 303
    assert central.post("/contracts/add", data=contract).status_code == 303


def test_an_old_commune_is_found_with_todays_area(office: Flask) -> None:
    clerk = signed_in(office, Role.PROVINCE_ADMIN, area="01")
    page = clerk.get("/old-areas/list/?_flt_0_old_commune_code=00001").get_data(as_text=True)
    assert "Phường Phúc Xá" in page
    assert "Phường Hồng Hà" in page
