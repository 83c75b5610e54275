"""What is known about a month in many paying areas, read in two statements however many areas there are. No judgement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.rules import dates
from app.rules.actors import bounds_of
from app.services import settings
from app.services.settings import SettingMissing


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The last days of a month's work; None where no cut-off is set."""

    send: date | None
    settle: date | None
    close: date | None


@dataclass(frozen=True, slots=True)
class AreaFacts:
    """A paying area and its month."""

    id: int
    code: str
    path: str
    full_name: str
    list_cutoff_day: int | None
    settlement_cutoff_day: int | None
    shift_to_working_day: bool | None
    payment_day_to: int | None
    has_monthly: bool
    has_pension: bool
    area_period_id: int | None
    period_state: str | None
    open_before: date | None
    group_month: date
    pays_itself: bool

    @property
    def expected_kinds(self) -> list[str]:
        """Kinds of list that somebody here is entitled to; the other kinds are made when there is cause."""
        return ["monthly"] * self.has_monthly + ["social_pension"] * self.has_pension

    @property
    def closed(self) -> bool:
        """The period is closed here."""
        return self.period_state == "closed"


@dataclass(frozen=True, slots=True)
class ListFacts:
    """A list of the month with its latest packet and that packet's settlement."""

    id: int
    area_id: int
    code: str
    kind: str
    state: str
    version: int
    people_count: int
    total_vnd: int
    made_by: str
    locked_by: str | None
    blocking: int
    packet_id: int | None
    packet_code: str | None
    packet_state: str | None
    queued_by: str | None
    doubtful: bool
    recalled: bool
    settlement_id: int | None
    settlement_state: str | None
    due_on: date | None
    settled_by: str | None
    extended_days: int
    extensions_asked: int
    undecided: int
    by_hand: bool
    closed: bool
    own: bool


_RUNNING = """
EXISTS (SELECT 1 FROM benefit_types t, LATERAL (
    SELECT 1 FROM entitlements e JOIN beneficiaries b ON b.id = e.beneficiary_id AND b.status = 'active'
     WHERE e.area_path = c.path AND e.benefit_type_id = t.id AND e.status = 'active'
       AND e.starts_on <= :last AND (e.ends_on IS NULL OR e.ends_on >= :month) LIMIT 1) x
 WHERE t.batch_kind = '{kind}')
"""

_NEAREST = """
(array_agg(s.{name} ORDER BY length(s.area_path) DESC, s.valid_from DESC) FILTER (WHERE s.{name} IS NOT NULL))[1]
"""

_AREAS = f"""
WITH communes AS (
    SELECT path FROM areas WHERE level = 'commune' AND path >= :low AND path < :high
       AND valid_from <= :last AND (valid_to IS NULL OR valid_to >= :month)
), nearest AS (
    SELECT c.path, {_NEAREST.format(name="paying_level")} AS paying_level,
           {_NEAREST.format(name="list_cutoff_day")} AS list_cutoff_day,
           {_NEAREST.format(name="settlement_cutoff_day")} AS settlement_cutoff_day,
           {_NEAREST.format(name="shift_to_working_day")} AS shift_to_working_day,
           {_NEAREST.format(name="payment_day_to")} AS payment_day_to,
           {_NEAREST.format(name="through_agency")} AS through_agency
      FROM communes c
      LEFT JOIN payment_settings s ON starts_with(c.path, s.area_path) AND s.valid_from <= :month
     GROUP BY c.path
), paying AS (
    SELECT CASE paying_level WHEN 'province' THEN left(c.path, 6) ELSE c.path END AS paying_path,
           min(list_cutoff_day) AS list_cutoff_day, min(settlement_cutoff_day) AS settlement_cutoff_day,
           bool_and(shift_to_working_day) AS shift_to_working_day, min(payment_day_to) AS payment_day_to,
           bool_or({_RUNNING.format(kind="monthly")}) AS has_monthly,
           bool_or({_RUNNING.format(kind="social_pension")}) AS has_pension,
           NOT bool_or(coalesce(through_agency, true)) AS pays_itself
      FROM nearest c GROUP BY 1
)
SELECT a.id, a.code, a.path, a.full_name, p.list_cutoff_day, p.settlement_cutoff_day, p.shift_to_working_day,
       p.payment_day_to, p.has_monthly, p.has_pension, t.id AS area_period_id, t.state AS period_state,
       (SELECT min(q.month) FROM area_periods o JOIN periods q ON q.id = o.period_id
         WHERE o.area_id = a.id AND o.state = 'open' AND q.month < g.month) AS open_before, g.month AS group_month,
       p.pays_itself
  FROM paying p
  JOIN areas a ON a.path = p.paying_path
  CROSS JOIN LATERAL {settings.GROUP_MONTH.format(path="a.path", month="CAST(:month AS date)")} g(month)
  LEFT JOIN area_periods t ON t.area_id = a.id AND t.period_id = (SELECT id FROM periods WHERE month = :month)
 ORDER BY a.name_fold, a.id
"""

