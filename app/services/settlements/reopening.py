"""Mở lại quyết toán: a locked settlement is taken back whole, by entries that reverse what the lock wrote.

Nothing is rewritten: the journal and the ledgers of recoveries get reversing rows with the reason, drafts that carried its
unpaid money are made again without it. Where something later stands on it, it is refused with the reason.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.errors import NotFound, RuleBroken
from app.extensions import acting_as
from app.rules.actors import SYSTEM, Actor
from app.services import journal, transitions
from app.services.batches import making
from app.services.settlements import together


class PeriodClosed(RuleBroken):
    """Kỳ của quyết toán %(code)s đã chốt. Hãy mở lại kỳ trước."""


class ListClosed(RuleBroken):
    """Danh sách %(code)s đã chốt. Hãy mở lại danh sách trước."""


class CarriedAlready(RuleBroken):
    """Không mở lại được: tiền chưa trả của quyết toán này đã mang sang danh sách %(codes)s, đã được duyệt."""


class RecoveryStarted(RuleBroken):
    """Không mở lại được: khoản truy thu của %(people)s đã thu, đang khấu trừ hoặc đã được duyệt trên các dòng này."""


class WrittenOffSince(RuleBroken):
    """Không mở lại được: khoản truy thu của %(people)s đã thu qua danh sách này, rồi phần còn lại đã xóa theo quyết định."""


class WithheldElsewhere(RuleBroken):
    """Không mở lại được: tiền danh sách này thôi khấu trừ cho khoản truy thu của %(people)s đã được thu ở nơi khác."""


_NAMES = "SELECT DISTINCT l.full_name FROM recoveries r JOIN payout_lines l ON l.id = r.line_id WHERE r.id = ANY(:ids)"

_STARTED = text("""
SELECT r.id FROM recoveries r
 WHERE r.state IN ('open', 'closed')
   AND EXISTS (SELECT 1 FROM recovery_lines x JOIN payout_lines l ON l.id = x.line_id
                WHERE x.recovery_id = r.id AND l.batch_id = ANY(:batches))
   AND (r.source <> 'settlement' OR 0 <> (SELECT coalesce(sum(e.amount_vnd), 0) FROM recovery_entries e
          WHERE e.recovery_id = r.id AND (e.settlement_id IS NULL OR e.settlement_id <> ALL(:ids)))
        OR EXISTS (SELECT 1 FROM withholdings w WHERE w.recovery_id = r.id AND w.outcome = 'waiting'))
""")
_OPENED = text("""
SELECT r.id FROM recoveries r JOIN payout_lines l ON l.id = r.line_id AND l.batch_id = ANY(:batches)
 WHERE r.state = 'open' AND r.source = 'settlement'
""")
_COUNTED = text("""
SELECT e.recovery_id, r.state, EXISTS (SELECT 1 FROM recovery_entries o WHERE o.recovery_id = r.id
                                          AND o.kind = 'written_off') AS written_off
  FROM recovery_entries e JOIN recoveries r ON r.id = e.recovery_id
 WHERE e.settlement_id = ANY(:ids) GROUP BY e.recovery_id, r.id HAVING sum(e.amount_vnd) > 0
""")
_TAKE_BACK = text("""
WITH counted AS (
    SELECT recovery_id, area_path, kind, reference, line_id, settlement_id, sum(amount_vnd) AS vnd FROM recovery_entries
     WHERE settlement_id = ANY(:ids) GROUP BY recovery_id, area_path, kind, reference, line_id, settlement_id
    HAVING sum(amount_vnd) > 0
), again AS (
    UPDATE withholdings w SET outcome = 'waiting' FROM counted c
     WHERE w.line_id = c.line_id AND w.recovery_id = c.recovery_id
)
INSERT INTO recovery_entries (recovery_id, area_path, kind, amount_vnd, line_id, settlement_id, reference, note,
    entered_by, at)
SELECT recovery_id, area_path, kind, -vnd, line_id, settlement_id, reference, :reason, :by, :now
  FROM counted ORDER BY recovery_id, line_id DESC, reference DESC
