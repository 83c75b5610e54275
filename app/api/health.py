"""`/health/live` and `/health/ready`: may this process be kept, and may it be given work. No personal data, no versions."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

from alembic.script import ScriptDirectory
from flask import Blueprint, Response, current_app, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app import clock
from app.extensions import transaction
from app.jobs.standing import standing
from app.services.books import checking

log = logging.getLogger(__name__)

blueprint = Blueprint("health", __name__, url_prefix="/health")

PATIENCE_MS = 3_000
"""A database that takes longer to say who we are is not ready."""

_ROLE = text(
    "SELECT r.rolsuper OR r.rolbypassrls OR EXISTS (SELECT 1 FROM pg_class c WHERE c.relowner = r.oid AND c.relkind IN"
    " ('r', 'p', 'v', 'm', 'S')) FROM pg_roles r WHERE r.rolname = current_user"
)


@blueprint.get("/live")
def live() -> ResponseReturnValue:
    """The process answers; nothing else is asked."""
    return _said(200, {"status": "live"})


@blueprint.get("/ready")
def ready() -> ResponseReturnValue:
    """503 until the database answers, is migrated, and holds us to row-level security. Late jobs and wrong
    books are told, not judged: the web goes on, so that people can look."""
    checks = {"database": False, "migrations": False, "role": False}
    sweeps: list[dict[str, Any]] = []
    books: dict[str, Any] | None = None
    try:
        with transaction() as session:
            session.execute(text(f"SET LOCAL statement_timeout = {PATIENCE_MS}"))
            checks["database"] = True
            stored = session.scalars(text("SELECT version_num FROM alembic_version")).all()
            checks["migrations"] = set(stored) == _heads(current_app.extensions["migrate"].directory)
            checks["role"] = session.scalar(_ROLE) is False
            sweeps = _jobs(session)
            books = _books(session)
    except SQLAlchemyError:
        log.exception("not_ready")
        checks["database"] = False
    good = all(checks.values())
    told = {"status": "ready" if good else "not_ready", "checks": checks, "jobs": sweeps, "books": books}
    return _said(200 if good else 503, told)


def _jobs(session: Session) -> list[dict[str, Any]]:
    """Seconds since each sweep began, ended well and failed, null for never; late by its own measure."""
    return [
        {
            "name": one.job.name,
            "started_s_ago": one.ago(one.run and one.run.started_at),
            "succeeded_s_ago": one.ago(one.run and one.run.succeeded_at),
            "failed_s_ago": one.ago(one.run and one.run.failed_at),
            "duration_ms": one.run and one.run.duration_ms,
            "failing": one.failing,
            "late": one.late,
        }
        for one in standing(session, current_app.config["CHITRA"])
    ]


def _books(session: Session) -> dict[str, Any]:
    """Seconds since the books were checked, null for never, and how many checks they broke: more than 0 is an alarm."""
    last = checking.last(session)
    return {
        "checked_s_ago": None if last is None else int((clock.now() - last.at).total_seconds()),
        "duration_ms": None if last is None else last.duration_ms,
        "wrong": None if last is None else last.wrong,
    }


@cache
def _heads(folder: str) -> frozenset[str]:
    return frozenset(ScriptDirectory(folder).get_heads())


def _said(status: int, members: dict[str, Any]) -> Response:
    answer = jsonify(members)
    answer.status_code = status
    answer.headers["Cache-Control"] = "no-store"
    return answer
