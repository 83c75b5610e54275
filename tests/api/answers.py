"""What tests of the machines' side share: what the database holds, what a refusal looks like."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from app.extensions import acting_as, db
from app.rules.actors import SYSTEM


def rows(sql: str, **facts: Any) -> list[tuple[Any, ...]]:
    """What the database holds now, whoever asks."""
    with acting_as(SYSTEM):
        db.session.rollback()
        found = [tuple(row) for row in db.session.execute(text(sql), facts)]
        db.session.rollback()
    return found


def problem_of(answer: Any, status: int) -> dict[str, Any]:
    """The members of a refusal, which is always a whole problem and never a word of the inside."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    found: dict[str, Any] = answer.json
    assert {"type", "title", "status", "detail", "instance", "errors"} <= set(found)
    assert found["status"] == status and found["detail"]
    assert all(set(error) == {"field", "detail"} and error["detail"] for error in found["errors"])
    for inside in ("Traceback", "psycopg", "sqlalchemy", "INSERT", "SELECT", "Fatal"):
        assert inside not in answer.text
    return found


def fields_of(answer: Any) -> set[str]:
    """Which members of the body were refused."""
    return {error["field"] for error in problem_of(answer, 422)["errors"]}
