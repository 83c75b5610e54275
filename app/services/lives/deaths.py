"""Cắt chết: a death ends every entitlement with its month, may lead to the funeral cost, and can be undone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.errors import BadInput, NotAllowed, NotFound, RuleBroken
from app.extensions import acting_as
from app.models import Beneficiary, BenefitType, Death, Entitlement, Payee, PaymentMethod
from app.rules import dates
from app.rules.actors import SYSTEM, Actor, Role
from app.services import registry, rows
from app.services.batches import lines

FUNERAL = "MT01"
"""Code of the benefit type of the funeral cost (app/rules/coefficients.py)."""


class NotAClerk(NotAllowed):
    """Chỉ cán bộ bảo trợ xã hội được ghi cắt chết."""


class AlreadyDead(RuleBroken):
    """%(who)s đã được ghi là đã chết ngày %(day)s."""


class DeathStands(BadInput):
    """Đã ghi cắt chết cho người này. Ghi nhầm thì hủy cắt chết ở Danh sách cắt chết rồi ghi lại."""


class AlreadyUndone(RuleBroken):
    """Việc cắt chết này đã được hủy."""


class FuneralListed(RuleBroken):
    """Mai táng phí đã ở danh sách %(code)s, không còn là bản đang lập; hãy xử lý danh sách đó trước."""


class ReasonMissing(BadInput):
    """Phải ghi lý do hủy."""


class FuneralTooEarly(BadInput):
    """Kỳ trả mai táng phí không thể trước tháng chết, hoặc sau tháng tới."""


class AccountMissing(BadInput):
    """Nhận qua ngân hàng thì phải có số tài khoản và ngân hàng."""


@dataclass(frozen=True, slots=True)
class Funeral:
    """Who organised the funeral and receives its cost: perhaps somebody in no registry. `month`: whose list pays it."""

    organiser: str
    month: date
    decision_no: str
    id_number: str = ""
    phone: str = ""
    account_no: str = ""
    bank_code: str = ""


def record(
    session: Session, beneficiary_id: int, died_on: date, *, by: Actor, note: str = "", funeral: Funeral | None = None
) -> Death:
    """Record a person's death. The month of death is still paid (domain.md, section 4); the list in hand is made again.

    Raises NotAClerk, NotFound, AlreadyDead, and BadInput naming the field.
    """
    person = _hold(session, beneficiary_id, by)
    if person.status == "dead":
        raise AlreadyDead(who=person.full_name, day=dates.format_date(person.died_on) if person.died_on else "")
    registry.demand_day_of_death(person, died_on)
    [key] = record_many(session, [Died(person.id, died_on, note.strip())], by=by)
    death = session.get_one(Death, key)
    if funeral is not None:
        death.funeral = _claim(session, person, died_on, funeral, by)
        session.flush()
    return death


@dataclass(frozen=True, slots=True)
class Died:
    """Somebody in the registry who died, on a day that can be."""

    beneficiary_id: int
    died_on: date
    note: str = ""


_TOLD = "unnest(CAST(:people AS bigint[]), CAST(:days AS date[]), CAST(:notes AS text[])) AS t(beneficiary_id, died_on, note)"
_RECORD = text(f"""
INSERT INTO deaths (beneficiary_id, area_path, died_on, note, before, recorded_by, recorded_at)
SELECT b.id, b.area_path, t.died_on, t.note, jsonb_build_object(
           'status', b.status, 'status_reason', b.status_reason,
           'payee_id', (SELECT p.id FROM payees p WHERE p.beneficiary_id = b.id AND p.is_current),
           'ends_on', coalesce((SELECT jsonb_object_agg(e.id::text, e.ends_on) FROM entitlements e
                                 WHERE e.beneficiary_id = b.id AND e.status <> 'ended'), '{{}}')), :by, :now
  FROM {_TOLD} JOIN beneficiaries b ON b.id = t.beneficiary_id ORDER BY b.id
