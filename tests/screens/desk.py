"""People of an office at their screens: signed in through the page, each on a client of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.extensions import acting_as, db
from app.rules.actors import SYSTEM, Role
from tests import factories as make
from tests.accounts import people


class Desk:
    """One program with people in front of it."""

    def __init__(self, program: Flask) -> None:
        self.program = program

    def signed_in(self, *roles: Role, area: str = make.COMMUNE, name: str = "") -> FlaskClient:
        """Somebody new with these roles in an area, signed in."""
        name = name or f"{roles[0].value}.{area}".replace("_", "-").lower()
        agency = people.agency_id() if Role.AGENCY_USER in roles else None
        people.issue(name, *roles, area=area, agency=agency)
        return people.sign_in(self.program, name)

    @contextmanager
    def books(self) -> Iterator[Session]:
        """The database as the system sees it now; what is done inside is committed."""
        with acting_as(SYSTEM):
            db.session.rollback()
            db.session.expire_all()
            opened: Session = db.session()
            yield opened
            opened.commit()

    def value(self, sql: str, **facts: Any) -> Any:
        """One value of the database."""
        with self.books() as session:
            return session.execute(text(sql), facts).scalar_one()


def text_of(answer: Any) -> str:
    """The page an answer leads to, as text."""
    return str(answer.get_data(as_text=True))


def seen(page: str, dialog: str) -> str:
    """What the form of a dialog says the person saw."""
    found = re.search(rf'<dialog id="{re.escape(dialog)}".*?name="seen" value="([^"]*)"', page, re.S)
    assert found is not None, f"there is no button {dialog}"
    return found[1]


def buttons(page: str) -> set[str]:
    """Names of the dialogs a page offers for a list."""
    return set(re.findall(r'<dialog id="do-([a-z]+)"', page))
