"""The record of who saw or exported personal data (Luật 91/2025). It is written and never read here."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.models import AccessLog
from app.rules.actors import Actor


def seen(
    session: Session, what: str, *, by: Actor, area_path: str, entity_id: int | None = None, people: int = 1
) -> None:
    """`by` saw, printed or took away the personal data of so many people."""
    session.add(
        AccessLog(
            actor=by.username,
            actor_id=by.user_id,
            area_path=area_path,
            what=what,
            entity_id=entity_id,
            row_count=people,
        )
    )
    session.flush()
