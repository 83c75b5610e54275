"""Chuyển vùng: a person moves to another commune when that one takes them in; nobody is listed twice or in neither.

A relocation has a first month. Lists of earlier months are the old commune's, also when made again later; from that
month on they are the new one's (`batches/candidates.py` reads it). Unpaid money follows the person.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.errors import BadInput, NotAllowed, NotFound, RuleBroken
from app.extensions import acting_as
from app.models import Area, Beneficiary, Relocation
from app.rules import dates, names
from app.rules.actors import SYSTEM, Actor, Role
from app.services import rows, transitions
from app.services.saying import cleaned


class NotAClerk(NotAllowed):
    """Chỉ cán bộ bảo trợ xã hội được đề nghị chuyển vùng."""


class NotReceiving(NotAllowed):
    """Chỉ nơi đến được tiếp nhận hoặc không tiếp nhận."""


class NotSending(NotAllowed):
    """Chỉ nơi đi được rút đề nghị chuyển vùng."""


class NoSuchCommune(BadInput):
    """Hãy chọn xã, phường hoặc đặc khu nơi đến, khác nơi đang ở."""


class CannotMove(RuleBroken):
    """%(who)s không chuyển vùng được vì hồ sơ ở tình trạng đã chết hoặc đã dừng."""


class AlreadyAsked(RuleBroken):
    """%(who)s đã có đề nghị chuyển vùng đang chờ nơi đến trả lời."""


def ask(
    session: Session, beneficiary_id: int, to_code: str, *, by: Actor, reason: str, to_hamlet: str = ""
) -> Relocation:
    """Ask the commune with the official code `to_code`, anywhere in the country, to take a person in.

    Raises NotAClerk, NotFound, NoSuchCommune, CannotMove, AlreadyAsked, BadInput naming the field.
    """
    if not by.has(Role.CLERK):
        raise NotAClerk
    person = session.get(Beneficiary, beneficiary_id)
    if person is None or not by.may_see(person.area_path):
        raise NotFound
    if person.status not in ("active", "suspended", "moved"):
        raise CannotMove(who=person.full_name)
    with acting_as(SYSTEM):  # a commune elsewhere is out of the clerk's sight, its name is not
        to = session.scalars(select(Area).where(Area.code == to_code, Area.level == "commune")).one_or_none()
        left = session.get_one(Area, person.area_id)
        if to is None or to.id == left.id or to.valid_to is not None:
            raise NoSuchCommune(field="to_code")
        facts = {
            "from_area_id": left.id,
            "from_name": _named(left),
            "to_area_id": to.id,
            "to_name": _named(to),
            "to_path": to.path,
        }
    waiting = select(Relocation.id).where(Relocation.beneficiary_id == person.id, Relocation.state == "asked")
    if session.scalars(waiting).first() is not None:
        raise AlreadyAsked(who=person.full_name)
    made = Relocation(
        beneficiary_id=person.id,
        area_path=person.area_path,
        beneficiary_code=person.code,
        full_name=person.full_name,
        birth=person.birth,
        to_hamlet=cleaned("to_hamlet", lambda typed: names.clean_text(typed, max_length=120), to_hamlet),
        reason=cleaned("reason", lambda typed: names.clean_name(typed, max_length=1000), reason),
        asked_by=by.username,
        asked_at=clock.now(),
        **facts,
    )
    session.add(made)
    session.flush()
    transitions.created(session, "relocation", [made.id], by=by)
    return made


def accept(session: Session, relocation_id: int, *, by: Actor) -> date:
    """Tiếp nhận: the person, with entitlements, payees and unpaid money, is the new commune's; returns the first month
    whose list it makes: the month after the last one in which the old commune's lists have the person.

    Raises NotFound, NotReceiving, CannotMove, and as `transitions.move`.
    """
    asked = rows.held(session, Relocation, relocation_id)
    if not by.may_see(asked.to_path):
        raise NotReceiving
    with acting_as(SYSTEM):
        person = session.scalars(
            select(Beneficiary).where(Beneficiary.id == asked.beneficiary_id).with_for_update()
        ).one()
        if person.status not in ("active", "suspended", "moved") or person.area_id != asked.from_area_id:
            raise CannotMove(who=person.full_name)
        first = _first_month(session, person.id)
        asked.first_month, asked.decided_by, asked.decided_at = first, by.username, clock.now()
        session.flush()
        transitions.move(session, "relocation", asked.id, "accept", by=by, facts={"first_month": first.isoformat()})
        session.execute(
            text(
                "UPDATE beneficiaries SET area_id = :to, hamlet = CASE WHEN :hamlet = '' THEN hamlet ELSE :hamlet END,"
                " status = CASE status WHEN 'moved' THEN 'active' ELSE status END,"
                " row_version = row_version + 1, changed_at = :now WHERE id = :id"
            ),
            {"to": asked.to_area_id, "hamlet": asked.to_hamlet, "id": person.id, "now": clock.now()},
        )
        session.expire_all()
    return first


def refuse(session: Session, relocation_id: int, *, by: Actor, because: str) -> None:
    """Không tiếp nhận: the person stays. Raises NotFound, NotReceiving, and as `transitions.move`."""
    asked = rows.held(session, Relocation, relocation_id)
    if not by.may_see(asked.to_path):
        raise NotReceiving
    _answer(session, asked, "refuse", because, by)


def withdraw(session: Session, relocation_id: int, *, by: Actor, because: str) -> None:
    """Rút đề nghị. Raises NotFound, NotSending, and as `transitions.move`."""
    asked = rows.held(session, Relocation, relocation_id)
    if not by.may_see(asked.area_path):
        raise NotSending
    _answer(session, asked, "withdraw", because, by)


def _answer(session: Session, asked: Relocation, move: str, because: str, by: Actor) -> None:
    with acting_as(SYSTEM):  # the audit row is the old commune's, out of the new one's sight
        transitions.move(session, "relocation", asked.id, move, by=by, because=because)
        asked.decided_by, asked.decided_at, asked.decision_note = by.username, clock.now(), because.strip()
        session.flush()


def _named(area: Area) -> str:
    return f"{area.full_name}, {area.parent.full_name}" if area.parent is not None else area.full_name


def _first_month(session: Session, beneficiary_id: int) -> date:
    last = session.execute(
        text(
            "SELECT max(p.month) FROM payout_lines l JOIN periods p ON p.id = l.period_id"
            " WHERE l.beneficiary_id = :person AND l.live"
        ),
        {"person": beneficiary_id},
    ).scalar()
    this = clock.today().replace(day=1)
    return this if last is None or last < this else dates.add_months(last, 1)
