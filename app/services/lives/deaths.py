"""Cắt chết: a death ends every entitlement with its month, may lead to the funeral cost, and can be undone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.errors import BadInput, NotAllowed, NotFound, RuleBroken
from app.models import Beneficiary, BenefitType, Death, Entitlement, Payee, PaymentMethod
from app.rules import dates
from app.rules.actors import Actor, Role
from app.services import registry
from app.services.batches import lines

FUNERAL = "MT01"
"""Code of the benefit type of the funeral cost (app/rules/coefficients.py)."""


class NotAClerk(NotAllowed):
    """Chỉ cán bộ bảo trợ xã hội được ghi cắt chết."""


class AlreadyDead(RuleBroken):
    """%(who)s đã được ghi là đã chết ngày %(day)s."""


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
    before = _before(session, person)
    person.status, person.died_on, person.status_reason = "dead", died_on, note.strip() or None
    registry.save_beneficiary(session, person, by=by)
    session.flush()
    session.execute(
        text(
            "UPDATE entitlements SET ends_on = greatest(starts_on, :day), row_version = row_version + 1"
            " WHERE beneficiary_id = :person AND status <> 'ended' AND (ends_on IS NULL OR ends_on > :day)"
        ),
        {"person": person.id, "day": died_on},
    )
    session.expire_all()
    return _write(session, person, died_on, before, by=by, note=note, funeral=funeral)


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
    return _write(session, person, died_on, {"status": "dead"}, by=by, note=note, funeral=funeral)


def undo(session: Session, death_id: int, *, by: Actor, because: str) -> Death:
    """Hủy cắt chết: the person lives, and has what they had before. A funeral line in a draft is held out.

    Raises NotAClerk, NotFound, AlreadyUndone, ReasonMissing, FuneralListed.
    """
    _demand_clerk(by)
    reason = because.strip()
    if not reason:
        raise ReasonMissing(field="reason")
    death = session.get(Death, death_id, with_for_update=True, populate_existing=True)
    if death is None:
        raise NotFound
    if death.undone_at is not None:
        raise AlreadyUndone
    if death.funeral_id is not None:
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


def _before(session: Session, person: Beneficiary) -> dict[str, Any]:
    rows = session.execute(
        select(Entitlement.id, Entitlement.ends_on).where(
            Entitlement.beneficiary_id == person.id, Entitlement.status != "ended"
        )
    )
    payee = session.scalars(select(Payee.id).where(Payee.beneficiary_id == person.id, Payee.is_current)).one_or_none()
    return {
        "status": person.status,
        "status_reason": person.status_reason,
        "payee_id": payee,
        "ends_on": {str(key): ends_on.isoformat() if ends_on else None for key, ends_on in rows},
    }


def _write(
    session: Session,
    person: Beneficiary,
    died_on: date,
    before: dict[str, Any],
    *,
    by: Actor,
    note: str,
    funeral: Funeral | None,
) -> Death:
    death = Death(
        beneficiary_id=person.id,
        beneficiary=person,
        area_path=person.area_path,
        died_on=died_on,
        note=note.strip(),
        before=before,
        recorded_by=by.username,
        recorded_at=clock.now(),
    )
    if funeral is not None:
        death.funeral = _claim(session, person, died_on, funeral, by)
    session.add(death)
    session.flush()
    return death


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
