"""The ground everything stands on: migrations, the two roles, the scope of a transaction, audited moves, short files."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from app.extensions import acting_as, db, transaction
from app.models import Area, PayoutLine
from app.rules.actors import NOBODY, SYSTEM, Actor, Role
from tests import factories as make

ROOT = Path(__file__).parents[1]
MOST_LINES = 400


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


@pytest.mark.parametrize("column", ["entitlement_id", "batch_id"], ids=["without an entitlement", "without a list"])
def test_a_line_without_its_parents_does_not_come_in(session: Session, column: str) -> None:
    """No foreign key looks at each line: a trigger looks at all lines of a statement at once."""
    make.made_list(session, people=1)
    names = [c.name for c in PayoutLine.__table__.columns if c.name not in ("id", column)]
    with pytest.raises(IntegrityError, match="has no list or no entitlement"), session.begin_nested():
        session.execute(
            text(
                f"INSERT INTO payout_lines ({column}, {', '.join(names)}) SELECT 999999999, "
                f"{', '.join('false' if name == 'live' else repr('x') if name == 'excluded_reason' else name for name in names)}"
                " FROM payout_lines"
            )
        )


@pytest.mark.parametrize("column", ["entitlement_id", "batch_id"])
def test_a_line_keeps_its_parents(session: Session, column: str) -> None:
    make.made_list(session, people=1)
    with pytest.raises(DBAPIError, match="keeps its list and its entitlement"), session.begin_nested():
        session.execute(text(f"UPDATE payout_lines SET {column} = {column} + 1"))


@pytest.mark.parametrize("table", ["beneficiaries", "entitlements"])
def test_nobody_is_ever_deleted_from_the_registry(session: Session, table: str) -> None:
    make.made_list(session, people=1)
    with pytest.raises(DBAPIError, match="are never deleted"), session.begin_nested():
        session.execute(text(f"DELETE FROM {table}"))


def test_no_file_is_longer_than_one_can_read() -> None:
    """The data dictionary may be longer, and a migration is as long as what it changes."""
    ours = [
        *ROOT.glob("*.py"),
        *(path for folder in ("app", "bench", "tests") for path in (ROOT / folder).rglob("*.py")),
    ]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in ours}
    assert lengths.pop("app/models.py") > MOST_LINES
    assert {path: lines for path, lines in lengths.items() if lines > MOST_LINES} == {}