RETURNING id
""")

# Released because their line, or the last that carried it, is one of these lists' and was not paid.
_HOLD_AGAIN = text("""
WITH RECURSIVE chain AS (
    SELECT line_id, recovery_id, line_id AS last_id FROM withholdings WHERE outcome = 'released'
    UNION ALL
    SELECT c.line_id, c.recovery_id, o.to_line_id FROM chain c JOIN carry_overs o ON o.from_line_id = c.last_id
)
UPDATE withholdings w SET outcome = 'waiting'
  FROM chain c JOIN payout_lines l ON l.id = c.last_id AND l.batch_id = ANY(:batches)
   AND l.result IN ('unpaid_stopped', 'to_recover')
 WHERE w.line_id = c.line_id AND w.recovery_id = c.recovery_id
RETURNING w.recovery_id
""")
_TOO_MUCH = text("""
SELECT r.id FROM recoveries r WHERE r.id = ANY(:ids) AND (r.state <> 'open' OR r.amount_vnd <
       (SELECT coalesce(sum(amount_vnd), 0) FROM recovery_entries WHERE recovery_id = r.id)
     + (SELECT coalesce(sum(amount_vnd), 0) FROM withholdings WHERE recovery_id = r.id AND outcome = 'waiting'))
""")
_RESET = (
    "UPDATE payout_lines SET result = 'pending', result_reason = NULL, result_at = NULL"
    " WHERE batch_id = ANY(:batches) AND result <> 'pending'",
    "UPDATE settlements SET locked_by = NULL, locked_by_id = NULL, locked_at = NULL, paid_count = 0, paid_vnd = 0,"
    " unpaid_count = 0, unpaid_vnd = 0, recover_count = 0, recover_vnd = 0, fee_vnd = 0 WHERE id = ANY(:ids)",
)


def reopen(session: Session, settlement_id: int, *, by: Actor, because: str) -> None:
    """Take a locked settlement back, with the months settled at once with it; the fee is computed anew by the next lock.

    Raises NotFound, PeriodClosed, ListClosed, CarriedAlready, RecoveryStarted, WrittenOffSince, WithheldElsewhere, and
    what `transitions.move` raises.
    """
    ids = together.all_of(session, settlement_id)
    rows = _hold(session, ids)
    batches = [row.batch_id for row in rows]
    transitions.move_all(session, "settlement", ids, "reopen", by=by, because=because)
    transitions.move_all(session, "packet", [row.packet_id for row in rows], "reopen", by=by, because=because)
    _demand_open(rows)
    transitions.move_all(session, "batch", batches, "reopen", by=by, because=because)
    _demand_nothing_carried(session, batches)
    facts = {"ids": ids, "batches": batches}
    with acting_as(SYSTEM):  # a recovery follows who moves, out of the sight of those who locked the settlement
        _give_back_recoveries(session, facts, by, because)
    journal.unsettled(session, ids, by=by, because=because)
    for statement in _RESET:
        session.execute(text(statement), facts)
    session.expire_all()
    remake_later_drafts(session, batches)


# Drafts of the same commune, and wherever else a draft carries these lines or has their people: somebody moved, or the
# list was a supplementary one, whose unpaid money goes to the next list of its people's own kind.
_LATER_DRAFTS = text("""
SELECT d.id FROM payout_batches b JOIN periods p ON p.id = b.period_id
  JOIN payout_batches d ON d.area_id = b.area_id AND d.kind = b.kind AND d.state = 'draft' AND d.group_month > p.month
 WHERE b.id = ANY(:ids)
UNION
SELECT d.id FROM payout_lines l JOIN periods p ON p.id = l.period_id
  JOIN payout_lines x ON x.entitlement_id = l.entitlement_id AND x.id <> l.id
  JOIN payout_batches d ON d.id = x.batch_id AND d.state = 'draft' AND d.group_month > p.month
   AND d.kind <> 'supplementary'
 WHERE l.batch_id = ANY(:ids) AND l.live
 ORDER BY 1
