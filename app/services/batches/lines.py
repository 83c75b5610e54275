"""Lines of a draft: earlier money attached to them, people held out by hand and returned, the list's totals."""

from __future__ import annotations

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.errors import BadInput, NotAllowed, NotFound, RuleBroken
from app.extensions import acting_as
from app.models import PayoutBatch, PayoutLine
from app.rules.actors import SYSTEM, Actor, Role
from app.services.batches import checks
from app.services.recoveries import withholding


class NotADraft(RuleBroken):
    """Danh sách %(code)s không còn là bản đang lập nên không sửa được."""


class AlreadyExcluded(RuleBroken):
    """Dòng này đã được đưa ra khỏi danh sách."""


class NotExcluded(RuleBroken):
    """Dòng này đang ở trong danh sách."""


class ListedElsewhere(RuleBroken):
    """Người này đã có trong danh sách %(code)s của cùng kỳ."""


class ReasonMissing(BadInput):
    """Phải ghi lý do đưa người này ra khỏi danh sách."""


class NotAClerk(NotAllowed):
    """Chỉ cán bộ bảo trợ xã hội được sửa danh sách đang lập."""


def exclude(session: Session, line_id: int, *, by: Actor, because: str) -> PayoutLine:
    """Hold a person's line out of a draft; its earlier money is free again for the next list.

    Raises NotADraft, AlreadyExcluded, ReasonMissing, NotAClerk, NotFound.
    """
    reason = because.strip()
    if not reason:
        raise ReasonMissing(field="reason")
    line = _lock(session, line_id, by)
    if not line.live:
        raise AlreadyExcluded
    session.execute(text("DELETE FROM carry_overs WHERE to_line_id = :line"), {"line": line_id})
    session.execute(text("UPDATE arrears SET line_id = NULL WHERE line_id = :line"), {"line": line_id})
    withholding.give_back(session, line_id=line_id)
    line.live, line.excluded_reason, line.excluded_by = False, reason, by.username
    session.flush()
    write_totals(session, [line.batch_id])
    checks.check(session, [line.batch_id])
    return line


def restore(session: Session, line_id: int, *, by: Actor) -> PayoutLine:
    """Return a held-out line to its draft, with the earlier money that is still free.

    Raises ListedElsewhere, and as `exclude`.
    """
    line = _lock(session, line_id, by)
    if line.live:
        raise NotExcluded
    _demand_listed_nowhere(session, line)
    session.execute(
        text(
            "UPDATE payout_lines SET live = true, excluded_reason = NULL, excluded_by = NULL, arrears_vnd = 0,"
            " carried_vnd = 0, withheld_vnd = 0, total_vnd = benefit_vnd WHERE id = :line"
        ),
        {"line": line_id},
    )
    attach_money(session, [line.batch_id], line_id=line_id)
    session.execute(
        text(
            "UPDATE payout_lines l SET carried_vnd = x.carried, arrears_vnd = x.arrears,"
            " total_vnd = l.benefit_vnd + x.arrears + x.carried FROM (SELECT"
            " (SELECT coalesce(sum(amount_vnd), 0) FROM carry_overs WHERE to_line_id = :line) AS carried,"
            " (SELECT coalesce(sum(amount_vnd), 0) FROM arrears WHERE line_id = :line) AS arrears) x WHERE l.id = :line"
        ),
        {"line": line_id},
    )
    withholding.attach(session, [line.batch_id], line_id=line_id)
    write_totals(session, [line.batch_id])
    checks.check(session, [line.batch_id])
    session.expire(line)
    return line


def _demand_listed_nowhere(session: Session, line: PayoutLine) -> None:
    """A supplementary list may have taken the person meanwhile."""
    elsewhere = session.scalars(
        select(PayoutBatch.code)
        .join(PayoutLine, PayoutLine.batch_id == PayoutBatch.id)
        .where(
            PayoutLine.entitlement_id == line.entitlement_id, PayoutLine.period_id == line.period_id, PayoutLine.live
        )
    ).first()
    if elsewhere is not None:
        raise ListedElsewhere(code=elsewhere)


