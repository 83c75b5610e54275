"""What users do with their own account; each way around it that stock Flask-AppBuilder leaves open is closed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.rules.actors import Role
from tests.accounts import people

NEW = "mật khẩu khác hẳn"


@pytest.fixture(autouse=True)
def a_clerk(database: Flask) -> Iterator[None]:
    people.issue("xa.canbo", Role.CLERK, area=people.BA_DINH)
    yield


@pytest.fixture
def clerk(database: Flask) -> FlaskClient:
    """The clerk's browser."""
    return people.sign_in(database, "xa.canbo")


def change(client: FlaskClient, old: str = people.SECRET, new: str = NEW, again: str | None = None) -> int:
    return client.post(
        "/account/password", data={"old": old, "new": new, "again": new if again is None else again}
    ).status_code


def is_signed_in(client: FlaskClient) -> bool:
    return client.get("/account/").status_code == 200


def test_the_page_shows_who_i_am(clerk: FlaskClient) -> None:
    page = clerk.get("/account/").get_data(as_text=True)
    assert "Nguyễn Văn Thử" in page and "Cán bộ bảo trợ xã hội" in page and "Ba Đình" in page


def test_a_password_is_changed_by_who_knows_the_old_one(database: Flask, clerk: FlaskClient) -> None:
    assert change(clerk) == 303
    assert is_signed_in(people.sign_in(database, "xa.canbo", NEW))
    assert people.changes("xa.canbo")[-1] == ("password_changed", "xa.canbo")


@pytest.mark.parametrize("old", ["", "sai", NEW])
def test_a_password_is_not_changed_without_the_old_one(database: Flask, clerk: FlaskClient, old: str) -> None:
    """Stock: ResetMyPasswordView asks for no old password, so an unattended browser is an account lost."""
    assert change(clerk, old=old) == 422
    assert is_signed_in(people.sign_in(database, "xa.canbo"))


def test_old_cookies_end_with_the_password_and_the_one_that_changed_it_stays(
    database: Flask, clerk: FlaskClient
) -> None:
    """Stock: a stolen cookie outlives the password change that was meant to end it."""
    stolen = people.sign_in(database, "xa.canbo")
    assert change(clerk) == 303
    assert is_signed_in(clerk)
    assert not is_signed_in(stolen)


def test_the_old_password_cannot_be_guessed_here_faster_than_on_the_sign_in_page(clerk: FlaskClient) -> None:
    for _ in range(5):
        change(clerk, old="đoán mò")
    assert change(clerk) == 422
    answer = clerk.application.test_client().post("/login/", data={"username": "xa.canbo", "password": people.SECRET})
    assert answer.status_code == 429


@pytest.mark.parametrize(
    ("new", "again", "said"),
    [
        ("ngắn", "ngắn", "ít nhất 10 ký tự"),
        (people.SECRET, people.SECRET, "khác mật khẩu cũ"),
        (NEW, NEW + "x", "không giống nhau"),
        ("toi.la.xa.canbo!", "toi.la.xa.canbo!", "tên đăng nhập"),
        ("", "", "Hãy nhập mật khẩu mới"),
    ],
)
def test_a_weak_or_mistyped_password_is_said_at_its_box(clerk: FlaskClient, new: str, again: str, said: str) -> None:
    answer = clerk.post("/account/password", data={"old": people.SECRET, "new": new, "again": again})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert said in page
    assert people.SECRET not in page


def test_an_agencys_user_changes_the_password_too(database: Flask) -> None:
    people.issue("buudien", Role.AGENCY_USER, agency=people.agency_id())
    assert change(people.sign_in(database, "buudien")) == 303
    assert is_signed_in(people.sign_in(database, "buudien", NEW))


def test_nobody_changes_their_own_roles_by_adding_fields(clerk: FlaskClient) -> None:
    clerk.post("/account/password", data={"old": people.SECRET, "new": NEW, "again": NEW, "roles": "central_admin"})
    clerk.post("/account/", data={"roles": "central_admin", "area": "1"})
    assert people.roles("xa.canbo") == {"clerk"}


def test_a_disabled_user_is_out_at_the_next_request(database: Flask, clerk: FlaskClient) -> None:
    from sqlalchemy import text

    with people.system() as session:
        session.execute(text("UPDATE ab_user SET active = false"))
    assert not is_signed_in(clerk)


def test_in_the_demo_a_short_password_will_do(
    database: Flask, clerk: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    monkeypatch.setitem(database.config, "CHITRA", replace(database.config["CHITRA"], demo=True))
    assert change(clerk, new="demo") == 303


@pytest.mark.parametrize(
    "address",
    [
        "/resetmypassword/form",
        "/resetpassword/form?pk=1",
        "/userinfoeditview/form",
        "/users/userinfo/",
        "/register/form",
    ],
)
def test_the_stock_pages_for_passwords_and_profiles_do_not_exist(clerk: FlaskClient, address: str) -> None:
    assert clerk.get(address).status_code in (404, 405)
    assert clerk.post(address, data={"password": NEW, "conf_password": NEW}).status_code in (404, 405)
