"""Who did something, by name: users of one's scope, agencies and the system itself. No page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Agency, AppUser

_AGENCY = "agency:"


def named(session: Session, actors: Iterable[str | None]) -> Mapping[str, str]:
    """Actor as recorded -> name for people; who is out of scope keeps the user name."""
    wanted = {actor for actor in actors if actor}
    found = {actor: actor for actor in wanted}
    users = wanted - {"system"}
    if users:
        for user in session.scalars(select(AppUser).where(AppUser.username.in_(users))):
            found[user.username] = user.get_full_name()
    codes = {actor.removeprefix(_AGENCY) for actor in wanted if actor.startswith(_AGENCY)}
    if codes:
        for row in session.execute(select(Agency.code, Agency.name).where(Agency.code.in_(codes))):
            found[_AGENCY + row.code] = row.name
    return found | ({"system": str(_("Hệ thống"))} if "system" in wanted else {})
