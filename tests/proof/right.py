"""Books that are right: what `flask check-books` looks for, and no message that was applied twice."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.services.books import checking

_TWICE = text("SELECT inbox_id, reference FROM settlement_entries GROUP BY 1, 2 HAVING count(*) > 1")


def assert_right(session: Session) -> None:
    """Nothing that breaks a promise, in all the books."""
    session.rollback()
    found = checking.check(session)
    twice = [tuple(row) for row in session.execute(_TWICE)]
    session.rollback()
    assert not found and not twice, (found, twice)
