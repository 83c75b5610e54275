"""What happens to a demo's people between its months: deaths, removals, funerals. Set by set."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.demo.naming import FEMALE, MALE, full_name, phone
from app.demo.places import dice
from app.rules.dates import add_months

FUNERAL = "MT01"
_FAMILY_REPORTS = "008"
"""Hexadecimal of 4096: the share of people whose family reports a death in a month, two in a thousand."""

_DEATHS = """
UPDATE beneficiaries b SET status = 'dead', status_reason = x.reason, died_on = x.died_on,
       row_version = b.row_version + 1, changed_at = :now
  FROM (
    SELECT l.beneficiary_id AS id, min(:month - (l.result = 'to_recover')::int * 5 + (l.id % 9)::int) AS died_on,
           'Đơn vị chi trả báo đã mất' AS reason
      FROM payout_lines l JOIN periods p ON p.id = l.period_id
     WHERE p.month = :month AND l.result_reason = 'DEAD' GROUP BY l.beneficiary_id
    UNION ALL
    SELECT o.id, :month + (o.id % 17)::int, 'Gia đình khai báo'
      FROM beneficiaries o WHERE left(md5(:salt || o.code), 3) < :share AND NOT EXISTS (
        SELECT 1 FROM payout_lines l JOIN periods p ON p.id = l.period_id
         WHERE p.month = :month AND l.result_reason = 'DEAD' AND l.beneficiary_id = o.id)
  ) x WHERE x.id = b.id AND b.status = 'active'
"""
_ENDS = """
UPDATE entitlements e SET ends_on = greatest(b.died_on, e.starts_on), status = 'ended', row_version = e.row_version + 1
  FROM beneficiaries b
 WHERE b.id = e.beneficiary_id AND b.status = 'dead' AND e.status <> 'ended' AND b.changed_at = :now
"""
_REMOVALS = """
UPDATE beneficiaries b SET status = 'moved', status_reason = 'Đơn vị chi trả báo đã chuyển nơi cư trú',
       row_version = b.row_version + 1, changed_at = :now
  FROM payout_lines l JOIN periods p ON p.id = l.period_id
 WHERE l.beneficiary_id = b.id AND p.month = :month AND l.result_reason = 'MOVED' AND b.status = 'active'
"""


def register_absences(session: Session, month: date, *, seed: int) -> None:
    """The office learns who died and who moved away: from the settlement of `month`, and from families."""
    facts = {"month": month, "now": clock.now(), "salt": f"{seed}:{month}:", "share": _FAMILY_REPORTS}
    for statement in (_DEATHS, _ENDS, _REMOVALS):
        session.execute(text(statement), facts)
    session.expire_all()


def register_funerals(session: Session, months: Sequence[date], *, due: date, seed: int) -> None:
    """A funeral entitlement in the month `due` for everybody who died in `months`; who held the funeral receives it."""
    if not months:
        return
    dead = session.execute(
        text("SELECT id, area_path, code, ethnicity, died_on FROM beneficiaries WHERE died_on >= :first ORDER BY id"),
        {"first": min(months)},
    ).all()
    rows = []
    for person in dead:
        rng = dice(seed, "organiser", person.code)
        sex = rng.choice((MALE, FEMALE))
        name = full_name(rng, person.ethnicity, sex, due.year - rng.randint(28, 60))
        rows.append(
            {
                "person": person.id,
                "path": person.area_path,
                "name": name,
                "phone": phone(rng),
                "since": person.died_on,
                "decision": f"{rng.randint(10, 900)}/QĐ-UBND",
                "decided": due - timedelta(days=rng.randint(1, 9)),
                "starts": due,
                "ends": add_months(due, 1) - timedelta(days=1),
                "type": FUNERAL,
            }
        )
    for statement in _FUNERAL if rows else ():
        session.execute(text(statement), rows)
    session.expire_all()


_FUNERAL = (
    "UPDATE payees SET is_current = false WHERE beneficiary_id = :person AND is_current",
    "WITH made AS (INSERT INTO payees (beneficiary_id, area_path, kind, full_name, phone, valid_from)"
    " VALUES (:person, :path, 'organiser', :name, :phone, :since) RETURNING id)"
    " INSERT INTO payment_methods (payee_id, area_path, kind) SELECT id, :path, 'cash' FROM made",
    "INSERT INTO entitlements (beneficiary_id, area_path, benefit_type_id, coefficient, decision_no, decided_on,"
    " starts_on, ends_on) SELECT :person, :path, t.id, r.coefficient, :decision, :decided, :starts, :ends"
    "  FROM benefit_types t JOIN benefit_rates r ON r.benefit_type_id = t.id WHERE t.code = :type"
    " ORDER BY r.applies_from DESC LIMIT 1",
)
