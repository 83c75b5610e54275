"""Accounts of the tests: issued by the service the program uses, signed in by the page a person uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.extensions import acting_as, db, transaction
from app.models import Agency, AppUser, Area
from app.rules.actors import SYSTEM, Actor, Role
from app.security import actor_of
from app.services.accounts import issuing

SECRET = "một câu dài dễ nhớ"
"""The password of every account here."""

HANOI, BA_DINH, NGOC_HA, DAK_LAK = "01", "00004", "00008", "66"


@contextmanager
def system() -> Iterator[Session]:
    """A transaction of the system, committed at the end."""
    with acting_as(SYSTEM), transaction() as session:
        yield session


def area_id(code: str) -> int:
    """Key of an area by its official code."""
    with acting_as(SYSTEM):
        return int(db.session.scalar(select(Area.id).where(Area.code == code)))


def agency_id(code: str = "vnpost") -> int:
    """Key of an agency, made when it is missing."""
    with system() as session:
        found = session.scalar(select(Agency.id).where(Agency.code == code))
        if found is None:
            agency = Agency(code=code, name="Bưu điện thử", kind="post")
            session.add(agency)
            session.flush()
            found = agency.id
    return int(found)


def account(*roles: Role, area: str = HANOI, agency: int | None = None, email: str | None = None) -> issuing.Account:
    """What an administrator fills in."""
    return issuing.Account(
        last_name="Nguyễn Văn",
        first_name="Thử",
        email=email,
        area_id=area_id(area),
        agency_id=agency,
        roles=frozenset(roles),
    )


def issue(username: str, *roles: Role, area: str = HANOI, agency: int | None = None) -> int:
    """An account, issued by the system."""
    filled = account(*roles, area=area, agency=agency)
    with system() as session:
        return int(issuing.create(session, username, filled, SECRET, by=SYSTEM).id)


def actor(username: str) -> Actor:
    """The actor of an account."""
    with acting_as(SYSTEM):
        return actor_of(db.session.scalars(select(AppUser).where(AppUser.username == username)).one())


def user(username: str) -> AppUser:
    """The row of an account as it is in the database now."""
    with acting_as(SYSTEM):
        db.session.expire_all()
        found: AppUser = db.session.scalars(select(AppUser).where(AppUser.username == username)).one()
        db.session.refresh(found)
        return found


def roles(username: str) -> set[str]:
    """Roles of an account in the database now."""
    with acting_as(SYSTEM):
        rows = db.session.execute(
            text(
                "SELECT r.name FROM ab_user u JOIN ab_user_role ur ON ur.user_id = u.id"
                " JOIN ab_role r ON r.id = ur.role_id WHERE u.username = :name"
            ),
            {"name": username},
        )
        return {name for (name,) in rows}


def changes(username: str) -> list[tuple[str, str]]:
    """(what, by whom) of every recorded change of an account, oldest first."""
    with acting_as(SYSTEM):
        rows = db.session.execute(
            text(
                "SELECT c.what, c.actor FROM user_changes c JOIN ab_user u ON u.id = c.user_id"
                " WHERE u.username = :name ORDER BY c.id"
            ),
            {"name": username},
        )
        return [(what, who) for what, who in rows]


def sign_in(app: Flask, username: str, password: str = SECRET) -> FlaskClient:
    """A browser in which the user has signed in."""
    client = app.test_client()
    answer = client.post("/login/", data={"username": username, "password": password})
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return client
