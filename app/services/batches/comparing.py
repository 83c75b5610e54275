"""A list against the list of the month before: who came, who left, whose money or payee changed. Nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.errors import NotFound

SECTIONS = ("came", "left", "changed")


@dataclass(frozen=True, slots=True)
class Sum:
    """Lines and the components of their money."""

    lines: int
    benefit_vnd: int
    arrears_vnd: int
    carried_vnd: int
    withheld_vnd: int
    total_vnd: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both months' sums and how many lines differ; `before_code` is None where there was no list before."""

    before_code: str | None
    before: Sum
    now: Sum
    came: int
    left: int
    changed: int
    came_vnd: int
    left_vnd: int
    changed_vnd: int


@dataclass(frozen=True, slots=True)
class Difference:
    """One line that differs. `why` of one that left: dead, moved, stopped, suspended, ended, excluded or other."""

    line_id: int
    beneficiary_id: int
    code: str
    full_name: str
    hamlet: str
    before_vnd: int
    now_vnd: int
    before_payee: str
    now_payee: str
    before_method: str
    now_method: str
    why: str


# The same area, kind and agency one month earlier; whoever changed the agency left one list and came into another.
_SIDES = """
WITH this AS (
    SELECT b.id, b.area_id, b.kind, b.agency_id, p.month FROM payout_batches b JOIN periods p ON p.id = b.period_id
     WHERE b.id = :id
), earlier AS (
    SELECT b.id, b.code FROM payout_batches b JOIN periods p ON p.id = b.period_id, this t
     WHERE b.area_id = t.area_id AND b.kind = t.kind AND b.agency_id IS NOT DISTINCT FROM t.agency_id
       AND p.month = (t.month - interval '1 month')::date AND b.state <> 'cancelled'
), before AS (
    SELECT l.* FROM payout_lines l WHERE l.batch_id IN (SELECT id FROM earlier) AND l.live
), now AS (
    SELECT l.* FROM payout_lines l WHERE l.batch_id = :id AND l.live
), pairs AS (
    SELECT coalesce(n.id, o.id) AS line_id, coalesce(n.beneficiary_id, o.beneficiary_id) AS beneficiary_id,
           coalesce(n.beneficiary_code, o.beneficiary_code) AS code, coalesce(n.full_name, o.full_name) AS full_name,
           coalesce(n.hamlet, o.hamlet) AS hamlet, coalesce(n.name_fold, o.name_fold) AS name_fold,
           coalesce(n.entitlement_id, o.entitlement_id) AS entitlement_id,
           coalesce(o.benefit_vnd, 0) AS before_vnd, coalesce(n.benefit_vnd, 0) AS now_vnd,
           coalesce(o.payee_name, '') AS before_payee, coalesce(n.payee_name, '') AS now_payee,
           coalesce(o.method, '') AS before_method, coalesce(n.method, '') AS now_method,
           CASE WHEN o.id IS NULL THEN 'came' WHEN n.id IS NULL THEN 'left'
                WHEN (o.benefit_vnd, o.payee_name, o.payee_fa) IS DISTINCT FROM (n.benefit_vnd, n.payee_name, n.payee_fa)
                THEN 'changed' ELSE 'same' END AS section
      FROM now n FULL JOIN before o ON o.entitlement_id = n.entitlement_id
)
"""

_SUMS = """
SELECT count(*) AS lines, coalesce(sum(benefit_vnd), 0)::bigint AS benefit_vnd,
       coalesce(sum(arrears_vnd), 0)::bigint AS arrears_vnd, coalesce(sum(carried_vnd), 0)::bigint AS carried_vnd,
       coalesce(sum(withheld_vnd), 0)::bigint AS withheld_vnd, coalesce(sum(total_vnd), 0)::bigint AS total_vnd
"""

_WHY = """
CASE WHEN b.status = 'dead' THEN 'dead' WHEN b.status = 'moved' THEN 'moved' WHEN b.status = 'stopped' THEN 'stopped'
     WHEN b.status = 'suspended' OR e.status = 'suspended' THEN 'suspended'
     WHEN EXISTS (SELECT 1 FROM payout_lines x WHERE x.batch_id = :id AND x.entitlement_id = p.entitlement_id
                     AND NOT x.live) THEN 'excluded'
     WHEN e.status = 'ended' OR e.ends_on < (SELECT month FROM this) THEN 'ended' ELSE 'other' END
"""


def compare(session: Session, batch_id: int) -> Comparison:
    """The sums of both months and the number of differences. Raises NotFound."""
    facts = {"id": batch_id}
    codes = session.execute(text(f"{_SIDES} SELECT (SELECT max(code) FROM earlier) FROM this"), facts).first()
    if codes is None:
        raise NotFound
    sums = {
        side: Sum(**session.execute(text(f"{_SIDES} {_SUMS} FROM {side}"), facts).one()._mapping)
        for side in ("before", "now")
    }
    sections = {
        row.section: (row.n, row.vnd)
        for row in session.execute(
            text(
                f"{_SIDES} SELECT section, count(*) AS n, sum(now_vnd - before_vnd)::bigint AS vnd FROM pairs GROUP BY 1"
            ),
            facts,
        )
    }
    came, left, changed = (sections.get(section, (0, 0)) for section in SECTIONS)
    return Comparison(
        before_code=codes[0],
        before=sums["before"],
        now=sums["now"],
        came=came[0],
        left=left[0],
        changed=changed[0],
        came_vnd=came[1],
        left_vnd=left[1],
        changed_vnd=changed[1],
    )


def differences(session: Session, batch_id: int, section: str, *, page: int, size: int) -> list[Difference]:
    """A page (from 0) of the lines that came, left or changed, by hamlet and name."""
    assert section in SECTIONS, section
    rows = session.execute(
        text(
            f"{_SIDES} SELECT p.line_id, p.beneficiary_id, p.code, p.full_name, p.hamlet, p.before_vnd, p.now_vnd,"
            f" p.before_payee, p.now_payee, p.before_method, p.now_method,"
            f" CASE WHEN p.section = 'left' THEN {_WHY} ELSE '' END AS why FROM pairs p"
            "  JOIN entitlements e ON e.id = p.entitlement_id JOIN beneficiaries b ON b.id = p.beneficiary_id"
            " WHERE p.section = :section ORDER BY p.hamlet, p.name_fold, p.code, p.line_id LIMIT :size OFFSET :skip"
        ),
        {"id": batch_id, "section": section, "size": size, "skip": page * size},
    )
    return [Difference(**row._mapping) for row in rows]