""")


def remake_later_drafts(session: Session, batch_ids: Collection[int]) -> None:
    """Drafts of later months are made again: what they carry of these lists has changed."""
    with acting_as(SYSTEM):  # who has moved away is in a draft that whoever reopens or locks here does not see
        left = list(session.execute(_LATER_DRAFTS, {"ids": list(batch_ids)}).scalars())
        while left:
            made = making.remake(session, left[0], by=SYSTEM)
            left = [one for one in left if one not in made.batch_ids]


def _hold(session: Session, ids: list[int]) -> list[Any]:
    """Packets before settlements, as the lock and messages hold them."""
    session.execute(
        text(
            "SELECT id FROM packets WHERE id IN (SELECT packet_id FROM settlements WHERE id = ANY(:ids))"
            " ORDER BY id FOR UPDATE"
        ),
        {"ids": ids},
    )
    rows = session.execute(
        text(
            "SELECT s.id, s.packet_id, s.batch_id, k.code, a.state AS period, b.code AS list, b.closed_at FROM settlements s"
            "  JOIN packets k ON k.id = s.packet_id JOIN payout_batches b ON b.id = s.batch_id"
            "  LEFT JOIN area_periods a ON a.area_id = b.area_id AND a.period_id = b.period_id"
            " WHERE s.id = ANY(:ids) ORDER BY s.id FOR UPDATE OF s, b"
        ),
        {"ids": ids},
    ).all()
    if not rows:
        raise NotFound
    return list(rows)


def _demand_open(rows: list[Any]) -> None:
    for row in rows:
        if row.period == "closed":
            raise PeriodClosed(code=row.code)
        if row.closed_at is not None:
            raise ListClosed(code=row.list)


def _demand_nothing_carried(session: Session, batches: list[int]) -> None:
    with acting_as(SYSTEM):  # the list of another commune, where somebody moved, counts too
        carrying = session.execute(
            text(
                "SELECT DISTINCT b.code FROM carry_overs c JOIN payout_lines u ON u.id = c.from_line_id"
                "  JOIN payout_lines l ON l.id = c.to_line_id JOIN payout_batches b ON b.id = l.batch_id"
                " WHERE u.batch_id = ANY(:batches) AND b.state <> 'draft' ORDER BY b.code"
            ),
            {"batches": batches},
        )
        codes = list(carrying.scalars())
    if codes:
        raise CarriedAlready(codes=", ".join(codes[:5]))


def _give_back_recoveries(session: Session, facts: dict[str, Any], by: Actor, because: str) -> None:
    """Recoveries it opened are withdrawn; what it counted as come back waits again."""
    started = list(session.execute(_STARTED, facts).scalars())
    if started:
        raise RecoveryStarted(people=_people(session, started))
    counted = session.execute(_COUNTED, facts).all()
    written_off = [row.recovery_id for row in counted if row.written_off]
    if written_off:
        raise WrittenOffSince(people=_people(session, written_off))
    closed = [row.recovery_id for row in counted if row.state == "closed"]
    if closed:
        transitions.move_all(session, "recovery", closed, "reopen", by=by, because=because)
        session.execute(text("UPDATE recoveries SET closed_at = NULL WHERE id = ANY(:ids)"), {"ids": closed})
    told = facts | {"reason": because, "by": by.username, "now": clock.now()}
    entries = list(session.execute(_TAKE_BACK, told).scalars())
    if entries:
        journal.recovery_entries(session, entries, by=by)
    opened = list(session.execute(_OPENED, facts).scalars())
    if opened:
        transitions.move_all(session, "recovery", opened, "withdraw", by=by, because=because)
    again = set(session.execute(_HOLD_AGAIN, facts).scalars())
    too_much = list(session.execute(_TOO_MUCH, {"ids": list(again)}).scalars())
    if too_much:
        raise WithheldElsewhere(people=_people(session, too_much))


def _people(session: Session, recovery_ids: list[int]) -> str:
    return ", ".join(sorted(session.execute(text(_NAMES), {"ids": recovery_ids}).scalars())[:5])
