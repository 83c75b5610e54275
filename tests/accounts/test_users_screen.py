"""The screens of users, by the browser and by forged posts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from app.extensions import acting_as, db
from app.rules.actors import SYSTEM, Role
from tests.accounts import people

CLERK, PROVINCE, CENTRAL, AUDITOR, AGENCY_USER = (
    Role.CLERK,
    Role.PROVINCE_ADMIN,
    Role.CENTRAL_ADMIN,
    Role.AUDITOR,
    Role.AGENCY_USER,
)


@pytest.fixture(autouse=True)
def users_of_two_provinces(database: Flask) -> Iterator[None]:
    people.issue("hn.quantri", PROVINCE)
    people.issue("xa.canbo", CLERK, area=people.BA_DINH)
    people.issue("dl.canbo", CLERK, area=people.DAK_LAK)
    yield


@pytest.fixture
def admin(database: Flask) -> FlaskClient:
    """The browser of Hà Nội's administrator."""
    return people.sign_in(database, "hn.quantri")


def key(username: str) -> int:
    return int(people.user(username).id)


def filled(**changes: Any) -> dict[str, Any]:
    """The form as an administrator fills it in."""
    facts: dict[str, Any] = {
        "username": "xa.moi",
        "last_name": "Trần Thị",
        "first_name": "Mới",
        "email": "",
        "area": people.area_id(people.BA_DINH),
        "agency": "",
        "roles": ["clerk"],
        "initial_password": people.SECRET,
    }
    return facts | changes


def edit(client: FlaskClient, username: str, **changes: Any) -> TestResponse:
    """Open the form of a user and send it back with changes."""
    user = people.user(username)
    opened = {"opened_version": user.row_version, "area": user.area_id, "roles": sorted(people.roles(username))}
    return client.post(f"/users/edit/{user.id}", data=filled(**(opened | changes)))


def exists(username: str) -> bool:
    with acting_as(SYSTEM):
        return bool(db.session.execute(text("SELECT 1 FROM ab_user WHERE username = :u"), {"u": username}).first())


# --- What the screens show -----------------------------------------------------------------------------------------


def test_the_list_shows_the_own_area_and_below_with_words_for_roles(admin: FlaskClient) -> None:
    page = admin.get("/users/list/").get_data(as_text=True)
    assert "xa.canbo" in page and "hn.quantri" in page and "Cán bộ bảo trợ xã hội" in page
    assert "dl.canbo" not in page
    assert "scrypt" not in page


@pytest.mark.parametrize("search", ["_flt_0_username=dl", "_flt_0_first_name=Thử", "_flt_2_username=dl.canbo"])
def test_a_search_finds_nobody_of_another_area(admin: FlaskClient, search: str) -> None:
    page = admin.get(f"/users/list/?{search}").get_data(as_text=True)
    assert f"/users/show/{key('dl.canbo')}" not in page


def test_a_search_by_another_area_finds_nobody(admin: FlaskClient) -> None:
    answer = admin.get(f"/users/list/?_flt_0_area={people.area_id(people.DAK_LAK)}")
    page = answer.get_data(as_text=True)
    assert "dl.canbo" not in page and "xa.canbo" not in page


def test_a_search_by_a_commune_finds_its_users(admin: FlaskClient) -> None:
    page = admin.get(f"/users/list/?_flt_0_area={people.area_id(people.BA_DINH)}").get_data(as_text=True)
    assert "xa.canbo" in page and ">hn.quantri<" not in page


@pytest.mark.parametrize("column", ["password", "session_version", "created_by", "roles", "groups"])
def test_nothing_is_searched_or_ordered_by_a_column_not_meant_for_it(admin: FlaskClient, column: str) -> None:
    """Stock: any column is a filter and an order, so a hash is found out letter by letter."""
    assert admin.get(f"/users/list/?_flt_0_{column}=s").status_code == 400
    assert admin.get(f"/users/list/?_oc_UserView={column}&_od_UserView=asc").status_code == 400


def test_the_form_offers_only_roles_the_administrator_may_give(admin: FlaskClient) -> None:
    page = admin.get("/users/add").get_data(as_text=True)
    offered = set(re.findall(r'name="roles" value="(\w+)"', page))
    assert offered == {"clerk", "accountant", "supervisor", "province_admin", "auditor"}


def test_the_area_box_offers_the_own_area_and_below(admin: FlaskClient) -> None:
    answer = admin.get("/users/choices/area?q=dak lak")
    assert answer.json == {"results": []}
    assert [row["text"][:12] for row in admin.get("/users/choices/area?q=00004").json["results"]] == ["Phường Ba Đì"]


