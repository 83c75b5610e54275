"""Who is paid what: eligibility and amounts of a period as one set, `make_line`. Nothing is written to a list here."""

from __future__ import annotations

from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

# Who has been taken in by another commune stays with the old one for the months before (services/lives/relocating.py):
# the old list can be made again, and nobody is in both or in neither.
_STAYS = """
CREATE TEMPORARY TABLE make_stay ON COMMIT DROP AS
SELECT DISTINCT ON (beneficiary_id) beneficiary_id, from_area_id AS area_id, area_path
  FROM relocations WHERE state = 'accepted' AND first_month > :month
 ORDER BY beneficiary_id, first_month, id
"""
_RESIDENTS = """
       (b.area_path >= :low AND b.area_path < :high AND b.id <> ALL (ARRAY(SELECT beneficiary_id FROM make_stay))
        OR b.id = ANY (ARRAY(SELECT beneficiary_id FROM make_stay WHERE area_path >= :low AND area_path < :high)))
"""

# Running entitlements of living, active people; the month of death is still paid (domain.md, section 4). Of the groups
# a person belongs to, the highest coefficient only, plus the single parent's benefit per child (NĐ 20/2021, art. 6);
# social pension or assistance, whichever is higher (NĐ 176/2025). A funeral entitlement is owed once, in its month or the
# first list made after it.
_BENEFITS = f"""
CREATE TEMPORARY TABLE make_benefit ON COMMIT DROP AS
WITH running AS (
    SELECT e.id AS entitlement_id, e.beneficiary_id, t.batch_kind, t.stacks,
           CASE t.batch_kind WHEN 'monthly' THEN a.monthly_vnd WHEN 'social_pension' THEN a.pension_vnd
                             ELSE a.funeral_vnd END AS standard_vnd,
           round(e.coefficient * e.units * CASE t.batch_kind WHEN 'monthly' THEN a.monthly_vnd
                 WHEN 'social_pension' THEN a.pension_vnd ELSE a.funeral_vnd END)::bigint AS benefit_vnd
      FROM beneficiaries b
      LEFT JOIN make_stay s ON s.beneficiary_id = b.id
      JOIN make_area a ON a.commune_id = coalesce(s.area_id, b.area_id)
      JOIN entitlements e ON e.beneficiary_id = b.id
      JOIN benefit_types t ON t.id = e.benefit_type_id
     WHERE {_RESIDENTS}
       AND e.status = 'active' AND e.starts_on <= :last
       AND (e.ends_on IS NULL OR e.ends_on >= :month OR t.batch_kind = 'funeral')
       AND CASE WHEN t.batch_kind = 'funeral' THEN b.status = 'dead'
                ELSE b.status = 'active' OR (b.status = 'dead' AND b.died_on >= :month) END
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY beneficiary_id, batch_kind, stacks
                                 ORDER BY benefit_vnd DESC, entitlement_id) AS place
      FROM running
), chosen AS (
    SELECT *,
           coalesce(sum(benefit_vnd) FILTER (WHERE batch_kind = 'monthly') OVER person, 0) AS assistance_vnd,
           coalesce(sum(benefit_vnd) FILTER (WHERE batch_kind = 'social_pension') OVER person, 0) AS pension_vnd
      FROM ranked WHERE place = 1 OR stacks OR batch_kind = 'funeral'
    WINDOW person AS (PARTITION BY beneficiary_id)
)
SELECT entitlement_id, standard_vnd, benefit_vnd FROM chosen
 WHERE batch_kind = ANY(:kinds)
   AND CASE batch_kind WHEN 'monthly' THEN assistance_vnd >= pension_vnd
                       WHEN 'social_pension' THEN pension_vnd > assistance_vnd
                       ELSE NOT EXISTS (SELECT 1 FROM payout_lines l WHERE l.entitlement_id = chosen.entitlement_id
                                           AND l.live AND l.benefit_vnd > 0 AND l.period_id <> :period_id) END
"""

# A month missed by a suspension and proposed as arrears is not paid by a list of that month as well.
_PROPOSED = """
DELETE FROM make_benefit m USING arrears_proposal_lines x
 WHERE x.entitlement_id = m.entitlement_id AND x.for_month = :month AND x.live
   AND x.of_line_id IS NULL AND x.owed_vnd IS NOT NULL
"""

