"""Who acts in a demo: the demo's accounts where they work, invented colleagues elsewhere. No rows are written here."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.rules.actors import Actor, Role

_NAMES = {Role.CLERK: "canbo", Role.ACCOUNTANT: "ketoan", Role.SUPERVISOR: "lanhdao"}


@dataclass(frozen=True, slots=True)
class Staff:
    """The people of one office."""

    clerk: Actor
    accountant: Actor
    supervisor: Actor


def staff_of(session: Session, path: str, *, prefix: str) -> Staff:
    """The office of the area at `path`; `prefix` begins their user names, `xa.canbo`. Users of that name are meant."""
    names = {role: f"{prefix}.{name}" for role, name in _NAMES.items()}
    found = session.execute(
        text("SELECT username, id FROM ab_user WHERE username = ANY(:names) AND area_path = :path"),
        {"names": list(names.values()), "path": path},
    )
    keys = {row.username: row.id for row in found}
    clerk, accountant, supervisor = (
        Actor(name, frozenset({role}), path, user_id=keys.get(name)) for role, name in names.items()
    )
    return Staff(clerk, accountant, supervisor)