@pytest.mark.parametrize("name", ["roles", "created_by", "password", "groups"])
def test_no_other_box_can_be_asked_for_choices(admin: FlaskClient, name: str) -> None:
    assert admin.get(f"/users/choices/{name}").status_code == 404


def test_the_page_of_a_user_offers_what_can_be_done(admin: FlaskClient) -> None:
    page = admin.get(f"/users/show/{key('xa.canbo')}").get_data(as_text=True)
    assert "Khóa tài khoản" in page and "Đặt lại mật khẩu" in page
    assert "Mở khóa tài khoản" not in page and "no-mail.invalid" not in page


def test_ones_own_page_offers_nothing_to_do_to_oneself(admin: FlaskClient) -> None:
    page = admin.get(f"/users/show/{key('hn.quantri')}").get_data(as_text=True)
    assert "Khóa tài khoản" not in page and "/users/edit/" not in page


# --- Issuing -------------------------------------------------------------------------------------------------------


def test_an_account_is_issued_and_can_sign_in(database: Flask, admin: FlaskClient) -> None:
    answer = admin.post("/users/add", data=filled(roles=["clerk", "supervisor"]))
    assert (answer.status_code, answer.location) == (303, f"/users/show/{key('xa.moi')}")
    assert people.roles("xa.moi") == {"clerk", "supervisor"}
    assert people.sign_in(database, "xa.moi").get("/account/").status_code == 200


def test_a_generated_password_is_shown_once_and_travels_in_no_cookie(database: Flask, admin: FlaskClient) -> None:
    answer = admin.post("/users/add", data=filled(initial_password=""))
    page = answer.get_data(as_text=True)
    password = re.search(r"\b[a-z2-9]{4}(?:-[a-z2-9]{4}){3}\b", page)
    assert answer.status_code == 200 and password is not None
    assert "no-store" in answer.headers["Cache-Control"]
    with admin.session_transaction() as session:
        assert password.group() not in str(dict(session))
    assert password.group() not in admin.get(f"/users/show/{key('xa.moi')}").get_data(as_text=True)
    people.sign_in(database, "xa.moi", password.group())


@pytest.mark.parametrize(
    "roles", [["central_admin"], ["agency_user"], ["clerk", "central_admin"], ["public"], ["Admin"]]
)
def test_forged_roles_are_refused_and_nothing_is_made(admin: FlaskClient, roles: list[str]) -> None:
    """Stock: the roles of the form are every role there is, and any id posted is given."""
    answer = admin.post("/users/add", data=filled(roles=roles))
    assert answer.status_code == 422
    assert not exists("xa.moi")


def test_forged_role_ids_are_no_roles(admin: FlaskClient) -> None:
    with acting_as(SYSTEM):
        ids = db.session.execute(text("SELECT id FROM ab_role")).scalars().all()
    for role_id in ids:
        assert admin.post("/users/add", data=filled(roles=[str(role_id)])).status_code == 422
    assert not exists("xa.moi")


@pytest.mark.parametrize("area", ["VN", people.DAK_LAK])
def test_a_forged_area_above_or_beside_is_refused(admin: FlaskClient, area: str) -> None:
    answer = admin.post("/users/add", data=filled(area=people.area_id(area)))
    assert answer.status_code == 422
    assert not exists("xa.moi")


def test_the_address_overrides_nothing_that_is_posted(admin: FlaskClient) -> None:
    """Stock: add?_flt_0_area=… puts the row into another area after the form was checked."""
    there = people.area_id(people.DAK_LAK)
    admin.post(f"/users/add?_flt_0_area={there}&_flt_0_roles=1", data=filled())
    assert people.user("xa.moi").area_path == "VN/01/00004/"


def test_fields_the_form_does_not_have_are_not_taken(admin: FlaskClient) -> None:
    """Stock and REST: whatever attribute is posted is set."""
    forged = filled(password="scrypt:giả", session_version=99, groups=["1"], active="", area_path="VN/", id=1)
    admin.post("/users/add", data=forged)
    user = people.user("xa.moi")
    assert (user.session_version, user.active, user.area_path) == (1, True, "VN/01/00004/")
    assert user.password != "scrypt:giả"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"username": "Xã Mới"}, "chữ thường không dấu"),
        ({"username": "xa.canbo"}, "đã có người dùng"),
        ({"username": "dl.canbo"}, "đã có người dùng"),
        ({"username": ""}, "Chưa nhập ô này"),
        ({"first_name": ""}, "Chưa nhập ô này"),
        ({"first_name": "123"}, "phải có chữ cái"),
        ({"first_name": "A" * 65}, "Dài quá 64"),
        ({"last_name": "Tr\x07ần"}, "ký tự điều khiển"),
        ({"email": "không phải thư"}, "Địa chỉ thư điện tử chưa đúng"),
        ({"roles": []}, "ít nhất một vai trò"),
        ({"roles": ["auditor", "clerk"]}, "không đi cùng"),
        ({"roles": ["province_admin"]}, "quản trị tỉnh thuộc một tỉnh"),
        ({"initial_password": "ngắn"}, "ít nhất 10 ký tự"),
        ({"area": ""}, "Chưa nhập ô này"),
        ({"area": "1e18"}, "Hãy chọn lại"),
        ({"agency": "999999999999999999999"}, "Hãy chọn lại"),
    ],
)
def test_a_bad_field_is_said_and_what_was_typed_is_kept(admin: FlaskClient, changes: dict[str, Any], said: str) -> None:
    answer = admin.post("/users/add", data=filled(**changes))
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert said in page
    assert 'value="Trần Thị"' in page or "last_name" in changes
    assert not exists("xa.moi")


