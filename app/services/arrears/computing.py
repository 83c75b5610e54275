"""What a rise of rates that applies back owes: listed lines against the rates known today, as one set. No approval.

A month counts once its list is approved, whether or not the money was handed out: what was not is carried over as it
was listed (services.batches.candidates), and the difference is owed beside it. Waiting for the payment would make the
same rise a second computation for everybody who was not at home that day, and pay nobody earlier. Only a line that
ends the payment (`unpaid_stopped`) or has to come back (`to_recover`) owes nothing. Where a listed month is opened
again its arrears are taken back (`deciding.forget_lists`), because the list itself will then be made at the new rate.

The difference is counted against the benefit of the line and all arrears of that entitlement and month, proposed or
approved: computing again, by anybody, finds only what is new.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

LISTED = ("locked", "sent", "accepted", "settled")
"""States of lists that count as listed; a returned list will be opened and made again."""

# The nearest area's latest amount, as `services.batches.scope` has it for one month.
_STANDARDS = """
CREATE TEMPORARY TABLE arrears_standard ON COMMIT DROP AS
SELECT c.path AS area_path, p.id AS period_id, p.month, k.batch_kind, (
         SELECT s.amount_vnd FROM standard_amounts s
          WHERE s.batch_kind = k.batch_kind AND starts_with(c.path, s.area_path)
            AND s.applies_from <= p.month AND s.enacted_on <= :known_on
          ORDER BY length(s.area_path) DESC, s.applies_from DESC, s.enacted_on DESC LIMIT 1) AS standard_vnd
  FROM areas c CROSS JOIN periods p CROSS JOIN (VALUES ('monthly'), ('social_pension'), ('funeral')) k (batch_kind)
 WHERE c.level = 'commune' AND c.path >= :low AND c.path < :high AND p.month BETWEEN :first AND :last
"""

# A decision copies the coefficient of the law on its day. One that equals an earlier coefficient of its group rises with
# the law; one of its own stays.
_COEFFICIENTS = """
CREATE TEMPORARY TABLE arrears_coefficient ON COMMIT DROP AS
SELECT DISTINCT r.benefit_type_id, p.id AS period_id, r.coefficient AS was, n.coefficient AS now
  FROM periods p
  JOIN benefit_rates r ON r.applies_from <= p.month
  JOIN LATERAL (SELECT x.coefficient FROM benefit_rates x
                 WHERE x.benefit_type_id = r.benefit_type_id AND x.applies_from <= p.month
                 ORDER BY x.applies_from DESC LIMIT 1) n ON n.coefficient > r.coefficient
 WHERE p.month BETWEEN :first AND :last
"""

_ALREADY = """
CREATE TEMPORARY TABLE arrears_already ON COMMIT DROP AS
SELECT entitlement_id, for_month, sum(amount_vnd)::bigint AS amount_vnd FROM (
    SELECT entitlement_id, for_month, amount_vnd FROM arrears_proposal_lines
     WHERE live AND for_month BETWEEN :first AND :last AND area_path >= :low AND area_path < :high
    UNION ALL
    SELECT entitlement_id, for_month, amount_vnd FROM arrears
     WHERE proposal_line_id IS NULL AND for_month BETWEEN :first AND :last AND area_path >= :low AND area_path < :high
  ) x GROUP BY entitlement_id, for_month
"""

NOT_OWED = """
CASE WHEN t.batch_kind <> 'funeral' AND b.status = 'dead' AND b.died_on < {month} THEN 'dead'
     WHEN t.batch_kind <> 'funeral' AND e.ends_on < {month} THEN 'ended'
     WHEN {result} = 'unpaid_stopped' OR ((b.status = 'stopped' OR e.status = 'ended') AND e.ends_on IS NULL) THEN 'stopped'
     WHEN {result} = 'to_recover' THEN 'to_recover'
     WHEN b.status = 'suspended' OR e.status = 'suspended' THEN 'suspended'
     WHEN b.status = 'moved' THEN 'moved' END
"""
"""Why a person-month owes nothing, in words of `excluded_code`: beneficiary b, entitlement e, benefit type t."""

_LINES = f"""
INSERT INTO arrears_proposal_lines (proposal_id, area_path, entitlement_id, beneficiary_id, for_month, of_line_id, was_vnd,
    owed_vnd, amount_vnd, live, excluded_code)
