"""Approval of lists: locked by a supervisor who did not make them, opened again with a reason, cancelled."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.errors import NotAllowed, NotFound, RuleBroken
from app.rules.actors import Actor
from app.services import journal, transitions
from app.services.arrears import deciding
from app.services.batches import checks, versions
from app.services.batches.lines import write_totals
from app.services.recoveries import withholding


class OwnPreparation(NotAllowed):
    """Người duyệt không được là người đã lập danh sách %(code)s."""


class BlockingFindings(RuleBroken):
    """Danh sách còn %(count)s lỗi phải xử lý trước khi duyệt."""


class EarlierPeriodOpen(RuleBroken):
    """Chưa duyệt được danh sách %(code)s: kỳ trước đang mở lại. Hãy chốt kỳ trước rồi duyệt."""


class EmptyList(RuleBroken):
    """Danh sách %(code)s không có ai để trả tiền."""


def lock(session: Session, batch_id: int, *, by: Actor) -> None:
    """Duyệt one list. Raises OwnPreparation, BlockingFindings, EmptyList, WrongState, NotYours."""
    lock_many(session, [batch_id], by=by)


def lock_many(session: Session, batch_ids: Collection[int], *, by: Actor) -> None:
    """Duyệt several lists at once, all or none.

    The rows are locked first and their lines summed in a later statement, so that no line can slip in between. Stored
    are the control totals and the SHA-256 of each line set: `reference|amount|financial address` a line, by reference.
    """
    ids = sorted(set(batch_ids))
    for row in _lock_rows(session, ids):
        if row.state == "draft" and by.username == row.made_by:
            raise OwnPreparation(code=row.code)
    _demand_closed_before(session, ids)
    found = checks.check(session, ids)
    if found["blocking"]:
        raise BlockingFindings(count=found["blocking"])
    write_totals(session, ids)
    session.execute(
        text(
            "WITH hashed AS MATERIALIZED (SELECT batch_id, encode(sha256(convert_to(string_agg("
            "   reference || '|' || total_vnd || '|' || payee_fa || chr(10), '' ORDER BY reference COLLATE \"C\"), 'UTF8')),"
            "   'hex') AS sha256 FROM payout_lines WHERE batch_id = ANY(:ids) AND live GROUP BY batch_id)"
            " UPDATE payout_batches b SET lines_sha256 = x.sha256, locked_by = :name, locked_by_id = :key,"
            " locked_at = :now FROM hashed x WHERE b.id = x.batch_id AND b.state = 'draft'"
        ),
        {"ids": ids, "name": by.username, "key": by.user_id, "now": clock.now()},
    )
    facts = {}
    for row in _lock_rows(session, ids):
        if row.line_count == 0:
            raise EmptyList(code=row.code)
        facts[row.id] = {"people": row.people_count, "lines": row.line_count, "total_vnd": row.total_vnd}
    transitions.move_all(session, "batch", ids, "lock", by=by, facts=facts)
    journal.carried_movements(session, ids, by=by)


def _demand_closed_before(session: Session, ids: list[int]) -> None:
    """A period opened again may still change what these lists carry."""
    waiting = session.execute(
        text(
            "SELECT min(b.code) FROM payout_batches b JOIN area_periods a ON a.area_id = b.area_id AND a.state = 'open'"
            "  JOIN periods p ON p.id = a.period_id AND p.month < b.group_month WHERE b.id = ANY(:ids)"
        ),
        {"ids": ids},
    ).scalar_one()
    if waiting is not None:
        raise EarlierPeriodOpen(code=waiting)


def unlock(session: Session, batch_id: int, *, by: Actor, because: str) -> None:
    """Mở lại a list that was not sent, or that the agency returned, so that it can be corrected.

    The lines of the version that came back are kept first: its successor is compared with them.
    """
    versions.keep(session, batch_id)
    journal.carried_movements(session, [batch_id], by=by, reverse=True)
    transitions.move(session, "batch", batch_id, "unlock", by=by, because=because)
    deciding.forget_lists(session, [batch_id])
    session.execute(
        text("UPDATE payout_batches SET locked_by = NULL, locked_by_id = NULL, locked_at = NULL WHERE id = :id"),
        {"id": batch_id},
    )
    session.expire_all()


def cancel(session: Session, batch_id: int, *, by: Actor, because: str) -> None:
    """Hủy a draft made by mistake; what its lines carried or owed is free again for the next list."""
    rows = _lock_rows(session, [batch_id])
    if rows[0].state == "draft":
        facts = {"id": batch_id, "by": by.username, "reason": because.strip() or "-"}
        withholding.give_back(session, batch_id=batch_id)
        for statement in (
            "DELETE FROM carry_overs WHERE to_line_id IN (SELECT id FROM payout_lines WHERE batch_id = :id)",
            "UPDATE arrears SET line_id = NULL WHERE line_id IN (SELECT id FROM payout_lines WHERE batch_id = :id)",
            "UPDATE payout_lines SET live = false, excluded_reason = :reason, excluded_by = :by"
            " WHERE batch_id = :id AND live",
            "DELETE FROM batch_findings WHERE batch_id = :id",
        ):
            session.execute(text(statement), facts)
        write_totals(session, [batch_id])
    transitions.move(session, "batch", batch_id, "cancel", by=by, because=because)


def _lock_rows(session: Session, ids: list[int]) -> list[Any]:
    rows = session.execute(
        text(
            "SELECT id, code, state, made_by, people_count, line_count, total_vnd FROM payout_batches"
            " WHERE id = ANY(:ids) ORDER BY id FOR UPDATE"
        ),
        {"ids": ids},
    ).all()
    if len(rows) != len(ids):
        raise NotFound
    return list(rows)
