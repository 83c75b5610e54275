"""Chốt quyết toán: the results of the lines, the journal, recoveries, counts and fee are written at once, for good."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.errors import NotAllowed, NotFound, RuleBroken
from app.rules import money
from app.rules.actors import Actor, Role
from app.services import extensions, journal, transitions
from app.services.recoveries import opening, withholding
from app.services.settlements import arithmetic, collecting, reopening, together
from app.services.settlements.arithmetic import Figures


class DoesNotTieOut(RuleBroken):
    """Chưa thể chốt quyết toán %(code)s: %(problems)s"""


class SettlementOver(RuleBroken):
    """Quyết toán %(code)s đã chốt hoặc không còn hiệu lực."""


class HeldBack(RuleBroken):
    """Quyết toán %(code)s còn tin đến sau hạn chưa được quyết định. Hãy ghi nhận hoặc không ghi nhận tin đó trước."""


class NotAnAccountant(NotAllowed):
    """Chỉ kế toán được chốt quyết toán."""


_RESULTS = text(
    "UPDATE payout_lines l SET result = coalesce(r.decided_outcome, r.outcome), result_at = :now,"
    " result_reason = CASE WHEN coalesce(r.decided_outcome, r.outcome) <> 'paid' THEN r.reason_code END"
    "  FROM settlement_records r WHERE r.settlement_id = ANY(:ids) AND r.line_id = l.id"
)
_FEE_TERMS = text(
    "SELECT s.id, c.fee_kind, c.fee_percent, c.fee_vnd, c.fee_cap_vnd,"
    "       (SELECT count(DISTINCT l.beneficiary_id) FROM payout_lines l"
    "         WHERE l.batch_id = s.batch_id AND l.live AND l.result = 'paid') AS people"
    "  FROM settlements s JOIN payout_batches b ON b.id = s.batch_id"
    "  LEFT JOIN agency_contracts c ON c.id = b.contract_id"
    " WHERE s.id = ANY(:ids)"
)
_FIGURES = text(
    "UPDATE settlements SET locked_by = :by, locked_by_id = :by_id, locked_at = :now, paid_count = :paid_count,"
    " paid_vnd = :paid_vnd, unpaid_count = :unpaid_count, unpaid_vnd = :unpaid_vnd, recover_count = :recover_count,"
    " recover_vnd = :recover_vnd, fee_vnd = :fee_vnd WHERE id = :id"
)


def lock(session: Session, settlement_id: int, *, by: Actor) -> None:
    """Chốt one settlement. Raises NotAnAccountant, NotFound, SettlementOver, HeldBack, DoesNotTieOut, GroupUnfinished."""
    lock_many(session, [settlement_id], by=by)


def lock_many(session: Session, settlement_ids: Collection[int], *, by: Actor) -> None:
    """Chốt several settlements and the months settled at once with them, all or none.

    A fixed number of statements per settlement and not per line.
    Packets are held before settlements, in the order in which messages are applied, so that the two never wait for
    each other. Line results are written while the lists are still accepted: afterwards the database refuses.
    """
    if not by.has(Role.ACCOUNTANT):
        raise NotAnAccountant
    ids = together.to_lock(session, settlement_ids)
    rows = _hold(session, ids)
    found = arithmetic.figures_of(session, ids)
    for row in rows:
        if row.state in ("locked", "void"):
            raise SettlementOver(code=row.code)
        if row.held:
            raise HeldBack(code=row.code)
        if not found[row.id].ties_out:
            raise DoesNotTieOut(code=row.code, problems=" ".join(found[row.id].problems))
    facts = {"ids": ids, "now": clock.now()}
    session.execute(_RESULTS, facts)
    journal.settled(session, ids, by=by)
    opening.by_settlement(session, ids, by=by)
    withholding.count(session, settlement_ids=ids, by=by)
    collecting.count(session, ids, by=by)
    _write_figures(session, ids, found, by)
    extensions.lapse_of(session, ids, because=_("Quyết toán đã chốt khi chưa có quyết định gia hạn."))
    _move(session, rows, found, by)
    session.expire_all()
    reopening.remake_later_drafts(session, [row.batch_id for row in rows])


def _hold(session: Session, ids: list[int]) -> list[Any]:
    session.execute(
        text(
            "SELECT id FROM packets WHERE id IN (SELECT packet_id FROM settlements WHERE id = ANY(:ids))"
            " ORDER BY id FOR NO KEY UPDATE"
        ),
        {"ids": ids},
    )
    rows = session.execute(
        text(
            "SELECT s.id, s.state, s.packet_id, s.batch_id, p.code, EXISTS (SELECT 1 FROM inbox i WHERE i.outcome = 'held'"
            " AND i.transaction_id = p.code AND i.agency_id = p.agency_id) AS held"
            " FROM settlements s JOIN packets p ON p.id = s.packet_id"
            " WHERE s.id = ANY(:ids) ORDER BY s.id FOR UPDATE OF s"
        ),
        {"ids": ids},
    ).all()
    if len(rows) != len(ids):
        raise NotFound
    return list(rows)


def _write_figures(session: Session, ids: list[int], found: Mapping[int, Figures], by: Actor) -> None:
    now = clock.now()
    session.execute(
        _FIGURES,
        [
            {
                "id": terms.id,
                "by": by.username,
                "by_id": by.user_id,
                "now": now,
                "paid_count": found[terms.id].paid.people,
                "paid_vnd": found[terms.id].paid.vnd,
                "unpaid_count": found[terms.id].unpaid.people,
                "unpaid_vnd": found[terms.id].unpaid.vnd,
                "recover_count": found[terms.id].to_recover.people,
                "recover_vnd": found[terms.id].to_recover.vnd,
                "fee_vnd": _fee(terms, found[terms.id]),
            }
            for terms in session.execute(_FEE_TERMS, {"ids": ids})
        ],
    )


def _fee(terms: Any, figures: Figures) -> int:
    """By the list's contract, on what was actually paid; nothing without a contract."""
    if terms.fee_kind is None:
        return 0
    return money.fee_vnd(
        figures.paid.vnd,
        terms.people,
        kind=terms.fee_kind,
        percent=terms.fee_percent,
        per_person_vnd=terms.fee_vnd,
        cap_vnd=terms.fee_cap_vnd,
    )


def _move(session: Session, rows: list[Any], found: Mapping[int, Figures], by: Actor) -> None:
    facts = {
        row.id: {
            outcome: {"people": tally.people, "vnd": tally.vnd}
            for outcome, tally in (
                ("paid", found[row.id].paid),
                ("unpaid", found[row.id].unpaid),
                ("to_recover", found[row.id].to_recover),
            )
        }
        for row in rows
    }
    transitions.move_all(session, "settlement", [row.id for row in rows], "lock", by=by, facts=facts)
    transitions.move_all(session, "packet", [row.packet_id for row in rows], "settle", by=by)
    transitions.move_all(session, "batch", [row.batch_id for row in rows], "settle", by=by)