_CARRY = text(
    "INSERT INTO carry_overs (from_line_id, to_line_id, area_path, amount_vnd)"
    " SELECT u.id, l.id, l.area_path, u.total_vnd"
    "   FROM payout_lines l JOIN payout_batches b ON b.id = l.batch_id"
    "   JOIN payout_lines u ON u.entitlement_id = l.entitlement_id AND u.result = 'unpaid'"
    "    AND u.total_vnd > 0 AND u.id <> l.id AND u.period_id IN (SELECT id FROM periods WHERE month < b.group_month)"
    "  WHERE l.batch_id = ANY(:ids) AND l.live AND b.kind <> 'supplementary'"
    "    AND (CAST(:line AS bigint) IS NULL OR l.id = :line)"
    "    AND NOT EXISTS (SELECT 1 FROM carry_overs c WHERE c.from_line_id = u.id)"
)


def attach_money(session: Session, batch_ids: list[int], *, line_id: int | None = None) -> None:
    """Tie free unpaid lines and due arrears to the live lines of drafts; the primary key of `carry_overs` makes an
    unpaid line be carried at most once, whatever is made, remade or reopened, in whichever order."""
    facts = {"ids": batch_ids, "line": line_id}
    with acting_as(SYSTEM):  # unpaid lines of an area that a person has moved away from are out of the clerk's sight
        session.execute(_CARRY, facts)
    session.execute(
        text(
            "UPDATE arrears r SET line_id = l.id FROM payout_lines l JOIN payout_batches b ON b.id = l.batch_id"
            "  JOIN periods p ON p.id = b.period_id"
            " WHERE r.entitlement_id = l.entitlement_id AND r.line_id IS NULL AND r.due_month <= p.month"
            "   AND l.batch_id = ANY(:ids) AND l.live AND b.kind <> 'supplementary'"
            "   AND (CAST(:line AS bigint) IS NULL OR l.id = :line)"
        ),
        facts,
    )


def write_totals(session: Session, batch_ids: list[int]) -> None:
    """Sum the live lines of drafts into their lists."""
    session.execute(
        text(
            # summed once, whatever the planner thinks of lines just made
            "WITH x AS MATERIALIZED ("
            "   SELECT batch_id, count(DISTINCT beneficiary_id) AS people, count(*) AS lines, sum(benefit_vnd) AS benefit,"
            "          sum(arrears_vnd) AS arrears, sum(carried_vnd) AS carried, sum(withheld_vnd) AS withheld,"
            "          sum(total_vnd) AS total"
            "     FROM payout_lines WHERE batch_id = ANY(:ids) AND live GROUP BY batch_id)"
            " UPDATE payout_batches b SET people_count = coalesce(x.people, 0), line_count = coalesce(x.lines, 0),"
            " benefit_vnd = coalesce(x.benefit, 0), arrears_vnd = coalesce(x.arrears, 0),"
            " carried_vnd = coalesce(x.carried, 0), withheld_vnd = coalesce(x.withheld, 0),"
            " total_vnd = coalesce(x.total, 0)"
            " FROM payout_batches o LEFT JOIN x ON x.batch_id = o.id"
            " WHERE b.id = o.id AND o.id = ANY(:ids)"
        ),
        {"ids": batch_ids},
    )
    for batch_id in batch_ids:
        known = session.identity_map.get(session.identity_key(PayoutBatch, batch_id))
        if known is not None:
            session.expire(known)


def _lock(session: Session, line_id: int, by: Actor) -> PayoutLine:
    if not by.has(Role.CLERK):
        raise NotAClerk
    line = session.get(PayoutLine, line_id)
    if line is None:
        raise NotFound
    batch = session.scalars(select(PayoutBatch).where(PayoutBatch.id == line.batch_id).with_for_update()).one_or_none()
    if batch is None:
        raise NotFound
    if batch.state != "draft":
        raise NotADraft(code=batch.code)
    session.refresh(line)
    return line