RETURNING id
""")
_MARK = (
    "UPDATE beneficiaries b SET status = 'dead', died_on = t.died_on, status_reason = nullif(t.note, ''), saved_by = :by,"
    f" changed_at = :now, row_version = b.row_version + 1 FROM {_TOLD} WHERE b.id = t.beneficiary_id",
    "UPDATE entitlements e SET ends_on = greatest(e.starts_on, t.died_on), row_version = e.row_version + 1"
    f"  FROM {_TOLD} WHERE e.beneficiary_id = t.beneficiary_id AND e.status <> 'ended'"
    "   AND (e.ends_on IS NULL OR e.ends_on > t.died_on)",
)


def record_many(session: Session, died: Collection[Died], *, by: Actor) -> list[int]:
    """Record deaths of living people as a set: what each had before is kept, every entitlement ends with its day.

    Who calls has looked that they live and that the days can be. Raises NotAClerk.
    """
    _demand_clerk(by)
    facts = {
        "people": [one.beneficiary_id for one in died],
        "days": [one.died_on for one in died],
        "notes": [one.note for one in died],
        "by": by.username,
        "now": clock.now(),
    }
    made = list(session.execute(_RECORD, facts).scalars())
    for statement in _MARK:
        session.execute(text(statement), facts)
    session.expire_all()
    return made


def save_person(session: Session, row: Beneficiary, *, by: Actor) -> list[str]:
    """Save a person as a form or a program has changed them; a death among the changes is recorded like any other.

    Returns what `registry.save_beneficiary` does. Raises what it and `record` raise, and DeathStands.
    """
    with session.no_autoflush:
        stored = session.execute(_STORED, {"id": row.id or 0}).one_or_none()
    if stored is not None and stored.recorded and (row.status, row.died_on) != (stored.status, stored.died_on):
        raise DeathStands(field="died_on" if row.status == "dead" else "status")
    if row.status != "dead" or stored is None or stored.status == "dead":
        return registry.save_beneficiary(session, row, by=by)
    died_on, note = row.died_on, row.status_reason or ""
    row.status, row.died_on, row.status_reason = stored.status, None, stored.status_reason
    odd = registry.save_beneficiary(session, row, by=by)
    registry.demand_day_of_death(row, died_on)
    assert died_on is not None, "a day that can be"
    session.flush()
    record(session, row.id, died_on, by=by, note=note)
    return odd


_STORED = text(
    "SELECT b.status, b.died_on, b.status_reason, EXISTS (SELECT 1 FROM deaths d WHERE d.beneficiary_id = b.id"
    " AND d.undone_at IS NULL) AS recorded FROM beneficiaries b WHERE b.id = :id"
)


def record_stranger(
    session: Session, person: Beneficiary, died_on: date, funeral: Funeral, *, by: Actor, note: str = ""
) -> Death:
    """The funeral cost of somebody who was in no registry: the person is entered as dead, with nothing but that.

    `person` is new: name, birth, area. Raises as `record`.
    """
    _demand_clerk(by)
    person.status, person.died_on = "dead", died_on
    registry.save_beneficiary(session, person, by=by)
    session.flush()
    death = Death(
        beneficiary_id=person.id,
        beneficiary=person,
        area_path=person.area_path,
        died_on=died_on,
        note=note.strip(),
        before={"status": "dead"},
        recorded_by=by.username,
        recorded_at=clock.now(),
    )
    death.funeral = _claim(session, person, died_on, funeral, by)
    session.add(death)
    session.flush()
    return death


def undo(session: Session, death_id: int, *, by: Actor, because: str) -> Death:
    """Hủy cắt chết: the person lives, and has what they had before. A funeral line in a draft is held out.

    Raises NotAClerk, NotFound, AlreadyUndone, ReasonMissing, FuneralListed.
    """
    _demand_clerk(by)
    reason = because.strip()
    if not reason:
        raise ReasonMissing(field="reason")
    death = rows.held(session, Death, death_id)
    if death.undone_at is not None:
        raise AlreadyUndone
    if death.funeral_id is not None:
        with acting_as(SYSTEM):  # the list of a commune that has gone over to this one is out of sight here
            _take_back_funeral(session, death, reason, by)
    person = _hold(session, death.beneficiary_id, by)
    _restore(session, person, death.before)
    death.undone_by, death.undone_at, death.undone_reason = by.username, clock.now(), reason
    session.flush()
    session.expire_all()
    return death


def _demand_clerk(by: Actor) -> None:
    if not by.has(Role.CLERK):
        raise NotAClerk


def _hold(session: Session, beneficiary_id: int, by: Actor) -> Beneficiary:
    _demand_clerk(by)
    statement = select(Beneficiary).where(Beneficiary.id == beneficiary_id).with_for_update()
    person = session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
    if person is None or not by.may_see(person.area_path):
        raise NotFound
    return person


def _claim(session: Session, person: Beneficiary, died_on: date, funeral: Funeral, by: Actor) -> Entitlement:
    """The entitlement to the funeral cost at the rate in force, paid to the organiser, in the list of its month."""
    month = funeral.month.replace(day=1)
    if not died_on.replace(day=1) <= month <= dates.add_months(clock.today().replace(day=1), 1):
        raise FuneralTooEarly(field="month")
    if bool(funeral.account_no) != bool(funeral.bank_code):
        raise AccountMissing(field="account_no")
    kind = session.scalars(select(BenefitType).where(BenefitType.code == FUNERAL)).one()
    with session.no_autoflush:
        claim = _written(session, person, kind, month, died_on, funeral, by)
    session.flush()
    return claim


def _written(
    session: Session, person: Beneficiary, kind: BenefitType, month: date, died_on: date, funeral: Funeral, by: Actor
) -> Entitlement:
    claim = Entitlement(
        beneficiary=person,
        benefit_type=kind,
        area_path=person.area_path,
        decision_no=funeral.decision_no,
        decided_on=clock.today(),
        starts_on=month,
        ends_on=date.fromordinal(dates.add_months(month, 1).toordinal() - 1),
    )
    registry.save_entitlement(session, claim, by=by)
    organiser = Payee(
        beneficiary=person,
        area_path=person.area_path,
        kind="organiser",
        full_name=funeral.organiser,
        id_number=funeral.id_number or None,
        phone=funeral.phone or None,
        valid_from=died_on,
        is_current=True,
    )
    registry.save_payee(session, organiser, by=by)
    session.flush()
    method = PaymentMethod(payee=organiser, area_path=person.area_path, kind="cash", is_current=True)
    if funeral.account_no:
        method.kind, method.account_no, method.bank_code = "bank", funeral.account_no, funeral.bank_code
        method.holder = organiser.full_name
    registry.save_method(session, method, by=by)
    session.flush()
    return claim


def _take_back_funeral(session: Session, death: Death, reason: str, by: Actor) -> None:
    rows = session.execute(
        text(
            "SELECT l.id, b.code, b.state FROM payout_lines l JOIN payout_batches b ON b.id = l.batch_id"
            " WHERE l.entitlement_id = :claim AND l.live ORDER BY l.id"
        ),
        {"claim": death.funeral_id},
    ).all()
    for row in rows:
        if row.state != "draft":
            raise FuneralListed(code=row.code)
        lines.exclude(session, row.id, by=by, because=reason)
    session.execute(
        text("UPDATE entitlements SET status = 'ended', row_version = row_version + 1 WHERE id = :claim"),
        {"claim": death.funeral_id},
    )


def _restore(session: Session, person: Beneficiary, before: dict[str, Any]) -> None:
    """Who was entered only to be buried stays as entered by mistake: stopped, with no entitlement."""
    was_stranger = before["status"] == "dead"
    person.status = "stopped" if was_stranger else before["status"]
    person.status_reason, person.died_on = before.get("status_reason"), None
    person.row_version, person.changed_at = person.row_version + 1, clock.now()
    session.flush()
    for key, ends_on in before.get("ends_on", {}).items():
        session.execute(
            text(
                "UPDATE entitlements SET ends_on = CAST(:ends_on AS date), row_version = row_version + 1 WHERE id = :id"
            ),
            {"id": int(key), "ends_on": ends_on},
        )
    if before.get("payee_id") is not None:
        session.execute(
            text("UPDATE payees SET is_current = false WHERE beneficiary_id = :person AND is_current AND id <> :payee"),
            {"person": person.id, "payee": before["payee_id"]},
        )
        session.execute(text("UPDATE payees SET is_current = true WHERE id = :payee"), {"payee": before["payee_id"]})