_LISTS = """
SELECT b.id, b.area_id, b.code, b.kind, b.state, b.version, b.people_count, b.total_vnd, b.made_by, b.locked_by,
       f.blocking, k.id AS packet_id, k.code AS packet_code, k.state AS packet_state, k.queued_by,
       coalesce(k.state = 'in_doubt' AND (k.last_error IS NOT NULL OR k.lease_until IS NULL OR k.lease_until < now()),
                false) AS doubtful,
       coalesce(k.recall_asked_at IS NOT NULL AND k.recall_answer IS NULL AND k.state IN ('received', 'accepted'),
                false) AS recalled,
       s.id AS settlement_id, CASE WHEN s.state = 'waiting' AND h.decided = s.sent_count THEN 'received' ELSE s.state END
           AS settlement_state, coalesce(c.adapter <> 'g2p', true) AS by_hand, s.due_on, s.locked_by AS settled_by,
       x.extended_days, x.extensions_asked, u.undecided, b.closed_at IS NOT NULL AS closed,
       b.agency_id IS NULL AS own
  FROM payout_batches b
  LEFT JOIN LATERAL (SELECT * FROM packets WHERE batch_id = b.id ORDER BY version DESC LIMIT 1) k ON true
  LEFT JOIN settlements s ON s.packet_id = k.id AND s.state <> 'void'
  LEFT JOIN agency_contracts c ON c.id = b.contract_id
  CROSS JOIN LATERAL (
      SELECT count(*) AS decided FROM settlement_records
       WHERE s.state = 'waiting' AND settlement_id = s.id AND line_id IS NOT NULL AND decided_outcome IS NOT NULL) h
  CROSS JOIN LATERAL (
      SELECT coalesce(sum(days) FILTER (WHERE state = 'granted'), 0)::int AS extended_days,
             (count(*) FILTER (WHERE state = 'asked'))::int AS extensions_asked
        FROM deadline_extensions WHERE settlement_id = s.id) x
  CROSS JOIN LATERAL (
      SELECT count(*)::int AS blocking FROM batch_findings
       WHERE b.state = 'draft' AND batch_id = b.id AND severity = 'blocking') f
  CROSS JOIN LATERAL (
      SELECT count(*)::int AS undecided FROM settlement_records
       WHERE s.state IN ('partial', 'received') AND settlement_id = s.id
         AND finding NOT IN ('matched', 'duplicate') AND decided_outcome IS NULL) u
 WHERE b.period_id = (SELECT id FROM periods WHERE month = :month) AND b.area_path >= :low AND b.area_path < :high
   AND b.state <> 'cancelled'
 ORDER BY b.area_id, b.kind, b.seq
"""


def areas(session: Session, path: str, month: date) -> list[AreaFacts]:
    """Every paying area in `path` and below, by name."""
    low, high = bounds_of(path)
    last = date.fromordinal(dates.add_months(month, 1).toordinal() - 1)
    facts = {"low": low, "high": high, "month": month, "last": last}
    return [AreaFacts(**row._mapping) for row in session.execute(text(_AREAS), facts)]


def lists(session: Session, path: str, month: date) -> dict[int, list[ListFacts]]:
    """The lists of the month that are not cancelled, by paying area."""
    low, high = bounds_of(path)
    found: dict[int, list[ListFacts]] = {}
    for row in session.execute(text(_LISTS), {"low": low, "high": high, "month": month}):
        found.setdefault(row.area_id, []).append(ListFacts(**row._mapping))
    return found


class Calendar:
    """Last days of a month's work: areas with the same cut-off days share one look at the calendar."""

    def __init__(self, session: Session, month: date) -> None:
        self.session, self.month = session, month
        self._known: dict[tuple[int | None, int | None, bool | None, date], Deadlines] = {}

    def of(self, area: AreaFacts) -> Deadlines:
        """The last day to send is the day before the cut-off of lists; a period is closed before the next is sent."""
        key = (area.list_cutoff_day, area.settlement_cutoff_day, area.shift_to_working_day, area.group_month)
        if key not in self._known:
            following = dates.add_months(settings.months_together(self.session, area.path, self.month)[-1], 1)
            self._known[key] = Deadlines(
                send=_day_before(self._cutoff(settings.list_cutoff, area.path, self.month)),
                settle=self._cutoff(settings.settlement_cutoff, area.path, self.month),
                close=_day_before(self._cutoff(settings.list_cutoff, area.path, following)),
            )
        return self._known[key]

    def _cutoff(self, cutoff: Callable[[Session, str, date], date], path: str, month: date) -> date | None:
        try:
            return cutoff(self.session, path, month)
        except SettingMissing:
            return None


def _day_before(day: date | None) -> date | None:
    return None if day is None else date.fromordinal(day.toordinal() - 1)


@dataclass(frozen=True, slots=True)
class Changes:
    """People of the registry whose entitlement begins, ends or who died since the month before."""

    added: int
    ended: int
    died: int


def changes(session: Session, path: str, month: date) -> Changes:
    """What the lists of `month` will show against the month before."""
    low, high = bounds_of(path)
    row = session.execute(
        text(
            "SELECT (SELECT count(DISTINCT beneficiary_id) FROM entitlements WHERE area_path >= :low AND area_path < :high"
            "           AND status = 'active' AND starts_on >= :month AND starts_on < :following) AS added,"
            "       (SELECT count(DISTINCT beneficiary_id) FROM entitlements WHERE area_path >= :low AND area_path < :high"
            "           AND ends_on >= :before AND ends_on < :month) AS ended,"
            "       (SELECT count(*) FROM beneficiaries WHERE area_path >= :low AND area_path < :high"
            "           AND died_on >= :before AND died_on < :following) AS died"
        ),
        {
            "low": low,
            "high": high,
            "month": month,
            "before": dates.add_months(month, -1),
            "following": dates.add_months(month, 1),
        },
    ).one()
    return Changes(**row._mapping)
