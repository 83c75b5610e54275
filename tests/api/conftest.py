"""Programs signed in to the REST API as people of one role and area; agencies with keys and a client of ours."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

import config
from app import clock
from app.agency.keys import KeyRing
from app.rules.actors import Role
from tests import factories as make
from tests.accounts import people
from tests.api.agencies import Agency

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


@pytest.fixture
def keys(settings: config.Settings) -> Iterator[KeyRing]:
    """Our key ring, in the folder where the program looks."""
    folder = settings.home / "keys"
    ring = KeyRing(folder)
    ring.new_key(now=clock.wall())
    yield ring
    shutil.rmtree(folder)


@pytest.fixture
def partner(session: Session, client: FlaskClient, keys: KeyRing, tmp_path: Path) -> Callable[[str], Agency]:
    def of(code: str) -> Agency:
        make.agency(session, code, methods=())
        session.commit()
        theirs = KeyRing(tmp_path / code)
        kid = theirs.new_key(now=clock.wall())
        keys.trust(code, kid, theirs.public_pem(kid))
        return Agency(code, client, keys, theirs, keys.issue_client(code))

    return of


@pytest.fixture
def vnpost(partner: Callable[[str], Agency]) -> Agency:
    return partner("vnpost")