# --- Changing ------------------------------------------------------------------------------------------------------


def test_a_user_is_changed_and_the_change_is_on_record(admin: FlaskClient) -> None:
    assert edit(admin, "xa.canbo", roles=["accountant"], first_name="Bình").status_code == 303
    assert people.roles("xa.canbo") == {"accountant"}
    assert people.user("xa.canbo").get_full_name() == "Trần Thị Bình"
    page = admin.get("/user-changes/list/").get_data(as_text=True)
    assert "xa.canbo" in page and "Kế toán" in page


def test_a_role_taken_away_is_gone_at_the_next_request(database: Flask, admin: FlaskClient) -> None:
    people.issue("hn.quantri2", PROVINCE)
    other = people.sign_in(database, "hn.quantri2")
    assert other.get("/users/list/").status_code == 200
    assert edit(admin, "hn.quantri2", roles=["clerk"], area=people.area_id(people.HANOI)).status_code == 303
    assert other.get("/users/list/").status_code == 403
    assert other.get("/account/").status_code == 200


@pytest.mark.parametrize("roles", [["central_admin"], ["agency_user"], ["clerk", "central_admin"]])
def test_forged_roles_are_refused_when_changing_too(admin: FlaskClient, roles: list[str]) -> None:
    assert edit(admin, "xa.canbo", roles=roles).status_code == 422
    assert people.roles("xa.canbo") == {"clerk"}


def test_a_user_is_not_moved_out_of_the_area(admin: FlaskClient) -> None:
    assert edit(admin, "xa.canbo", area=people.area_id(people.DAK_LAK)).status_code == 422
    assert people.user("xa.canbo").area_path == "VN/01/00004/"


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("address", ["/users/show/{}", "/users/edit/{}"])
def test_a_user_of_another_area_is_not_found_by_key(admin: FlaskClient, method: str, address: str) -> None:
    if (method, address) == ("post", "/users/show/{}"):
        return
    answer = getattr(admin, method)(address.format(key("dl.canbo")), **({"data": filled()} if method == "post" else {}))
    assert answer.status_code == 404


@pytest.mark.parametrize("action", ["disable", "enable", "reset_password"])
def test_an_action_on_a_user_of_another_area_finds_nobody(admin: FlaskClient, action: str) -> None:
    """Stock: /action/<name>/<pk> loads the row without the list's filters."""
    before = people.user("dl.canbo").session_version
    assert admin.post(f"/users/action/{action}/{key('dl.canbo')}").status_code == 404
    forged = admin.post("/users/action_post", data={"action": action, "rowid": [key("dl.canbo"), key("xa.canbo")]})
    assert forged.status_code == 404
    assert (people.user("dl.canbo").session_version, people.user("xa.canbo").session_version) == (before, 1)


@pytest.mark.parametrize("action", ["disable", "reset_password"])
def test_an_action_by_address_alone_does_nothing(admin: FlaskClient, action: str) -> None:
    """Stock: a link runs an action."""
    assert admin.get(f"/users/action/{action}/{key('xa.canbo')}").status_code == 405
    assert people.user("xa.canbo").session_version == 1


@pytest.mark.parametrize("action", ["delete", "muldelete", "copyrole", "resetmypassword", "userinfoedit", "không_có"])
def test_stock_actions_do_not_exist(admin: FlaskClient, action: str) -> None:
    assert admin.post(f"/users/action/{action}/{key('xa.canbo')}").status_code == 404


def test_nobody_changes_their_own_roles_area_or_account(admin: FlaskClient) -> None:
    me = key("hn.quantri")
    assert admin.get(f"/users/edit/{me}").status_code == 403
    assert edit(admin, "hn.quantri", roles=["province_admin", "clerk"]).status_code in (303, 403)
    for action in ("disable", "reset_password"):
        assert admin.post(f"/users/action/{action}/{me}").status_code in (303, 403)
    user = people.user("hn.quantri")
    assert (user.active, user.session_version, people.roles("hn.quantri")) == (True, 1, {"province_admin"})


