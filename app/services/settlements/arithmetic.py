"""The arithmetic of a settlement: sent = paid + unpaid + to recover + no result yet + in dispute, lines and đồng.

A line counts with the whole amount sent, whatever amount the agency reports, so that nobody is ever paid more than was
sent. "People" are lines (lượt người): a person with two benefits counts twice, as on the agency's sheet.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.agency.messages import ControlTotals
from app.errors import NotFound
from app.rules import money
from app.services.settlements import reports
from app.services.settlements.reports import Report

STANDING = (
    "CASE WHEN r.decided_outcome IS NOT NULL THEN r.decided_outcome"
    " WHEN r.id IS NULL OR r.finding = 'missing' THEN 'pending'"
    " WHEN r.finding IN ('dispute', 'wrong_amount') THEN 'dispute' ELSE r.outcome END"
)
"""SQL: how line l with record r stands: paid, unpaid, unpaid_stopped, to_recover, pending or dispute."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Lines and their đồng."""

    people: int = 0
    vnd: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.people + other.people, self.vnd + other.vnd)


@dataclass(frozen=True, slots=True)
class Figures:
    """`unpaid` includes `stopped`; `foreign` are references that are not ours and nobody has looked at.

    `reports` are the agency's announcements, the one that counts most last; `problems` says in words why the
    settlement cannot be locked, and is empty when it can.
    """

    settlement_id: int
    sent: Tally
    paid: Tally
    unpaid: Tally
    stopped: Tally
    to_recover: Tally
    pending: Tally
    disputed: Tally
    foreign: Tally
    reports: tuple[Report, ...]
    problems: tuple[str, ...]

    @property
    def ties_out(self) -> bool:
        """Every line has a result, and people and đồng add up with what was sent and what was announced."""
        return not self.problems


def figures(session: Session, settlement_id: int) -> Figures:
    """The figures of one settlement. Raises NotFound."""
    found = figures_of(session, [settlement_id])
    if not found:
        raise NotFound
    return found[settlement_id]


def figures_of(session: Session, settlement_ids: Collection[int]) -> dict[int, Figures]:
    """The figures of many settlements in three statements; those out of scope are left out."""
    facts = {"ids": list(settlement_ids)}
    settlements = session.execute(
        text("SELECT id, sent_count, sent_vnd, reported, state FROM settlements WHERE id = ANY(:ids)"), facts
    ).all()
    sums: dict[int, dict[str, Tally]] = {row.id: {} for row in settlements}
    for statement in (_LINES, _FOREIGN):
        for row in session.execute(statement, facts):
            sums[row.settlement_id][row.standing] = Tally(row.people, row.vnd)
    return {row.id: _figures(row, sums[row.id]) for row in settlements}


_LINES = text(
    f"SELECT s.id AS settlement_id, {STANDING} AS standing, count(*) AS people, sum(l.total_vnd)::bigint AS vnd"
    "  FROM settlements s JOIN payout_lines l ON l.batch_id = s.batch_id AND l.live AND l.total_vnd > 0"
    "  LEFT JOIN settlement_records r ON r.settlement_id = s.id AND r.line_id = l.id"
    " WHERE s.id = ANY(:ids) GROUP BY 1, 2"
)
_FOREIGN = text(
    "SELECT settlement_id, 'foreign' AS standing, count(*) AS people, sum(amount_vnd)::bigint AS vnd"
    "  FROM settlement_records WHERE settlement_id = ANY(:ids) AND line_id IS NULL AND decided_outcome IS NULL"
    " GROUP BY settlement_id"
)


def _figures(row: Any, sums: dict[str, Tally]) -> Figures:
    nothing = Tally()
    stopped = sums.get("unpaid_stopped", nothing)
    result = Figures(
        settlement_id=row.id,
        sent=Tally(row.sent_count, row.sent_vnd),
        paid=sums.get("paid", nothing),
        unpaid=sums.get("unpaid", nothing) + stopped,
        stopped=stopped,
        to_recover=sums.get("to_recover", nothing),
        pending=sums.get("pending", nothing),
        disputed=sums.get("dispute", nothing),
        foreign=sums.get("foreign", nothing),
        reports=reports.read(row.reported),
        problems=(),
    )
    return _with_problems(result, row.state)


def _with_problems(found: Figures, state: str) -> Figures:
    problems = []
    if state == "void":
        problems.append(_("Gói tin đã bị từ chối nên quyết toán này không còn hiệu lực."))
    accounted = found.paid + found.unpaid + found.to_recover + found.pending + found.disputed
    if accounted != found.sent:
        problems.append(
            _(
                "Các dòng cộng lại là %(lines)s, khác số đã gửi %(sent)s.",
                lines=_tally(accounted),
                sent=_tally(found.sent),
            )
        )
    for tally, words in (
        (found.pending, _("%(tally)s chưa có kết quả.", tally=_tally(found.pending))),
        (
            found.disputed,
            _("%(tally)s đang tranh chấp hoặc sai số tiền, chưa có quyết định.", tally=_tally(found.disputed)),
        ),
        (found.foreign, _("%(tally)s không có trong gói tin đã gửi, chưa được xem xét.", tally=_tally(found.foreign))),
    ):
        if tally.people:
            problems.append(words)
    problems += _differences(found)
    return replace(found, problems=tuple(str(problem) for problem in problems))


def _differences(found: Figures) -> list[str]:
    """What the agency announced against what its lines, or our decisions, add up to.

    A report whose lines add up to its own totals is sound; decisions that differ from it have their reasons. Without a
    sound report the final figures themselves must be those that were announced.
    """
    if not found.reports or any(report.consistent for report in found.reports):
        return []
    final = ControlTotals(
        found.paid.people,
        found.paid.vnd,
        found.unpaid.people,
        found.unpaid.vnd,
        found.to_recover.people,
        found.to_recover.vnd,
    )
    if any(report.announced == final for report in found.reports):
        return []
    report = found.reports[-1]
    announced = report.announced
    if announced is None:
        return [str(_("Các phần của quyết toán %(report)s báo tổng số khác nhau.", report=report.report_id))]
    pairs = (
        (_("đã trả"), announced.paid_people, announced.paid_vnd, final.paid_people, final.paid_vnd),
        (_("chưa trả"), announced.unpaid_people, announced.unpaid_vnd, final.unpaid_people, final.unpaid_vnd),
        (_("cần truy thu"), announced.recover_people, announced.recover_vnd, final.recover_people, final.recover_vnd),
    )
    return [
        str(
            _(
                "Bưu điện báo %(what)s %(announced)s, cộng từng dòng là %(ours)s.",
                what=what,
                announced=_tally(Tally(people, vnd)),
                ours=_tally(Tally(our_people, our_vnd)),
            )
        )
        for what, people, vnd, our_people, our_vnd in pairs
        if (people, vnd) != (our_people, our_vnd)
    ]


def _tally(tally: Tally) -> str:
    return str(
        _(
            "%(people)s lượt người, %(money)s",
            people=money.group_thousands(tally.people),
            money=money.format_vnd(tally.vnd),
        )
    )
