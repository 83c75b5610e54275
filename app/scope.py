"""Area scope inside the application: every ORM read is filtered, every ORM write is checked.

Row-level security does the same in the database (migrations); each is sufficient alone (promise P10).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import event, func, literal, or_
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction, with_loader_criteria

from app.errors import NotAllowed
from app.extensions import current_actor
from app.models import (
    AppUser,
    Area,
    Inherited,
    Packet,
    PayoutBatch,
    PayoutLine,
    Scoped,
    Settlement,
    SettlementRecord,
)
from app.rules.actors import ROOT_PATH, Actor

OF_AN_AGENCY = (PayoutBatch, PayoutLine, Packet, Settlement, SettlementRecord)
"""What an agency's user may see of its own agency; of everything else of an area it sees nothing."""


def unlimited(actor: Actor) -> bool:
    """True when scope hides nothing from the actor."""
    return actor.area_path == ROOT_PATH and actor.agency_id is None


def criteria(actor: Actor) -> list[Any]:
    """Loader options that limit every ORM statement to the actor's area and below."""
    low, high = actor.bounds
    options = [
        with_loader_criteria(
            Scoped, lambda cls: (cls.area_path >= low) & (cls.area_path < high), include_aliases=True
        ),
        with_loader_criteria(
            Inherited,
            lambda cls: (
                ((cls.area_path >= low) & (cls.area_path < high)) | func.starts_with(low, cls.area_path)
            ),
            include_aliases=True,
        ),
        with_loader_criteria(
            AppUser, (AppUser.area_path >= low) & (AppUser.area_path < high), include_aliases=True
        ),
        with_loader_criteria(
            Area,
            or_((Area.path >= low) & (Area.path < high), func.starts_with(literal(low), Area.path)),
            include_aliases=True,
        ),
    ]
    if actor.agency_id is not None:
        agency = actor.agency_id
        options += [
            with_loader_criteria(model, model.agency_id == agency, include_aliases=True)
            for model in OF_AN_AGENCY
        ]
    return options


def _limit_reads(state: ORMExecuteState) -> None:
    if not state.is_select or state.is_column_load or state.is_relationship_load:
        return
    actor = current_actor()
    if not unlimited(actor):
        state.statement = state.statement.options(*criteria(actor))


def _check_writes(session: Session, _context: UOWTransaction, _instances: Any) -> None:
    actor = current_actor()
    for row in (*session.new, *session.dirty, *session.deleted):
        if isinstance(row, Scoped | Inherited | AppUser):
            _fill_path(session, row)
            path = row.area_path
            if row in session.dirty and not session.is_modified(row):
                continue
            if path is None or not actor.may_see(path):
                raise NotAllowed("Bản ghi thuộc địa bàn ngoài phạm vi của bạn.")


def _fill_path(session: Session, row: Any) -> None:
    if hasattr(row, "area_id"):
        with session.no_autoflush:
            area = getattr(row, "area", None)
            if area is None or (row.area_id is not None and area.id != row.area_id):
                area = session.get(Area, row.area_id) if row.area_id is not None else area
        row.area_path = area.path if area is not None else None
        return
    for parent in ("beneficiary", "payee", "settlement", "entitlement"):
        above = getattr(row, parent, None) if row.area_path is None else None
        if above is not None:
            row.area_path = above.area_path


def install() -> None:
    """Listen on every session of the program; harmless when called again."""
    if not event.contains(Session, "do_orm_execute", _limit_reads):
        event.listen(Session, "do_orm_execute", _limit_reads)
        event.listen(Session, "before_flush", _check_writes)