def test_who_holds_what_the_administrator_cannot_give_is_seen_and_not_touched(admin: FlaskClient) -> None:
    people.issue("buudien", AGENCY_USER, agency=people.agency_id())
    page = admin.get("/users/list/").get_data(as_text=True)
    assert "buudien" in page and f"/users/edit/{key('buudien')}" not in page
    assert admin.get(f"/users/edit/{key('buudien')}").status_code == 403
    edit(admin, "buudien", roles=["clerk"])
    admin.post(f"/users/action/disable/{key('buudien')}")
    user = people.user("buudien")
    assert (user.active, people.roles("buudien")) == (True, {"agency_user"})


def test_a_stale_form_is_refused_once_and_shows_both(admin: FlaskClient) -> None:
    version = people.user("xa.canbo").row_version
    assert edit(admin, "xa.canbo", first_name="Một").status_code == 303
    answer = edit(admin, "xa.canbo", first_name="Hai", opened_version=version)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "Một" in page and "Hai" in page
    assert people.user("xa.canbo").first_name == "Một"


def test_a_user_is_disabled_and_enabled_by_buttons(database: Flask, admin: FlaskClient) -> None:
    clerk = people.sign_in(database, "xa.canbo")
    assert admin.post(f"/users/action/disable/{key('xa.canbo')}").status_code == 303
    assert clerk.get("/account/").status_code == 303
    assert admin.post(f"/users/action/enable/{key('xa.canbo')}").status_code == 303
    assert clerk.get("/account/").status_code == 303
    assert people.sign_in(database, "xa.canbo").get("/account/").status_code == 200


def test_a_reset_shows_a_new_password_once_and_ends_open_sessions(database: Flask, admin: FlaskClient) -> None:
    clerk = people.sign_in(database, "xa.canbo")
    page = admin.post(f"/users/action/reset_password/{key('xa.canbo')}").get_data(as_text=True)
    password = re.search(r"\b[a-z2-9]{4}(?:-[a-z2-9]{4}){3}\b", page)
    assert password is not None
    assert clerk.get("/account/").status_code == 303
    people.sign_in(database, "xa.canbo", password.group())


def test_users_are_never_deleted(admin: FlaskClient) -> None:
    for address in (f"/users/delete/{key('xa.canbo')}", f"/users/{key('xa.canbo')}"):
        assert admin.post(address).status_code == 404
        assert admin.delete(address).status_code == 404
    assert exists("xa.canbo")


# --- Who may see the screens ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [CLERK, Role.ACCOUNTANT, Role.SUPERVISOR, AGENCY_USER])
def test_who_is_no_administrator_sees_no_users(database: Flask, role: Role) -> None:
    agency = people.agency_id() if role is AGENCY_USER else None
    people.issue("nhan.vien", role, agency=agency)
    client = people.sign_in(database, "nhan.vien")
    for address in ("/users/list/", f"/users/show/{key('xa.canbo')}", "/users/add", "/user-changes/list/"):
        assert client.get(address).status_code == 403
    assert client.post(f"/users/action/disable/{key('xa.canbo')}").status_code == 403
    assert people.user("xa.canbo").active


def test_an_auditor_reads_users_and_changes_none(database: Flask) -> None:
    people.issue("thanhtra", AUDITOR)
    client = people.sign_in(database, "thanhtra")
    page = client.get("/users/list/").get_data(as_text=True)
    assert "xa.canbo" in page and "/users/edit/" not in page and "/users/add" not in page
    assert client.get(f"/users/show/{key('xa.canbo')}").status_code == 200
    assert client.get("/user-changes/list/").status_code == 200
    assert client.post("/users/add", data=filled()).status_code == 403
    assert client.post(f"/users/action/reset_password/{key('xa.canbo')}").status_code == 403


def test_the_centre_issues_an_agencys_user_with_its_agency(database: Flask) -> None:
    people.issue("tw.quantri", CENTRAL, area="VN")
    client, agency = people.sign_in(database, "tw.quantri"), people.agency_id()
    wanted = filled(username="buudien", roles=["agency_user"], area=people.area_id(people.HANOI))
    refused = client.post("/users/add", data=wanted)
    assert refused.status_code == 422 and "phải thuộc một đơn vị chi trả" in refused.get_data(as_text=True)
    assert client.post("/users/add", data=wanted | {"agency": agency}).status_code == 303
    assert people.user("buudien").agency_id == agency
