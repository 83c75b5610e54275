"""Months somebody was in no list because of a suspension, as a proposal of arrears. Who resumes whom is not here."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.extensions import acting_as
from app.models import Area, ArrearsProposal, Beneficiary
from app.rules import dates
from app.rules.actors import SYSTEM, Actor, bounds_of
from app.services import transitions
from app.services.arrears.proposing import write_totals
from app.services.batches import candidates, scope

# Months with a list that is no longer a draft, where the person lived then. Whatever list of such a month is made later, a
# supplementary one too, does not take what is proposed here (services.batches.candidates), and what a list has taken is not
# proposed.
_LISTED = """
SELECT DISTINCT p.id, p.month, h.path
  FROM periods p CROSS JOIN LATERAL (SELECT coalesce((
       SELECT r.area_path FROM relocations r WHERE r.beneficiary_id = :person AND r.state = 'accepted'
          AND r.first_month > p.month ORDER BY r.first_month, r.id LIMIT 1), :path) AS path) h
  JOIN payout_batches b ON b.period_id = p.id AND starts_with(h.path, b.area_path)
   AND b.state NOT IN ('draft', 'cancelled') AND b.kind IN ('monthly', 'social_pension')
 WHERE p.month >= :first ORDER BY p.month
"""
_OWE = """
INSERT INTO arrears_proposal_lines (proposal_id, area_path, entitlement_id, beneficiary_id, for_month, owed_vnd, amount_vnd)
SELECT :proposal, :path, m.entitlement_id, :person, :month, m.benefit_vnd, m.benefit_vnd
  FROM make_benefit m JOIN entitlements e ON e.id = m.entitlement_id AND e.beneficiary_id = :person
 WHERE m.benefit_vnd > 0
   AND NOT EXISTS (SELECT 1 FROM payout_lines l WHERE l.entitlement_id = m.entitlement_id AND l.period_id = :period AND l.live)
   AND NOT EXISTS (SELECT 1 FROM arrears_proposal_lines x
                    WHERE x.entitlement_id = m.entitlement_id AND x.for_month = :month AND x.live)
"""


def propose(session: Session, person: Beneficiary, first: date, *, reason: str, asked_by: str, by: Actor) -> int | None:
    """Propose what each month listed without the person since `first` would have paid, by the rules of lists and the
    rates known today; the key of the proposal, None when no month was missed. The person is active again by now."""
    for lock in ("arrears", "arrears_owed"):
        session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:lock))"), {"lock": lock})
    facts: dict[str, Any] = {"person": person.id, "path": person.area_path, "first": first}
    with acting_as(SYSTEM):  # lists of a commune somebody has moved away from are out of sight here
        months = session.execute(text(_LISTED), facts).all()
    if not months:
        return None
    last = months[-1].month
    made = ArrearsProposal(
        area=session.get_one(Area, person.area_id),
        cause="resumption",
        from_month=first,
        to_month=last,
        due_month=dates.add_months(last, 1),
        reason=reason,
        made_by=asked_by,
        made_at=clock.now(),
    )
    session.add(made)
    session.flush()
    with acting_as(SYSTEM):
        for period in months:
            _owe(session, made.id, person, period.id, period.month, *bounds_of(period.path))
    write_totals(session, made.id)
    facts = {"people": made.people_count, "lines": made.line_count, "total_vnd": made.total_vnd, "cause": made.cause}
    transitions.created(session, "arrears", [made.id], by=by, facts={made.id: facts})
    return made.id


def _owe(
    session: Session, proposal_id: int, person: Beneficiary, period_id: int, month: date, low: str, high: str
) -> None:
    last = dates.add_months(month, 1) - timedelta(days=1)
    scope.prepare(session, low, high, month=month, known_on=clock.today())
    candidates.compute(session, low, high, month=month, last=last, period_id=period_id, kind="supplementary")
    facts = {
        "proposal": proposal_id,
        "path": person.area_path,
        "person": person.id,
        "month": month,
        "period": period_id,
    }
    session.execute(text(_OWE), facts)
