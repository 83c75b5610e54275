"""Signing in by REST: counted like the page, bound to the password, never mixed with a cookie."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from flask_appbuilder.api import BaseApi, expose, protect
from sqlalchemy import text

from app import clock, create_app
from app.extensions import acting_as, current_actor, db, transaction
from app.rules.actors import SYSTEM, Role
from app.services.accounts import issuing
from config import Settings
from tests.accounts import people
from tests.browsing import Browser

LOGIN, REFRESH = "/api/v1/security/login", "/api/v1/security/refresh"


@pytest.fixture(autouse=True)
def a_clerk(database: Flask) -> Iterator[None]:
    people.issue("xa.canbo", Role.CLERK, area=people.BA_DINH)
    yield


def login(client: FlaskClient, password: str = people.SECRET, **more: Any) -> Any:
    return client.post(LOGIN, json={"username": "xa.canbo", "password": password, "refresh": True, **more})


def refresh(client: FlaskClient, token: str) -> Any:
    return client.post(REFRESH, headers={"Authorization": f"Bearer {token}"})


def test_credentials_give_tokens_and_no_cookie(client: FlaskClient) -> None:
    answer = login(client)
    assert answer.status_code == 200
    assert set(answer.json) == {"access_token", "refresh_token"}
    assert client.get("/account/").status_code == 303


def test_a_refresh_token_gives_an_access_token_and_an_access_token_does_not(client: FlaskClient) -> None:
    tokens = login(client).json
    assert refresh(client, tokens["refresh_token"]).status_code == 200
    assert refresh(client, tokens["access_token"]).status_code == 401


def test_signing_in_by_rest_is_counted_like_the_page(client: FlaskClient) -> None:
    """Stock: /api/v1/security/login takes any number of guesses."""
    assert [login(client, "sai").status_code for _ in range(5)] == [401] * 5
    refused = login(client)
    assert refused.status_code == 429
    assert refused.mimetype == "application/problem+json"
    assert int(refused.headers["Retry-After"]) in range(50, 61)
    assert client.post("/login/", data={"username": "xa.canbo", "password": people.SECRET}).status_code == 429


def test_guessing_refresh_tokens_is_counted_for_the_address(client: FlaskClient) -> None:
    codes = [refresh(client, "giả").status_code for _ in range(31)]
    assert codes == [401] * 30 + [429]


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "x",
        {},
        {"username": "xa.canbo"},
        {"username": ["xa.canbo"], "password": people.SECRET},
        {"username": "xa.canbo", "password": {"$ne": ""}},
        {"username": "xa.canbo", "password": "x" * 200},
        {"username": "", "password": ""},
        {"username": None, "password": None},
    ],
)
def test_a_malformed_body_is_a_problem_and_no_error(client: FlaskClient, body: Any) -> None:
    answer = client.post(LOGIN, json=body)
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")


def test_a_body_that_is_no_json_is_a_problem_too(client: FlaskClient) -> None:
    assert client.post(LOGIN, data="username=xa.canbo", content_type="application/json").status_code == 422
    assert client.post(LOGIN, data={"username": "xa.canbo", "password": people.SECRET}).status_code == 422


@pytest.mark.parametrize("what", ["password", "disabled"])
def test_tokens_end_with_the_password_and_with_the_account(client: FlaskClient, what: str) -> None:
    """Stock: a refresh token works for thirty days whatever happens to the user."""
    tokens = login(client).json
    user_id = people.user("xa.canbo").id
    with acting_as(SYSTEM), transaction() as session:
        if what == "password":
            issuing.reset_password(session, user_id, "mật khẩu mới tinh", by=SYSTEM)
        else:
            issuing.disable(session, user_id, by=SYSTEM)
    assert refresh(client, tokens["refresh_token"]).status_code == 401


def test_a_refresh_token_ends_after_eight_hours(client: FlaskClient) -> None:
    with time_machine.travel(clock.now(), tick=False) as traveller:
        token = login(client).json["refresh_token"]
        traveller.shift(timedelta(hours=7, minutes=59))
        assert refresh(client, token).status_code == 200
        traveller.shift(timedelta(minutes=2))
        answer = refresh(client, token)
    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")


def test_a_token_of_another_making_is_refused(client: FlaskClient) -> None:
    claims = jwt.decode(login(client).json["refresh_token"], options={"verify_signature": False})
    for key, algorithm in (("khóa của kẻ gian, đủ ba mươi hai ký tự", "HS256"), (None, "none")):
        forged = jwt.encode(claims, key, algorithm=algorithm)
        assert refresh(client, forged).status_code == 401


# --- A token and a cookie in one request ---------------------------------------------------------------------------


class WhoApi(BaseApi):
    """Says who the program thinks is asking."""

    resource_name = "who"
    class_permission_name = "OwnAccount"
    method_permission_name = {"who": "userinfo", "change": "userinfo"}
    allow_browser_login = True

    @expose("/", methods=["GET"])
    @protect()
    def who(self) -> Any:
        return {"actor": current_actor().username}

    @expose("/", methods=["POST"])
    @protect()
    def change(self) -> Any:
        return {"actor": current_actor().username}


@pytest.fixture
def who(settings: Settings, addresses: tuple[str, str], database: Flask) -> Iterator[FlaskClient]:
    """A browser of a program that has one more resource."""
    app = create_app(settings, addresses=addresses)
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    app.test_client_class = Browser
    with app.app_context():
        app.extensions["appbuilder"].add_api(WhoApi)
        engine = db.engine
    yield people.sign_in(app, "xa.canbo")
    engine.dispose()


def test_a_request_with_a_token_is_the_tokens_users_alone(who: FlaskClient) -> None:
    """Stock: permissions come from the cookie's user and the rest from the token's."""
    people.issue("xa.ketoan", Role.ACCOUNTANT, area=people.BA_DINH)
    token = who.post(LOGIN, json={"username": "xa.ketoan", "password": people.SECRET}).json["access_token"]
    assert who.get("/api/v1/who/").json == {"actor": "xa.canbo"}
    assert who.get("/api/v1/who/", headers={"Authorization": f"Bearer {token}"}).json == {"actor": "xa.ketoan"}
    with people.system() as session:
        session.execute(
            text("DELETE FROM ab_user_role USING ab_user u WHERE u.id = user_id AND u.username = 'xa.ketoan'")
        )
    assert who.get("/api/v1/who/", headers={"Authorization": f"Bearer {token}"}).status_code == 403


def test_a_cookie_never_writes_where_no_csrf_token_is_asked(who: FlaskClient) -> None:
    """Stock: an API that allows a browser's cookie takes a form of another site, since APIs are exempt from CSRF."""
    assert who.post("/api/v1/who/").status_code == 401
    token = login(who).json["access_token"]
    assert who.post("/api/v1/who/", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_a_bad_token_does_not_fall_back_on_the_cookie(who: FlaskClient) -> None:
    assert who.get("/api/v1/who/", headers={"Authorization": "Bearer rác"}).status_code == 401


def test_the_api_refuses_strangers(database: Flask, who: FlaskClient) -> None:
    answer = who.application.test_client().get("/api/v1/who/")
    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
