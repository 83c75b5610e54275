"""What an agency holds: opening + transferred − paid out + recovered = closing, for each account, from rows alone.

An account is an agency and the area whose treasury pays it: the paying area itself, or its province where the setting
`transfer_level` says so. Nothing is stored: lists give what is payable, locked settlements what was paid out, approved
transfers what came, the journal what was recovered in cash.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.rules import dates
from app.rules.actors import bounds_of

MONTHS_AHEAD = 3
"""Lists are sent no further ahead: at most three months in one settlement."""

ONE_SPAN = "SELECT CAST(:month_from AS date) AS first, CAST(:month_to AS date) AS last"
"""One line for each account over all the months asked for."""

EACH_MONTH = (
    "SELECT d::date AS first, d::date AS last"
    "  FROM generate_series(CAST(:month_from AS date), CAST(:month_to AS date), interval '1 month') d"
)
"""One line for each account and month."""

# Lists and what came of them, transfers, money recovered: each with its account and month. A line that must be
# recovered was paid out: the money left the agency. What is withheld from a later list never comes back through it.
_SOURCE = """
WITH span AS ({spans}), list AS (
    SELECT b.agency_id, b.area_path, p.month, b.line_count AS people, b.total_vnd, s.id IS NOT NULL AS settled,
           s.paid_count, s.paid_vnd, s.unpaid_vnd, s.recover_vnd, s.fee_vnd
      FROM payout_batches b JOIN periods p ON p.id = b.period_id
      LEFT JOIN settlements s ON s.batch_id = b.id AND s.state = 'locked'
     WHERE b.agency_id IS NOT NULL AND b.state IN ('sent', 'accepted', 'settled') AND p.month <= :month_to
       AND b.area_path >= :low AND b.area_path < :high
), back AS (
    SELECT b.agency_id, b.area_path, date_trunc('month', m.at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS month,
           sum(CASE WHEN m.to_bucket = 'recovered' THEN m.amount_vnd ELSE -m.amount_vnd END) AS vnd
      FROM money_movements m JOIN payout_lines l ON l.id = m.line_id JOIN payout_batches b ON b.id = l.batch_id
     WHERE (m.from_bucket = 'recovered' OR m.to_bucket = 'recovered') AND m.other_line_id IS NULL
       AND b.agency_id IS NOT NULL AND b.area_path >= :low AND b.area_path < :high
     GROUP BY 1, 2, 3
), account AS (
    SELECT DISTINCT ON (x.area_path, x.month) x.area_path, x.month,
           CASE WHEN s.transfer_level = 'province' THEN left(x.area_path, 6) ELSE x.area_path END AS path
      FROM (SELECT area_path, month FROM list UNION SELECT area_path, month FROM back) x
      LEFT JOIN payment_settings s ON s.transfer_level IS NOT NULL AND starts_with(x.area_path, s.area_path)
       AND s.valid_from <= x.month
     ORDER BY x.area_path, x.month, length(s.area_path) DESC NULLS LAST, s.valid_from DESC
), entry AS (
    SELECT c.agency_id, a.path, c.month, c.people, c.total_vnd AS payable, NOT c.settled AS open,
           coalesce(c.paid_count, 0) AS paid_people, coalesce(c.paid_vnd, 0) AS paid, coalesce(c.unpaid_vnd, 0) AS unpaid,
           coalesce(c.recover_vnd, 0) AS wrong, coalesce(c.fee_vnd, 0) AS fee,
           0::bigint AS transferred, 0::bigint AS waiting, 0::bigint AS recovered
      FROM list c JOIN account a USING (area_path, month)
    UNION ALL
    SELECT t.agency_id, t.area_path, p.month, 0, 0, false, 0, 0, 0, 0, 0,
           CASE WHEN t.state = 'approved' THEN x.signed ELSE 0 END, CASE WHEN t.state = 'entered' THEN x.signed ELSE 0 END, 0
      FROM agency_transfers t JOIN periods p ON p.id = t.period_id,
           LATERAL (SELECT CASE t.kind WHEN 'return' THEN -t.amount_vnd ELSE t.amount_vnd END AS signed) x
     WHERE t.state <> 'refused' AND p.month <= :month_to AND t.area_path >= :low AND t.area_path < :high
    UNION ALL
    SELECT r.agency_id, a.path, r.month, 0, 0, false, 0, 0, 0, 0, 0, 0, 0, r.vnd
      FROM back r JOIN account a USING (area_path, month) WHERE r.month <= :month_to
), summed AS (
    SELECT e.agency_id, e.path, s.first, s.last,
           coalesce(sum(e.transferred - e.paid - e.wrong + e.recovered) FILTER (WHERE e.month < s.first), 0)::bigint
               AS opening_vnd,
           coalesce(sum(e.people) FILTER (WHERE e.month >= s.first), 0)::bigint AS payable_people,
           coalesce(sum(e.payable) FILTER (WHERE e.month >= s.first), 0)::bigint AS payable_vnd,
           coalesce(sum(e.payable) FILTER (WHERE e.open AND e.month < s.first), 0)::bigint AS open_before_vnd,
           coalesce(sum(e.payable) FILTER (WHERE e.open), 0)::bigint AS open_vnd,
           coalesce(sum(e.transferred) FILTER (WHERE e.month >= s.first), 0)::bigint AS transferred_vnd,
           coalesce(sum(e.waiting), 0)::bigint AS waiting_vnd,
           coalesce(sum(e.paid_people) FILTER (WHERE e.month >= s.first), 0)::bigint AS paid_people,
           coalesce(sum(e.paid) FILTER (WHERE e.month >= s.first), 0)::bigint AS paid_vnd,
           coalesce(sum(e.unpaid) FILTER (WHERE e.month >= s.first), 0)::bigint AS unpaid_vnd,
           coalesce(sum(e.wrong) FILTER (WHERE e.month >= s.first), 0)::bigint AS wrong_vnd,
           coalesce(sum(e.recovered) FILTER (WHERE e.month >= s.first), 0)::bigint AS recovered_vnd,
           coalesce(sum(e.transferred - e.paid - e.wrong + e.recovered), 0)::bigint AS closing_vnd,
           coalesce(sum(e.fee) FILTER (WHERE e.month >= s.first), 0)::bigint AS fee_vnd
      FROM entry e JOIN span s ON e.month <= s.last
     WHERE e.path >= :low AND e.path < :high AND (CAST(:agency AS int) IS NULL OR e.agency_id = :agency)
     GROUP BY e.agency_id, e.path, s.first, s.last
)
SELECT g.name AS agency, x.agency_id, x.first, a.code AS area_code, a.full_name AS area_name, a.path AS area_path,
       x.opening_vnd, x.payable_people, x.payable_vnd,
       greatest(x.payable_vnd + x.open_before_vnd - x.opening_vnd, 0)::bigint AS need_vnd, x.transferred_vnd,
       x.waiting_vnd, x.paid_people, x.paid_vnd, x.wrong_vnd, x.recovered_vnd, x.closing_vnd, x.unpaid_vnd, x.fee_vnd,
       greatest(x.open_vnd - x.closing_vnd, 0)::bigint AS due_vnd
  FROM summed x JOIN agencies g ON g.id = x.agency_id JOIN areas a ON a.path = x.path
"""


def source(spans: str = ONE_SPAN) -> str:
    """SQL of balances between `:low` and `:high`, of `:agency` or all, from `:month_from` to `:month_to`."""
    return _SOURCE.replace("{spans}", spans)


@dataclass(frozen=True, slots=True)
class Balance:
    """One account over a month. `need_vnd`: what must be transferred for it, net of what the agency still held;
    `due_vnd`: what is still missing; `waiting_vnd`: transfers entered and not approved, part of nothing yet.
    """

    agency: str
    agency_id: int
    month: date
    area_code: str
    area_name: str
    area_path: str
    opening_vnd: int
    payable_people: int
    payable_vnd: int
    need_vnd: int
    transferred_vnd: int
    waiting_vnd: int
    paid_people: int
    paid_vnd: int
    wrong_vnd: int
    recovered_vnd: int
    closing_vnd: int
    unpaid_vnd: int
    fee_vnd: int
    due_vnd: int


def of_month(session: Session, path: str, month: date, *, agency_id: int | None = None) -> list[Balance]:
    """Every account of the area and below as it stands in a month."""
    return history(session, path, month, month, agency_id=agency_id)


def history(session: Session, path: str, first: date, last: date, *, agency_id: int | None = None) -> list[Balance]:
    """Every account of the area and below, month by month, the newest month first."""
    low, high = bounds_of(path)
    rows = session.execute(
        text(f'{source(EACH_MONTH)} ORDER BY g.name COLLATE "C", g.id, a.name_fold, a.path, x.first DESC'),
        {"low": low, "high": high, "agency": agency_id, "month_from": first, "month_to": last},
    )
    return [
        Balance(**{"month" if name == "first" else name: value for name, value in row._mapping.items()}) for row in rows
    ]


def short(session: Session, path: str) -> int:
    """Accounts of the area and below that keep transfers here and have not been given all their lists need.

    All lists sent so far count, also those of months to come. An account without any transfer is not kept here.
    """
    last = dates.add_months(clock.today().replace(day=1), MONTHS_AHEAD)
    low, high = bounds_of(path)
    return int(
        session.execute(
            text(
                f"SELECT count(*) FROM ({source()}) b WHERE b.due_vnd > 0 AND EXISTS (SELECT 1 FROM agency_transfers t"
                " WHERE t.agency_id = b.agency_id AND t.area_path = b.area_path)"
            ),
            {"low": low, "high": high, "agency": None, "month_from": last, "month_to": last},
        ).scalar_one()
    )


def of_account(session: Session, path: str, agency_id: int, month: date) -> Balance | None:
    """One account, not those below it; None when it has never had a row."""
    found = of_month(session, path, month, agency_id=agency_id)
    return next((one for one in found if one.area_path == path), None)


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list that an account pays, and its settlement when there is one."""

    batch_id: int
    code: str
    area_name: str
    kind: str
    state: str
    people: int
    total_vnd: int
    settlement_id: int | None
    settlement_state: str | None
    paid_vnd: int
    unpaid_vnd: int
    recover_vnd: int
    fee_vnd: int


def lists(session: Session, path: str, agency_id: int, month: date, *, limit: int = 500) -> Sequence[ListOf]:
    """The lists of a month that are paid from an account, by area."""
    low, high = bounds_of(path)
    rows = session.execute(
        text(
            "SELECT b.id AS batch_id, b.code, a.full_name AS area_name, b.kind, b.state, b.line_count AS people, b.total_vnd,"
            " s.id AS settlement_id, s.state AS settlement_state, coalesce(s.paid_vnd, 0) AS paid_vnd,"
            " coalesce(s.unpaid_vnd, 0) AS unpaid_vnd, coalesce(s.recover_vnd, 0) AS recover_vnd,"
            " coalesce(s.fee_vnd, 0) AS fee_vnd"
            "  FROM payout_batches b JOIN periods p ON p.id = b.period_id JOIN areas a ON a.id = b.area_id"
            "  LEFT JOIN settlements s ON s.batch_id = b.id AND s.state <> 'void'"
            " WHERE p.month = :month AND b.agency_id = :agency AND b.state IN ('sent', 'accepted', 'settled')"
            "   AND b.area_path >= :low AND b.area_path < :high ORDER BY a.name_fold, b.code LIMIT :limit"
        ),
        {"low": low, "high": high, "month": month, "agency": agency_id, "limit": limit},
    )
    return [ListOf(**row._mapping) for row in rows]
