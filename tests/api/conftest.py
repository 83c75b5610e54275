"""Programs that are signed in to the REST API as people of one role and area."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.rules.actors import Role
from tests.accounts import people

Program = Callable[..., FlaskClient]


def program_of(app: Flask, username: str) -> FlaskClient:
    """A client that sends the user's bearer token and no cookie."""
    answer = app.test_client().post("/api/v1/security/login", json={"username": username, "password": people.SECRET})
    assert answer.status_code == 200, answer.text
    client = app.test_client(use_cookies=False)
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {answer.json['access_token']}"
    return client


@pytest.fixture
def program(database: Flask) -> Program:
    """`program(Role.CLERK)` of Ba Đình, `program(Role.CLERK, area=people.DAK_LAK)`; the same user when asked again."""
    known: dict[str, FlaskClient] = {}

    def of(role: Role, *, area: str = people.BA_DINH, agency: str = "vnpost", name: str = "") -> FlaskClient:
        username = name or f"x{area}.{role.value}".lower().replace("_", "-")
        if username not in known:
            agency_id = people.agency_id(agency) if role is Role.AGENCY_USER else None
            people.issue(username, role, area=area, agency=agency_id)
            known[username] = program_of(database, username)
        return known[username]

    return of
