"""Area scope inside the application: every ORM read is filtered, every ORM write is checked.

Row-level security does the same in the database (migrations); each is sufficient alone (promise P10).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import and_, event, false, func, literal, or_, select
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction, with_loader_criteria

from app.errors import NotAllowed
from app.extensions import current_actor
from app.models import (
    AccessLog,
    AppUser,
    Area,
    DeadlineExtension,
    InboxMessage,
    Inherited,
    MessageFault,
    Packet,
    PayoutBatch,
    PayoutLine,
    Scoped,
    Settlement,
    SettlementRecord,
    Shared,
    StateChange,
    UserChange,
    WorkItem,
)
from app.rules.actors import ROOT_PATH, Actor


class ReadingOnly(NotAllowed):
    """Địa bàn này đã kết thúc nên chỉ xem được, không sửa được."""


OF_AN_AGENCY = (PayoutBatch, PayoutLine, Packet, Settlement, SettlementRecord, InboxMessage, MessageFault)
"""What an agency's user may see of its own agency; of everything else of an area it sees nothing."""


REFERENCE: Mapping[str, str] = {
    "agencies": "names of payment agencies, no secrets",
    "area_predecessors": "official succession of communes",
    "benefit_types": "law",
    "benefit_rates": "law",
    "holidays": "official calendar",
    "periods": "months",
}
"""Table -> what it holds that everybody may read. Who may change it is in the permission table."""

INTERNAL: Mapping[str, str] = {
    "job_runs": "last run of each sweep, read by the health page",
    "book_checks": "when the books were last checked, read by the health page",
    "sign_in_attempts": "keyed hashes, read while signing in",
    "ab_role": "names of roles",
    "ab_permission": "copy of the permission table",
    "ab_view_menu": "copy of the permission table",
    "ab_permission_view": "copy of the permission table",
    "ab_permission_view_role": "copy of the permission table",
    "ab_group": "not used",
    "ab_group_role": "not used",
    "ab_user_group": "not used",
    "ab_register_user": "not used: nobody registers",
    "ab_api_key": "not used: programs sign in for bearer tokens",
}
"""Table -> why no screen or API shows it."""


def scope_of_tables() -> dict[str, str]:
    """Every table -> how it is limited: scoped, shared, agency, inherited, areas, reference or internal."""
    scopes = dict.fromkeys(REFERENCE, "reference") | dict.fromkeys(INTERNAL, "internal")
    scopes |= {"areas": "areas", "ab_user": "scoped", "ab_user_role": "scoped"}
    scopes |= {model.__tablename__: "agency" if model in OF_AN_AGENCY else "scoped" for model in _models(Scoped)}
    scopes |= {model.__tablename__: "shared" for model in _models(Shared)}
    return scopes | {model.__tablename__: "inherited" for model in _models(Inherited)}


def unlimited(actor: Actor) -> bool:
    """True when scope hides nothing from the actor."""
    return actor.area_path == ROOT_PATH and actor.agency_id is None


def criteria(actor: Actor) -> list[Any]:
    """Loader options that limit every ORM statement to the actor's area and below."""
    low, high = actor.bounds
    options = [
        with_loader_criteria(Scoped, lambda cls: (cls.area_path >= low) & (cls.area_path < high), include_aliases=True),
        with_loader_criteria(
            Inherited,
            lambda cls: ((cls.area_path >= low) & (cls.area_path < high)) | func.starts_with(low, cls.area_path),
            include_aliases=True,
        ),
        with_loader_criteria(
            Shared,
            lambda cls: (
                ((cls.area_path >= low) & (cls.area_path < high)) | ((cls.to_path >= low) & (cls.to_path < high))
            ),
            include_aliases=True,
        ),
        with_loader_criteria(AppUser, (AppUser.area_path >= low) & (AppUser.area_path < high), include_aliases=True),
        with_loader_criteria(
            Area,
            or_((Area.path >= low) & (Area.path < high), func.starts_with(literal(low), Area.path)),
            include_aliases=True,
        ),
    ]
    return options if actor.agency_id is None else options + _criteria_of_agency(actor.agency_id)


def _criteria_of_agency(agency_id: int) -> list[Any]:
    """An agency's user: its own of what is an agency's, what goes with it, and nothing else of any area."""
    conditions: dict[Any, Any] = {model: model.agency_id == agency_id for model in OF_AN_AGENCY}
    own_extension = DeadlineExtension.settlement_id.in_(_keys_of(Settlement, agency_id))
    keys = {
        machine: _keys_of(model, agency_id)
        for machine, model in (("batch", PayoutBatch), ("packet", Packet), ("settlement", Settlement))
    } | {"extension": select(DeadlineExtension.id).where(own_extension)}
    conditions[DeadlineExtension] = own_extension
    conditions[StateChange] = or_(
        *(and_(StateChange.machine == machine, StateChange.entity_id.in_(own)) for machine, own in keys.items())
    )
    hidden = [model for model in (*_models(Scoped), *_models(Shared)) if model not in conditions]
    conditions |= dict.fromkeys(hidden, false())
    return [with_loader_criteria(model, condition, include_aliases=True) for model, condition in conditions.items()]


def _keys_of(model: Any, agency_id: int) -> Any:
    return select(model.id).where(model.agency_id == agency_id)


def _models(kind: type) -> list[Any]:
    return [mapper.class_ for mapper in AppUser.registry.mappers if issubclass(mapper.class_, kind)]


WRITTEN_BY_READERS = (AccessLog, WorkItem)
"""What somebody who only reads still writes: that they looked, and the work item of a long report."""


def _limit_statements(state: ORMExecuteState) -> None:
    """Reads, and updates and deletes of many rows at once; rows of a relation come with a row that was in scope."""
    if not (state.is_select or state.is_update or state.is_delete):
        return
    if state.is_column_load or state.is_relationship_load:
        return
    actor = current_actor()
    if actor.reading and not state.is_select:
        raise ReadingOnly
    if not unlimited(actor):
        state.statement = state.statement.options(*criteria(actor))


def _check_writes(session: Session, _context: UOWTransaction, _instances: Any) -> None:
    actor = current_actor()
    for row in (*session.new, *session.dirty, *session.deleted):
        if actor.reading and not isinstance(row, WRITTEN_BY_READERS):
            if row in session.dirty and not session.is_modified(row):
                continue
            raise ReadingOnly
        if isinstance(row, Scoped | Inherited | AppUser):
            _fill_path(session, row)
            path = row.area_path
            if row in session.dirty and not session.is_modified(row):
                continue
            if hasattr(row, "saved_by"):
                row.saved_by = actor.username
            if path is None or not actor.may_see(path):
                raise NotAllowed("Bản ghi thuộc địa bàn ngoài phạm vi của bạn.")
            if actor.agency_id is not None and not _agency_writes(actor.agency_id, row):
                raise NotAllowed("Bản ghi không thuộc đơn vị chi trả của bạn.")


def _agency_writes(agency_id: int, row: Any) -> bool:
    """True for what an agency's user may write: rows of the own agency, extensions asked for, the audit of both."""
    if isinstance(row, OF_AN_AGENCY):
        return row.agency_id == agency_id
    return isinstance(row, DeadlineExtension | StateChange | UserChange)


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
    if not event.contains(Session, "do_orm_execute", _limit_statements):
        event.listen(Session, "do_orm_execute", _limit_statements)
        event.listen(Session, "before_flush", _check_writes)
