"""What an area that has ended leaves behind: read, and never changed, by the one area that keeps it.

Whoever reads it acts as that old area for as long: the scope of queries and row-level security are those of the old
area, roles are none, and neither the program nor the database lets such an actor change anything
(docs/decisions/006-reading-ended-areas.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.models import Area, KeptArea
from app.rules.actors import Actor


def hand_over(session: Session, old: Area, keeper: Area, *, ended_on: date, decision: str) -> None:
    """`keeper` reads from now on what `old` leaves, and what `old` itself has kept."""
    session.execute(
        text("UPDATE kept_areas SET area_path = :keeper WHERE area_path = :old"),
        {"keeper": keeper.path, "old": old.path},
    )
    session.execute(
        text(
            "INSERT INTO kept_areas (old_area_id, old_path, code, full_name, ended_on, decision, area_path)"
            " VALUES (:id, :old, :code, :name, :ended_on, :decision, :keeper)"
        ),
        {
            "id": old.id,
            "old": old.path,
            "code": old.code,
            "name": old.full_name,
            "ended_on": ended_on,
            "decision": decision,
            "keeper": keeper.path,
        },
    )


def kept_for(session: Session, actor: Actor) -> Sequence[KeptArea]:
    """Ended areas that the actor may read only this way, by name. An agency's user reads none."""
    if actor.agency_id is not None or actor.reading:
        return ()
    found = session.scalars(select(KeptArea).order_by(KeptArea.full_name, KeptArea.id))
    return [one for one in found if actor.may_see(one.area_path) and not actor.may_see(one.old_path)]


def reader(session: Session, actor: Actor, code: str) -> Actor | None:
    """The actor as a reader of the ended area with this code; None where it is not theirs to read."""
    wanted = next((one for one in kept_for(session, actor) if one.code == code), None)
    if wanted is None:
        return None
    return Actor(
        username=actor.username,
        roles=frozenset(),
        area_path=wanted.old_path,
        user_id=actor.user_id,
        full_name=actor.full_name,
        reading=True,
    )
