"""Forms of other sites: every post of a browser carries the token of its session. Stock Flask-AppBuilder checks none."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.extensions import csrf
from app.rules.actors import Role
from app.security import PUBLIC
from tests.accounts import people


@pytest.fixture(autouse=True)
def checked(database: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The program as it runs outside tests."""
    people.issue("hn.quantri", Role.PROVINCE_ADMIN)
    people.issue("xa.canbo", Role.CLERK, area=people.BA_DINH)
    monkeypatch.setitem(database.config, "WTF_CSRF_ENABLED", True)
    yield


def token(client: FlaskClient, address: str) -> str:
    """The token a page carries in its form."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(address).get_data(as_text=True))
    assert found is not None
    return found.group(1)


@pytest.fixture
def admin(database: Flask) -> FlaskClient:
    """The administrator's browser, signed in by the form of the page."""
    client = database.test_client()
    credentials = {"username": "hn.quantri", "password": people.SECRET}
    answer = client.post("/login/", data=credentials | {"csrf_token": token(client, "/login/")})
    assert answer.status_code == 303
    return client


def test_a_sign_in_without_a_token_is_refused(database: Flask) -> None:
    client = database.test_client()
    assert client.post("/login/", data={"username": "hn.quantri", "password": people.SECRET}).status_code == 400


def test_the_token_before_signing_in_is_no_token_after(database: Flask) -> None:
    client = database.test_client()
    before = token(client, "/login/")
    client.post("/login/", data={"username": "hn.quantri", "password": people.SECRET, "csrf_token": before})
    assert client.post("/logout/", data={"csrf_token": before}).status_code == 400


@pytest.mark.parametrize("address", ["/logout/", "/users/add", "/users/action_post", "/account/password", "/month"])
def test_a_post_without_a_token_is_refused(admin: FlaskClient, address: str) -> None:
    assert admin.post(address, data={}).status_code == 400
    assert admin.get("/account/").status_code == 200


@pytest.mark.parametrize("action", ["disable", "reset_password"])
def test_an_action_without_a_token_does_nothing(admin: FlaskClient, action: str) -> None:
    user_id = people.user("xa.canbo").id
    assert admin.post(f"/users/action/{action}/{user_id}").status_code == 400
    assert people.user("xa.canbo").session_version == 1
    with_token = {"csrf_token": token(admin, f"/users/show/{user_id}")}
    assert admin.post(f"/users/action/{action}/{user_id}", data=with_token).status_code in (200, 303)
    assert people.user("xa.canbo").session_version == 2


def test_a_token_of_another_session_is_refused(database: Flask, admin: FlaskClient) -> None:
    foreign = token(database.test_client(), "/login/")
    assert admin.post("/logout/", data={"csrf_token": foreign}).status_code == 400


def test_signing_out_works_with_the_token_of_the_page(admin: FlaskClient) -> None:
    assert admin.post("/logout/", data={"csrf_token": token(admin, "/account/")}).status_code == 303


def test_rest_sign_in_needs_no_token(database: Flask) -> None:
    answer = database.test_client().post(
        "/api/v1/security/login", json={"username": "hn.quantri", "password": people.SECRET}
    )
    assert answer.status_code == 200


def test_only_bearer_tokens_and_agencies_go_without_a_token(database: Flask) -> None:
    """What CSRF does not check must not listen to a cookie: the API (the gate sees to it), or what is public."""
    exempt = {blueprint.name for blueprint in csrf._exempt_blueprints}
    for rule in database.url_map.iter_rules():
        if rule.endpoint.split(".")[0] in exempt:
            assert rule.rule.startswith("/api/") or rule.endpoint in PUBLIC, rule
    views = {f"{view.__module__}.{view.__name__}": name for name, view in database.view_functions.items()}
    assert {views[name] for name in csrf._exempt_views} <= set(PUBLIC)
