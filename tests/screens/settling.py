"""The page of a settlement read and its buttons pressed, and the fixtures of its tests; imported `as` themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import clock
from app.models import Settlement
from app.rules.actors import Role
from tests import factories as make
from tests import office, stages
from tests.accounts import people

SignedIn = Callable[..., FlaskClient]


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def signed_in(database: Flask) -> SignedIn:
    def come(role: Role, *, area: str = make.COMMUNE) -> FlaskClient:
        name = f"thu.{role.value}.{area}".replace("_", "-").lower()
        agency = people.agency_id() if role is Role.AGENCY_USER else None
        people.issue(name, role, area=area, agency=agency)
        return people.sign_in(database, name)

    return come


def show(client: FlaskClient, settlement_id: int, query: str = "") -> str:
    answer = client.get(f"/settlements/show/{settlement_id}{query}")
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return plain(answer)


def plain(answer: Any) -> str:
    return unescape(answer.get_data(as_text=True)).replace("\u00a0", " ")


def post(client: FlaskClient, settlement_id: int, action: str, **form: Any) -> str:
    """Press a button of the settlement's page; the page that follows."""
    page = f"/settlements/show/{settlement_id}"
    headers = {"Referer": f"http://localhost{page}"}
    answer = client.post(f"/settlements/{action}/{settlement_id}", data=form, headers=headers)
    assert answer.status_code == 303, plain(answer)
    return plain(client.get(answer.location))


def hidden(page: str, action: str, name: str, *, near: str = "") -> str:
    """The value of a hidden field of the form that posts to an action; `near` stands in the same form."""
    for form in re.findall(rf'<form method="post" action="[^"]*/{action}/\d+">.*?</form>', page, re.S):
        found = re.search(rf'name="{name}" value="([^"]*)"', form)
        if found and near in form:
            return found[1]
    raise AssertionError(f"no {name} for {action}")


def state(session: Session, settlement_id: int) -> str:
    office.refresh(session)
    return session.get_one(Settlement, settlement_id).state


def reported(session: Session, *outcomes: str, people: int = 3, **more: Any) -> int:
    """A settlement the agency has reported in full; committed."""
    settlement_id = stages.reported(session, *outcomes, people=people, **more).id
    session.rollback()
    return settlement_id