SELECT :proposal, x.area_path, x.entitlement_id, x.beneficiary_id, x.month, x.id, x.was_vnd, x.owed_vnd,
       x.owed_vnd - x.was_vnd, x.code IS NULL, x.code
  FROM (
    SELECT l.id, b.area_path, l.entitlement_id, l.beneficiary_id, s.month,
           l.benefit_vnd + coalesce(d.amount_vnd, 0) AS was_vnd,
           round(coalesce(c.now, l.coefficient) * l.units * s.standard_vnd)::bigint AS owed_vnd,
           {NOT_OWED.format(month="s.month", result="l.result")} AS code
      FROM payout_lines l
      JOIN payout_batches k ON k.id = l.batch_id AND k.state = ANY(:listed)
      JOIN benefit_types t ON t.id = l.benefit_type_id
      JOIN arrears_standard s ON s.area_path = l.area_path AND s.period_id = l.period_id AND s.batch_kind = t.batch_kind
      JOIN entitlements e ON e.id = l.entitlement_id
      JOIN beneficiaries b ON b.id = l.beneficiary_id
      LEFT JOIN arrears_coefficient c ON c.benefit_type_id = l.benefit_type_id AND c.period_id = l.period_id
            AND c.was = l.coefficient
      LEFT JOIN arrears_already d ON d.entitlement_id = l.entitlement_id AND d.for_month = s.month
     WHERE l.live AND l.benefit_vnd > 0 AND l.area_path >= :low AND l.area_path < :high
       AND b.area_path >= :low AND b.area_path < :high
  ) x
 WHERE x.owed_vnd > x.was_vnd
"""

# A month missed by a suspension was in no list: what was granted for it is brought up to the rates known today.
_MISSED = f"""
INSERT INTO arrears_proposal_lines (proposal_id, area_path, entitlement_id, beneficiary_id, for_month, was_vnd, owed_vnd,
    amount_vnd, live, excluded_code)
SELECT :proposal, x.area_path, x.entitlement_id, x.beneficiary_id, x.month, x.was_vnd, x.owed_vnd, x.owed_vnd - x.was_vnd,
       x.code IS NULL, x.code
  FROM (
    SELECT b.area_path, m.entitlement_id, e.beneficiary_id, s.month, d.amount_vnd AS was_vnd,
           round(coalesce(c.now, e.coefficient) * e.units * s.standard_vnd)::bigint AS owed_vnd,
           {NOT_OWED.format(month="s.month", result="'paid'")} AS code
      FROM (SELECT DISTINCT ON (y.entitlement_id, y.for_month) y.entitlement_id, y.for_month, y.area_path
              FROM arrears r JOIN arrears_proposal_lines y ON y.id = r.proposal_line_id AND y.live
             WHERE y.of_line_id IS NULL AND y.owed_vnd IS NOT NULL AND y.for_month BETWEEN :first AND :last
             ORDER BY y.entitlement_id, y.for_month, y.id) m
      JOIN entitlements e ON e.id = m.entitlement_id
      JOIN benefit_types t ON t.id = e.benefit_type_id
      JOIN beneficiaries b ON b.id = e.beneficiary_id
      JOIN arrears_standard s ON s.area_path = m.area_path AND s.month = m.for_month AND s.batch_kind = t.batch_kind
      JOIN arrears_already d ON d.entitlement_id = m.entitlement_id AND d.for_month = s.month
      LEFT JOIN arrears_coefficient c ON c.benefit_type_id = e.benefit_type_id AND c.period_id = s.period_id
            AND c.was = e.coefficient
     WHERE b.area_path >= :low AND b.area_path < :high
  ) x
 WHERE x.owed_vnd > x.was_vnd
"""


def fill(session: Session, proposal_id: int, low: str, high: str, *, months: tuple[date, date], known_on: date) -> None:
    """Write the lines of a proposal: every person-month of `months` (first, last) that is owed more by now, whether it
    was listed or missed by a suspension and granted since.

    Who is owed nothing although the rate rose is written too, held out with the reason, for the approver to see.
    """
    facts = {
        "proposal": proposal_id,
        "low": low,
        "high": high,
        "first": months[0],
        "last": months[1],
        "known_on": known_on,
        "listed": list(LISTED),
    }
    session.execute(text("SET LOCAL work_mem = '64MB'"))  # the months of a province are joined in memory
    for name in ("arrears_standard", "arrears_coefficient", "arrears_already"):
        session.execute(text(f"DROP TABLE IF EXISTS {name}"))
    for statement in (_STANDARDS, _COEFFICIENTS, _ALREADY):
        session.execute(text(statement), facts)
    session.execute(text("DELETE FROM arrears_standard WHERE standard_vnd IS NULL"))
    for name in ("arrears_standard", "arrears_coefficient", "arrears_already"):
        session.execute(text(f"ANALYZE {name}"))
    for statement in (_LINES, _MISSED):
        session.execute(text(statement), facts)


def size(session: Session, low: str, high: str, *, months: tuple[date, date]) -> int:
    """About how many person-months computing will look at: the lines of the listed months."""
    counted = session.execute(
        text(
            "SELECT coalesce(sum(b.line_count), 0) FROM payout_batches b JOIN periods p ON p.id = b.period_id"
            " WHERE b.state = ANY(:listed) AND p.month BETWEEN :first AND :last"
            "   AND b.area_path >= :low AND b.area_path < :high"
        ),
        {"listed": list(LISTED), "first": months[0], "last": months[1], "low": low, "high": high},
    )
    return int(counted.scalar_one())
