"""The program with a few throw-away screens more, and people signed in to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import copy_context
from pathlib import Path
from typing import NamedTuple

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import ChoiceLoader, FileSystemLoader
from sqlalchemy import select
from sqlalchemy.orm import Session

import config
from app import create_app, security
from app.extensions import acting_as, db, transaction
from app.models import AppUser, Beneficiary
from app.rules.actors import SYSTEM, Role
from app.services.accounts import issuing
from tests.accounts import people
from tests.browsing import Browser
from tests.factories import COMMUNE
from tests.screens import throwaway

SignIn = Callable[..., FlaskClient]


class Someone(NamedTuple):
    """A person committed to the registry."""

    id: int
    code: str


def registered(session: Session, *people: Beneficiary) -> list[Someone]:
    """Commit people, and remember them beyond the session."""
    made = [Someone(one.id, one.code) for one in people]
    session.commit()
    return made


@pytest.fixture(scope="module")
def tried(app: Flask, settings: config.Settings, addresses: tuple[str, str]) -> Iterator[Flask]:
    """A second program on the migrated database, with the throw-away screens, their permissions and menu."""
    made = create_app(settings, addresses=addresses)
    made.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    made.test_client_class = Browser
    templates = FileSystemLoader(Path(__file__).parent / "templates")
    made.jinja_loader = ChoiceLoader([made.jinja_loader, templates])  # type: ignore[list-item]
    menus = dict.fromkeys([*throwaway.MENU, *(entry for group in throwaway.MENU.values() for entry, _view in group)])
    with made.app_context():
        appbuilder = made.extensions["appbuilder"]
        for group, entries in throwaway.MENU.items():
            for name, view in entries:
                appbuilder.add_view(view, name, category=group)
        appbuilder.add_view_no_menu(throwaway.TryPage)
        before = dict(security.PERMISSIONS), dict(security.MENUS)
        security.PERMISSIONS.update(throwaway.PERMISSIONS)
        security.MENUS.update(dict.fromkeys(menus, frozenset({Role.CLERK, Role.AUDITOR})))
        _sync()
    yield made
    with made.app_context():
        for table, kept in zip((security.PERMISSIONS, security.MENUS), before, strict=True):
            table.clear()
            table.update(kept)
        _sync()


def _sync() -> None:
    with acting_as(SYSTEM), transaction() as session:
        security.sync(session)
    db.session.remove()


@pytest.fixture
def sign_in(database: Flask, tried: Flask) -> Iterator[SignIn]:
    """Signs somebody in: `sign_in(Role.CLERK)`, `sign_in(Role.AUDITOR, area="VN")`."""

    def signed_in(role: Role = Role.CLERK, *, area: str = COMMUNE, name: str = "") -> FlaskClient:
        user_id = make_user(role, area=area, name=name or f"{area}.{role.value}".lower())
        client = tried.test_client()
        copy_context().run(_put_cookie, client, user_id)
        return client

    with tried.app_context():
        yield signed_in
        db.session.remove()


def _put_cookie(client: FlaskClient, user_id: int) -> None:
    """In a context of its own: the request it plays ends by becoming nobody."""
    with client.session_transaction() as cookie:
        cookie.update({"_user_id": str(user_id), "_fresh": True, "sv": 1})


def make_user(role: Role, *, area: str, name: str) -> int:
    """A user with one role, committed; the same user when asked again."""
    with people.system() as session:
        user = session.scalar(select(AppUser).where(AppUser.username == name))
        if user is None:
            agency = people.agency_id() if role is Role.AGENCY_USER else None
            facts = people.account(role, area=area, agency=agency)
            user = issuing.create(session, name, facts, people.SECRET, by=SYSTEM, demo=False)
        user_id = user.id
    db.session.remove()
    return user_id
