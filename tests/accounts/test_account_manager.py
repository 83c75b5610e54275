"""What Flask-AppBuilder's own code finds when it asks our account manager."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.rules.actors import Role
from app.services.accounts.attempts import TooManyAttempts
from tests.accounts import people


@pytest.fixture(autouse=True)
def a_clerk(database: Flask) -> Iterator[None]:
    people.issue("xa.canbo", Role.CLERK, area=people.BA_DINH)
    yield


@pytest.fixture
def manager(database: Flask) -> Iterator[Any]:
    """The account manager, within a request of a stranger."""
    with database.test_request_context("/login/", environ_base={"REMOTE_ADDR": "192.0.2.1"}):
        yield database.extensions["appbuilder"].sm


def test_its_way_of_signing_in_is_counted_too(manager: Any) -> None:
    """Stock: auth_user_db takes any number of guesses."""
    assert manager.auth_user_db("xa.canbo", people.SECRET).username == "xa.canbo"
    assert [manager.auth_user_db("xa.canbo", "sai") for _ in range(5)] == [None] * 5
    with pytest.raises(TooManyAttempts):
        manager.auth_user_db("xa.canbo", people.SECRET)


def test_its_way_of_resetting_a_password_ends_sessions_and_is_on_record(manager: Any) -> None:
    manager.reset_password(people.user("xa.canbo").id, "mật khẩu mới tinh")
    assert people.user("xa.canbo").session_version == 2
    assert people.changes("xa.canbo")[-1] == ("password_reset", "system")


def test_a_stranger_sees_no_menu_and_nothing_is_public_by_permission(manager: Any) -> None:
    assert manager.get_user_menu_access(["Quản lý người dùng"]) == set()
    assert not manager.has_access("can_list", "UserView")


def test_a_program_that_is_not_signed_in_gets_a_problem_and_no_page(client: FlaskClient) -> None:
    answer = client.get("/users/list/", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")


def test_the_menu_holds_what_the_role_may_open(database: Flask) -> None:
    people.issue("hn.quantri", Role.PROVINCE_ADMIN)
    of_the_admin = people.sign_in(database, "hn.quantri").get("/account/").get_data(as_text=True)
    of_the_clerk = people.sign_in(database, "xa.canbo").get("/account/").get_data(as_text=True)
    assert "/users/list/" in of_the_admin and "/users/list/" not in of_the_clerk
