"""The daily digest: what needs a person in an area, once a day, to those of the area who have an e-mail address.

Counts, codes and links only: a letter travels over machines that are not ours. Vietnamese first, then English.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import time
from typing import Any

from flask_babel import force_locale, gettext
from flask_babel import gettext as _
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.extensions import transaction
from app.rules import dates, money
from app.rules.actors import Role
from app.services import attention, auto_sending
from app.services.accounts.issuing import NO_EMAIL

MADE_FROM = time(7)
"""Start of the working day, local time."""

CODES_NAMED = 10
"""Places named of each kind of trouble; the link leads to all of them."""

READ_BY = (Role.CLERK, Role.ACCOUNTANT, Role.SUPERVISOR, Role.PROVINCE_ADMIN, Role.CENTRAL_ADMIN)

NOTHING: Mapping[str, str | None] = {"subject": None, "body": None}

Link = Callable[[str, dict[str, Any]], str]
"""The address of a page: its endpoint and arguments."""

_READERS = (
    " FROM ab_user u WHERE u.active AND u.agency_id IS NULL AND u.email NOT LIKE :nowhere AND EXISTS ("
    "   SELECT 1 FROM ab_user_role x JOIN ab_role r ON r.id = x.role_id WHERE x.user_id = u.id AND r.name = ANY(:roles))"
)
_NEXT = (
    "SELECT min(u.area_path)"
    + _READERS
    + " AND NOT EXISTS (SELECT 1 FROM digests d WHERE d.area_path = u.area_path AND d.day = :today)"
)
_LETTERS = (
    "INSERT INTO mails (digest_id, user_id, address, area_path) SELECT :digest, u.id, u.email, u.area_path"
    + _READERS
    + " AND u.area_path = :path"
)


def make_next(link: Link) -> bool:
    """Make today's digest of one area that has none, with its letters; False when all are made or it is too early."""
    if clock.now().astimezone(clock.LOCAL).time() < MADE_FROM:
        return False
    facts: dict[str, Any] = {
        "roles": [role.value for role in READ_BY],
        "nowhere": f"%{NO_EMAIL}",
        "today": clock.today(),
    }
    with transaction() as session:
        path = session.execute(text(_NEXT), facts).scalar()
        if path is None:
            return False
        written: Mapping[str, str | None] | None = compose(session, path, link)
        digest_id = session.execute(
            text(
                "INSERT INTO digests (area_path, day, subject, body, made_at)"
                " VALUES (:path, :today, :subject, :body, :now) ON CONFLICT (area_path, day) DO NOTHING RETURNING id"
            ),
            {"path": path, "now": clock.now(), **facts, **(written or NOTHING)},
        ).scalar()
        if digest_id is not None and written is not None:
            session.execute(text(_LETTERS), facts | {"digest": digest_id, "path": path})
    return True


def compose(session: Session, path: str, link: Link) -> dict[str, str] | None:
    """Subject and body of an area's digest, None when nothing needs a person there."""
    area = session.execute(text("SELECT code, full_name FROM areas WHERE path = :path"), {"path": path}).one()
    items = attention.items(session, path, clock.today().replace(day=1))
    if not items:
        return None
    day, count = dates.format_date(clock.today()), money.group_thousands(sum(item.count for item in items))
    parts = []
    for locale in ("vi", "en"):
        with force_locale(locale):
            head = _("%(area)s, ngày %(day)s: %(count)s việc cần xử lý", area=area.full_name, day=day, count=count)
            home = _("Mở bàn làm việc: %(link)s", link=link("Home.index", {"area": area.code}))
            parts.append("\n".join([head, "", *_lines(session, path, items, link), home]))
    subject = "Chitra · " + parts[0].split("\n", 1)[0]
    return {"subject": subject, "body": "\n\n----------\n\n".join(parts) + "\n"}


def _lines(session: Session, path: str, items: list[attention.Item], link: Link) -> list[str]:
    lines: list[str] = []
    days = {one.code: one.last_day for one in auto_sending.reminders(session, path)}
    for item in items:
        lines.append(f"* {gettext(item.kind.label)}: {money.group_thousands(item.count)}")
        lines.append(f"  {gettext(item.kind.advice)}")
        if item.places:
            for place in attention.places(session, path, item.kind.name, limit=CODES_NAMED):
                until = f" ({dates.format_date(days[place.code])})" if item.kind.name == "reminder" else ""
                lines.append(f"  {place.code}{until} · {place.area_name} · {_address(item, place.id, link)}")
        lines.append("")
    return lines


def _address(item: attention.Item, key: int, link: Link) -> str:
    page = "PacketView.show" if item.kind.name == "stuck" else item.kind.page
    return link(page, {"pk": key})
