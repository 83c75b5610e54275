"""The ground everything stands on: migrations, the two roles, the scope of a transaction, audited moves."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.extensions import acting_as, db, transaction
from app.models import Area
from app.rules.actors import NOBODY, SYSTEM, Actor, Role


def clerk(path: str) -> Actor:
    return Actor("xa.canbo", frozenset({Role.CLERK}), path)


def test_the_official_areas_are_loaded(session: Session) -> None:
    counts = dict(session.execute(text("SELECT level, count(*) FROM areas GROUP BY level")).all())
    assert counts == {"country": 1, "province": 34, "commune": 3321}


def test_the_role_the_program_runs_as_owns_no_table(session: Session) -> None:
    assert session.execute(text("SELECT current_user")).scalar() == "chitra_app"
    assert session.execute(text("SELECT count(*) FROM pg_tables WHERE tableowner = current_user")).scalar() == 0


@pytest.mark.parametrize(("path", "communes"), [("VN/", 3321), ("VN/01/", 126), ("VN/01/00004/", 1), (None, 0)])
def test_row_level_security_shows_only_the_area_and_below(database: Flask, path: str | None, communes: int) -> None:
    with acting_as(Actor("someone", frozenset(), path)):
        seen = db.session.execute(text("SELECT count(*) FROM areas WHERE level = 'commune'")).scalar()
    assert seen == communes


def test_the_query_scope_alone_shows_only_the_area_and_below(database: Flask) -> None:
    with acting_as(SYSTEM):
        db.session.execute(text("SELECT 1"))
        with_scope = Actor("someone", frozenset(), "VN/01/00004/")
        from app.extensions import _actor

        token = _actor.set(with_scope)  # the transaction keeps the wide row-level security of before
        try:
            seen = {area.code for area in db.session.query(Area).all()}
        finally:
            _actor.reset(token)
    assert seen == {"VN", "01", "00004"}


def test_nobody_sees_nothing(database: Flask) -> None:
    with acting_as(NOBODY):
        assert db.session.query(Area).count() == 0


def test_a_state_change_without_an_audit_row_does_not_commit(session: Session) -> None:
    session.execute(text("INSERT INTO periods (month) VALUES ('2026-11-01')"))
    session.execute(
        text(
            "INSERT INTO area_periods (area_id, period_id) SELECT a.id, p.id FROM areas a, periods p WHERE a.code='00004'"
        )
    )
    with pytest.raises(DBAPIError, match="without an audit row"):
        session.commit()


def test_the_audit_cannot_be_rewritten(session: Session) -> None:
    for statement in ("UPDATE state_changes SET actor = 'x'", "DELETE FROM money_movements"):
        with pytest.raises(DBAPIError), session.begin_nested():
            session.execute(text(statement))


def test_a_failed_transaction_leaves_nothing(database: Flask) -> None:
    with acting_as(SYSTEM):
        with pytest.raises(RuntimeError), transaction() as opened:
            opened.execute(text("INSERT INTO periods (month) VALUES ('2026-11-01')"))
            raise RuntimeError
        assert db.session.execute(text("SELECT count(*) FROM periods")).scalar() == 0