# Money of earlier lists: unpaid lines nobody carries yet, and arrears due; months settled at once carry nothing among
# themselves. It also goes to people whose entitlement has ended; it waits for people who are suspended or have moved away
# and are not yet received.
_OWED = f"""
CREATE TEMPORARY TABLE make_owed ON COMMIT DROP AS
SELECT entitlement_id, sum(carried_vnd)::bigint AS carried_vnd, sum(arrears_vnd)::bigint AS arrears_vnd
  FROM (
    SELECT l.entitlement_id, l.total_vnd AS carried_vnd, 0 AS arrears_vnd, p.month AS unpaid_month
      FROM payout_lines l JOIN periods p ON p.id = l.period_id
     WHERE l.result = 'unpaid' AND l.total_vnd > 0
       AND NOT EXISTS (SELECT 1 FROM carry_overs c WHERE c.from_line_id = l.id)
    UNION ALL
    SELECT r.entitlement_id, 0, r.amount_vnd, NULL FROM arrears r WHERE r.line_id IS NULL AND r.due_month <= :month
  ) owed
  JOIN entitlements e ON e.id = entitlement_id
  JOIN benefit_types t ON t.id = e.benefit_type_id
  JOIN beneficiaries b ON b.id = e.beneficiary_id
  LEFT JOIN make_stay s ON s.beneficiary_id = b.id
  JOIN make_area a ON a.commune_id = coalesce(s.area_id, b.area_id)
   AND (unpaid_month IS NULL OR unpaid_month < a.group_month)
 WHERE {_RESIDENTS} AND b.status IN ('active', 'stopped', 'dead')
   AND e.status <> 'suspended' AND t.batch_kind = :kind
 GROUP BY entitlement_id
"""

_LINES = """
CREATE TEMPORARY TABLE make_line ON COMMIT DROP AS
SELECT x.entitlement_id, x.standard_vnd, x.benefit_vnd, x.arrears_vnd, x.carried_vnd,
       e.beneficiary_id, e.benefit_type_id, e.coefficient, e.units,
       coalesce(s.area_path, b.area_path) AS area_path, b.code, b.full_name, b.name_fold, b.name_sort, b.hamlet,
       concat_ws('/', lpad(b.birth_day::text, 2, '0'), lpad(b.birth_month::text, 2, '0'), b.birth_year) AS birth,
       coalesce(p.kind, 'self') AS payee_kind, coalesce(p.full_name, b.full_name) AS payee_name,
       coalesce(m.kind, 'cash') AS method,
       CASE m.kind WHEN 'bank' THEN m.account_no WHEN 'wallet' THEN m.wallet_phone END AS account_no, m.holder,
       CASE m.kind WHEN 'bank' THEN m.bank_code WHEN 'wallet' THEN m.wallet_kind END AS bank_code,
       a.paying_id, a.paying_name, a.through_agency, a.group_month,
       CASE WHEN a.through_agency THEN k.agency_id END AS agency_id,
       CASE WHEN a.through_agency THEN k.contract_id END AS contract_id,
       CASE WHEN a.through_agency THEN k.code ELSE 'office' END AS agency_code
  FROM (
    SELECT coalesce(n.entitlement_id, o.entitlement_id) AS entitlement_id,
           coalesce(n.standard_vnd, 0) AS standard_vnd, coalesce(n.benefit_vnd, 0) AS benefit_vnd,
           coalesce(o.arrears_vnd, 0) AS arrears_vnd, coalesce(o.carried_vnd, 0) AS carried_vnd
      FROM make_benefit n FULL JOIN make_owed o ON o.entitlement_id = n.entitlement_id
  ) x
  JOIN entitlements e ON e.id = x.entitlement_id
  JOIN beneficiaries b ON b.id = e.beneficiary_id
  LEFT JOIN make_stay s ON s.beneficiary_id = b.id
  JOIN make_area a ON a.commune_id = coalesce(s.area_id, b.area_id)
  LEFT JOIN payees p ON p.beneficiary_id = b.id AND p.is_current
  LEFT JOIN payment_methods m ON m.payee_id = p.id AND m.is_current
  LEFT JOIN make_contract k ON k.commune_id = a.commune_id AND k.method = coalesce(m.kind, 'cash')
 WHERE NOT EXISTS (SELECT 1 FROM payout_lines l WHERE l.entitlement_id = x.entitlement_id
                      AND l.period_id = :period_id AND l.live)
"""

KINDS_OF_A_SUPPLEMENT = ["monthly", "social_pension"]


def compute(session: Session, low: str, high: str, *, month: date, last: date, period_id: int, kind: str) -> None:
    """Fill `make_line`: one row for every line that a list of `kind` should hold and no live list of the period holds.

    A supplementary list takes new entitlements only: earlier money waits for the next list of its own kind.
    """
    facts = {
        "low": low,
        "high": high,
        "month": month,
        "last": last,
        "period_id": period_id,
        "kind": kind,
        "kinds": KINDS_OF_A_SUPPLEMENT if kind == "supplementary" else [kind],
    }
    for name in ("make_line", "make_owed", "make_benefit", "make_stay"):
        session.execute(text(f"DROP TABLE IF EXISTS {name}"))
    session.execute(text("SET LOCAL default_statistics_target = 10"))  # 3.000 rows tell enough
    session.execute(text(_STAYS), facts)
    session.execute(text("ANALYZE make_stay"))  # mostly empty; unknown, every join would hash the other side of it
    for statement in (_BENEFITS, _PROPOSED, _OWED):
        session.execute(text(statement), facts)
    for name in ("make_benefit", "make_owed"):
        session.execute(text(f"ANALYZE {name}"))
    session.execute(text(_LINES), facts)
    session.execute(text("ANALYZE make_line (entitlement_id, paying_id, agency_id)"))
