"""Where a sent file goes: read and applied at once when it is small, by the scheduler when it is not. Checked first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.extensions import transaction
from app.imports import staging
from app.imports.kinds import KINDS
from app.imports.staging import Upload
from app.models import Area, FileImport, Settlement, WorkItem
from app.rules.actors import Actor, Role
from app.services.registry import NotAClerk
from app.services.settlements import deciding, entering
from app.services.work import start

AT_ONCE_BYTES = 300_000
"""Larger files are read by the scheduler."""
AT_ONCE_ROWS = 5_000
"""Files of more rows are applied by the scheduler."""


def kinds_of(by: Actor) -> tuple[str, ...]:
    """Kinds of files somebody sends, sees and applies: people with their numbers and accounts are for clerks only."""
    return tuple(kind for kind in KINDS if of_results(kind) or by.has(Role.CLERK))


def find(session: Session, import_id: int, *, by: Actor, hold: bool = False) -> FileImport:
    """A file of the area that is for `by`. Raises NotFound."""
    item = staging.find(session, import_id, hold=hold)
    if item.kind not in kinds_of(by):
        raise NotFound
    return item


def of_results(kind: str) -> bool:
    """The file is about results of one settlement."""
    return kind in ("codes", "sheet")


def settlement_of(session: Session, kind: str, key: int | None, *, by: Actor) -> Settlement | None:
    """The settlement that results are for, by hand; None for the other kinds, which are a clerk's.

    Raises NotFound, NotAClerk, Connected.
    """
    if kind not in KINDS:
        raise NotFound
    if not of_results(kind):
        if not by.has(Role.CLERK):
            raise NotAClerk
        return None
    found = None if key is None else session.get(Settlement, key)
    if found is None:
        raise NotFound
    if not entering.by_hand(session, found):
        raise entering.Connected
    return found


def options_of(kind: str, *, before: str, outcome: str, why: str) -> dict[str, Any]:
    """What was chosen for results. Raises what would only come up when applying."""
    if not of_results(kind):
        return {}
    if before not in entering.FROM or (kind == "codes" and outcome not in deciding.DECIDABLE):
        raise deciding.UnknownOutcome(field="outcome")
    if kind == "codes" and before == outcome:
        raise entering.SameStanding
    if before != "pending" and not why:
        raise deciding.ReasonMissing(field="reason")
    return {"from_standing": before, "reason": why} | ({"outcome": outcome} if kind == "codes" else {})


def send(
    kind: str, upload: Upload, *, settlement: Settlement | None, options: Mapping[str, Any], by: Actor, home: Path
) -> tuple[int, WorkItem | None]:
    """Keep a file; (key, the work that reads it), or (key, None) when it was small and has been read.

    Raises FileUnfit, SettlementOver.
    """
    with transaction() as session:
        key = settlement.batch.area_id if settlement is not None else None
        here = Area.id == key if key is not None else Area.path == by.area_path
        area = session.scalars(select(Area).where(here)).one()
        if settlement is not None:
            deciding.demand_open(session, settlement.id, by=by)
        item = staging.accept(
            session, kind, upload, area=area, by=by, home=home, settlement=settlement, options=dict(options)
        )
        reads = None
        if len(upload.content) > AT_ONCE_BYTES:
            reads = _later(session, "import_read", item, {}, by)
        import_id = item.id
    if reads is None:
        staging.read(import_id, KINDS, home=home)
    return import_id, reads


def choose(import_id: int, places: dict[str, int], row: int, *, by: Actor, home: Path) -> WorkItem | None:
    """Which column is what; the work that reads the file again, or None when it was small and has been read.

    Raises what `staging.choose_columns` raises, and AlreadyStarted.
    """
    with transaction() as session:
        item = find(session, import_id, by=by, hold=True)
        staging.choose_columns(session, import_id, places, row, kinds=KINDS, by=by)
        reads = None
        if (home / item.file_path).stat().st_size > AT_ONCE_BYTES:
            item.phase = "reading"
            reads = _later(session, "import_read", item, {}, by)
    if reads is None:
        staging.read(import_id, KINDS, home=home)
    return reads


def apply(import_id: int, *, by: Actor, stamp: str, home: Path) -> tuple[str, WorkItem | None]:
    """Everything the preview says, or nothing: (what was done, None), or ("", the work that does it).

    Raises what `staging.apply` raises, and AlreadyStarted.
    """
    with transaction() as session:
        item = find(session, import_id, by=by, hold=True)
        staging.demand_ready(item)
        doing = None
        if item.row_count > AT_ONCE_ROWS:
            doing = _later(session, "import_apply", item, {"stamp": stamp}, by)
    if doing is not None:
        return "", doing
    return staging.apply(import_id, KINDS, by=by, stamp=stamp, home=home), None


def _later(session: Session, kind: str, item: FileImport, more: dict[str, Any], by: Actor) -> WorkItem:
    titles = {
        "import_read": _("Đọc tệp %(name)s", name=item.file_name),
        "import_apply": _("Ghi tệp %(name)s", name=item.file_name),
    }
    params = {"import_id": item.id, "locale": str(get_locale()), **more}
    started = start(session, kind, params, by=by, title=str(titles[kind]), once_key=f"{kind}:{item.id}")
    session.flush()
    item.work_item_id = started.id
    return started
