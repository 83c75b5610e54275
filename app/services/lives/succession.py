"""Sáp nhập, chia tách: people of an area that ends go to its successors at once; lists of the old area stay as they are.

Each person's move is a relocation that is accepted already, so that the lists of earlier months remain the old area's,
also when made again, and those from the first month on are the successors'.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.errors import BadInput, NotAllowed, NotFound, RuleBroken
from app.models import Area
from app.rules.actors import Actor, Role
from app.services import transitions
from app.services.lives import keeping


class NotTheCentre(NotAllowed):
    """Chỉ quản trị trung ương được sáp nhập, chia tách địa bàn."""


class NotACommune(BadInput):
    """Hãy chọn xã, phường hoặc đặc khu còn hoạt động, nơi đi khác nơi đến."""


class NotAMonth(BadInput):
    """Tháng đầu tiên của địa bàn mới phải từ tháng này đến 12 tháng tới."""


class HamletUnknown(BadInput):
    """Không có ai ở thôn %(hamlet)s của địa bàn cũ."""


class StillAsked(RuleBroken):
    """Còn %(count)s đề nghị chuyển vùng chưa trả lời ở địa bàn cũ; hãy trả lời hoặc rút trước."""


@dataclass(frozen=True, slots=True)
class Successor:
    """Where people go: those of the named hamlets, or with none named everybody who is left."""

    area_id: int
    hamlets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Succession:
    """An area that ends, from the first month that its successors make lists for, by which decision."""

    old_area_id: int
    first_month: date
    decision: str
    successors: tuple[Successor, ...]
    ends: bool = True


_MOVE = """
WITH going AS MATERIALIZED (
    SELECT b.id, b.code, b.full_name, b.area_path,
           concat_ws('/', lpad(b.birth_day::text, 2, '0'), lpad(b.birth_month::text, 2, '0'), b.birth_year) AS birth
      FROM beneficiaries b
     WHERE b.area_id = :old AND (CAST(:hamlets AS text[]) = '{}' OR b.hamlet = ANY (:hamlets))
)
INSERT INTO relocations (beneficiary_id, area_path, to_path, from_area_id, to_area_id, from_name, to_name,
    beneficiary_code, full_name, birth, reason, first_month, asked_by, asked_at, decided_by, decided_at)
SELECT g.id, g.area_path, :to_path, :old, :to, :from_name, :to_name, g.code, g.full_name, g.birth, :decision, :first,
       :by, :now, :by, :now
  FROM going g
RETURNING id
"""


def succeed(session: Session, wanted: Succession, *, by: Actor) -> int:
    """Move everybody of an area to its successors; returns how many people. Users of an area that ends go to the last
    successor named, which keeps what the area leaves (`keeping`). One statement for each successor and step, however many people.

    Raises NotTheCentre, NotFound, NotACommune, NotAMonth, HamletUnknown, StillAsked.
    """
    if not by.has(Role.CENTRAL_ADMIN):
        raise NotTheCentre
    old, areas = _areas(session, wanted)
    _check(session, old, wanted)
    moved = sum(
        _move(session, old, area, successor, wanted, by)
        for area, successor in zip(areas, wanted.successors, strict=True)
    )
    for area in areas:
        _remember(session, old, area, is_default=area is areas[-1])
    if wanted.ends:
        session.execute(
            text("UPDATE ab_user SET area_id = :to, area_path = :path WHERE area_id = :old"),
            {"to": areas[-1].id, "path": areas[-1].path, "old": old.id},
        )
        old.valid_to = wanted.first_month - timedelta(days=1)
        keeping.hand_over(session, old, areas[-1], ended_on=old.valid_to, decision=wanted.decision)
    session.flush()
    session.expire_all()
    return moved


def _areas(session: Session, wanted: Succession) -> tuple[Area, list[Area]]:
    old = session.scalars(select(Area).where(Area.id == wanted.old_area_id).with_for_update()).one_or_none()
    if old is None:
        raise NotFound
    areas = [session.get(Area, one.area_id) for one in wanted.successors]
    found = [area for area in areas if area is not None]
    for area in (old, *found):
        if area.level != "commune" or area.valid_to is not None:
            raise NotACommune(field="area")
    if len(found) != len(areas) or not found or old in found or len({area.id for area in found}) != len(found):
        raise NotACommune(field="successor")
    return old, found


def _check(session: Session, old: Area, wanted: Succession) -> None:
    this = clock.today().replace(day=1)
    if wanted.first_month.day != 1 or not this <= wanted.first_month <= this.replace(year=this.year + 1):
        raise NotAMonth(field="first_month")
    asked = session.execute(
        text("SELECT count(*) FROM relocations WHERE state = 'asked' AND :old IN (from_area_id, to_area_id)"),
        {"old": old.id},
    ).scalar_one()
    if asked:
        raise StillAsked(count=asked)
    known = set(
        session.execute(
            text("SELECT DISTINCT hamlet FROM beneficiaries WHERE area_id = :old"), {"old": old.id}
        ).scalars()
    )
    for successor in wanted.successors:
        for hamlet in successor.hamlets:
            if hamlet not in known:
                raise HamletUnknown(hamlet=hamlet, field="hamlets")


def _move(session: Session, old: Area, to: Area, successor: Successor, wanted: Succession, by: Actor) -> int:
    facts = {
        "old": old.id,
        "to": to.id,
        "to_path": to.path,
        "from_name": old.full_name,
        "to_name": to.full_name,
        "hamlets": list(successor.hamlets),
        "decision": wanted.decision,
        "first": wanted.first_month,
        "by": by.username,
        "now": clock.now(),
    }
    made = list(session.execute(text(_MOVE), facts).scalars())
    if not made:
        return 0
    transitions.created(session, "relocation", made, by=by)
    transitions.move_all(session, "relocation", made, "accept", by=by, because=wanted.decision)
    session.execute(
        text(
            "UPDATE beneficiaries b SET area_id = :to, row_version = row_version + 1, changed_at = :now"
            "  FROM relocations r WHERE r.id = ANY (:made) AND b.id = r.beneficiary_id"
        ),
        {"to": to.id, "made": made, "now": facts["now"]},
    )
    session.execute(
        text(
            "UPDATE deaths d SET area_path = :path FROM relocations r"
            " WHERE r.id = ANY (:made) AND d.beneficiary_id = r.beneficiary_id"
        ),
        {"path": to.path, "made": made},
    )
    return len(made)


def _remember(session: Session, old: Area, to: Area, *, is_default: bool) -> None:
    province = old.parent
    assert province is not None, "a commune lies in a province"
    session.execute(
        text(
            "INSERT INTO area_predecessors (old_commune_code, old_commune, old_district_code, old_district,"
            " old_province_code, old_province, area_id, is_default)"
            " VALUES (:code, :name, '', '', :province_code, :province, :to, :is_default)"
            " ON CONFLICT (old_commune_code, area_id) DO UPDATE SET is_default = excluded.is_default"
        ),
        {
            "code": old.code,
            "name": old.full_name,
            "province_code": province.code,
            "province": province.full_name,
            "to": to.id,
            "is_default": is_default,
        },
    )
